using DataPlatform.Ledger;
using DataPlatform.ObjectStores;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Ingestion;

/// <summary>A source that waits to be told which table it goes into.</summary>
public class IngestBuilder
{
    private readonly ISource _source;
    private IngestSettings? _settings;

    internal IngestBuilder(PipelineBuilder pipeline, string name, ISource source)
    {
        _source = source;
        Definition = new StepDefinition(name, "ingest", services => new IngestStep(_settings!, services))
        {
            Description = source.Description,
            Commands = [new ReconcileCommand(name, () => _settings), new QuarantineCommand(name, () => _settings)],
            Validate = () => _ = _settings ?? throw new DataPlatformException(
                FailureClass.Configuration, $"Step '{name}' reads {source.Description} but has no table to load into.", $"Add .Into(\"warehouse\", \"schema.table\") to Ingest(\"{name}\", …)."),
        };
        pipeline.Add(Definition);
    }

    private StepDefinition Definition { get; }

    /// <summary>Loads into a table; it is created when missing.</summary>
    /// <param name="warehouse">The warehouse's name.</param>
    /// <param name="table">The table, such as <c>raw.trips</c>.</param>
    /// <param name="configure">How; append, and no rejected row is allowed, unless it says otherwise.</param>
    /// <exception cref="DataPlatformException">A merge's key, or what landed files lie in folders by, is not a column of the source.</exception>
    public StepBuilder Into(string warehouse, TableName table, Action<LoadBuilder>? configure = null) => Into(Connection(warehouse), table, new LoadBuilder(), configure);

    /// <inheritdoc cref="Into(string, TableName, Action{LoadBuilder}?)"/>
    public StepBuilder Into(IWarehouse warehouse, TableName table, Action<LoadBuilder>? configure = null) => Into(Connection(warehouse), table, new LoadBuilder(), configure);

    private protected StepBuilder Into<TLoad>(Connection<IWarehouse> warehouse, TableName table, TLoad load, Action<TLoad>? configure) where TLoad : LoadBuilder
    {
        configure?.Invoke(load);
        load.Check(Definition.Name, table);
        _settings = new IngestSettings(_source, warehouse, table, load.Disposition, load.MergeOptions, load.MaxRejected)
        {
            MaxRejectedRows = load.MaxRejectedRows,
            CheckpointBytes = load.CheckpointBytes,
            Modes = load.Modes,
            Landing = load.Landing,
            KeepsBeforeImages = load.KeepsBeforeImages,
        };
        CheckParts();
        if (load.Disposition == WriteDisposition.Append && _source is ICursorSource { Cursor.Lag: not null })
        {
            throw new DataPlatformException(
                FailureClass.Configuration, $"Step '{Definition.Name}' reads {_source.Description} with a lag, that is rows again that it has loaded, and appends them to {table}, where they would be twice.",
                "Merge by their key, or leave .Lag(…) out.");
        }

        if (load.Landing is { } zone) LandingZone.CheckOrder(load.MergeOptions, zone.Options.PartitionBy, zone.Description);
        if (_source.Contract is { } contract) TargetFit.CheckColumns(contract, _settings);
        var by = load.Landing is { } landing ? $" by way of {landing.Description}" : "";
        Definition.Description = $"{_source.Description} → {warehouse.Name}:{table} ({_settings.DispositionText}){by}";
        return new IngestStepBuilder(Definition);
    }

    /// <summary>
    /// Lands in an object store and goes no further: Parquet files, and a manifest for each load. Another step loads them with <c>From.Landing</c>.
    /// </summary>
    /// <example><code>
    /// pipeline.Ingest("trips", From.Csv&lt;Trip&gt;("lake", "inbox/trips-*.csv")).IntoLake("lake", "landing/trips");
    /// </code></example>
    /// <param name="store">The object store's name.</param>
    /// <param name="prefix">What the keys begin with, such as <c>landing/trips</c>.</param>
    /// <param name="configure">How; no rejected row is allowed unless it says otherwise.</param>
    /// <exception cref="DataPlatformException">The prefix cannot be part of a key, or the source has no column that files are to lie in folders by.</exception>
    public StepBuilder IntoLake(string store, string prefix, Action<LakeBuilder>? configure = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(store);
        return IntoLake(new Connection<IObjectStore>(store), prefix, configure);
    }

    /// <inheritdoc cref="IntoLake(string, string, Action{LakeBuilder}?)"/>
    public StepBuilder IntoLake(IObjectStore store, string prefix, Action<LakeBuilder>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(store);
        return IntoLake(new Connection<IObjectStore>(store.Name, store), prefix, configure);
    }

    private IngestStepBuilder IntoLake(Connection<IObjectStore> store, string prefix, Action<LakeBuilder>? configure)
    {
        var lake = new LakeBuilder();
        configure?.Invoke(lake);
        var zone = LandingZone.Create(store, prefix, lake.FileOptions);
        _settings = IngestSettings.ForLake(_source, zone, lake.MaxRejected, lake.CheckpointBytes) with { MaxRejectedRows = lake.MaxRejectedRows };
        CheckParts();
        if (_source.Contract is { } contract) TargetFit.CheckColumns(contract, _settings);
        Definition.Description = $"{_source.Description} → {zone.Description}";
        return new IngestStepBuilder(Definition);
    }

