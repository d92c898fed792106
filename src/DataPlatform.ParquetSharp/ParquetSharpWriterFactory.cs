using Apache.Arrow;
using DataPlatform.Ingestion;

namespace DataPlatform.ParquetSharp;

/// <summary>Writes Parquet files with the native Apache Arrow library: its low-level column writers, straight from Arrow's buffers.</summary>
public sealed class ParquetSharpWriterFactory : IParquetWriterFactory
{
    /// <inheritdoc/>
    public IParquetWriter Create(Stream destination, Schema schema, ParquetWriterOptions options)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ArgumentNullException.ThrowIfNull(schema);
        ArgumentNullException.ThrowIfNull(options);
        return new ParquetSharpWriter(destination, schema, options);
    }
}
