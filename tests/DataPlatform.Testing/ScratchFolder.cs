namespace DataPlatform.Testing;

/// <summary>An empty folder of the test's own, deleted at the end.</summary>
public sealed class ScratchFolder : IDisposable
{
    /// <summary>Its full path.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory("dataplatform-").FullName;

    /// <summary>The full path of a file or folder in it.</summary>
    public string Combine(params ReadOnlySpan<string> segments) => System.IO.Path.Combine([Path, .. segments]);

    /// <summary>Deletes it.</summary>
    public void Dispose() => Directory.Delete(Path, recursive: true);
}
