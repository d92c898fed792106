namespace DataPlatform.Ingestion;

/// <summary>How files of a landing zone are written.</summary>
public sealed record LandingOptions
{
    /// <summary>The name of the folder for the run's logical date, in <see cref="PartitionBy"/>.</summary>
    public const string IngestDate = "ingest_date";

    /// <summary>About how large a file becomes before the next is begun, in MiB.</summary>
    public int FileMebibytes { get; init; } = 128;

    /// <summary>
    /// What files lie in folders by, as Hive has them (<c>city=Oslo/</c>): columns, which also stay in the files, and <see cref="IngestDate"/>, the run's logical date. Columns may be text, integers,
    /// dates, booleans and UUIDs.
    /// </summary>
    public IReadOnlyList<string> PartitionBy { get; init; } = [IngestDate];

    /// <summary>How many different values of the columns in <see cref="PartitionBy"/>, each with a folder and a file of its own, one load may have before it fails.</summary>
    public int MaxPartitions { get; init; } = 1000;

    /// <summary>How a file is written.</summary>
    public ParquetWriterOptions Parquet { get; init; } = new();

    /// <summary>The columns in <see cref="PartitionBy"/>.</summary>
    internal IEnumerable<string> PartitionColumns => PartitionBy.Where(name => name != IngestDate);

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(FileMebibytes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxPartitions, 1);
        ArgumentNullException.ThrowIfNull(PartitionBy);
        if (PartitionBy.Any(string.IsNullOrWhiteSpace) || PartitionBy.Distinct(StringComparer.Ordinal).Count() < PartitionBy.Count)
            throw new ArgumentException($"{nameof(PartitionBy)} names columns, each once: '{string.Join("', '", PartitionBy)}'.");
        ArgumentNullException.ThrowIfNull(Parquet);
    }
}
