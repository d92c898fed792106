using System.Linq.Expressions;
using DataPlatform.ObjectStores;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>Says how rows get into their table.</summary>
public class LoadBuilder
{
    // What the verbs of merges said so far, in any order; without a key until one of them names it.
    private MergeOptions _merge = new();

    internal LoadBuilder()
    {
    }

    internal WriteDisposition Disposition { get; private set; }

    internal bool KeepsBeforeImages { get; private set; }

    internal MergeOptions? MergeOptions => Disposition == WriteDisposition.Merge ? _merge : null;

    internal double MaxRejected { get; private set; }

    internal long MaxRejectedRows { get; private set; } = long.MaxValue;

    internal ContractModes Modes { get; private set; } = ContractModes.Default;

    internal long? CheckpointBytes { get; private set; }

    internal LandingZone? Landing { get; private set; }

    /// <summary>Adds the rows to those there are. The default.</summary>
    public LoadBuilder Append()
    {
        Disposition = WriteDisposition.Append;
        return this;
    }

    /// <summary>The table then holds the new rows and nothing else. Readers see the old rows until the load commits. When nothing is new the table stays.</summary>
    public LoadBuilder Replace()
    {
        Disposition = WriteDisposition.Replace;
        return this;
    }

    /// <summary>A row with a key that the table has replaces the table's row, the others are added. Of rows with the same key in a load the last one wins.</summary>
    /// <param name="key">The columns that identify a row.</param>
    public LoadBuilder Merge(params IReadOnlyList<string> key) => MergeBy(MergeStrategy.Upsert, key);

    /// <summary>
    /// All rows of the table with a key that the load has go, then all rows of the load come: a key may have several rows, such as all of a day or of a customer. Whatever is
    /// loaded again, however often, is there once.
    /// </summary>
    /// <param name="key">The columns that say which rows go together.</param>
    public LoadBuilder DeleteInsert(params IReadOnlyList<string> key) => MergeBy(MergeStrategy.DeleteInsert, key);

    /// <summary>A row with a key that the table has is left out, the others are added; no row ever changes. Of rows with the same key in a load the first one wins.</summary>
    /// <param name="key">The columns that identify a row.</param>
    public LoadBuilder InsertOnly(params IReadOnlyList<string> key) => MergeBy(MergeStrategy.InsertOnly, key);

    /// <summary>
    /// Keeps the history of each key (a slowly changing dimension, type 2): a row that differs from the current version of its key closes it and opens a new one. The table gets the
    /// columns <c>_valid_from</c> and <c>_valid_to</c>, in UTC; the current version has NULL in the second. All versions of a load begin at the same moment.
    /// </summary>
    /// <param name="key">The columns that identify a row of the source.</param>
    public LoadBuilder Scd2(params IReadOnlyList<string> key) => MergeBy(MergeStrategy.Scd2, key);

    /// <summary>With <see cref="Scd2"/>: each load has all keys there are, so the current versions of those that it lacks are closed.</summary>
    public LoadBuilder FullSnapshot()
    {
        _merge = _merge with { IsFullSnapshot = true };
        return this;
    }

