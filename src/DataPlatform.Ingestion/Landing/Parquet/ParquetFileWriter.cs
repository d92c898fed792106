using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.ExceptionServices;
using Apache.Arrow;

namespace DataPlatform.Ingestion;

/// <summary>A Parquet file: row groups of column chunks of pages, then the footer that says where they are.</summary>
internal sealed class ParquetFileWriter : IParquetWriter
{
    private static readonly byte[] Magic = "PAR1"u8.ToArray();

    private static readonly ParallelOptions OnAllProcessors = new() { MaxDegreeOfParallelism = Environment.ProcessorCount };

    private readonly Stream _destination;
    private readonly ParquetWriterOptions _options;
    private readonly ParquetColumnEncoder[] _columns;
    private readonly List<(ParquetColumnChunk[] Columns, long Rows)> _rowGroups = [];
    private long _written, _rows, _rowsInGroup;

    public ParquetFileWriter(Stream destination, Schema schema, ParquetWriterOptions options)
    {
        _destination = destination;
        _options = options;
        _columns = [.. schema.FieldsList.Select(field => ParquetColumnEncoder.Create(field, options.Compression))];
    }

    public long Length => _written + _columns.Sum(column => column.WaitingBytes);

    public async Task WriteAsync(RecordBatch rows, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(rows);
        Encode(rows);
        _rowsInGroup += rows.Length;
        if (_columns.Sum(column => column.PlainBytes) >= _options.RowGroupBytes) await FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    public async Task CompleteAsync(CancellationToken cancellationToken = default)
    {
        await FlushAsync(cancellationToken).ConfigureAwait(false);
        if (_written == 0) await WriteAsync(Magic, cancellationToken).ConfigureAwait(false);
        var footer = new ArrayBufferWriter<byte>();
        WriteFooter(new ThriftWriter(footer));
        var length = footer.WrittenCount;
        BinaryPrimitives.WriteInt32LittleEndian(footer.GetSpan(sizeof(int)), length);
        footer.Advance(sizeof(int));
        footer.Write(Magic);
        await WriteAsync(footer.WrittenMemory, cancellationToken).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        foreach (var column in _columns) column.Dispose();
        return default;
    }

    private void Encode(RecordBatch rows)
    {
        try
        {
            Parallel.For(0, _columns.Length, OnAllProcessors, column => _columns[column].Append(rows.Column(column)));
        }
        catch (AggregateException exception)
        {
            ExceptionDispatchInfo.Throw(exception.InnerExceptions[0]);
        }
    }

    private async Task FlushAsync(CancellationToken cancellationToken)
    {
        if (_rowsInGroup == 0) return;
        if (_written == 0) await WriteAsync(Magic, cancellationToken).ConfigureAwait(false);
        var chunks = new ParquetColumnChunk[_columns.Length];
        for (var i = 0; i < chunks.Length; i++)
        {
            chunks[i] = await _columns[i].FlushAsync(_destination, _written, cancellationToken).ConfigureAwait(false);
            _written += chunks[i].Length;
        }

        _rowGroups.Add((chunks, _rowsInGroup));
        _rows += _rowsInGroup;
        _rowsInGroup = 0;
    }

    private async Task WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        await _destination.WriteAsync(bytes, cancellationToken).ConfigureAwait(false);
        _written += bytes.Length;
    }

    private void WriteFooter(ThriftWriter footer)
    {
        footer.Begin().I32(1, 1);
        footer.BeginStructs(2, 1 + _columns.Sum(column => ParquetColumnType.ElementsOf(column.Column)));
        footer.Begin().Text(4, "root").I32(5, _columns.Length).End();
        foreach (var column in _columns) column.Type.Describe(footer, column.Column);

        footer.I64(3, _rows);
        footer.BeginStructs(4, _rowGroups.Count);
        foreach (var (chunks, rows) in _rowGroups)
        {
            footer.Begin().BeginStructs(1, chunks.Length);
            for (var i = 0; i < chunks.Length; i++) WriteChunk(footer, _columns[i], chunks[i]);
            footer.I64(2, chunks.Sum(chunk => chunk.UncompressedLength)).I64(3, rows).End();
        }

        footer.Text(6, "DataPlatform.Ingestion");

        // Without the order readers do not believe the ranges.
        footer.BeginStructs(7, _columns.Length);
        foreach (var _ in _columns) footer.Begin().EmptyStruct(1).End();
        footer.End();
    }

    private static void WriteChunk(ThriftWriter footer, ParquetColumnEncoder column, ParquetColumnChunk chunk)
    {
        footer.Begin().I64(2, chunk.DictionaryOffset ?? chunk.DataOffset);
        footer.BeginStruct(3).I32(1, column.Type.Physical);
        if (chunk.DictionaryOffset is null) footer.I32s(2, ParquetEncoding.Plain, ParquetEncoding.Rle);
        else footer.I32s(2, ParquetEncoding.Plain, ParquetEncoding.Rle, ParquetEncoding.RleDictionary);
        footer.Texts(3, ParquetColumnType.PathOf(column.Column)).I32(4, chunk.Codec).I64(5, chunk.Values).I64(6, chunk.UncompressedLength).I64(7, chunk.Length).I64(9, chunk.DataOffset);
        if (chunk.DictionaryOffset is { } dictionary) footer.I64(11, dictionary);
        footer.BeginStruct(12).I64(3, chunk.Nulls);
        if (chunk.Range is var (min, max)) footer.Binary(5, max).Binary(6, min);
        footer.End().End().End();
    }
}
