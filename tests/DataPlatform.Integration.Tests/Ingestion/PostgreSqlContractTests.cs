using DataPlatform.Testing;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;

namespace DataPlatform.Integration.Tests.Ingestion;

public sealed class PostgreSqlContractTests : ContractConformance
{
    private TestDatabase _database = null!;

    protected override async Task<IWarehouse> OpenAsync()
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
