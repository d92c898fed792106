using System.Globalization;
using DataPlatform.Dbt.Artifacts;
using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;
using DataPlatform.Dbt.Run;

namespace DataPlatform.Dbt.Tool;

/// <summary>Tells of a run by dbt's events.</summary>
internal sealed class RunEvents(EventLog log) : IDbtObserver
{
    private readonly List<NodeResult> _results = [];
    private DbtNode? _lastHook;
    private DateTimeOffset? _startedAt;

    /// <summary>Known once the project is read.</summary>
    public EngineState? State { get; set; }

    // Its nodes are not told of one by one.
    private bool IsSilent => State!.Command is "compile" or "show" or "clone";

    public void Log(string level, string message) => log.Write(level == "print" ? ToolEvent.Print(message) : level switch
    {
        "warn" => new ToolEvent("I061", "JinjaLogWarning", level, message) { Data = Text(message) },
        "info" => new ToolEvent("I062", "JinjaLogInfo", level, message) { Data = Text(message) },
        _ => new ToolEvent("I063", "JinjaLogDebug", level, message) { Data = Text(message) },
    });

    public void Unmatched(string message) => log.Write(new ToolEvent("M030", "NoNodesForSelectionCriteria", "warn", message) { Data = Text(message) });

    public void Selected(IReadOnlyList<DbtNode> nodes)
    {
        if (nodes.Count == 0)
        {
            log.Write(new ToolEvent("Q035", "NothingToDo", "warn", "Nothing to do. Try checking your model configs and model specification args"));
            return;
        }

        _startedAt = DateTimeOffset.UtcNow;
        log.Write(ToolEvent.Blank);
        var options = State!.Options;
        log.Write(new ToolEvent("Q027", "ConcurrencyLine", "info", $"Concurrency: {options.Threads} threads (target='{options.TargetName}')")
        {
            Data = new PythonDict { ["num_threads"] = (long)options.Threads, ["target_name"] = options.TargetName, ["node_count"] = (long)nodes.Count },
        });
        log.Write(ToolEvent.Blank);
    }

    public void HookStarted(DbtNode hook, int index, int total)
    {
        if (_lastHook is null && _results.Count > 0) log.Write(ToolEvent.Blank);
        _lastHook = hook;
        log.Write(Line("Q032", hook, index, total, ("statement", NodeLine.Statement(hook))));
    }

    public void Started(DbtNode node, int index, int total)
    {
        if (IsSilent) return;
        EndHooks();
        log.Write(Line("Q011", node, index, total, ("description", NodeLine.Describe(node))));
    }

    public void BatchStarted(DbtNode node, BatchStep step, BatchResults batches)
    {
        var line = NodeLine.Start(node, step);
        log.Write(new ToolEvent("Q045", line.Event, line.Level, line.Print(step.Index, step.Total))
        {
            Data = Batched(step, ("node_info", NodeInfo(node, "started", DateTimeOffset.UtcNow)), ("description", NodeLine.Describe(node, step))),
        });
    }

    public void BatchEnded(BatchOutcome outcome)
    {
        var (line, colors) = (NodeLine.End(outcome), log.Colors);
        var status = line.Level == "error" ? colors.Red(line.Status) : outcome.Status == "skipped" ? colors.Yellow(line.Status) : colors.Green(line.Status);
        log.Write(new ToolEvent("Q046", line.Event, line.Level, line.Print(outcome.Step.Index, outcome.Step.Total, status))
        {
            Data = Batched(
                outcome.Step, ("node_info", NodeInfo(outcome.Node, outcome.Status, null, DateTimeOffset.UtcNow)), ("description", NodeLine.Describe(outcome.Node, outcome.Step)),
                ("status", outcome.Status == "success" ? line.Status : outcome.Status), ("execution_time", outcome.Elapsed.TotalSeconds)),
            Thread = outcome.Thread,
        });
        if (outcome.Status == "error") log.Write(new ToolEvent("Z024", "RunResultError", "error", $"  {outcome.Message}") { Data = Text(outcome.Message!) });
    }

    public void Ended(NodeResult result, int index, int total)
    {
        if (result.Node.Type != ResourceType.Operation) EndHooks();
        _results.Add(result);
        if (IsSilent) return;
        log.Write(result.Thread == "main" ? Line(result, index, total) : Line(result, index, total) with { Thread = result.Thread });
    }

