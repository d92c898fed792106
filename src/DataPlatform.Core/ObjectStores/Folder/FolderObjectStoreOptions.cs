namespace DataPlatform.ObjectStores.Folder;

/// <summary>The settings of a folder: section <c>DataPlatform:ObjectStores:{name}</c>.</summary>
public sealed class FolderObjectStoreOptions
{
    /// <summary>Whether to refuse puts and deletes, for a folder that the job only reads.</summary>
    public bool ReadOnly { get; set; }
}
