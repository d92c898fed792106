using DataPlatform.Dbt.Project;
using DataPlatform.Dbt.Run;
using DataPlatform.Transform;
using Microsoft.Extensions.Logging;
using EngineNode = DataPlatform.Dbt.Project.DbtNode;

namespace DataPlatform.Dbt;

/// <summary>Makes of what the engine does the log events and node changes that the dbt command's events make.</summary>
internal sealed class RunObserver(DbtRunContext context, DbtChanges changes) : IDbtObserver
{
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
    };

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
        Write(LogLevel.Information, "LogHookStartLine", $"{index} of {total} START {Title(hook)} [RUN]");
        changes.Add(new DbtNodeChange(Running(hook), Total: null));
    }

    public void Started(EngineNode node, int index, int total)
    {
        Write(LogLevel.Information, "LogStartLine", $"{index} of {total} START {Title(node)} [RUN]");
        changes.Add(new DbtNodeChange(Running(node), total));
    }

    public void Ended(NodeResult result, int index, int total)
    {
        var node = result.Node;
        var isHook = node.Type == ResourceType.Operation;
        var (level, word) = result.Status switch
        {
            "error" => (LogLevel.Error, "ERROR"),
            "fail" => (LogLevel.Error, $"FAIL {result.Failures}"),
            "warn" => (LogLevel.Warning, $"WARN {result.Failures}"),
            "pass" => (LogLevel.Information, "PASS"),
            "skipped" => (LogLevel.Information, "SKIP"),
            "no-op" => (LogLevel.Information, "NO-OP"),
            _ => (LogLevel.Information, "OK"),
        };
        var name = result.Status == "skipped" ? "SkippingDetails" : node.Type switch
        {
            ResourceType.Operation => "LogHookEndLine",
            ResourceType.Seed => "LogSeedResult",
            ResourceType.Snapshot => "LogSnapshotResult",
            ResourceType.Test or ResourceType.UnitTest => "LogTestResult",
            _ when result.Status == "no-op" => "LogNodeNoOpResult",
            _ => "LogModelResult",
        };
        Write(level, name, FormattableString.Invariant($"{index} of {total} {word} {Title(node)}{(word == "OK" && !isHook ? $" [{result.Message}]" : "")} in {result.Elapsed.TotalSeconds:0.00}s"));
        if (result.IsFailure && result.Message is { } problem) Write(LogLevel.Error, "RunResultError", problem);
        else if (result.Status == "warn" && result.Message is { } warning) Write(LogLevel.Warning, "RunResultWarningMessage", warning);
        // Hooks are counted for themselves.
        changes.Add(new DbtNodeChange(Describe(result), isHook ? null : total));
    }

    private static DbtNodeResult Running(EngineNode node) => new(node.UniqueId, DbtStatus.Running) { Name = node.Name, ResourceType = node.TypeName };

    private static string Title(EngineNode node) => node.Type switch
    {
        ResourceType.Model => $"sql {node.Config.Materialized} model {node.Schema}.{node.Alias}",
        ResourceType.Seed => $"seed file {node.Schema}.{node.Alias}",
        ResourceType.Snapshot => $"snapshot {node.Schema}.{node.Alias}",
        ResourceType.Operation => $"hook: {node.Name}",
        _ => $"{node.TypeName} {node.Name}",
    };

    private void Write(LogLevel level, string name, string message) => context.Logger.Log(level, new EventId(0, name), "{DbtMessage}", message);
}
