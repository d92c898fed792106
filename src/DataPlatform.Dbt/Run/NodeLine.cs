using System.Globalization;
using DataPlatform.Dbt.Project;

namespace DataPlatform.Dbt.Run;

/// <summary>What dbt's log says when a node begins or ends.</summary>
/// <param name="Event">dbt's name of the event.</param>
/// <param name="Level">info, warn or error.</param>
/// <param name="Text">What is done, or came of it.</param>
/// <param name="Status">What stands at the line's end.</param>
/// <param name="Elapsed">How long it took, where that is said.</param>
internal sealed record NodeLine(string Event, string Level, string Text, string Status, TimeSpan? Elapsed = null)
{
    /// <summary>What stands before its place of all.</summary>
    public string Prefix { get; private init; } = "";

    public static NodeLine Start(DbtNode node) => node.Type == ResourceType.Operation
        ? new NodeLine("LogHookStartLine", "info", $"START hook: {Statement(node)}", "RUN")
        : new NodeLine("LogStartLine", "info", $"START {Describe(node)}", "RUN");

    public static NodeLine Start(DbtNode node, BatchStep step) => new("LogStartBatch", "info", $"START {Describe(node, step)}", "RUN") { Prefix = "Batch " };

    public static NodeLine End(BatchOutcome outcome)
    {
        var what = Describe(outcome.Node, outcome.Step);
        var line = outcome.Status switch
        {
            "error" => new NodeLine("LogBatchResult", "error", $"ERROR creating {what}", "ERROR", outcome.Elapsed),
            "skipped" => new NodeLine("LogBatchResult", "info", $"SKIP {what}", "SKIPPED", outcome.Elapsed),
            _ => new NodeLine("LogBatchResult", "info", $"OK created {what}", outcome.Message ?? "OK", outcome.Elapsed),
        };
        return line with { Prefix = "Batch " };
    }

    public static NodeLine End(NodeResult result)
    {
        var (node, isError) = (result.Node, result.Status == "error");
        if (result.Status == "skipped") return new NodeLine("SkippingDetails", "info", $"SKIP {(node.IsRefable ? $"relation {node.Schema}.{node.Alias}" : $"{node.TypeName} {node.Name}")}", "SKIP");
        if (result.Status == "no-op") return new NodeLine("LogNodeNoOpResult", "info", $"NO-OP {Describe(node)}", "NO-OP", result.Elapsed);
        return node.Type switch
        {
            ResourceType.Source => Judged("LogFreshnessResult", result.Status switch { "runtime error" => "ERROR", "error" => "ERROR STALE", var other => other.ToUpperInvariant() }, Describe(node)),
            ResourceType.Test or ResourceType.UnitTest => Judged(
                "LogTestResult", result.Status is "warn" or "fail" ? $"{result.Status.ToUpperInvariant()} {result.Failures}" : result.Status.ToUpperInvariant(), TestName(node)),
            ResourceType.Operation => Made("LogHookEndLine", "OK", "ERROR", $"hook: {Statement(node)}", "OK"),
            ResourceType.Seed => Made("LogSeedResult", "OK loaded", "ERROR loading", Describe(node), result.Message),
            ResourceType.Snapshot => Made("LogSnapshotResult", "OK snapshotted", "ERROR snapshotting", $"{node.Schema}.{node.Alias}", result.Message),
            _ when result.Batches is not null => Made("LogModelResult", result.Status == "partial success" ? "PARTIALLY created" : "OK created", "ERROR creating", Describe(node), result.Message?.Split('\n')[0]),
            _ => Made("LogModelResult", "OK created", "ERROR creating", Describe(node), result.Message),
        };

        NodeLine Judged(string name, string verdict, string what) =>
            new(name, result.Status switch { "warn" => "warn", "pass" => "info", _ => "error" }, $"{verdict} {what}", verdict, result.Elapsed);

        NodeLine Made(string name, string done, string failed, string what, string? status) =>
            new(name, isError ? "error" : "info", $"{(isError ? failed : done)} {what}", isError ? "ERROR" : status ?? "OK", result.Elapsed);
    }

    /// <summary>What a batch is.</summary>
    public static string Describe(DbtNode node, BatchStep step) => $"batch {step.Name} of {node.Schema}.{node.Alias}";

    /// <summary>What a node is.</summary>
    public static string Describe(DbtNode node) => node.Type switch
    {
        ResourceType.Model => $"sql {(node.IsMicrobatch ? "microbatch" : node.Config.Materialized)} model {node.Schema}.{node.Alias}",
        ResourceType.Seed => $"seed file {node.Schema}.{node.Alias}",
        ResourceType.Snapshot => $"snapshot {node.Schema}.{node.Alias}",
        ResourceType.Source => $"freshness of {node.SourceName}.{node.Name}",
        ResourceType.UnitTest => $"{node.TypeName} {TestName(node)}",
        _ => $"{node.TypeName} {node.Name}",
    };

    /// <summary>A hook as dbt counts those of each package: <c>package.on-run-start.0</c>.</summary>
    public static string Statement(DbtNode hook) => $"{hook.Package}.{hook.Name[(hook.Package.Length + 1)..hook.Name.LastIndexOf('-')]}.{hook.Name[(hook.Name.LastIndexOf('-') + 1)..]}";

    /// <summary>The line with its place of all, and dots up to its status.</summary>
    /// <param name="index">From 1.</param>
    /// <param name="total">How many there are.</param>
    /// <param name="status">The status in colour, or null for it as it is.</param>
    public string Print(int index, int total, string? status = null) => string.Create(
        CultureInfo.InvariantCulture, $"{$"{Prefix}{index} of {total} {Text} ".PadRight(80, '.')} [{status ?? Status}{(Elapsed is { } time ? string.Create(CultureInfo.InvariantCulture, $" in {time.TotalSeconds:0.00}s") : "")}]");

    // Of a unit test with its model.
    private static string TestName(DbtNode node) => node.Type == ResourceType.UnitTest ? $"{node.Fqn[^2]}::{node.Name}" : node.Name;
}
