using Apache.Arrow;
using DataPlatform.Ledger;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Ingestion;

/// <summary>Watches the cursor in the rows that a source reads: leaves out those that were read before, and says where the next load goes on.</summary>
internal sealed class CursorTracker(IncrementalCursor cursor, string source, Contract contract, CursorType type, int[] identity)
{
    private readonly int _column = cursor.PlaceIn(contract, source);
    private Dictionary<ulong, int>? _known; // rows at the boundary that were loaded, those of them that have not come yet
    private (long Count, ulong Sum)? _left; // the same where they were counted
    private CursorState? _state;
    private long _filtered;
    private bool _owesCursor;

    /// <summary>The least value to read, or null for all.</summary>
    public CursorValue? From { get; init; }

    /// <summary>The value to stop before, or null for none.</summary>
    public CursorValue? Until { get; init; }

    /// <summary>Whether a range is read, without regard to what was loaded.</summary>
    public bool IsStateless { get; init; }

    /// <summary>How far earlier loads have read.</summary>
    public CursorState? Boundary { get; init; }

    /// <summary>Whether rows at the greatest value are noted, to leave them out of the next load.</summary>
    public bool NotesRows { get; init; } = true;

    /// <summary>The order in which rows come, or null for none.</summary>
    public RowOrder? Order { get; init; }

    /// <summary>Whether the order is what somebody says of the source, not what was asked of it.</summary>
    public bool ChecksOrder { get; init; }

    public required ILogger Logger { get; init; }

    /// <summary>Knows the cursor of rejected rows.</summary>
    public required RejectedCursor Rejected { get; init; }

    /// <summary>The cursor's type.</summary>
    public CursorType Type => type;

    /// <summary>Whether rows without a value of the cursor are asked for.</summary>
    public bool WantsNulls => cursor.Nulls != NullCursors.Exclude;

    /// <summary>Whether no row that is wanted comes any more, as the order says.</summary>
    public bool IsPast { get; private set; }

    /// <summary>
    /// Sorts out the rows of a batch. Null when nothing of it is left: rows that were left out are counted with the next batch, and there is no news if none comes. What comes in
    /// ascending order says with each batch where to go on, else it is known with the last.
    /// </summary>
    public SourceBatch? Take(SourceBatch batch, bool isLast = false)
    {
        var rows = batch.Rows is { Length: > 0 } any ? any : null;
        var kept = rows is null ? [] : IsNew(rows) ? [(0, rows.Length)] : Keep(rows);
        var isWhole = kept is [(0, var all)] && all == rows!.Length;
        var rejected = SortOut(batch.Rejected);
        if (isLast) Finish();
        if (kept.Count == 0 && rejected.Count == 0 && (IsStateless || batch.CompletedObjects.Count == 0) && !(isLast && _owesCursor))
        {
            batch.Dispose();
            return null;
        }

        if (rows is not null) Note(rows, kept);
        var left = rows is null ? null : isWhole ? WithoutCursor(rows) : Pick(rows, kept);
        var saysCursor = isLast || Order == RowOrder.Ascending;
        var result = new SourceBatch(left, rejected)
        {
            RowsFiltered = _filtered,
            BytesRead = batch.BytesRead,
            Discarded = batch.Discarded,
            CompletedObjects = IsStateless ? [] : batch.CompletedObjects,
            OpenObject = IsStateless ? null : batch.OpenObject,
            Cursors = _state is null || IsStateless || !saysCursor ? batch.Cursors : new Dictionary<string, string>(StringComparer.Ordinal) { [cursor.Name] = _state.ToString(type) },
        };
        _filtered = 0;
        _owesCursor = !saysCursor && !IsStateless;
        if (!isWhole) batch.Dispose();
        return result;
    }

    /// <summary>Says that there is no further batch.</summary>
    public void Finish()
    {
        if (Boundary is not { Count: > 0 } boundary || (_left?.Count ?? boundary.Count) is not (> 0 and var gone)) return;
        Logger.LogWarning(
            "{Source}: of the {Count} rows that were loaded with the cursor '{Cursor}' at {Value}, {Gone} are not there any more; rows that came with that value since are taken for others of them",
            source, boundary.Count, cursor.Name, type.Format(boundary.Value), gone);
    }

    // Whether all rows come behind what was read before, by a look at the first and the last of them.
    private bool IsNew(RecordBatch rows)
    {
        if (Order != RowOrder.Ascending || ChecksOrder) return false;
        var column = rows.Column(_column);
        if (column.NullCount > 0) return false;
        var (first, last) = (type.ValueOf(column, 0)!.Value, type.ValueOf(column, rows.Length - 1)!.Value);
        return (From is not { } from || first.CompareTo(from) >= 0) && (Until is not { } until || last.CompareTo(until) < 0) && (Boundary is not { } boundary || first.CompareTo(boundary.Value) > 0);
    }