    // What has no order says where to go on with its last row only.
    private void CheckParts()
    {
        if (_settings is not { CheckpointBytes: not null, Disposition: WriteDisposition.Append or WriteDisposition.Land } || _source is not ICursorSource { Cursor: not null, Order: not RowOrder.Ascending }) return;
        throw new DataPlatformException(
            FailureClass.Configuration,
            $"Step '{Definition.Name}' reads {_source.Description} by a cursor, not in ascending order, and adds its rows in parts: after a crash those of the parts that are committed would be added again.",
            "Merge by a key, or leave .Checkpoint(…) out. Of an API that gives them in that order say so: http.Ordered(RowOrder.Ascending).");
    }

    private protected static Connection<IWarehouse> Connection(string warehouse)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(warehouse);
        return new Connection<IWarehouse>(warehouse);
    }

    private protected static Connection<IWarehouse> Connection(IWarehouse warehouse)
    {
        ArgumentNullException.ThrowIfNull(warehouse);
        return new Connection<IWarehouse>(warehouse.Name, warehouse);
    }

    private sealed class IngestStepBuilder(StepDefinition definition) : StepBuilder(definition);
}

/// <summary>A source, whose rows a record declares, that waits to be told which table it goes into.</summary>
/// <typeparam name="T">The record or class.</typeparam>
public sealed class IngestBuilder<T> : IngestBuilder
{
    internal IngestBuilder(PipelineBuilder pipeline, string name, ISource<T> source) : base(pipeline, name, source)
    {
    }

    /// <inheritdoc cref="IngestBuilder.Into(string, TableName, Action{LoadBuilder}?)"/>
    public StepBuilder Into(string warehouse, TableName table, Action<LoadBuilder<T>> configure) => Into(Connection(warehouse), table, new LoadBuilder<T>(), configure);

    /// <inheritdoc cref="IngestBuilder.Into(string, TableName, Action{LoadBuilder}?)"/>
    public StepBuilder Into(IWarehouse warehouse, TableName table, Action<LoadBuilder<T>> configure) => Into(Connection(warehouse), table, new LoadBuilder<T>(), configure);
}

internal enum WriteDisposition
{
    Append,
    Replace,
    Merge,

    /// <summary>The rows stay in the landing zone.</summary>
    Land,
}

/// <summary>What an ingest step does.</summary>
internal sealed record IngestSettings(
    ISource Source, Connection<IWarehouse> Warehouse, TableName Table, WriteDisposition Disposition, MergeOptions? Merge, double MaxRejected)
{
    /// <summary>How many rows may be rejected at most, whatever share they are.</summary>
    public long MaxRejectedRows { get; init; } = long.MaxValue;

    /// <summary>How many bytes of column data a part of a long load has, or null when it commits once.</summary>
    public long? CheckpointBytes { get; init; }

    /// <summary>What happens when the table differs from what is to be loaded.</summary>
    public ContractModes Modes { get; init; } = ContractModes.Default;

    /// <summary>The quarantine that a replay reads; null for any other load.</summary>
    public QuarantineSource? Replayed { get; init; }

    /// <summary>Where rows are landed on their way, or to stay; null when they go straight into the table.</summary>
    public LandingZone? Landing { get; init; }

    /// <summary>Whether rows stay where they are landed. Then the warehouse is the one that holds the ledger of runs.</summary>
    public bool LandsOnly => Disposition == WriteDisposition.Land;

    /// <summary>Whether a load keeps what it replaces, so that it can be undone.</summary>
    public bool KeepsBeforeImages { get; init; }

    /// <summary>The columns of the source that may not be NULL because the table's rows are found by them.</summary>
    public IReadOnlyList<string> Key => Merge?.Key ?? [];

    /// <summary>The disposition as the ledger has it.</summary>
    public string DispositionName => Merge is null ? Disposition.ToString().ToLowerInvariant() : Merge.Strategy switch
    {
        MergeStrategy.DeleteInsert => "delete-insert",
        MergeStrategy.InsertOnly => "insert-only",
        MergeStrategy.Scd2 => "scd2",
        _ => "merge",
    };

    /// <summary>The disposition for people, with all that was said of it.</summary>
    public string DispositionText
    {
        get
        {
            if (Merge is null) return DispositionName;
            var text = $"{DispositionName} on {string.Join(", ", Key)}";
            if (Merge.IsFullSnapshot) text += ", of full snapshots";
            if (Merge.HardDeleteColumn is { } mark) text += $", hard delete by {mark}";
            if (Merge.DedupSortColumn is { } sort) text += $", {(Merge.DedupKeepsLowest ? "earliest" : "latest")} by {sort}";
            return KeepsBeforeImages ? $"{text}, keeps before-images" : text;
        }
    }

    /// <summary>What a step does whose rows stay in the lake. In the ledger the zone stands for the table.</summary>
    public static IngestSettings ForLake(ISource source, LandingZone zone, double maxRejected, long? checkpointBytes) =>
        new(source, new Connection<IWarehouse>("ledger"), zone.ToTableName(), WriteDisposition.Land, null, maxRejected) { CheckpointBytes = checkpointBytes, Landing = zone };

    /// <summary>The warehouse whose ledger records the loads.</summary>
    public IWarehouse ResolveWarehouse(IServiceProvider services) =>
        LandsOnly ? services.GetRequiredService<RunLedgers>().Primary.Warehouse : Warehouse.Resolve(services);
}