    /// <summary>With <see cref="Scd2"/>: other names for the validity columns.</summary>
    /// <param name="from">From when on a version holds.</param>
    /// <param name="to">Until when, exclusively, it held.</param>
    public LoadBuilder ValidityColumns(string from, string to)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(from);
        ArgumentException.ThrowIfNullOrWhiteSpace(to);
        _merge = _merge with { ValidFromColumn = ColumnName.Normalize(from), ValidToColumn = ColumnName.Normalize(to) };
        return this;
    }

    /// <summary>With a merge: a row in which the column is true (or, when it is not boolean, has a value) deletes what the table has of its key, and is not added itself. With <see cref="Scd2"/> the current version is closed.</summary>
    /// <param name="column">The column.</param>
    public LoadBuilder HardDelete(string column)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(column);
        _merge = _merge with { HardDeleteColumn = ColumnName.Normalize(column) };
        return this;
    }

    /// <summary>With a merge: of rows with the same key in a load the one with the highest value in the column wins, whatever their order. A row with NULL in it loses.</summary>
    /// <param name="column">The column.</param>
    public LoadBuilder LatestBy(string column) => DedupBy(column, keepsLowest: false);

    /// <summary>With a merge: of rows with the same key in a load the one with the lowest value in the column wins, whatever their order. A row with NULL in it loses.</summary>
    /// <param name="column">The column.</param>
    public LoadBuilder EarliestBy(string column) => DedupBy(column, keepsLowest: true);

    /// <summary>
    /// With a merge: keeps the rows that a load replaces, closes or deletes as they were, in the schema <c>dataplatform</c> of the warehouse, so that <c>loads undo</c> can put them back. The
    /// ten latest loads of a table keep theirs.
    /// </summary>
    public LoadBuilder KeepBeforeImages()
    {
        KeepsBeforeImages = true;
        return this;
    }

    /// <summary>Lets a share of the rows be rejected: they are kept in <c>dataplatform.quarantine</c> and the others are loaded. Above it the step fails and nothing is loaded.</summary>
    /// <param name="maxRejected">The share of the rows read, from 0 to 1: 0.01 is one in a hundred.</param>
    /// <param name="maxRejectedRows">How many rows at most, whatever share they are; null for no such limit.</param>
    public LoadBuilder Quarantine(double maxRejected, long? maxRejectedRows = null)
    {
        if (maxRejectedRows is { } rows) ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1, nameof(maxRejectedRows));
        ArgumentOutOfRangeException.ThrowIfNegative(maxRejected);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxRejected, 1);
        MaxRejected = maxRejected;
        MaxRejectedRows = maxRejectedRows ?? long.MaxValue;
        return this;
    }

    /// <summary>
    /// Commits a long load in parts, each a load of its own with its cursor: a crash then costs this much at most. Readers see the parts as they come. On PostgreSQL two parts
    /// are written at a time, each on a connection of its own, and commit in their order. Not with <see cref="Replace"/>, <see cref="DeleteInsert"/> and
    /// <see cref="FullSnapshot"/>, whose rows belong together.
    /// </summary>
    /// <param name="mebibytes">How much column data is written and not committed at most, in MiB.</param>
    public LoadBuilder Checkpoint(int mebibytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(mebibytes, 1);
        CheckpointBytes = (long)mebibytes << 20;
        return this;
    }

    /// <summary>Says what happens when the table differs from what is to be loaded.</summary>
    /// <example><code>
    /// load.Contract(c => c.Columns(OnChange.Evolve).Types(OnChange.Freeze))
    /// </code></example>
    /// <param name="configure">Sets the modes for tables, columns and types.</param>
    public LoadBuilder Contract(Action<ContractBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        var contract = new ContractBuilder();
        configure(contract);
        Modes = contract.Modes;
        return this;
    }

    /// <summary>
    /// Lands the rows on their way: they are written to Parquet files in an object store, with a manifest for each load, and the table is loaded from these files, whose
    /// bytes are checked against the manifest.
    /// </summary>
    /// <param name="store">The object store's name.</param>
    /// <param name="prefix">What the keys begin with, such as <c>landing/trips</c>.</param>
    /// <param name="options">How the files are written.</param>
    /// <exception cref="DataPlatformException">The prefix cannot be part of a key.</exception>
    public LoadBuilder LandIn(string store, string prefix, LandingOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(store);
        Landing = LandingZone.Create(new Connection<IObjectStore>(store), prefix, options);
        return this;
    }

    /// <inheritdoc cref="LandIn(string, string, LandingOptions?)"/>
    public LoadBuilder LandIn(IObjectStore store, string prefix, LandingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(store);
        Landing = LandingZone.Create(new Connection<IObjectStore>(store.Name, store), prefix, options);
        return this;
    }

    /// <summary>Throws when the verbs do not go together.</summary>
    internal void Check(string step, TableName table)
    {
        DataPlatformException Wrong(string what, string hint) => new(FailureClass.Configuration, $"Step '{step}' {what}", hint);
        var verb = Disposition switch { WriteDisposition.Append => "appends to", WriteDisposition.Replace => "replaces", _ => "merges into" };
        if (Disposition != WriteDisposition.Merge && VerbOfMerge() is { } stray)
            throw Wrong($"{verb} {table}, where .{stray}(…) has no meaning: it belongs to a merge.", "Merge by a key, for example .Merge(row => row.Id), or leave it out.");
        if (KeepsBeforeImages && Disposition == WriteDisposition.Replace)
            throw Wrong($"replaces {table}, of which no before-images can be kept.", "Leave .KeepBeforeImages() out, or merge.");
        if (KeepsBeforeImages && (MergeOptions is null or { Strategy: MergeStrategy.InsertOnly }))
            throw Wrong($"only adds rows to {table}, which can be undone without before-images.", "Leave .KeepBeforeImages() out.");
        if (CheckpointBytes is null) return;
        if (Disposition == WriteDisposition.Replace)
            throw Wrong($"replaces {table} and has checkpoints, but a table is replaced all at once.", "Leave .Checkpoint(…) out, or append or merge.");
        if (MergeOptions is { Strategy: MergeStrategy.DeleteInsert })
            throw Wrong($"has checkpoints, but by delete-insert one part would delete from {table} what another part has added for the same key.", "Leave .Checkpoint(…) out.");
        if (MergeOptions is { IsFullSnapshot: true })
            throw Wrong($"has checkpoints, but a part of a full snapshot lacks most keys of {table}.", "Leave .Checkpoint(…) out.");
    }

    private string? VerbOfMerge() => _merge switch
    {
        { HardDeleteColumn: not null } => nameof(HardDelete),
        { DedupSortColumn: not null } => _merge.DedupKeepsLowest ? nameof(EarliestBy) : nameof(LatestBy),
        { IsFullSnapshot: true } => nameof(FullSnapshot),
        _ => null,
    };

    private LoadBuilder MergeBy(MergeStrategy strategy, IReadOnlyList<string> key)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (key.Count == 0) throw new ArgumentException("A merge needs at least one key column.", nameof(key));
        Disposition = WriteDisposition.Merge;
        _merge = _merge with { Strategy = strategy, Key = [.. key.Select(ColumnName.Normalize)] };
        return this;
    }

    private LoadBuilder DedupBy(string column, bool keepsLowest)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(column);
        _merge = _merge with { DedupSortColumn = ColumnName.Normalize(column), DedupKeepsLowest = keepsLowest };
        return this;
    }
}

