using DataPlatform.Testing;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;

namespace DataPlatform.Integration.Tests.Ledger;

public sealed class PostgreSqlLedgerTests : LedgerConformance
{
    private TestDatabase _database = null!;

    protected override async Task<IWarehouse> OpenWarehouseAsync()
    {
        _database = await TestPostgres.CreateDatabaseAsync();
        return new PostgreSqlWarehouse("warehouse", _database.ConnectionString);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _database.DisposeAsync();
    }
}

public sealed class PostgreSqlRunnerTests : RunnerConformance
{
    private TestDatabase _database = null!;

    protected override async Task<IWarehouse> OpenWarehouseAsync()
    {
        _database = await TestPostgres.CreateDatabaseAsync();
        return new PostgreSqlWarehouse("warehouse", _database.ConnectionString);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _database.DisposeAsync();
    }
}
