namespace DataPlatform.Ingestion;

/// <summary>Files on scratch disk, which go with the process.</summary>
internal static class ScratchFile
{
    /// <summary>Opens a new one for writing and reading.</summary>
    /// <param name="kind">What is in it, for its name.</param>
    public static FileStream Open(string kind) => new(
        Path.Combine(Path.GetTempPath(), $"dataplatform-{kind}-{Guid.NewGuid():N}"),
        new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Options = FileOptions.DeleteOnClose | FileOptions.Asynchronous });
}
