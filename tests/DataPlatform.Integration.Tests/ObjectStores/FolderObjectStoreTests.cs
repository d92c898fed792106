using DataPlatform.ObjectStores;
using DataPlatform.ObjectStores.Folder;
using DataPlatform.Testing;

namespace DataPlatform.Integration.Tests.ObjectStores;

public sealed class FolderObjectStoreTests : ObjectStoreConformance
{
    private readonly ScratchFolder _folder = new();

    public override ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    protected override ValueTask<IObjectStore> OpenAsync() => ValueTask.FromResult<IObjectStore>(new FolderObjectStore("lake", _folder.Path));

    protected override ValueTask<IObjectStore> OpenReadOnlyAsync() =>
        ValueTask.FromResult<IObjectStore>(new FolderObjectStore("lake", _folder.Path, new FolderObjectStoreOptions { ReadOnly = true }));

    protected override Task NothingIsLeftBehindAsync()
    {
        var incoming = _folder.Combine(".dataplatform", "incoming");
        if (Directory.Exists(incoming)) Directory.EnumerateFiles(incoming).Should().BeEmpty();
        return Task.CompletedTask;
    }
}
