using Apache.Arrow;

namespace DataPlatform.Ingestion;

/// <summary>Watches the cursor in the rows that a source reads: leaves out those that were read before, and says where the next load goes on.</summary>
internal sealed class CursorTracker(IncrementalCursor cursor, string source, Contract contract, CursorType type, int[] identity)
{
    private readonly int _column = contract.Schema.GetFieldIndex(cursor.Column);
    private Dictionary<ulong, int>? _known; // rows at the boundary that were loaded, those of them that have not come yet
    private CursorState? _state;
    private long _filtered;

    /// <summary>The least value to read, or null for all.</summary>
    public CursorValue? From { get; init; }

    /// <summary>The value to stop before, or null for none.</summary>
    public CursorValue? Until { get; init; }

    /// <summary>Whether a range is read, without regard to what was loaded.</summary>
    public bool IsStateless { get; init; }

    /// <summary>How far earlier loads have read.</summary>
    public CursorState? Boundary { get; init; }

    /// <summary>The cursor's type.</summary>
    public CursorType Type => type;

    /// <summary>Whether rows without a value of the cursor are asked for.</summary>
    public bool WantsNulls => cursor.Nulls != NullCursors.Exclude;

    /// <summary>
    /// Sorts out the rows of a batch, which come in the order of their cursors. Null when nothing of it is left: rows that were left out are counted with the next batch, and
    /// there is no news if none comes.
    /// </summary>
    public SourceBatch? Take(SourceBatch batch)
    {
        if (batch.Rows is not { Length: > 0 } rows) return batch.Rejected.Count > 0 ? batch : Discard(batch);
        var kept = IsNew(rows) ? [(0, rows.Length)] : Keep(rows);
        if (kept.Count == 0 && batch.Rejected.Count == 0) return Discard(batch);
        var left = kept is [(0, var all)] && all == rows.Length ? rows : Pick(rows, kept);
        Note(rows, kept);
        var result = new SourceBatch(left, batch.Rejected)
        {
            RowsFiltered = _filtered,
            BytesRead = batch.BytesRead,
            Discarded = batch.Discarded,
            Cursors = _state is null || IsStateless ? batch.Cursors : new Dictionary<string, string>(StringComparer.Ordinal) { [cursor.Column] = _state.ToString(type) },
        };
        _filtered = 0;
        if (!ReferenceEquals(left, rows)) batch.Dispose();
        return result;
    }

    private static SourceBatch? Discard(SourceBatch batch)
    {
        batch.Dispose();
        return null;
    }

    // Whether all rows come behind what was read before, by a look at the first and the last of them.
    private bool IsNew(RecordBatch rows)
    {
        var column = rows.Column(_column);
        if (column.NullCount > 0) return false;
        var (first, last) = (type.ValueOf(column, 0)!.Value, type.ValueOf(column, rows.Length - 1)!.Value);
        return (From is not { } from || first.CompareTo(from) >= 0) && (Until is not { } until || last.CompareTo(until) < 0) && (Boundary is not { } boundary || first.CompareTo(boundary.Value) > 0);
    }

    private List<(int Start, int Length)> Keep(RecordBatch rows)
    {
        var column = rows.Column(_column);
        var kept = new List<(int Start, int Length)>();
        for (var row = 0; row < rows.Length; row++)
        {
            if (!Keeps(rows, row, type.ValueOf(column, row))) _filtered++;
            else if (kept is [.., var (start, length)] && start + length == row) kept[^1] = (start, length + 1);
            else kept.Add((row, 1));
        }

        return kept;
    }

    private bool Keeps(RecordBatch rows, int row, CursorValue? value)
    {
        if (value is not { } known)
        {
            return cursor.Nulls switch
            {
                NullCursors.Include => true,
                NullCursors.Exclude => false,
                _ => throw new DataPlatformException(
                    FailureClass.Data,
                    $"{source} has a row whose cursor '{cursor.Column}' is NULL: nothing says whether it is new. Nothing of this load is kept.",
                    "Use a column that is never NULL, or say what becomes of such rows: cursor.OnNull(NullCursors.Exclude), or Include."),
            };
        }

        if (known.CompareTo(From ?? known) < 0 || (Until is { } until && known.CompareTo(until) >= 0)) return false;
        return Boundary is not { Rows.Count: > 0 } || known != Boundary.Value || !WasLoaded(RowHash.Of(rows, identity, row));
    }

    private bool WasLoaded(ulong row)
    {
        if (_known is null)
        {
            _known = [];
            foreach (var loaded in Boundary!.Rows) _known[loaded] = _known.GetValueOrDefault(loaded) + 1;
        }

        if (_known.GetValueOrDefault(row) is not (> 0 and var left)) return false;
        _known[row] = left - 1;
        return true;
    }

    // Rows at the greatest value are noted, the others not: the next load asks for that value again.
    private void Note(RecordBatch rows, List<(int Start, int Length)> kept)
    {
        // In their order the greatest is the last one that has a value, and those that equal it are before it.
        var column = rows.Column(_column);
        var greatest = (_state ??= Boundary)?.Value;
        foreach (var row in BackwardsIn(kept))
        {
            if (type.ValueOf(column, row) is not { } value) continue;
            if (greatest is null || value.CompareTo(greatest.Value) > 0) greatest = value;
            break;
        }

        // With a lag rows are read again in any case.
        if (greatest is not { } boundary) return;
        var hashes = _state is { } before && before.Value == boundary ? [.. before.Rows] : new List<ulong>();
        foreach (var row in BackwardsIn(cursor.Lag is null && !IsStateless ? kept : []))
        {
            if (type.ValueOf(column, row) is not { } value) continue;
            if (value != boundary) break;
            if (hashes.Count == CursorState.MaxRows) throw TooMany(boundary);
            hashes.Add(RowHash.Of(rows, identity, row));
        }

        _state = new CursorState(boundary, hashes);
    }

    private static IEnumerable<int> BackwardsIn(List<(int Start, int Length)> ranges)
    {
        for (var i = ranges.Count - 1; i >= 0; i--)
        {
            for (var row = ranges[i].Start + ranges[i].Length - 1; row >= ranges[i].Start; row--) yield return row;
        }
    }

    private DataPlatformException TooMany(CursorValue value) => new(
        FailureClass.Data,
        $"{source} has more than {CursorState.MaxRows} rows with the cursor '{cursor.Column}' at {type.Format(value)}, which are too many to remember which of them were loaded.",
        "Use a finer cursor, or give it a lag and merge: cursor.Lag(…) reads such rows again instead of remembering them.");

    // Copies: the batch's memory goes back. The empty slice is there because one array alone would not be copied.
    private RecordBatch? Pick(RecordBatch rows, List<(int Start, int Length)> kept) => kept.Count == 0
        ? null
        : new RecordBatch(
            contract.Schema,
            rows.Arrays.Select(array => ArrowArrayConcatenator.Concatenate([ArrowArrayFactory.Slice(array, 0, 0), .. kept.Select(range => ArrowArrayFactory.Slice(array, range.Start, range.Length))])),
            kept.Sum(range => range.Length));
}
