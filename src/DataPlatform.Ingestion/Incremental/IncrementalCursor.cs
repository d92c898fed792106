using DataPlatform.Pipelines;

namespace DataPlatform.Ingestion;

/// <summary>How a source goes on where the last load stopped.</summary>
internal sealed record IncrementalCursor
{
    /// <summary>The contract's column that grows with every new or changed row.</summary>
    public required string Column { get; init; }

    /// <summary>Where the first load begins.</summary>
    public Func<RunInfo, object?>? Start { get; init; }

    /// <summary>How much before the stored cursor is read again: a <see cref="TimeSpan"/> or a <see cref="long"/>.</summary>
    public object? Lag { get; init; }

    /// <summary>The range to read without looking at the stored cursor.</summary>
    public Func<RunInfo, object?>? RangeStart { get; init; }

    /// <summary>Where the range ends; the value itself is not in it.</summary>
    public Func<RunInfo, object?>? RangeEnd { get; init; }

    public NullCursors Nulls { get; init; }

    /// <summary>The columns that tell rows of one cursor value apart; all of the contract when there is none.</summary>
    public IReadOnlyList<string> Identity { get; init; } = [];

    /// <summary>Finds where to read, and makes what watches the rows.</summary>
    /// <param name="source">What the source is, for messages.</param>
    /// <param name="context">What the source was given.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: the column, or a value that was given for it, is not possible.</exception>
    public async Task<CursorTracker> OpenAsync(string source, SourceContext context, CancellationToken cancellationToken)
    {
        var contract = context.Contract;
        var type = CursorType.Of(ColumnOf(contract, source), source);
        int[] identity = Identity.Count == 0 ? [.. Enumerable.Range(0, contract.Schema.FieldsList.Count)] : [.. Identity.Select(column => IndexOf(contract, column, source))];
        var (from, until) = (Convert(type, RangeStart, context), Convert(type, RangeEnd, context));
        if (from is not null || until is not null) return new CursorTracker(this, source, contract, type, identity) { From = from, Until = until, IsStateless = true };

        // A table that is replaced is to hold all there is.
        var stored = context.ReplacesTarget ? null : await context.FindCursorAsync(Column, cancellationToken).ConfigureAwait(false);
        if (stored is null) return new CursorTracker(this, source, contract, type, identity) { From = Convert(type, Start, context) };
        var state = CursorState.Parse(stored, type, source);

        // What is read again is for the merge to sort out.
        return Lag is null
            ? new CursorTracker(this, source, contract, type, identity) { From = state.Value, Boundary = state }
            : new CursorTracker(this, source, contract, type, identity) { From = type.Subtract(state.Value, Lag), Boundary = new CursorState(state.Value, []) };
    }

    /// <summary>Throws when the contract has no such column, or it is of a type that has no order.</summary>
    public void Check(Contract contract, string source) => CursorType.Of(ColumnOf(contract, source), source);

    private ContractColumn ColumnOf(Contract contract, string source) => contract.Columns.First(column => column.Field == contract.Schema.GetFieldByIndex(IndexOf(contract, Column, source)));

    // In batches, which columns that the table does not have are no part of.
    private static int IndexOf(Contract contract, string column, string source) => contract.Schema.GetFieldIndex(column) is >= 0 and var index
        ? index
        : throw new DataPlatformException(
            FailureClass.Configuration, $"{source} is to be read by the cursor '{column}', which is not one of its columns.", $"Its columns are: {string.Join(", ", contract.Schema.FieldsList.Select(field => field.Name))}.");

    private static CursorValue? Convert(CursorType type, Func<RunInfo, object?>? give, SourceContext context) => give?.Invoke(context.Run) is { } value ? type.FromObject(value) : null;
}
