using Microsoft.Extensions.Configuration;

namespace DataPlatform.ObjectStores.Folder;

/// <summary>Opens folders: <c>./data/lake</c>, <c>/var/lake</c>, <c>C:\lake</c>.</summary>
internal sealed class FolderObjectStoreProvider : IObjectStoreProvider
{
    public string Example => "./data/lake";

    // What has a scheme is a URL; what has an '=' and does not begin like a path is a database's connection string.
    public bool Recognizes(string connectionString) =>
        !connectionString.Contains("://", StringComparison.Ordinal)
        && (connectionString.StartsWith('.') || Path.IsPathFullyQualified(connectionString) || connectionString.AsSpan().IndexOfAny('=', ';') < 0);

    public IObjectStore Open(string name, string connectionString, IConfiguration settings) =>
        new FolderObjectStore(name, connectionString, ObjectStoreSettings.Read(name, () => settings.Get<FolderObjectStoreOptions>(ObjectStoreSettings.Strictly)));
}
