using DataPlatform.DuckDb;
using DataPlatform.ObjectStores;
using DataPlatform.ObjectStores.Folder;
using DataPlatform.Testing;
using DataPlatform.Warehouses;

namespace DataPlatform.Integration.Tests.MLOps;

public sealed class DuckDbModelTests : ModelConformance
{
    private readonly ScratchFolder _folder = new();

    protected override Task<IWarehouse> OpenWarehouseAsync() =>
        Task.FromResult<IWarehouse>(new DuckDbWarehouse("warehouse", $"DataSource={_folder.Combine("test.duckdb")}"));

    protected override Task<IObjectStore> OpenObjectStoreAsync() => Task.FromResult<IObjectStore>(new FolderObjectStore("lake", _folder.Combine("lake")));

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }
}