    /// <summary>What is said when all is over, or when it was stopped.</summary>
    public void Finish(bool isStopped)
    {
        if (_startedAt is not { } startedAt) return;
        var elapsed = DateTimeOffset.UtcNow - startedAt;
        if (!IsSilent)
        {
            log.Write(ToolEvent.Blank);
            var counts = Counts(_results.Select(result => result.Node));
            var took = string.Create(CultureInfo.InvariantCulture, $" in {(int)elapsed.TotalHours} hours {elapsed.Minutes} minutes and {elapsed.TotalSeconds % 60:0.00} seconds");
            log.Write(new ToolEvent("E047", "FinishedRunningStats", "info", string.Create(CultureInfo.InvariantCulture, $"Finished running {counts}{took} ({elapsed.TotalSeconds:0.00}s)."))
            {
                Data = new PythonDict { ["stat_line"] = counts, ["execution"] = took, ["execution_time"] = elapsed.TotalSeconds },
            });
        }

        if (State!.Command == "freshness" && !isStopped) ExplainFreshness();
        else Summarize(isStopped);
    }

    /// <summary>How many there are of each kind, as dbt says it of a project.</summary>
    public static string Found(DbtProject project)
    {
        var kinds = new (string Name, int Count)[]
        {
            ("model", Count(ResourceType.Model)), ("data test", Count(ResourceType.Test)), ("seed", Count(ResourceType.Seed)), ("operation", Count(ResourceType.Operation)),
            ("snapshot", Count(ResourceType.Snapshot)), ("analysis", Count(ResourceType.Analysis)), ("source", Count(ResourceType.Source)), ("exposure", Count(ResourceType.Exposure)),
            ("metric", Count(ResourceType.Metric)), ("macro", project.Macros.All.Count()), ("semantic model", Count(ResourceType.SemanticModel)), ("saved query", Count(ResourceType.SavedQuery)),
            ("unit test", Count(ResourceType.UnitTest)),
        };
        return string.Join(", ", kinds.Where(kind => kind.Count > 0).Select(kind => Plural(kind.Count, kind.Name)));

        int Count(ResourceType type) => project.Nodes.Values.Count(node => node.Type == type);
    }

    private ToolEvent Line(string code, DbtNode node, int index, int total, (string Key, object? Value) about)
    {
        var line = NodeLine.Start(node);
        return new ToolEvent(code, line.Event, line.Level, line.Print(index, total)) { Data = Counted(index, total, "total", NodeInfo(node, "started", DateTimeOffset.UtcNow), about) };
    }

    private ToolEvent Line(NodeResult result, int index, int total)
    {
        var (node, line, colors) = (result.Node, NodeLine.End(result), log.Colors);
        var info = NodeInfo(node, result.Status, result.StartedAt, DateTimeOffset.UtcNow);
        var status = ("status", (object?)result.Status);
        var seconds = ("execution_time", (object?)result.Elapsed.TotalSeconds);
        var said = ("result_message", (object?)line.Status);
        var (code, data) = line.Event switch
        {
            "SkippingDetails" => ("Q034", Counted(index, total, "total", info, ("resource_type", node.TypeName), ("node_name", node.Name), ("schema", node.Schema))),
            "LogNodeNoOpResult" => ("Q019", Counted(index, total, "total", info, ("description", NodeLine.Describe(node)), ("status", ""), seconds)),
            "LogFreshnessResult" => ("Q018", Counted(index, total, "total", info, ("source_name", node.SourceName), status, ("table_name", node.Name), seconds)),
            "LogHookEndLine" => ("Q033", Counted(index, total, "total", info, ("statement", NodeLine.Statement(node)), status, seconds)),
            "LogTestResult" => ("Q007", Counted(index, total, "num_models", info, ("name", node.Name), status, ("num_failures", result.Failures ?? 0L), ("attached_node", node.AttachedNode ?? ""), seconds)),
            "LogSeedResult" => ("Q016", Counted(index, total, "total", info, ("relation", node.Alias), ("schema", node.Schema), status, said, seconds)),
            "LogSnapshotResult" => ("Q015", Counted(index, total, "total", info, ("description", $"{node.Schema}.{node.Alias}"), status, said, ("cfg", new PythonDict()), seconds)),
            _ => ("Q012", Counted(index, total, "total", info, ("description", NodeLine.Describe(node)), ("status", result.Status == "error" ? "error" : line.Status), seconds)),
        };
        var colored = result.Status == "partial success" ? colors.Yellow(line.Status) : line.Level == "error" ? colors.Red(line.Status) : line.Level == "warn" || result.Status is "skipped" or "no-op" ? colors.Yellow(line.Status) : colors.Green(line.Status);
        return new ToolEvent(code, line.Event, line.Level, line.Print(index, total, colored)) { Data = data };
    }