/// <summary>Says how rows, which a record declares, get into their table.</summary>
/// <typeparam name="T">The record or class.</typeparam>
public sealed class LoadBuilder<T> : LoadBuilder
{
    internal LoadBuilder()
    {
    }

    /// <inheritdoc cref="LoadBuilder.Append"/>
    public new LoadBuilder<T> Append()
    {
        base.Append();
        return this;
    }

    /// <inheritdoc cref="LoadBuilder.Replace"/>
    public new LoadBuilder<T> Replace()
    {
        base.Replace();
        return this;
    }

    /// <inheritdoc cref="LoadBuilder.Merge"/>
    /// <param name="key">The properties that identify a row: <c>trip => trip.TripId</c>.</param>
    public LoadBuilder<T> Merge(params IReadOnlyList<Expression<Func<T, object?>>> key)
    {
        ArgumentNullException.ThrowIfNull(key);
        base.Merge([.. key.Select(NameOf)]);
        return this;
    }

    /// <inheritdoc cref="LoadBuilder.DeleteInsert"/>
    /// <param name="key">The properties that say which rows go together: <c>reading => reading.Day</c>.</param>
    public LoadBuilder<T> DeleteInsert(params IReadOnlyList<Expression<Func<T, object?>>> key)
    {
        ArgumentNullException.ThrowIfNull(key);
        base.DeleteInsert([.. key.Select(NameOf)]);
        return this;
    }

