using System.Linq.Expressions;
using DataPlatform.Pipelines;

namespace DataPlatform.Ingestion;

/// <summary>Says how a source goes on where the last load stopped. The words are dlt's: cursor, start value, lag, end value.</summary>
public class IncrementalBuilder
{
    internal IncrementalBuilder(IncrementalCursor cursor) => Cursor = cursor;

    internal IncrementalCursor Cursor { get; private protected set; }

    /// <summary>Where the first load begins: rows below it are never read. Without it the first load reads all.</summary>
    /// <param name="value">A value of the cursor column's type.</param>
    public IncrementalBuilder StartAt(object value)
    {
        ArgumentNullException.ThrowIfNull(value);
        Cursor = Cursor with { Start = _ => value };
        return this;
    }

    /// <summary>
    /// Reads so much before the last cursor again, for rows that come late: those that were committed at the source after others with a later cursor. They are
    /// read in every load, so the load has to merge.
    /// </summary>
    /// <param name="time">How far back, for a cursor that is a time, or a date: then in whole days.</param>
    public IncrementalBuilder Lag(TimeSpan time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(time, TimeSpan.Zero);
        Cursor = Cursor with { Lag = time };
        return this;
    }

    /// <inheritdoc cref="Lag(TimeSpan)"/>
    /// <param name="number">How far back, for a cursor that is a number.</param>
    public IncrementalBuilder Lag(long number)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(number, 1);
        Cursor = Cursor with { Lag = number };
        return this;
    }

    /// <summary>
    /// Reads rows with a cursor from <paramref name="start"/> up to, but not with, <paramref name="end"/>, and leaves the stored cursor alone: the same range gives the
    /// same rows whenever it is read. When both functions give null, the load is incremental as without this.
    /// </summary>
    /// <example><code>
    /// .Incremental(order => order.PlacedOn, cursor => cursor.Between(run => run.LogicalDate, run => run.LogicalDate.AddDays(1)))
    /// </code></example>
    /// <param name="start">Gives the first value of a run, or null for no limit.</param>
    /// <param name="end">Gives the value to stop before, or null for no limit.</param>
    public IncrementalBuilder Between(Func<RunInfo, object?> start, Func<RunInfo, object?> end)
    {
        ArgumentNullException.ThrowIfNull(start);
        ArgumentNullException.ThrowIfNull(end);
        Cursor = Cursor with { RangeStart = start, RangeEnd = end };
        return this;
    }

    /// <summary>What becomes of rows whose cursor is NULL.</summary>
    public IncrementalBuilder OnNull(NullCursors policy)
    {
        if (!Enum.IsDefined(policy)) throw new ArgumentOutOfRangeException(nameof(policy));
        Cursor = Cursor with { Nulls = policy };
        return this;
    }

    /// <summary>
    /// The columns that tell rows of one cursor value apart. Without it all columns do: a row that was changed without its cursor is then read again, and so are rows at
    /// the last value when the contract's columns have changed. One that grows with every row tells rows apart even where more than 10,000 have the last value.
    /// </summary>
    /// <param name="columns">The columns.</param>
    public IncrementalBuilder IdentifyBy(params IReadOnlyList<string> columns)
    {
        ArgumentNullException.ThrowIfNull(columns);
        if (columns.Count == 0) throw new ArgumentException("At least one column is needed to tell rows apart.", nameof(columns));
        Cursor = Cursor with { Identity = [.. columns.Select(ColumnName.Normalize)] };
        return this;
    }
}

/// <summary>Says how a source, whose rows a record declares, goes on where the last load stopped.</summary>
/// <typeparam name="T">The record or class.</typeparam>
/// <typeparam name="TCursor">The cursor property's type.</typeparam>
public sealed class IncrementalBuilder<T, TCursor> : IncrementalBuilder
{
    internal IncrementalBuilder(IncrementalCursor cursor) : base(cursor)
    {
    }

    /// <inheritdoc cref="IncrementalBuilder.StartAt"/>
    public IncrementalBuilder<T, TCursor> StartAt(TCursor value)
    {
        base.StartAt(value!);
        return this;
    }

    /// <inheritdoc cref="IncrementalBuilder.Lag(TimeSpan)"/>
    public new IncrementalBuilder<T, TCursor> Lag(TimeSpan time)
    {
        base.Lag(time);
        return this;
    }

    /// <inheritdoc cref="IncrementalBuilder.Lag(long)"/>
    public new IncrementalBuilder<T, TCursor> Lag(long number)
    {
        base.Lag(number);
        return this;
    }

    /// <inheritdoc cref="IncrementalBuilder.Between"/>
    public new IncrementalBuilder<T, TCursor> Between(Func<RunInfo, object?> start, Func<RunInfo, object?> end)
    {
        base.Between(start, end);
        return this;
    }

    /// <inheritdoc cref="IncrementalBuilder.OnNull"/>
    public new IncrementalBuilder<T, TCursor> OnNull(NullCursors policy)
    {
        base.OnNull(policy);
        return this;
    }

    /// <inheritdoc cref="IncrementalBuilder.IdentifyBy"/>
    /// <param name="columns">The properties: <c>order => order.Id</c>.</param>
    public IncrementalBuilder<T, TCursor> IdentifyBy(params IReadOnlyList<Expression<Func<T, object?>>> columns)
    {
        ArgumentNullException.ThrowIfNull(columns);
        base.IdentifyBy([.. columns.Select(PropertyName.Of)]);
        return this;
    }
}
