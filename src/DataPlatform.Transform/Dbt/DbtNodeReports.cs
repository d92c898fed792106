using DataPlatform.Ledger;
using DataPlatform.Lineage;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.Transform;

/// <summary>Tells of the nodes of an invocation as parts of the step: that they begin when they do, and how they ended, with their datasets, when the manifest is there.</summary>
internal sealed class DbtNodeReports(StepContext context, IWarehouse warehouse, TimeProvider time)
{
    private readonly Dictionary<string, DbtNodeResult> _running = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (DbtNodeResult Node, DateTimeOffset At)> _ended = new(StringComparer.Ordinal);

    /// <summary>A node began or ended.</summary>
    public void Add(DbtNodeResult node)
    {
        if (node.Status == DbtStatus.Running)
        {
            _running[node.UniqueId] = node;
            context.ReportLineage(Report(node, RunStatus.Running, time.GetUtcNow()));
            return;
        }

        _ended[node.UniqueId] = (node, time.GetUtcNow());
    }

    /// <summary>A node ended in an earlier attempt of the step, which told that it began.</summary>
    public void AddEarlier(DbtNodeResult node, DateTimeOffset at) => (_running[node.UniqueId], _ended[node.UniqueId]) = (node, (node, at));

    /// <summary>The invocation has ended, with a result or without.</summary>
    public void Complete(DbtResult? result)
    {
        var now = time.GetUtcNow();
        var lineage = (result?.Lineage ?? []).ToDictionary(node => node.UniqueId, StringComparer.Ordinal);
        foreach (var node in result?.Nodes ?? []) _ended[node.UniqueId] = (node, _ended.TryGetValue(node.UniqueId, out var known) ? known.At : now);
        foreach (var (node, at) in _ended.Values)
        {
            if (node.Status is DbtStatus.Skipped or DbtStatus.Unknown or DbtStatus.Running || node.ResourceType is "operation" or "source" or "exposure") continue;
            if (!_running.Remove(node.UniqueId)) context.ReportLineage(Report(node, RunStatus.Running, at - TimeSpan.FromSeconds(node.Seconds)));
            var datasets = lineage.GetValueOrDefault(node.UniqueId);
            context.ReportLineage(Report(node, node.IsDone ? RunStatus.Succeeded : RunStatus.Failed, at) with
            {
                Inputs = [.. (datasets?.Inputs ?? []).Select(Dataset)],
                Outputs = datasets?.Output is { } output ? [Dataset(output)] : [],
                Rows = node.RowsAffected,
                Error = node.IsFailed ? node.Message ?? DbtText.Text(node.Status) : null,
                EngineVersion = result?.Version,
            });
        }

        foreach (var node in _running.Values) context.ReportLineage(Report(node, RunStatus.Terminated, now));
        _running.Clear();
        _ended.Clear();
    }

    private static LineageReport Report(DbtNodeResult node, RunStatus status, DateTimeOffset at) => new() { Part = node.UniqueId, PartType = node.ResourceType, Engine = "dbt", Status = status, At = at };

    private Dataset Dataset(string relation) => DbtRelation.Parse(relation) switch
    {
        [var schema, var name] => warehouse.GetDataset(new TableName(schema, name)),
        // A database that is attached besides the warehouse's own has its tables under its own name.
        [var database, var schema, var name] => warehouse.GetDataset(new TableName(schema, name)) with { Name = $"{database}.{schema}.{name}" },
        var parts => new Dataset(warehouse.GetDataset(new TableName("_", "_")).Namespace, string.Join('.', parts)),
    };
}
