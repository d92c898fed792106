using DataPlatform.Dbt.Project;
using DataPlatform.Dbt.Run;
using DataPlatform.Transform;
using Microsoft.Extensions.Logging;
using EngineNode = DataPlatform.Dbt.Project.DbtNode;

namespace DataPlatform.Dbt;

/// <summary>Makes of what the engine does the log events and node changes that the dbt command's events make.</summary>
internal sealed class RunObserver(DbtRunContext context, DbtChanges changes) : IDbtObserver
{
    private int? _total;

    public static DbtNodeResult Describe(NodeResult result) => new(result.Node.UniqueId, DbtText.Status(result.Status))
    {
        Name = result.Node.Name,
        ResourceType = result.Node.TypeName,
        Seconds = result.Elapsed.TotalSeconds,
        RowsAffected = result.Rows,
        Failures = result.Node.Type is ResourceType.Test or ResourceType.UnitTest ? result.Failures : null,
        Message = result.Message,
        Relation = result.RelationName,
        CompiledCode = result.CompiledCode,
        Batches = result.Batches is { Successful.Count: > 0, Failed.Count: > 0 } batches ? Describe(batches) : null,
    };

    private static DbtBatches Describe(BatchResults batches) => new(Describe(batches.Successful), Describe(batches.Failed));

    // Batches that follow each other are one time: it is written with each of what may be thousands.
    private static List<DbtTimeRange> Describe(IEnumerable<Batch> batches)
    {
        var times = new List<DbtTimeRange>();
        foreach (var batch in batches.OrderBy(batch => batch.Start))
        {
            if (times is [.., var last] && last.End == batch.Start) times[^1] = last with { End = batch.End };
            else times.Add(new DbtTimeRange(batch.Start, batch.End));
        }

        return times;
    }

    public void Log(string level, string message)
    {
        var (logLevel, name) = level switch
        {
            "debug" => (LogLevel.Debug, "JinjaLogDebug"),
            "warn" => (LogLevel.Warning, "JinjaLogWarning"),
            _ => (LogLevel.Information, "JinjaLogInfo"),
        };
        Write(logLevel, name, message);
    }

    public void Unmatched(string message) => Write(LogLevel.Warning, "NoNodesForSelectionCriteria", message);

    public void HookStarted(EngineNode hook, int index, int total)
    {
        Write(NodeLine.Start(hook), index, total);
        changes.Add(new DbtNodeChange(Running(hook), Total: null));
    }

    public void Started(EngineNode node, int index, int total)
    {
        _total = total;
        Write(NodeLine.Start(node), index, total);
        changes.Add(new DbtNodeChange(Running(node), total));
    }

    public void BatchStarted(EngineNode node, BatchStep step, BatchResults batches)
    {
        Write(NodeLine.Start(node, step), step.Index, step.Total);
        var told = changes.AddAsync(new DbtNodeChange(Running(node) with { Batches = Describe(batches) }, _total));

        // Once the first has made the table, a run that does not know of the others takes them for built.
        if (step.IsFirst) told.GetAwaiter().GetResult();
    }

    public void BatchEnded(BatchOutcome outcome) => Write(NodeLine.End(outcome), outcome.Step.Index, outcome.Step.Total);

    public void Ended(NodeResult result, int index, int total)
    {
        Write(NodeLine.End(result), index, total);
        if (result.IsFailure && result.Message is { } problem) Write(LogLevel.Error, "RunResultError", problem);
        else if (result.Status == "warn" && result.Message is { } warning) Write(LogLevel.Warning, "RunResultWarningMessage", warning);
        // Hooks are counted for themselves.
        changes.Add(new DbtNodeChange(Describe(result), result.Node.Type == ResourceType.Operation ? null : total));
    }

    private static DbtNodeResult Running(EngineNode node) => new(node.UniqueId, DbtStatus.Running) { Name = node.Name, ResourceType = node.TypeName };

    private void Write(NodeLine line, int index, int total) =>
        Write(line.Level switch { "error" => LogLevel.Error, "warn" => LogLevel.Warning, _ => LogLevel.Information }, line.Event, line.Print(index, total));

    private void Write(LogLevel level, string name, string message) => context.Logger.Log(level, new EventId(0, name), "{DbtMessage}", message);
}
