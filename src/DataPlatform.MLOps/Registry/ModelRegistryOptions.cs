namespace DataPlatform.MLOps;

/// <summary>Settings of an embedded model registry. Section <c>DataPlatform:ModelRegistries:{name}</c>.</summary>
public sealed class ModelRegistryOptions
{
    /// <summary>The object store that keeps the artifacts; null is the only one there is.</summary>
    public string? ObjectStore { get; set; }

    /// <summary>The warehouse that keeps everything else; null is the only one there is.</summary>
    public string? Warehouse { get; set; }
}