    private void Summarize(bool isStopped)
    {
        var colors = log.Colors;
        var failures = _results.Where(result => result.IsFailure || (result.Status == "skipped" && result.Message is not null)).ToLookup(result => result.Status == "partial success");
        var (errors, partial) = (failures[false].ToList(), failures[true].ToList());
        var warnings = _results.Where(result => result.Status == "warn").ToList();
        // Rows say it themselves.
        if (State!.Command == "show" && !isStopped && errors.Count + warnings.Count == 0) return;
        log.Write(ToolEvent.Blank);
        log.Write(new ToolEvent("Z030", "EndOfRunSummary", "info",
            isStopped ? colors.Yellow("Exited because of keyboard interrupt")
            : errors.Count > 0 ? colors.Red($"Completed with {Plural(errors.Count, "error")}, {Plural(partial.Count, "partial success")}, and {Plural(warnings.Count, "warning")}:")
            : partial.Count > 0 ? colors.Yellow($"Completed with {Plural(partial.Count, "partial success")} and {Plural(warnings.Count, "warning")}")
            : warnings.Count > 0 ? colors.Yellow($"Completed with {Plural(warnings.Count, "warning")}:")
            : colors.Green("Completed successfully"))
        {
            Data = new PythonDict { ["num_errors"] = (long)errors.Count, ["num_warnings"] = (long)warnings.Count, ["num_partial_success"] = (long)partial.Count, ["keyboard_interrupt"] = isStopped },
        });
        foreach (var result in errors.Where(result => result.IsFailure)) Explain(result, isWarning: false);
        foreach (var result in warnings) Explain(result, isWarning: true);
        if (State!.Command is "compile" or "show") return;

        long Count(params string[] statuses) => _results.Count(result => statuses.Contains(result.Status));
        var stats = new PythonDict
        {
            ["pass"] = Count("pass", "success"),
            ["warn"] = Count("warn"),
            ["error"] = Count("error", "fail", "partial success"),
            ["skip"] = Count("skipped"),
            ["noop"] = Count("no-op"),
            ["total"] = (long)_results.Count,
        };
        log.Write(ToolEvent.Blank);
        log.Write(new ToolEvent("Z023", "StatsLine", "info",
            $"Done. PASS={Count("pass", "success")} WARN={Count("warn")} ERROR={Count("error", "fail", "partial success")} SKIP={Count("skipped")} NO-OP={Count("no-op")} TOTAL={_results.Count}")
        {
            Data = new PythonDict { ["stats"] = stats },
        });
    }

    private void ExplainFreshness()
    {
        foreach (var result in _results.Where(result => result.IsFailure))
        {
            var info = NodeInfo(result.Node, "None", null);
            log.Write(ToolEvent.Blank);
            if (result.Message is { } message)
            {
                log.Write(new ToolEvent("Z024", "RunResultError", "error", $"  {message}") { Data = new PythonDict { ["msg"] = message, ["node_info"] = info } });
                continue;
            }

            log.Write(new ToolEvent("Z022", "RunResultFailure", "error", log.Colors.Red($"Failure in source {result.Node.Name} ({result.Node.OriginalPath})"))
            {
                Data = new PythonDict { ["node_info"] = info, ["node_name"] = result.Node.Name, ["path"] = result.Node.OriginalPath, ["resource_type"] = "source" },
            });
            log.Write(new ToolEvent("Z025", "RunResultErrorNoMessage", "error", $"  Status: {result.Status}") { Data = new PythonDict { ["node_info"] = info, ["status"] = result.Status } });
        }

        log.Write(new ToolEvent("Q003", "FreshnessCheckComplete", "info", "Done."));
    }

