using DataPlatform.Testing;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;

namespace DataPlatform.Integration.Tests.Warehouses;

public sealed class PostgreSqlWarehouseConformance : WarehouseConformance
{
    private TestDatabase _database = null!;

    protected override bool ViewsFollowTheirColumns => false;

    protected override async Task<IWarehouse> OpenAsync()
    {
        _database = await TestPostgres.CreateDatabaseAsync(TestContext.Current.CancellationToken);
        return new PostgreSqlWarehouse("warehouse", _database.ConnectionString);
    }

    protected override Task<IWarehouse?> OpenFromElsewhereAsync() =>
        Task.FromResult<IWarehouse?>(new PostgreSqlWarehouse("warehouse", _database.ConnectionString));

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _database.DisposeAsync();
    }
}
