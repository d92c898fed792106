using System.Text.Json;
using DataPlatform.Dbt.Artifacts;
using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;
using DataPlatform.Dbt.Run;
using DataPlatform.Resilience;
using DataPlatform.Transform;
using DataPlatform.Warehouses;
using DbtNode = DataPlatform.Transform.DbtNode;
using EngineNode = DataPlatform.Dbt.Project.DbtNode;

namespace DataPlatform.Dbt;

/// <summary>Runs dbt projects inside the process, on DuckDB and PostgreSQL. What it supports stands in docs/dbt-engine.md.</summary>
/// <remarks>The project's folder is only read. Each node has a connection of the warehouse to itself while it runs.</remarks>
/// <param name="classifiers">Know what the databases' exceptions mean. Registered ones are given by <c>AddBuiltInDbt</c>.</param>
public sealed class BuiltInDbtRunner(IEnumerable<IFailureClassifier>? classifiers = null) : IDbtRunner
{
    private readonly FailureClassification _classification = new(classifiers);

    /// <inheritdoc/>
    /// <remarks>Reads the whole project, so that what is wrong with it, or not supported, shows before the first row.</remarks>
    public async Task CheckAsync(DbtInvocation invocation, IWarehouse warehouse, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(invocation);
        ArgumentNullException.ThrowIfNull(warehouse);
        await DbtEngine.OpenAsync(warehouse, ReadOptions(invocation), observer: null, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<DbtNode>> ListAsync(DbtInvocation invocation, DbtRunContext context, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(invocation);
        ArgumentNullException.ThrowIfNull(context);
        var engine = await DbtEngine.OpenAsync(context.Warehouse, ReadOptions(invocation), observer: null, cancellationToken).ConfigureAwait(false);
        return
        [
            .. engine.Select(invocation.Command).Where(node => !node.IsEphemeral)
                .Select(node => Describe(node) with { Sources = ListSources(engine, node) }),
        ];
    }

    // Ephemeral models are part of the queries of those that read them.
    private static IReadOnlyList<DbtSource> ListSources(DbtEngine engine, EngineNode node) =>
    [
        .. node.DependsOn.Select(id => engine.Project.Nodes[id])
            .SelectMany(parent => parent.Type == ResourceType.Source ? [new DbtSource(parent.UniqueId, ManifestWriter.RelationName(engine.State, parent)!)]
                : parent.IsEphemeral ? ListSources(engine, parent) : [])
            .Distinct(),
    ];

    /// <inheritdoc/>
    public async Task<DbtResult> RunAsync(DbtInvocation invocation, DbtRunContext context, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(invocation);
        ArgumentNullException.ThrowIfNull(context);
        var changes = new DbtChanges(context);
        var observer = new RunObserver(context, changes);
        using var workspace = new DbtWorkspace();
        return await changes.TellWhileAsync(
            async token =>
            {
                try
                {
                    var options = ReadOptions(invocation) with
                    {
                        TargetPath = workspace.Target,
                        Metadata = context.RunId is { } run ? new PythonDict { ["RUN_ID"] = run } : new PythonDict(),
                    };
                    var engine = await DbtEngine.OpenAsync(context.Warehouse, options, observer, token).ConfigureAwait(false);
                    return await RunAsync(engine, invocation, workspace, token).ConfigureAwait(false);
                }
                catch (DataPlatformException e)
                {
                    return new DbtResult([], new DbtFailure(e.FailureClass, e.Message, e.Hint));
                }
            },
            cancellationToken).ConfigureAwait(false);
    }

    private async Task<DbtResult> RunAsync(DbtEngine engine, DbtInvocation invocation, DbtWorkspace workspace, CancellationToken cancellationToken)
    {
        IReadOnlyList<NodeResult> results = [];
        if (invocation.Command == DbtCommand.RunOperation) await engine.RunOperationAsync(invocation.Macro!, ToDict(invocation.MacroArguments), cancellationToken).ConfigureAwait(false);
        else results = (await engine.RunAsync(invocation.Command == DbtCommand.DocsGenerate ? DbtCommand.Compile : invocation.Command, cancellationToken).ConfigureAwait(false)).Results;
        if (invocation.Command == DbtCommand.DocsGenerate && !results.Any(result => result.IsFailure)) await engine.WriteCatalogAsync(cancellationToken).ConfigureAwait(false);

        if (invocation.ArtifactsPath is { } kept) workspace.KeepArtifacts(kept);
        var nodes = results.Select(RunObserver.Describe).ToList();
        var causes = results.Where(result => result.Exception is not null).ToDictionary(result => result.Node.UniqueId, result => result.Exception!, StringComparer.Ordinal);
        return new DbtResult(nodes, nodes.Exists(node => node.IsFailed) ? DbtExit.Explain(nodes, node => FindCause(causes.GetValueOrDefault(node.UniqueId))) : null)
        {
            InvocationId = engine.State.InvocationId,
            Version = ProjectFile.DbtVersion,
            Lineage = DescribeGraph(engine).GetLineage(),
        };
    }

    private static DbtManifest DescribeGraph(DbtEngine engine) => new(
        engine.State.InvocationId,
        engine.Project.Root.Name,
        engine.Project.Nodes.Values.ToDictionary(
            node => node.UniqueId,
            node => new DbtManifestNode(Describe(node), node.Config.Materialized, ManifestWriter.RelationName(engine.State, node), node.DependsOn),
            StringComparer.Ordinal));

    private static DbtNode Describe(EngineNode node) => new(node.UniqueId, node.TypeName, node.Name, node.Fqn, node.OriginalPath);

    // What lies outside of the project and its data.
    private DbtFailure? FindCause(Exception? exception) =>
        exception is not null && _classification.Classify(exception) is { Class: FailureClass.Unavailable or FailureClass.NotAuthorized or FailureClass.CannotWrite or FailureClass.Transient } outer
            ? new DbtFailure(outer.Class, outer.Message, outer.Hint)
            : null;

    private static DbtOptions ReadOptions(DbtInvocation invocation)
    {
        if (invocation.Command == DbtCommand.Deps)
            throw new DataPlatformException(FailureClass.Configuration, "The built-in dbt engine installs no packages.", "Run `dbt deps` when the image is built and keep the folder dbt_packages, or set Dbt:Runner to Cli.");
        return new DbtOptions
        {
            ProjectFolder = invocation.FindProject(),
            TargetName = invocation.Target,
            Schema = invocation.Schema,
            Vars = ToDict(invocation.Vars),
            Threads = invocation.Threads,
            FullRefresh = invocation.FullRefresh,
            EventTimeStart = invocation.EventTime?.Start,
            EventTimeEnd = invocation.EventTime?.End,
            FailFast = invocation.FailFast,
            Select = [.. invocation.Select],
            Exclude = [.. invocation.Exclude],
            Selector = invocation.Selector,
            StateFolder = invocation.State is { } state ? Path.GetFullPath(state) : null,
            Defer = invocation.Defer,
            WarnError = invocation.WarnError,
            Only = invocation.Nodes?.Select(node => node.UniqueId).ToHashSet(StringComparer.Ordinal),
            PreviousBatches = invocation.Nodes?.Where(node => node.Batches is not null).ToDictionary(
                node => node.UniqueId, node => new BatchResults(ReadBatches(node.Batches!.Done), ReadBatches(node.Batches.Left)), StringComparer.Ordinal),
        };
    }

    private static List<Batch> ReadBatches(IEnumerable<DbtTimeRange> batches) => [.. batches.Select(batch => new Batch(batch.Start, batch.End))];

    private static PythonDict ToDict(IDictionary<string, object?> values) => new(values.Select(pair => new KeyValuePair<string, object?>(pair.Key, ToValue(pair.Value))));

    // By way of JSON, what the dbt command would be given. A serializer takes a while to get ready, and most values do not need it.
    private static object? ToValue(object? value) => value switch
    {
        null or string or bool or long => value,
        int number => (long)number,
        _ => NodeContext.FromJson(JsonSerializer.Serialize(value)),
    };
}
