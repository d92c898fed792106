using System.Diagnostics.CodeAnalysis;
using System.Text;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>Makes batches of typed rows, for a source of your own: rows that break the contract become rejected rows with the reason.</summary>
/// <typeparam name="T">The record or class that declares the contract. A class, because rows are read through its properties.</typeparam>
/// <example>
/// <code>
/// var batch = new RowBatchBuilder&lt;Order&gt;(context, "orders API");
/// await foreach (var order in FetchAsync(since, cancellationToken))
/// {
///     batch.Add(order);
///     if (batch.IsFull) yield return batch.Take();
/// }
/// batch.SetCursor("updated_at", last);
/// yield return batch.Take();
/// </code>
/// </example>
public sealed class RowBatchBuilder<[DynamicallyAccessedMembers(RecordMapper.Members)] T> where T : class
{
    private readonly string _source;
    private readonly BatchBuilder _batch;
    private readonly RowReader<T> _reader;

    /// <summary>Begins.</summary>
    /// <param name="context">What the source was given.</param>
    /// <param name="source">What rejected rows are said to be from: an object, a query, an address without secrets.</param>
    public RowBatchBuilder(SourceContext context, string source)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentException.ThrowIfNullOrWhiteSpace(source);
        _source = source;
        _batch = new BatchBuilder(context.Contract, context.BatchBytes);
        _reader = new RowReader<T>(_batch.Columns);
    }

    /// <summary>Whether the batch has its size and is to be taken.</summary>
    public bool IsFull => _batch.IsFull;

    /// <summary>Whether there is nothing in the batch.</summary>
    public bool IsEmpty => _batch.IsEmpty;

    /// <summary>How many rows were added so far, in all batches.</summary>
    public long RowsRead => _batch.RowsRead;

    /// <summary>Adds a row, or rejects it when it breaks the contract.</summary>
    public void Add(T row)
    {
        ArgumentNullException.ThrowIfNull(row);
        if (_reader.Set(_batch.Columns, row, _batch.Row) is { } refused) Reject(row, refused);
        else _batch.Accept(int.MaxValue);
    }

    /// <summary>Notes that an object was read to its end, so that it is not read again once the load commits.</summary>
    /// <param name="completed">The object.</param>
    public void Complete(SourceObject completed) => _batch.Complete(completed);

    /// <summary>Notes where to go on after the rows added so far. See <see cref="SourceBatch.Cursors"/>.</summary>
    /// <param name="name">The cursor's name.</param>
    /// <param name="value">Where to go on.</param>
    public void SetCursor(string name, string value) => _batch.SetCursor(name, value);

    /// <summary>What was added so far, as a batch; further rows are for the next one.</summary>
    public SourceBatch Take() => _batch.Take();

    private void Reject(T row, ColumnBuilder refused)
    {
        var value = ClrValueText.Of(RowReader<T>.PropertyOf(row, refused));
        var reason = refused.Explain(Encoding.UTF8.GetBytes(value ?? ""), isNull: value is null);
        var values = _batch.Columns.Select(column => (column.Column.SourceName, RowReader<T>.PropertyOf(row, column), false));
        _batch.Reject(_source, _batch.RowsRead + 1, RowText.Of(values), refused, reason);
    }
}
