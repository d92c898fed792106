using System.Text;
using System.Text.Unicode;
using CsvHelper;

namespace DataPlatform.Ingestion;

/// <summary>Why <see cref="CsvRowReader.ReadAvailable"/> came back.</summary>
internal enum CsvReadState
{
    /// <summary>The batch is full.</summary>
    Full,

    /// <summary>The rows in the buffer are read.</summary>
    NeedsInput,

    /// <summary>The file is read.</summary>
    End,
}

/// <summary>Types the rows of one CSV file into a batch.</summary>
internal sealed class CsvRowReader
{
    private readonly CsvRows _rows;
    private readonly CsvReader _reader;
    private readonly BatchBuilder _batch;
    private readonly string _file;
    private readonly char _quote;
    private readonly int _maxRowBytes;
    private readonly string _encoding;
    private readonly ColumnBuilder[] _columns;
    private readonly int[] _fields;
    private readonly ColumnBuilder[] _absent;
    private readonly HashSet<byte[]>? _nullValues;
    private readonly IReadOnlyList<string>? _fieldNames;
    private readonly long? _line;
    private int _fieldCount;

    /// <param name="rows">The rows of a file.</param>
    /// <param name="columns">Which fields are for which columns.</param>
    /// <param name="batch">What they are read into.</param>
    /// <param name="file">The file.</param>
    /// <param name="options">How the file is written.</param>
    /// <param name="line">The line that all rows are said to be in, when it is not the one that they are in.</param>
    public CsvRowReader(CsvRows rows, CsvColumns columns, BatchBuilder batch, string file, CsvOptions options, long? line = null)
    {
        _rows = rows;
        _reader = rows.Reader;
        _batch = batch;
        _file = file;
        _quote = options.Quote;
        _maxRowBytes = options.MaxRowBytes;
        _encoding = options.Encoding.ToUpperInvariant();
        _columns = [.. batch.Columns.Where((_, i) => columns.FieldOf[i] >= 0)];
        _fields = [.. columns.FieldOf.Where(field => field >= 0)];
        _absent = [.. batch.Columns.Where((_, i) => columns.FieldOf[i] < 0)];
        _fieldCount = columns.FieldCount;
        _fieldNames = columns.Names;
        _line = line;
        if (options.NullValues.Count > 0) _nullValues = options.NullValues.Select(Encoding.UTF8.GetBytes).ToHashSet(Utf8Comparer.Instance);
    }

    /// <summary>Reads rows until the batch is full; false at the end.</summary>
    public async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var (state, pending) = ReadAvailable(cancellationToken);
            if (state == CsvReadState.NeedsInput) state = await ContinueAsync(pending).ConfigureAwait(false);
            if (state == CsvReadState.End) return false;
            if (_batch.IsFull) return true;
        }
    }

    /// <summary>Reads rows until the batch is full or input has to be waited for; then the task says whether there is a row.</summary>
    /// <remarks>Not asynchronous itself: a state machine's step for each row costs as much as typing two columns.</remarks>
    public (CsvReadState State, ValueTask<bool> Pending) ReadAvailable(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                var next = _rows.NextAsync(cancellationToken);
                if (!next.IsCompletedSuccessfully) return (CsvReadState.NeedsInput, next);
                if (!next.Result) return (CsvReadState.End, default);
                ReadRow();
                if (_batch.IsFull) return (CsvReadState.Full, default);
            }
        }
        catch (CsvFormatException exception)
        {
            throw _rows.TooLong(exception);
        }
    }

    /// <summary>Reads the row that was waited for.</summary>
    private async Task<CsvReadState> ContinueAsync(ValueTask<bool> pending)
    {
        try
        {
            if (!await pending.ConfigureAwait(false)) return CsvReadState.End;
        }
        catch (CsvFormatException exception)
        {
            throw _rows.TooLong(exception);
        }

        ReadRow();
        return CsvReadState.Full;
    }

    private void ReadRow()
    {
        var raw = _reader.RawRecord;

        // The reader itself minds only what it has no room for.
        if (raw.Length > _maxRowBytes) throw _rows.TooLong();
        if (_fieldCount == 0) _fieldCount = _reader.FieldCount;
        if (_rows.Malformed is not null || _reader.FieldCount != _fieldCount || !IsText(raw))
        {
            Reject(null, ExplainRow(raw));
            return;
        }

        var row = _batch.Row;
        for (var i = 0; i < _fields.Length; i++)
        {
            var column = _columns[i];
            var text = _reader.GetSpan(_fields[i]);
            if ((text.IsEmpty ? SetEmpty(column, row, i) : Set(column, row, text)) || column.TryDiscard(row, text)) continue;
            Reject(column, column.Explain(text, isNull: text.IsEmpty ? !IsEmptyText(column, i) : IsNullValue(text)));
            return;
        }

        foreach (var column in _absent) column.TrySetNull(row);
        _batch.Accept(raw.Length);
    }

    // Looking for what is not ASCII finds both at once, most often nothing.
    private static bool IsText(ReadOnlySpan<byte> raw) => !raw.ContainsAnyExceptInRange((byte)1, (byte)0x7F) || (Utf8.IsValid(raw) && !raw.Contains((byte)0));

    private bool Set(ColumnBuilder column, int row, ReadOnlySpan<byte> text) =>
        IsNullValue(text) ? column.TrySetNull(row) : column.TryParse(row, text);

    private bool SetEmpty(ColumnBuilder column, int row, int i) => IsEmptyText(column, i) ? column.TryParse(row, []) : column.TrySetNull(row);

    // "" is an empty text; nothing at all is NULL, as PostgreSQL's COPY takes it.
    private bool IsEmptyText(ColumnBuilder column, int i) => column is TextColumnBuilder && _reader.GetRawSpan(_fields[i]).Contains((byte)_quote);

    private bool IsNullValue(ReadOnlySpan<byte> text) => _nullValues is not null && _nullValues.GetAlternateLookup<ReadOnlySpan<byte>>().Contains(text);

    private void Reject(ColumnBuilder? column, string reason) =>
        _batch.Reject(_file, _line ?? _rows.Line, _reader.RawRecord, column, reason, _fieldNames);

    private string ExplainRow(ReadOnlySpan<byte> raw)
    {
        if (_rows.Malformed is { } problem) return problem;
        if (_reader.FieldCount != _fieldCount) return $"the row has {Count(_reader.FieldCount, "field")}, but {(_fieldNames is not null ? "the header" : "a row")} has {_fieldCount}";
        return raw.Contains((byte)0) ? "the row has a NUL character" : $"the row is not valid {_encoding}";
    }

    private static string Count(int number, string noun) => number == 1 ? $"1 {noun}" : $"{number} {noun}s";
}
