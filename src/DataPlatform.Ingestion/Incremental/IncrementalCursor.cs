using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>How a source goes on where the last load stopped.</summary>
internal sealed record IncrementalCursor
{
    /// <summary>What grows with every new or changed row: a column of the contract, or a path to a value in a row.</summary>
    public required string Name { get; init; }

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

    // What a path's values would be as a column.
    private ContractColumn? Value { get; init; }

    /// <summary>A column as the cursor.</summary>
    public static IncrementalCursor Of(string column) => new() { Name = ColumnName.Normalize(column) };

    /// <summary>A value within JSON objects as the cursor, whether the table has it or not.</summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: it is not a path to a value, or the type has no order.</exception>
    public static IncrementalCursor At(string path, Type type)
    {
        var parsed = JsonPath.Parse(path);
        if (parsed.Keys.Length == 0) throw new DataPlatformException(FailureClass.Configuration, $"'{path}' is the row, not a value in it.", "Write where the cursor is: $.updated_at, $.meta.updated_at.");
        var values = Nullable.GetUnderlyingType(type) ?? type;
        IArrowType arrow = values == typeof(short) || values == typeof(int) || values == typeof(long) ? Int64Type.Default
            : values == typeof(decimal) ? new Decimal128Type(38, 10)
            : values == typeof(DateOnly) ? Date32Type.Default
            : values == typeof(DateTime) ? ColumnTypes.Timestamp
            : values == typeof(DateTimeOffset) ? ColumnTypes.TimestampUtc
            : throw new DataPlatformException(FailureClass.Configuration, $"The cursor {path} is to be {type.Name}, which has no order that all systems agree on.", "Read it as long, decimal, DateOnly, DateTime or DateTimeOffset.");
        return new IncrementalCursor { Name = parsed.ToString(), Value = new ContractColumn(new Field(parsed.ToString(), arrow, nullable: true), parsed.Keys) };
    }

    /// <summary>Finds where to read, and makes what watches the rows.</summary>
    /// <param name="source">What the source is, for messages.</param>
    /// <param name="context">What the source was given.</param>
    /// <param name="order">The order in which rows come, or null for none.</param>
    /// <param name="checksOrder">Whether rows may turn out not to be in that order.</param>
    /// <param name="json">How rows are read that are JSON objects.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: the column, or a value that was given for it, is not possible.</exception>
    public async Task<CursorTracker> OpenAsync(string source, SourceContext context, RowOrder? order, bool checksOrder, JsonOptions? json, CancellationToken cancellationToken)
    {
        var contract = context.Contract;
        var type = TypeIn(contract, source);
        int[] identity = Identity.Count == 0 ? [.. Enumerable.Range(0, contract.Schema.FieldsList.Count)] : [.. Identity.Select(column => IndexOf(contract, column, source))];
        var (from, until) = (Convert(type, RangeStart, context), Convert(type, RangeEnd, context));
        var isStateless = HasRange(context);

        // A table that is replaced is to hold all there is.
        var stored = isStateless || context.ReplacesTarget ? null : await context.FindCursorAsync(Name, cancellationToken).ConfigureAwait(false);
        var boundary = stored is null ? null : CursorState.Parse(stored, type, source);
        if (boundary is not null) from = Lag is null ? boundary.Value : type.Subtract(boundary.Value, Lag);
        else if (!isStateless) from = Convert(type, Start, context);

        // Of rows that are read again a merge makes nothing new. What is deleted by a key that came again has to come again too.
        var isReread = Lag is not null || context.Merge?.Strategy == MergeStrategy.DeleteInsert;
        if (boundary is not null && (isReread || (boundary.Count > 0 && context.Merge is not null))) boundary = new CursorState(boundary.Value, []);
        return new CursorTracker(this, source, contract, type, identity)
        {
            From = from,
            Until = until,
            IsStateless = isStateless,
            Boundary = boundary,
            NotesRows = !isStateless && !isReread,
            Order = order,
            ChecksOrder = checksOrder,
            Logger = context.Logger,
            Rejected = new RejectedCursor(BesideIn(contract) ?? ColumnIn(contract, source), type, json ?? new JsonOptions()),
        };
    }

    /// <summary>Whether a range is read, without regard to what was loaded before.</summary>
    public bool HasRange(SourceContext context) => RangeStart?.Invoke(context.Run) is not null || RangeEnd?.Invoke(context.Run) is not null;

    /// <summary>The cursor's type.</summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: the contract has no such column, or it is of a type that has no order.</exception>
    public CursorType TypeIn(Contract contract, string source) => CursorType.Of(BesideIn(contract) ?? ColumnIn(contract, source), source);

    /// <summary>The column that batches have besides those of a contract, for a value that is none of them.</summary>
    public ContractColumn? BesideIn(Contract contract) => FindIn(contract) is null ? Value : null;

    /// <summary>Where batches have the cursor: behind the columns of the contract when it is none of them.</summary>
    public int PlaceIn(Contract contract, string source) =>
        BesideIn(contract) is null ? contract.Schema.GetFieldIndex(ColumnIn(contract, source).Name) : contract.Schema.FieldsList.Count;

    // A column that is read from the place that the path says.
    private ContractColumn? FindIn(Contract contract) =>
        Value is null ? null : contract.Columns.FirstOrDefault(column => ColumnName.Normalize(column.SourceName) == ColumnName.Normalize(Value.SourceName));

    private ContractColumn ColumnIn(Contract contract, string source) =>
        contract.Columns.First(column => column.Field == contract.Schema.GetFieldByIndex(IndexOf(contract, FindIn(contract)?.Name ?? Name, source)));

    // In batches, which columns that the table does not have are no part of.
    private static int IndexOf(Contract contract, string column, string source) => contract.Schema.GetFieldIndex(column) is >= 0 and var index
        ? index
        : throw new DataPlatformException(
            FailureClass.Configuration, $"{source} is to be read by the cursor '{column}', which is not one of its columns.", $"Its columns are: {string.Join(", ", contract.Schema.FieldsList.Select(field => field.Name))}.");

    private static CursorValue? Convert(CursorType type, Func<RunInfo, object?>? give, SourceContext context) => give?.Invoke(context.Run) is { } value ? type.FromObject(value) : null;
}
