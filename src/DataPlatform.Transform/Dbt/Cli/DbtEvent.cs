using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Transform;

/// <summary>A line that dbt wrote: one of dbt-core 1.x's events, or any other line as it is.</summary>
/// <param name="Name">The event's name, or <c>stdout</c>.</param>
/// <param name="Level">Its level.</param>
/// <param name="Message">What it says to people, without colours.</param>
internal sealed partial record DbtEvent(string Name, LogLevel Level, string Message)
{
    public string? InvocationId { get; init; }

    /// <summary>dbt's version, in the first event.</summary>
    public string? Version { get; init; }

    /// <summary>Why dbt cannot go on.</summary>
    public string? Error { get; init; }

    /// <summary>The node that began or ended.</summary>
    public DbtNodeChange? Change { get; init; }

    /// <summary>What is said at the end about a node that failed.</summary>
    public (string UniqueId, string Message)? Explanation { get; init; }

    public static DbtEvent Parse(string line)
    {
        if (line.StartsWith('{'))
        {
            try
            {
                using var document = JsonDocument.Parse(line);
                if (document.RootElement.Object("info") is { } info && document.RootElement.Object("data") is { } data && info.Text("name") is { } name)
                    return Read(name, info, data);
                // dbt 2's lines are OpenTelemetry's.
                if (document.RootElement.Text("body") is { } body)
                    return new DbtEvent("stdout", LevelOf(document.RootElement.Text("severity_text")), DbtText.Plain(body));
            }
            catch (JsonException)
            {
                // Not an event then: a macro may print what it likes.
            }
        }

        return new DbtEvent("stdout", LogLevel.Information, DbtText.Plain(line));
    }

    private static DbtEvent Read(string name, JsonElement info, JsonElement data)
    {
        var level = LevelOf(info.Text("level"));
        var id = data.Object("node_info")?.Text("unique_id");
        var message = DbtText.Plain(info.Text("msg") ?? "");
        return new DbtEvent(name, level, message)
        {
            InvocationId = info.Text("invocation_id"),
            Version = name == "MainReportVersion" ? data.Text("version")?.TrimStart('=') : null,
            Error = name == "MainEncounteredError" ? DbtText.Plain(data.Text("exc") ?? message) : null,
            Change = id is null ? null : ReadChange(name, id, data),
            Explanation = id is not null && name is "RunResultError" or "GenericExceptionOnRun" ? (id!, message.Trim()) : null,
        };
    }

    private static DbtNodeChange? ReadChange(string name, string id, JsonElement data)
    {
        var info = data.GetProperty("node_info");
        // Tests carry their status beside the node's, which may be missing; models carry what the database said.
        var status = name switch
        {
            "LogStartLine" or "LogHookStartLine" => DbtStatus.Running,
            "LogTestResult" or "LogFreshnessResult" => DbtText.Status(data.Text("status")),
            "LogModelResult" or "LogSeedResult" or "LogSnapshotResult" or "LogFunctionResult" or "LogHookEndLine" => DbtText.Status(info.Text("node_status")),
            "SkippingDetails" => DbtStatus.Skipped,
            "LogNodeNoOpResult" => DbtStatus.NoOp,
            _ => (DbtStatus?)null,
        };
        if (status is null) return null;

        var node = new DbtNodeResult(id, status.Value)
        {
            Name = info.Text("node_name") ?? id,
            ResourceType = info.Text("resource_type") ?? id.Split('.', 2)[0],
            Seconds = data.Number("execution_time") ?? 0,
            Failures = name == "LogTestResult" && data.Number("num_failures") is { } failures ? (long)failures : null,
            RowsAffected = name == "LogModelResult" && RowCount().Match(data.Text("status") ?? "") is { Success: true } match
                ? long.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) : null,
            Message = name == "LogModelResult" && status == DbtStatus.Success ? data.Text("status") : null,
            Relation = info.Object("node_relation")?.Text("relation_name") is { Length: > 0 } relation ? relation : null,
        };
        // Hooks are counted for themselves.
        return new DbtNodeChange(node, name.StartsWith("LogHook", StringComparison.Ordinal) || data.Number("total") is not { } total ? null : (int)total);
    }

    private static LogLevel LevelOf(string? level) => level?.ToUpperInvariant() switch
    {
        "DEBUG" or "TRACE" => LogLevel.Debug,
        "WARN" or "WARNING" => LogLevel.Warning,
        "ERROR" or "FATAL" => LogLevel.Error,
        _ => LogLevel.Information,
    };

    // What PostgreSQL answers: SELECT 4, INSERT 0 1, MERGE 2.
    [GeneratedRegex("^[A-Z]+(?: 0)? ([0-9]+)$")]
    private static partial Regex RowCount();
}