    private List<(int Start, int Length)> Keep(RecordBatch rows)
    {
        var column = rows.Column(_column);
        var kept = new List<(int Start, int Length)>();
        CursorValue? before = null;
        for (var row = 0; row < rows.Length; row++)
        {
            var value = type.ValueOf(column, row);
            if (ChecksOrder && value is { } known)
            {
                if (before is { } last && Order is { } order && known.CompareTo(last) is not 0 and var sign && sign > 0 != (order == RowOrder.Ascending)) throw Unordered(last, known, order);
                before = known;
            }

            if (!Keeps(rows, row, value)) _filtered++;
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
                    $"{source} has a row whose cursor '{cursor.Name}' is NULL: nothing says whether it is new. Nothing of this load is kept.",
                    "Use a column that is never NULL, or say what becomes of such rows: cursor.OnNull(NullCursors.Exclude), or Include."),
            };
        }

        var (isBefore, isBehind) = PlaceOf(known);
        IsPast |= (isBefore && Order == RowOrder.Descending) || (isBehind && Order == RowOrder.Ascending);
        if (isBefore || isBehind) return false;
        return Boundary is not { } boundary || known != boundary.Value || !WasLoaded(boundary, rows, row);
    }

    private (bool IsBefore, bool IsBehind) PlaceOf(CursorValue value) => (value.CompareTo(From ?? value) < 0, Until is { } until && value.CompareTo(until) >= 0);

    // A row that is rejected moves the cursor as others do: it waits in quarantine, and would come there again with each load that reads it again.
    private IReadOnlyList<RejectedRow> SortOut(IReadOnlyList<RejectedRow> rejected)
    {
        if (rejected.Count == 0) return rejected;
        var kept = new List<RejectedRow>();
        foreach (var row in rejected)
        {
            if (Rejected.Find(row) is not { } value)
            {
                kept.Add(row);
                continue;
            }

            var hash = RowHash.Of(row.Raw);
            if (PlaceOf(value) is not (false, false) || (Boundary is { } boundary && value == boundary.Value && WasLoaded(boundary, () => hash)))
            {
                _filtered++;
                continue;
            }

            kept.Add(row);
            var state = _state ?? Boundary;
            if (state is null || value.CompareTo(state.Value) > 0) state = new CursorState(value, []);
            _state = NotesRows && value == state.Value ? state.With([hash]) : state;
        }

        return kept;
    }

    private bool WasLoaded(CursorState boundary, RecordBatch rows, int row) => WasLoaded(boundary, () => RowHash.Of(rows, identity, row));

    private bool WasLoaded(CursorState boundary, Func<ulong> hashOf)
    {
        if (boundary.Count > 0) return WasCounted(boundary, hashOf);
        if (boundary.Rows.Count == 0) return false;
        if (_known is null)
        {
            _known = [];
            foreach (var loaded in boundary.Rows) _known[loaded] = _known.GetValueOrDefault(loaded) + 1;
        }

        var hash = hashOf();
        if (_known.GetValueOrDefault(hash) is not (> 0 and var left)) return false;
        _known[hash] = left - 1;
        return true;
    }

    // Those that were loaded come first, or it cannot be told which they are.
    private bool WasCounted(CursorState boundary, Func<ulong> hashOf)
    {
        var (count, sum) = _left ?? (boundary.Count, boundary.Sum);
        if (count == 0) return false;
        _left = (count - 1, unchecked(sum - hashOf()));
        return _left is not (0, not 0) ? true : throw new DataPlatformException(
            FailureClass.Data,
            $"{source}: {boundary.Count} rows were loaded with the cursor '{cursor.Name}' at {type.Format(boundary.Value)}, and the first {boundary.Count} with it are others now. Which of them are new cannot be told: "
            + $"of no more than {CursorState.MaxRows} rows with one value it is known which they are. Nothing of this load is kept.",
            "Merge by a key, which reads such rows again. Where rows are only added, tell them apart by a column that grows, .IdentifyBy(row => row.Id), by which SQL is then ordered; or use a finer cursor.");
    }

    // Rows at the greatest value are noted, the others not: the next load asks for that value again.
    private void Note(RecordBatch rows, List<(int Start, int Length)> kept)
    {
        // In ascending order the greatest is the last one that has a value, and those that equal it are before it.
        var column = rows.Column(_column);
        var isAscending = Order == RowOrder.Ascending;
        var greatest = (_state ??= Boundary)?.Value;
        foreach (var row in BackwardsIn(kept))
        {
            if (type.ValueOf(column, row) is not { } value) continue;
            if (greatest is null || value.CompareTo(greatest.Value) > 0) greatest = value;
            if (isAscending) break;
        }

        if (greatest is not { } boundary) return;
        var state = _state?.Value == boundary ? _state : new CursorState(boundary, []);
        var hashes = new List<ulong>();
        foreach (var row in BackwardsIn(NotesRows ? kept : []))
        {
            if (type.ValueOf(column, row) is not { } value) continue;
            if (value == boundary) hashes.Add(RowHash.Of(rows, identity, row));
            else if (isAscending) break;
        }

        _state = state.With(hashes);
    }

    private static IEnumerable<int> BackwardsIn(List<(int Start, int Length)> ranges)
    {
        for (var i = ranges.Count - 1; i >= 0; i--)
        {
            for (var row = ranges[i].Start + ranges[i].Length - 1; row >= ranges[i].Start; row--) yield return row;
        }
    }

    private DataPlatformException Unordered(CursorValue before, CursorValue value, RowOrder order) => new(
        FailureClass.Data,
        $"{source} is said to come in {(order == RowOrder.Ascending ? "ascending" : "descending")} order of '{cursor.Name}', and has {type.Format(value)} behind {type.Format(before)}. Nothing of this load is kept.",
        "Ask for it in that order (http.Query(\"sort\", …), for APIs that know it), or leave http.Ordered(…) out: all pages are then read.");

    // The same memory.
    private RecordBatch WithoutCursor(RecordBatch rows) =>
        rows.ColumnCount == contract.Schema.FieldsList.Count ? rows : new ViewRecordBatch(contract.Schema, rows.Arrays.Take(contract.Schema.FieldsList.Count), rows);

    // Copies: the batch's memory goes back.
    private RecordBatch? Pick(RecordBatch rows, List<(int Start, int Length)> kept) =>
        kept.Count == 0 ? null : RowPick.Of(contract.Schema, rows, [.. kept.SelectMany(range => Enumerable.Range(range.Start, range.Length))]);
}
