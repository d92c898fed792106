namespace DataPlatform.ObjectStores;

/// <summary>How a registered object store is opened. Named options: the name is the store's.</summary>
public sealed class ObjectStoreOptions
{
    /// <summary>The connection string. When null it is <c>ConnectionStrings:{name}</c> of the configuration.</summary>
    public string? ConnectionString { get; set; }
}

/// <summary>An object store that was registered, for those who go through all of them: preflight, <c>doctor</c>.</summary>
/// <param name="Name">Its name, which is its service key.</param>
public sealed record ObjectStoreRegistration(string Name);
