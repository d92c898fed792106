using Apache.Arrow;

namespace DataPlatform.Ingestion;

/// <summary>The built-in writer of Parquet files: encodes pages straight from Arrow's buffers, columns side by side on the processors there are.</summary>
/// <remarks>
/// Data pages of version 1 of about 1 MiB; text by dictionary while values repeat; the range of integers, dates and times for each row group.
/// Decimals of up to 18 digits are integers. Readers need nothing beyond format version 1.
/// </remarks>
public sealed class ParquetWriterFactory : IParquetWriterFactory
{
    /// <inheritdoc/>
    public IParquetWriter Create(Stream destination, Schema schema, ParquetWriterOptions options)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ArgumentNullException.ThrowIfNull(schema);
        ArgumentNullException.ThrowIfNull(options);
        return new ParquetFileWriter(destination, schema, options);
    }
}
