using DataPlatform.DuckDb;
using DataPlatform.Testing;
using DataPlatform.Warehouses;

namespace DataPlatform.Integration.Tests.Warehouses;

public sealed class DuckDbWarehouseConformance : WarehouseConformance
{
    private readonly ScratchFolder _folder = new();

    protected override bool ViewsFollowTheirColumns => true;

    protected override bool EnforcesKeys => false;

    protected override Task<IWarehouse> OpenAsync() =>
        Task.FromResult<IWarehouse>(new DuckDbWarehouse("warehouse", $"DataSource={_folder.Combine("warehouse.duckdb")}"));

    protected override Task<IWarehouse?> OpenFromElsewhereAsync() => Task.FromResult<IWarehouse?>(null);

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }
}
