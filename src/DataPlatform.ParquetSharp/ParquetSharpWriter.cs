using Apache.Arrow;
using DataPlatform.Ingestion;
using ParquetSharp;
using ParquetSharp.IO;
using ParquetSharp.Schema;
using NativeCompression = ParquetSharp.Compression;

namespace DataPlatform.ParquetSharp;

/// <summary>A Parquet file written by the native library. It is begun with the first rows, which show whose values repeat.</summary>
internal sealed class ParquetSharpWriter : IParquetWriter
{
    private readonly Stream _destination;
    private readonly ParquetWriterOptions _options;
    private readonly NativeThread _thread = NativeThread.Rent();
    private readonly PendingStream _pending = new();
    private readonly ManagedOutputStream _output;
    private readonly ColumnEncoder[] _columns;
    private ParquetFileWriter? _file;
    private RowGroupWriter? _rowGroup;
    private long _rowsBefore;
    private bool _isDisposed;

    public ParquetSharpWriter(Stream destination, Schema schema, ParquetWriterOptions options)
    {
        _destination = destination;
        _options = options;
        _columns = [.. schema.FieldsList.Select(ColumnEncoder.Create)];
        _output = new ManagedOutputStream(_pending, leaveOpen: true);
    }

    public long Length => _pending.Position + (_rowGroup?.TotalCompressedBytes ?? 0);

    public async Task WriteAsync(RecordBatch rows, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (rows.Length == 0) return;
        await _thread.RunAsync(() => Encode(rows)).ConfigureAwait(false);
        await _pending.DrainAsync(_destination, cancellationToken).ConfigureAwait(false);
    }

    public async Task CompleteAsync(CancellationToken cancellationToken = default)
    {
        await _thread.RunAsync(Close).ConfigureAwait(false);
        await _pending.DrainAsync(_destination, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed) return;
        _isDisposed = true;

        try
        {
            // After what may still be under way.
            await _thread.RunAsync(Free).ConfigureAwait(false);
        }
        finally
        {
            _thread.Return();
        }
    }

    private void Free()
    {
        _rowGroup?.Dispose();
        _file?.Dispose();
        _output.Dispose();
    }

    private void Encode(RecordBatch rows)
    {
        _file ??= Begin(rows);
        _rowGroup ??= _file.AppendBufferedRowGroup();
        for (var i = 0; i < _columns.Length; i++) _columns[i].Write(rows.Column(i), _rowGroup.Column(i), _rowsBefore);
        _rowsBefore += rows.Length;
        if (_columns.Sum(column => column.PlainBytes) >= _options.RowGroupBytes) CloseRowGroup();
    }

    private void Close()
    {
        CloseRowGroup();
        _file ??= Begin(null);
        _file.Close();
    }

    private void CloseRowGroup()
    {
        _rowGroup?.Close();
        _rowGroup?.Dispose();
        _rowGroup = null;
        foreach (var column in _columns) column.PlainBytes = 0;
    }

    private ParquetFileWriter Begin(RecordBatch? rows)
    {
        using var root = new GroupNode("root", Repetition.Required, [.. _columns.Select(column => column.CreateNode())]);
        using var properties = CreateProperties(rows);
        return new ParquetFileWriter(_output, root, properties);
    }

    private WriterProperties CreateProperties(RecordBatch? rows)
    {
        using var builder = new WriterPropertiesBuilder();
        builder.CreatedBy("DataPlatform.ParquetSharp").DisableDictionary();
        _ = _options.Compression switch
        {
            ParquetCompression.None => builder.Compression(NativeCompression.Uncompressed),
            ParquetCompression.Snappy => builder.Compression(NativeCompression.Snappy),
            ParquetCompression.Zstandard => builder.Compression(NativeCompression.Zstd).CompressionLevel(1),
            var other => throw new InvalidOperationException($"Compression {other}."),
        };

        // It gives back more of what it took than the library's default. Only there is it part of the library.
        if (OperatingSystem.IsLinux()) builder.MemoryPool(MemoryPool.JemallocMemoryPool());
        for (var i = 0; i < _columns.Length; i++)
        {
            if (rows is null || !_columns[i].RepeatsValues(rows.Column(i))) continue;
            using var path = new ColumnPath(_columns[i].Path);
            builder.EnableDictionary(path);
        }

        return builder.Build();
    }
}
