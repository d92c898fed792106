using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

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
    /// <exception cref="DataPlatformException">A merge's key is not a column of the source.</exception>
    public StepBuilder Into(string warehouse, TableName table, Action<LoadBuilder>? configure = null) => Into(Connection(warehouse), table, new LoadBuilder(), configure);

    /// <inheritdoc cref="Into(string, TableName, Action{LoadBuilder}?)"/>
    public StepBuilder Into(IWarehouse warehouse, TableName table, Action<LoadBuilder>? configure = null) => Into(Connection(warehouse), table, new LoadBuilder(), configure);

    private protected StepBuilder Into<TLoad>(Connection<IWarehouse> warehouse, TableName table, TLoad load, Action<TLoad>? configure) where TLoad : LoadBuilder
    {
        configure?.Invoke(load);
        _settings = new IngestSettings(_source, warehouse, table, load.Disposition, load.Key, load.MaxRejected) { CheckpointBytes = load.CheckpointBytes, Modes = load.Modes };
        if (load is { CheckpointBytes: not null, Disposition: WriteDisposition.Replace })
        {
            throw new DataPlatformException(
                FailureClass.Configuration, $"Step '{Definition.Name}' replaces {table} and has checkpoints, but a table is replaced all at once.", "Leave .Checkpoint(…) out, or append or merge.");
        }

        if (_source.Contract is { } contract) TargetFit.CheckKey(contract, _settings);
        Definition.Description = $"{_source.Description} → {warehouse.Name}:{table} ({_settings.DispositionName})";
        return new IngestStepBuilder(Definition);
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
}

/// <summary>What an ingest step does.</summary>
internal sealed record IngestSettings(
    ISource Source, Connection<IWarehouse> Warehouse, TableName Table, WriteDisposition Disposition, IReadOnlyList<string> Key, double MaxRejected)
{
    /// <summary>How many bytes of column data a part of a long load has, or null when it commits once.</summary>
    public long? CheckpointBytes { get; init; }

    /// <summary>What happens when the table differs from what is to be loaded.</summary>
    public ContractModes Modes { get; init; } = ContractModes.Default;

    public string DispositionName => Disposition switch
    {
        WriteDisposition.Append => "append",
        WriteDisposition.Replace => "replace",
        _ => $"merge on {string.Join(", ", Key)}",
    };
}