    /// <inheritdoc cref="LoadBuilder.InsertOnly"/>
    /// <param name="key">The properties that identify a row: <c>payment => payment.EventId</c>.</param>
    public LoadBuilder<T> InsertOnly(params IReadOnlyList<Expression<Func<T, object?>>> key)
    {
        ArgumentNullException.ThrowIfNull(key);
        base.InsertOnly([.. key.Select(NameOf)]);
        return this;
    }

    /// <inheritdoc cref="LoadBuilder.Scd2"/>
    /// <param name="key">The properties that identify a row of the source: <c>customer => customer.CustomerId</c>.</param>
    public LoadBuilder<T> Scd2(params IReadOnlyList<Expression<Func<T, object?>>> key)
    {
        ArgumentNullException.ThrowIfNull(key);
        base.Scd2([.. key.Select(NameOf)]);
        return this;
    }

    /// <inheritdoc cref="LoadBuilder.FullSnapshot"/>
    public new LoadBuilder<T> FullSnapshot()
    {
        base.FullSnapshot();
        return this;
    }

    /// <inheritdoc cref="LoadBuilder.ValidityColumns"/>
    public new LoadBuilder<T> ValidityColumns(string from, string to)
    {
        base.ValidityColumns(from, to);
        return this;
    }

    /// <inheritdoc cref="LoadBuilder.KeepBeforeImages"/>
    public new LoadBuilder<T> KeepBeforeImages()
    {
        base.KeepBeforeImages();
        return this;
    }

    /// <inheritdoc cref="LoadBuilder.HardDelete"/>
    /// <param name="column">The property: <c>customer => customer.Deleted</c>.</param>
    public LoadBuilder<T> HardDelete(Expression<Func<T, object?>> column)
    {
        ArgumentNullException.ThrowIfNull(column);
        base.HardDelete(NameOf(column));
        return this;
    }

    /// <inheritdoc cref="LoadBuilder.LatestBy"/>
    /// <param name="column">The property: <c>customer => customer.UpdatedAt</c>.</param>
    public LoadBuilder<T> LatestBy(Expression<Func<T, object?>> column)
    {
        ArgumentNullException.ThrowIfNull(column);
        base.LatestBy(NameOf(column));
        return this;
    }

    /// <inheritdoc cref="LoadBuilder.EarliestBy"/>
    /// <param name="column">The property: <c>customer => customer.UpdatedAt</c>.</param>
    public LoadBuilder<T> EarliestBy(Expression<Func<T, object?>> column)
    {
        ArgumentNullException.ThrowIfNull(column);
        base.EarliestBy(NameOf(column));
        return this;
    }

    /// <inheritdoc cref="LoadBuilder.Quarantine"/>
    public new LoadBuilder<T> Quarantine(double maxRejected, long? maxRejectedRows = null)
    {
        base.Quarantine(maxRejected, maxRejectedRows);
        return this;
    }

    /// <inheritdoc cref="LoadBuilder.Checkpoint"/>
    public new LoadBuilder<T> Checkpoint(int mebibytes)
    {
        base.Checkpoint(mebibytes);
        return this;
    }

    /// <inheritdoc cref="LoadBuilder.Contract"/>
    public new LoadBuilder<T> Contract(Action<ContractBuilder> configure)
    {
        base.Contract(configure);
        return this;
    }

    /// <inheritdoc cref="LoadBuilder.LandIn(string, string, LandingOptions?)"/>
    public new LoadBuilder<T> LandIn(string store, string prefix, LandingOptions? options = null)
    {
        base.LandIn(store, prefix, options);
        return this;
    }

    /// <inheritdoc cref="LoadBuilder.LandIn(string, string, LandingOptions?)"/>
    public new LoadBuilder<T> LandIn(IObjectStore store, string prefix, LandingOptions? options = null)
    {
        base.LandIn(store, prefix, options);
        return this;
    }

    // Values are boxed to object: the property is below a conversion.
    private static string NameOf(Expression<Func<T, object?>> key) =>
        (key.Body is UnaryExpression { NodeType: ExpressionType.Convert, Operand: var operand } ? operand : key.Body) is MemberExpression { Member.Name: var name }
            ? name
            : throw new ArgumentException($"'{key}' does not name a property: write it as row => row.Id.", nameof(key));
}
