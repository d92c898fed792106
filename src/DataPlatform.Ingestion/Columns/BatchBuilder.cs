using System.Collections.Concurrent;
using System.Text;
using System.Text.Unicode;
using Apache.Arrow;
using DataPlatform.Ledger;

namespace DataPlatform.Ingestion;

/// <summary>
/// Builds batches row by row: fill all <see cref="Columns"/> at <see cref="Row"/>, then accept or reject it.
/// The memory of a batch comes back when the batch is disposed of and serves a later one, so a long read needs as much as the batches
/// that are alive at the same time. Building is for one thread; batches may be disposed of on others.
/// </summary>
internal sealed class BatchBuilder
{
    /// <summary>The most that is kept of a rejected row, in bytes.</summary>
    public const int MaxRawBytes = 1 << 20;

    private const int FirstCapacity = 1024;

    // How large a batch is gets looked at now and then, and after every row that is large itself.
    private const int RowsBetweenLooks = 16;
    private const int LargeRowBytes = 64 * 1024;

    // Rejected rows cost more to keep than their text, and whoever counts them wants to know of many soon.
    private const int MaxRejectedRows = 4096;

    private readonly Contract _contract;
    private readonly Schema _schema;
    private readonly int _fixedWidth;
    private readonly ColumnBuilder[] _withData;
    private readonly ConcurrentBag<ColumnBuffers[]> _free = [];
    private ColumnBuffers[] _buffers;
    private int _capacity;
    private List<RejectedRow> _rejected = [];
    private long _rejectedBytes;
    private List<SourceObject> _completed = [];
    private Dictionary<string, string> _cursors = new(StringComparer.Ordinal);
    private long _bytesRead;
    private SourceObject? _open;
    private long _toSkip;

    /// <summary>Begins.</summary>
    /// <param name="contract">The columns, and what rows must be like.</param>
    /// <param name="batchBytes">About how large a batch is to be.</param>
    /// <param name="beside">A column that batches have behind those of the contract.</param>
    public BatchBuilder(Contract contract, int batchBytes, ContractColumn? beside = null)
    {
        _contract = contract;
        _schema = beside is null ? contract.Schema : new Schema([.. contract.Schema.FieldsList, beside.Field], metadata: null);
        BatchBytes = batchBytes;
        Columns = [.. (beside is null ? contract.Columns : contract.Columns.Append(beside)).Select(ColumnBuilder.Create)];
        _withData = [.. Columns.Where(c => c.HasData)];
        _fixedWidth = Columns.Sum(c => c.FixedWidth);
        _buffers = TakeBuffers();
    }

    /// <summary>About how large a batch is to be.</summary>
    public int BatchBytes { get; }

    /// <summary>The columns, as in the contract, and behind them the one beside it.</summary>
    public ColumnBuilder[] Columns { get; }

    /// <summary>The row to fill next.</summary>
    public int Row { get; private set; }

    /// <summary>Whether the batch has its size and is to be taken.</summary>
    public bool IsFull { get; private set; }

    /// <summary>How many rows were accepted or rejected, in all batches. Rows that were skipped do not count.</summary>
    public long RowsRead { get; private set; }

    /// <summary>Whether there is anything in the batch that a load must hear of.</summary>
    public bool IsEmpty => Row == 0 && _rejected.Count == 0 && _completed.Count == 0 && _cursors.Count == 0;

    /// <summary>Keeps the row.</summary>
    /// <param name="bytes">About how many bytes it takes.</param>
    public void Accept(int bytes)
    {
        if (_toSkip > 0)
        {
            SkipRow();
            return;
        }

        Row++;
        RowsRead++;
        if (Row % RowsBetweenLooks == 0 || bytes > LargeRowBytes) LookAtSize();
    }

    /// <summary>Leaves the row out, with the reason.</summary>
    /// <param name="source">Where it is from.</param>
    /// <param name="position">Its place there, from 1.</param>
    /// <param name="raw">The row as it was read, in UTF-8; up to <see cref="MaxRawBytes"/> of it are kept.</param>
    /// <param name="column">The column at fault, or null for the row as a whole.</param>
    /// <param name="reason">The rule it broke.</param>
    /// <param name="fieldNames">The names of its fields, when the text does not have them.</param>
    public void Reject(string source, long position, ReadOnlySpan<byte> raw, ColumnBuilder? column, string reason, IReadOnlyList<string>? fieldNames = null)
    {
        if (_toSkip > 0)
        {
            SkipRow();
            return;
        }

        RowsRead++;
        foreach (var builder in Columns) builder.Undo(Row);
        var isWhole = raw.Length <= MaxRawBytes;
        _rejected.Add(new RejectedRow(source, position, RawText(raw), column?.Column.Name, reason, _contract.Version) { FieldNames = fieldNames, IsExact = isWhole && Utf8.IsValid(raw) });
        _rejectedBytes += 2L * (Math.Min(raw.Length, MaxRawBytes) + reason.Length);
        if (_rejectedBytes >= BatchBytes || _rejected.Count >= MaxRejectedRows) IsFull = true;
    }

