using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>
/// Rows on scratch disk, until they are taken folder by folder: one Parquet file is written at a time, however many folders there are and in whatever order rows come.
/// </summary>
internal sealed class PartitionBuffer(LandingZone zone, Schema schema, DateOnly ingestDate) : IAsyncDisposable
{
    // In files as large as the zone has them: Arrow's columns are a few times larger than Parquet's.
    private const long FilesOnDisk = 8;

    private readonly PartitionIndex _index = new(zone, schema, ingestDate);
    private readonly List<Partition> _partitions = [];
    private FileStream? _file;
    private ArrowFileWriter? _writer;
    private int _pieces;

    /// <summary>Whether the rows are to be taken before there are more.</summary>
    public bool IsFull => _file is not null && _file.Position >= FilesOnDisk * zone.FileBytes;

    public async Task AddAsync(RecordBatch rows, CancellationToken cancellationToken)
    {
        Sort(rows);
        _file ??= ScratchFile.Open("partitions");
        _writer ??= new ArrowFileWriter(_file, schema, leaveOpen: true);
        foreach (var partition in _partitions)
        {
            if (partition.Rows.Count == 0) continue;
            using var piece = RowPick.Of(schema, rows, CollectionsMarshal.AsSpan(partition.Rows));
            await _writer.WriteRecordBatchAsync(piece, cancellationToken).ConfigureAwait(false);
            partition.Pieces.Add(_pieces++);
            partition.Rows.Clear();
        }
    }

    /// <summary>All rows, those of a folder one after the other in the order in which they came. The buffer is empty afterwards.</summary>
    public async IAsyncEnumerable<(string Folder, RecordBatch Rows)> TakeAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (_writer is null) yield break;
        await _writer.WriteEndAsync(cancellationToken).ConfigureAwait(false);
        using (var reader = new ArrowFileReader(_file!, leaveOpen: true))
        {
            for (var i = 0; i < _partitions.Count; i++)
            {
                await foreach (var rows in TakeAsync(_partitions[i], reader, cancellationToken).ConfigureAwait(false))
                {
                    using (rows) yield return (_index[i], rows);
                }
            }
        }

        _writer.Dispose();
        _file!.SetLength(0);
        (_writer, _pieces) = (null, 0);
    }

    public async ValueTask DisposeAsync()
    {
        _writer?.Dispose();
        if (_file is not null) await _file.DisposeAsync().ConfigureAwait(false);
    }

    private void Sort(RecordBatch rows)
    {
        for (var row = 0; row < rows.Length; row++)
        {
            var place = _index.Find(rows, row);
            if (place == _partitions.Count) _partitions.Add(new Partition());
            _partitions[place].Rows.Add(row);
        }
    }

    // Pieces are as small as a batch has folders: put together they make pages of a decent size.
    private async IAsyncEnumerable<RecordBatch> TakeAsync(Partition partition, ArrowFileReader reader, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (waiting, bytes) = (new List<RecordBatch>(), 0L);
        foreach (var index in partition.Pieces)
        {
            var piece = await reader.ReadRecordBatchAsync(index, cancellationToken).ConfigureAwait(false);
            waiting.Add(piece);
            bytes += piece.SizeOf();
            if (bytes < IWarehouse.BatchBytes) continue;
            yield return Join(waiting);
            (waiting, bytes) = ([], 0);
        }

        if (waiting.Count > 0) yield return Join(waiting);
        partition.Pieces.Clear();
    }

    private RecordBatch Join(List<RecordBatch> pieces)
    {
        if (pieces is [var only]) return only;
        var columns = Enumerable.Range(0, schema.FieldsList.Count).Select(i => ArrowArrayConcatenator.Concatenate([.. pieces.Select(piece => piece.Column(i))])).ToArray();
        var rows = pieces.Sum(piece => piece.Length);
        foreach (var piece in pieces) piece.Dispose();
        return new RecordBatch(schema, columns, rows);
    }

    private sealed class Partition
    {
        /// <summary>Its rows in the batch that is being added.</summary>
        public List<int> Rows { get; } = [];

        /// <summary>The batches on disk that have its rows.</summary>
        public List<int> Pieces { get; } = [];
    }
}
