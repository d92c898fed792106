namespace DataPlatform.Testing;

/// <summary>Where this repository is.</summary>
public static class RepositoryFolder
{
    /// <summary>Its full path. Found from the binaries upwards: source paths are not the machine's own in a deterministic build.</summary>
    public static string Path { get; } = Find();

    private static string Find()
    {
        var folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder, "DataPlatform.sln"))) folder = System.IO.Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException($"DataPlatform.sln is not above {AppContext.BaseDirectory}.");
    }
}
