using DataPlatform.DuckDb;
using DataPlatform.Testing;
using DataPlatform.Warehouses;

namespace DataPlatform.Integration.Tests.Transform;

public sealed class DuckDbTransformTests : TransformConformance
{
    private readonly ScratchFolder _folder = new();

    protected override Task<IWarehouse> OpenWarehouseAsync() =>
        Task.FromResult<IWarehouse>(new DuckDbWarehouse("warehouse", $"DataSource={_folder.Combine("test.duckdb")}"));

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }
}
