using Apache.Arrow;

namespace DataPlatform.Ingestion;

/// <summary>
/// Opens writers of Parquet files. The built-in one, <see cref="ParquetWriterFactory"/>, needs no native library; a package may put its own in its place.
/// </summary>
public interface IParquetWriterFactory
{
    /// <summary>Begins a file.</summary>
    /// <param name="destination">Where its bytes go, one after the other. Not disposed of.</param>
    /// <param name="schema">The columns, of <see cref="Warehouses.ColumnTypes"/>.</param>
    /// <param name="options">How it is written.</param>
    /// <exception cref="DataPlatformException">A column has another type.</exception>
    IParquetWriter Create(Stream destination, Schema schema, ParquetWriterOptions options);
}

/// <summary>Writes record batches into a Parquet file. For one thread at a time.</summary>
public interface IParquetWriter : IAsyncDisposable
{
    /// <summary>About how long the file would be if it were completed now, in bytes.</summary>
    long Length { get; }

    /// <summary>Adds rows. The batch stays the caller's, and is not looked at again.</summary>
    /// <param name="rows">Rows with the file's columns.</param>
    /// <param name="cancellationToken">Cancels. The file is then of no use.</param>
    /// <exception cref="DataPlatformException">A value does not fit into its column.</exception>
    Task WriteAsync(RecordBatch rows, CancellationToken cancellationToken = default);

    /// <summary>Writes what is left and the footer, without which the file cannot be read.</summary>
    /// <param name="cancellationToken">Cancels. The file is then of no use.</param>
    Task CompleteAsync(CancellationToken cancellationToken = default);
}

/// <summary>How a Parquet file is written.</summary>
public sealed record ParquetWriterOptions
{
    /// <summary>How pages are compressed.</summary>
    public ParquetCompression Compression { get; init; } = ParquetCompression.Snappy;

    /// <summary>
    /// About how many bytes of column data, before compression, make a row group: what readers and the writer have in memory at a time.
    /// </summary>
    public int RowGroupBytes { get; init; } = 16 << 20;
}

/// <summary>How the pages of a Parquet file are compressed.</summary>
public enum ParquetCompression
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>Snappy: fast, and every reader has it.</summary>
    Snappy,

    /// <summary>Zstandard at level 1: about two thirds of Snappy's size for about twice its time.</summary>
    Zstandard,
}
