using DataPlatform.Warehouses;

namespace DataPlatform.Ledger;

/// <summary>
/// One load: a warehouse transaction in which rows, the load's record, the files and cursors it read up to, rejected rows and the audit
/// event become visible together, or none of them.
/// </summary>
public abstract class LoadTransaction : IAsyncDisposable
{
    /// <summary>The load's number in this ledger. Rows carry it in the column <see cref="LoadIdColumn"/>.</summary>
    public abstract long LoadId { get; }

    /// <summary>The column that every loaded table has, a 64-bit integer: the load each row came with.</summary>
    public const string LoadIdColumn = "_load_id";

    /// <summary>The table for what this load replaces, for <see cref="MergeOptions.BeforeImages"/>: with it the load can be undone.</summary>
    public TableName BeforeImagesTable => new(LedgerSchema.Schema, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"before_image_{LoadId}"));

    /// <summary>The transaction: write the rows through it.</summary>
    public abstract IWarehouseTransaction Warehouse { get; }

    /// <summary>Notes a source object as loaded; it is not offered again while its etag stays.</summary>
    public abstract void AddObject(string path, string etag, long rows);

    /// <summary>Notes how far the source was read.</summary>
    public abstract void SetCursor(string name, string value);

    /// <summary>Says what the rows of the load look like. Each version of a table's contract is kept with the first load that has it.</summary>
    /// <param name="version">The version.</param>
    /// <param name="columns">The columns, a line for each: name, type, rules.</param>
    public abstract void SetContract(string version, string columns);

    /// <summary>Adds a rejected row to the quarantine. Held in memory up to a few MiB, then on scratch disk, until the load ends.</summary>
    public abstract void Reject(in RejectedRow row);

    /// <summary>
    /// Takes rows out of quarantine that this load reads again: all that wait there of its step and table, came with these loads and can be read again. When this load
    /// is undone they are there again.
    /// </summary>
    /// <param name="loads">The loads that they came with.</param>
    /// <param name="rows">How many rows they are.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Transient"/>: they are not that many, because somebody else has replayed or discarded some meanwhile.</exception>
    public abstract Task ReplayAsync(IReadOnlyCollection<long> loads, long rows, CancellationToken cancellationToken = default);

    /// <summary>
    /// Checks that the rows balance and that the lease still holds, writes the ledger's rows, and commits.
    /// </summary>
    /// <exception cref="DataPlatformException">The balance does not hold (<see cref="FailureClass.Bug"/>), or the lease was lost (<see cref="FailureClass.Transient"/>). Nothing is committed.</exception>
    public abstract Task CommitAsync(RowBalance rows, CancellationToken cancellationToken = default);

    /// <summary>
    /// Rolls the rows back but keeps the evidence: records the load as failed together with its rejected rows. Evidence of earlier failed loads of the step is replaced.
    /// </summary>
    public abstract Task AbandonAsync(RowBalance rows, string reason, CancellationToken cancellationToken = default);

    /// <summary>Rolls back what is not committed.</summary>
    public abstract ValueTask DisposeAsync();
}

/// <summary>A row that did not meet its contract.</summary>
/// <param name="Source">The object or query it came from.</param>
/// <param name="Position">Where in the source, from 1: line of text, or row.</param>
/// <param name="Raw">The row as it was read.</param>
/// <param name="Column">The column at fault, or null when the row as a whole is.</param>
/// <param name="Reason">The rule it broke, with the value: <c>'abc' is not an int64</c>.</param>
/// <param name="ContractVersion">The version of the contract it broke, when there is one.</param>
public readonly record struct RejectedRow(string Source, long Position, string Raw, string? Column, string Reason, string? ContractVersion = null)
{
    /// <summary>The names of the row's fields, when its text does not have them in itself: the header of a CSV file.</summary>
    public IReadOnlyList<string>? FieldNames { get; init; }

    /// <summary>Whether <see cref="Raw"/> is the whole row, so that it can be read again. Not so for a row that is too long to keep, or is no text.</summary>
    public bool IsExact { get; init; } = true;
}
