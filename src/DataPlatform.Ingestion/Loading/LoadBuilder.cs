using System.Linq.Expressions;
using DataPlatform.ObjectStores;

namespace DataPlatform.Ingestion;

/// <summary>Says how rows get into their table.</summary>
public class LoadBuilder
{
    internal LoadBuilder()
    {
    }

    internal WriteDisposition Disposition { get; private set; }

    internal IReadOnlyList<string> Key { get; private set; } = [];

    internal double MaxRejected { get; private set; }

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
    public LoadBuilder Merge(params IReadOnlyList<string> key)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (key.Count == 0) throw new ArgumentException("A merge needs at least one key column.", nameof(key));
        Disposition = WriteDisposition.Merge;
        Key = [.. key.Select(ColumnName.Normalize)];
        return this;
    }

    /// <summary>Lets a share of the rows be rejected: they are kept in <c>dataplatform.quarantine</c> and the others are loaded. Above it the step fails and nothing is loaded.</summary>
    /// <param name="maxRejected">The share of the rows read, from 0 to 1: 0.01 is one in a hundred.</param>
    public LoadBuilder Quarantine(double maxRejected)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxRejected);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxRejected, 1);
        MaxRejected = maxRejected;
        return this;
    }

    /// <summary>
    /// Commits a long load in parts, each a load of its own with its cursor: a crash then redoes one part at most. Readers see the parts as they come. Not with
    /// <see cref="Replace"/>, whose rows come all at once.
    /// </summary>
    /// <param name="mebibytes">About how much column data a part has, in MiB.</param>
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

    /// <summary>A row with a key that the table has replaces the table's row, the others are added. Of rows with the same key in a load the last one wins.</summary>
    /// <param name="key">The properties that identify a row: <c>trip => trip.TripId</c>.</param>
    public LoadBuilder<T> Merge(params IReadOnlyList<Expression<Func<T, object?>>> key)
    {
        ArgumentNullException.ThrowIfNull(key);
        base.Merge([.. key.Select(NameOf)]);
        return this;
    }

    /// <inheritdoc cref="LoadBuilder.Quarantine"/>
    public new LoadBuilder<T> Quarantine(double maxRejected)
    {
        base.Quarantine(maxRejected);
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
