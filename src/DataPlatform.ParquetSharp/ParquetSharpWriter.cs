using System.Runtime.ExceptionServices;
using Apache.Arrow;
using DataPlatform.Ingestion;
using ParquetSharp;
using ParquetSharp.IO;
using ParquetSharp.Schema;
using NativeCompression = ParquetSharp.Compression;

namespace DataPlatform.ParquetSharp;

/// <summary>A Parquet file written by the native library, whose columns are encoded side by side while a row group is open.</summary>
internal sealed class ParquetSharpWriter : IParquetWriter
{
    private static readonly ParallelOptions OnAllProcessors = new() { MaxDegreeOfParallelism = Environment.ProcessorCount };

    private readonly Stream _destination;
    private readonly ParquetWriterOptions _options;
    private readonly PendingStream _pending = new();
    private readonly ManagedOutputStream _output;
    private readonly ParquetFileWriter _file;
    private readonly ColumnEncoder[] _columns;
    private RowGroupWriter? _rowGroup;
    private long _rowsBefore;

    public ParquetSharpWriter(Stream destination, Schema schema, ParquetWriterOptions options)
    {
        _destination = destination;
        _options = options;
        _columns = [.. schema.FieldsList.Select(ColumnEncoder.Create)];
        _output = new ManagedOutputStream(_pending, leaveOpen: true);
        using var root = new GroupNode("root", Repetition.Required, [.. _columns.Select(column => column.CreateNode())]);
        using var properties = CreateProperties(options);
        _file = new ParquetFileWriter(_output, root, properties);
    }

    public long Length => _pending.Position + (_rowGroup?.TotalCompressedBytes ?? 0);

    public async Task WriteAsync(RecordBatch rows, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (rows.Length == 0) return;
        _rowGroup ??= _file.AppendBufferedRowGroup();
        var writers = new ColumnWriter[_columns.Length];
        for (var i = 0; i < writers.Length; i++) writers[i] = _rowGroup.Column(i);
        Encode(rows, writers);
        _rowsBefore += rows.Length;
        if (_columns.Sum(column => column.PlainBytes) >= _options.RowGroupBytes) CloseRowGroup();
        await _pending.DrainAsync(_destination, cancellationToken).ConfigureAwait(false);
    }

    public async Task CompleteAsync(CancellationToken cancellationToken = default)
    {
        CloseRowGroup();
        _file.Close();
        await _pending.DrainAsync(_destination, cancellationToken).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        _rowGroup?.Dispose();
        _file.Dispose();
        _output.Dispose();
        return default;
    }

    private void Encode(RecordBatch rows, ColumnWriter[] writers)
    {
        try
        {
            Parallel.For(0, _columns.Length, OnAllProcessors, column => _columns[column].Write(rows.Column(column), writers[column], _rowsBefore));
        }
        catch (AggregateException exception)
        {
            ExceptionDispatchInfo.Throw(exception.InnerExceptions[0]);
        }
    }

    private void CloseRowGroup()
    {
        _rowGroup?.Close();
        _rowGroup?.Dispose();
        _rowGroup = null;
        foreach (var column in _columns) column.PlainBytes = 0;
    }

    private WriterProperties CreateProperties(ParquetWriterOptions options)
    {
        using var builder = new WriterPropertiesBuilder();
        builder.CreatedBy("DataPlatform.ParquetSharp").DisableDictionary();
        _ = options.Compression switch
        {
            ParquetCompression.None => builder.Compression(NativeCompression.Uncompressed),
            ParquetCompression.Snappy => builder.Compression(NativeCompression.Snappy),
            ParquetCompression.Zstandard => builder.Compression(NativeCompression.Zstd).CompressionLevel(1),
            _ => throw new ArgumentOutOfRangeException(nameof(options), options.Compression, null),
        };

        // Numbers seldom repeat enough to pay for looking them up.
        foreach (var column in _columns.Where(column => column.RepeatsValues))
        {
            using var path = new ColumnPath(column.Path);
            builder.EnableDictionary(path);
        }

        return builder.Build();
    }
}
