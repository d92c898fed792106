using DataPlatform.DuckDb;
using DataPlatform.Testing;
using DataPlatform.Warehouses;

namespace DataPlatform.Integration.Tests.Ledger;

public sealed class DuckDbLedgerTests : LedgerConformance
{
    private readonly ScratchFolder _folder = new();

    protected override Task<IWarehouse> OpenWarehouseAsync() =>
        Task.FromResult<IWarehouse>(new DuckDbWarehouse("warehouse", $"DataSource={Path.Combine(_folder.Path, "test.duckdb")}"));

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }
}

public sealed class DuckDbRunnerTests : RunnerConformance
{
    private readonly ScratchFolder _folder = new();

    protected override Task<IWarehouse> OpenWarehouseAsync() =>
        Task.FromResult<IWarehouse>(new DuckDbWarehouse("warehouse", $"DataSource={Path.Combine(_folder.Path, "test.duckdb")}"));

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }
}