    private void Explain(NodeResult result, bool isWarning)
    {
        var (node, message) = (result.Node, result.Message ?? "");
        var info = NodeInfo(node, "None", null);
        var about = new PythonDict { ["node_info"] = info, ["node_name"] = node.Name, ["path"] = node.OriginalPath, ["resource_type"] = node.TypeName };
        log.Write(ToolEvent.Blank);
        if (isWarning)
        {
            log.Write(new ToolEvent("Z021", "RunResultWarning", "warn", log.Colors.Yellow($"Warning in {node.TypeName} {node.Name} ({node.OriginalPath})")) { Data = about });
            log.Write(new ToolEvent("Z046", "RunResultWarningMessage", "warn", message) { Data = Explained("msg", message) });
        }
        else
        {
            log.Write(new ToolEvent("Z022", "RunResultFailure", "error", log.Colors.Red($"Failure in {node.TypeName} {node.Name} ({node.OriginalPath})")) { Data = about });
            log.Write(new ToolEvent("Z024", "RunResultError", "error", $"  {message}") { Data = Explained("msg", message) });
        }

        if (result.CompiledCode is not null && node.Type != ResourceType.Operation)
        {
            var path = TargetFiles.PathOf(State!, TargetFiles.Compiled, node);
            log.Write(ToolEvent.Blank);
            log.Write(new ToolEvent("Z026", "SQLCompiledPath", "info", $"  compiled code at {path}") { Data = Explained("path", path) });
        }

        if (node.Type == ResourceType.Test && result.RelationName is { } relation)
        {
            const string Rule = "---------------------------------------------------------";
            log.Write(ToolEvent.Blank);
            log.Write(new ToolEvent("Z027", "CheckNodeTestFailure", "info", $"  See test failures:\n  {Rule}\n  select * from {relation}\n  {Rule}") { Data = Explained("relation_name", relation) });
        }

        PythonDict Explained(string key, string text) => new() { ["node_info"] = info, [key] = text };
    }

    // A blank line stands between hooks and nodes.
    private void EndHooks()
    {
        if (_lastHook is null) return;
        _lastHook = null;
        log.Write(ToolEvent.Blank);
    }

    private PythonDict NodeInfo(DbtNode node, string status, DateTimeOffset? startedAt, DateTimeOffset? finishedAt = null) => new()
    {
        ["node_path"] = node.Path,
        ["node_name"] = node.Name,
        ["unique_id"] = node.UniqueId,
        ["resource_type"] = node.TypeName,
        ["materialized"] = node.Config.Materialized,
        ["node_status"] = status,
        ["node_started_at"] = Local(startedAt),
        ["node_finished_at"] = Local(finishedAt),
        ["meta"] = node.Config.Meta,
        ["node_checksum"] = node.Checksum,
        ["node_relation"] = new PythonDict
        {
            ["database"] = node.Database ?? State!.Database,
            ["schema"] = node.Schema,
            ["alias"] = node.Alias,
            ["relation_name"] = ManifestWriter.RelationName(State!, node) ?? "",
        },
    };

    private static string Local(DateTimeOffset? time) => time is { } moment ? ManifestWriter.Moment(moment).TrimEnd('Z') : "";

    private static PythonDict Counted(int index, int total, string totalName, PythonDict info, params ReadOnlySpan<(string Key, object? Value)> others)
    {
        var data = new PythonDict { ["index"] = (long)index, [totalName] = (long)total, ["node_info"] = info };
        foreach (var (key, value) in others) data[key] = value;
        return data;
    }

    private static PythonDict Batched(BatchStep step, params ReadOnlySpan<(string Key, object? Value)> others)
    {
        var data = new PythonDict { ["batch_index"] = (long)step.Index, ["total_batches"] = (long)step.Total };
        foreach (var (key, value) in others) data[key] = value;
        return data;
    }

    private static PythonDict Text(string message) => new() { ["msg"] = message };

    private static string Counts(IEnumerable<DbtNode> nodes) => string.Join(", ", nodes
        .GroupBy(node => node.Type switch
        {
            ResourceType.Model => $"{node.Config.Materialized} model",
            ResourceType.Operation => "project hook",
            ResourceType.Test => "data test",
            _ => node.TypeName.Replace('_', ' '),
        }, StringComparer.Ordinal)
        .OrderBy(group => group.First().Type == ResourceType.Test ? "test" : group.Key, StringComparer.Ordinal)
        .Select(group => Plural(group.Count(), group.Key)));

    private static string Plural(int count, string name) => count == 1 ? $"1 {name}" : $"{count} {(name switch { "analysis" => "analyses", "saved query" => "saved queries", "partial success" => "partial successes", _ => $"{name}s" })}";
}
