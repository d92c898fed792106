namespace DataPlatform.Ingestion;

/// <summary>How files of a landing zone are written.</summary>
public sealed record LandingOptions
{
    /// <summary>About how large a file becomes before the next is begun, in MiB.</summary>
    public int FileMebibytes { get; init; } = 128;

    /// <summary>How a file is written.</summary>
    public ParquetWriterOptions Parquet { get; init; } = new();

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(FileMebibytes, 1);
        ArgumentNullException.ThrowIfNull(Parquet);
    }
}
