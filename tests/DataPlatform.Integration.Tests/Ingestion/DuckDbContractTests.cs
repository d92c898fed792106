using DataPlatform.DuckDb;
using DataPlatform.Testing;
using DataPlatform.Warehouses;

namespace DataPlatform.Integration.Tests.Ingestion;

public sealed class DuckDbContractTests : ContractConformance
{
    private readonly ScratchFolder _folder = new();

    protected override Task<IWarehouse> OpenAsync() =>
        Task.FromResult<IWarehouse>(new DuckDbWarehouse("warehouse", $"DataSource={_folder.Combine("test.duckdb")}"));

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }
}