    /// <summary>Begins an object: from here on batches say how far it was read.</summary>
    /// <param name="begun">The object, with the rows of it that earlier loads have: so many are skipped, accepted or not.</param>
    public void Begin(SourceObject begun)
    {
        _open = begun with { Rows = begun.Rows - RowsRead };
        _toSkip = begun.Rows;
    }

    /// <summary>Notes that the object that was begun was read to its end.</summary>
    public void Complete()
    {
        Complete(Open!);
        _open = null;
        _toSkip = 0;
    }

    /// <summary>Notes that an object was read to its end.</summary>
    public void Complete(SourceObject completed) => _completed.Add(completed);

    /// <summary>Notes how far the source was read.</summary>
    public void SetCursor(string name, string value) => _cursors[name] = value;

    /// <summary>Notes how many bytes of the source were read since last noted.</summary>
    public void AddBytesRead(long bytes) => _bytesRead += bytes;

    /// <summary>Whether rows that come next are skipped.</summary>
    public bool IsSkipping => _toSkip > 0;

    /// <summary>A batch that another builder made of the rows that come next, as if it were this one's, which has none of its own now.</summary>
    /// <param name="made">The batch.</param>
    /// <param name="positions">What the positions of its rejected rows are to be counted from.</param>
    public SourceBatch Take(SourceBatch made, long positions)
    {
        RowsRead += made.RowsRead;
        var rejected = made.Rejected.Count == 0 ? made.Rejected : [.. made.Rejected.Select(row => row with { Position = positions + row.Position })];
        return Take(made.Rows, rejected, made.Discarded);
    }

    /// <summary>What was built so far, as a batch; the builder goes on with the next.</summary>
    public SourceBatch Take()
    {
        var buffers = _buffers;
        var discarded = Columns.Select(c => (c.Column.Name, Values: c.TakeDiscarded())).Where(c => c.Values > 0).ToArray();
        var rows = Row == 0 ? null : new PooledRecordBatch(_schema, [.. Columns.Where(c => !c.Column.IsAbsent).Select(c => c.Build(Row))], Row, () => _free.Add(buffers));
        var batch = Take(rows, _rejected, discarded);
        if (rows is not null) _buffers = TakeBuffers();
        (Row, IsFull, _rejected, _rejectedBytes) = (0, false, [], 0);
        return batch;
    }

    private SourceBatch Take(RecordBatch? rows, IReadOnlyList<RejectedRow> rejected, IReadOnlyList<(string Column, long Values)> discarded)
    {
        var batch = new SourceBatch(rows, rejected) { BytesRead = _bytesRead, CompletedObjects = _completed, OpenObject = Open, Cursors = _cursors, Discarded = discarded };
        (_bytesRead, _completed, _cursors) = (0, [], new Dictionary<string, string>(StringComparer.Ordinal));
        return batch;
    }

    // The rows of it so far, which is what the count of all rows has grown by since it was begun.
    private SourceObject? Open => _open is null ? null : _open with { Rows = _open.Rows + RowsRead };

    private static string RawText(ReadOnlySpan<byte> raw) =>
        raw.Length <= MaxRawBytes ? Encoding.UTF8.GetString(raw) : $"{Encoding.UTF8.GetString(raw[..MaxRawBytes])}… ({raw.Length} bytes in all)";

    private void SkipRow()
    {
        _toSkip--;
        foreach (var builder in Columns) builder.Undo(Row);
    }

    private void LookAtSize()
    {
        var bytes = (long)Row * _fixedWidth;
        foreach (var column in _withData) bytes += column.DataBytes(Row);
        if (bytes >= BatchBytes) IsFull = true;
        if (Row + RowsBetweenLooks >= _capacity) Grow(bytes);
    }

    // The first rows tell how many fit into a batch, so the memory for it is taken once instead of doubled up to it.
    private void Grow(long bytes)
    {
        var rowsInBatch = (BatchBytes * (long)Row / Math.Max(bytes, 1)) + (2 * RowsBetweenLooks);
        var capacity = (int)Math.Clamp(rowsInBatch + (rowsInBatch / 16), _capacity + RowsBetweenLooks, _capacity * 128L);
        foreach (var column in _withData) column.ReserveData((long)column.DataBytes(Row) * capacity / Row);
        Reserve(capacity);
    }

    private ColumnBuffers[] TakeBuffers()
    {
        if (!_free.TryTake(out var buffers))
        {
            buffers = new ColumnBuffers[Columns.Length];
            for (var i = 0; i < buffers.Length; i++) buffers[i] = new ColumnBuffers();
        }

        for (var i = 0; i < buffers.Length; i++) Columns[i].Begin(buffers[i]);
        Reserve(Math.Max(_capacity, FirstCapacity));
        return buffers;
    }

    private void Reserve(int rows)
    {
        foreach (var column in Columns) column.Reserve(rows);
        _capacity = rows;
    }

    /// <summary>A batch that gives its memory back. Whoever keeps arrays of it beyond that sees other rows in them.</summary>
    private sealed class PooledRecordBatch(Schema schema, IEnumerable<IArrowArray> columns, int length, Action free) : RecordBatch(schema, columns, length)
    {
        private Action? _free = free;

        protected override void Dispose(bool disposing)
        {
            base.Dispose(disposing);
            if (disposing) Interlocked.Exchange(ref _free, null)?.Invoke();
        }
    }
}
