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
    private bool IsCompile => State!.Command == "compile";

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
        var statement = Statement(hook);
        log.Write(new ToolEvent("Q032", "LogHookStartLine", "info", ToolEvent.Progress(index, total, $"START hook: {statement}", "RUN"))
        {
            Data = Counted(index, total, "total", NodeInfo(hook, "started", DateTimeOffset.UtcNow), ("statement", statement)),
        });
    }

    public void Started(DbtNode node, int index, int total)
    {
        if (IsCompile) return;
        EndHooks();
        var description = Describe(node);
        log.Write(new ToolEvent("Q011", "LogStartLine", "info", ToolEvent.Progress(index, total, $"START {description}", "RUN"))
        {
            Data = Counted(index, total, "total", NodeInfo(node, "started", DateTimeOffset.UtcNow), ("description", description)),
        });
    }

    public void Ended(NodeResult result, int index, int total)
    {
        if (result.Node.Type != ResourceType.Operation) EndHooks();
        _results.Add(result);
        if (IsCompile) return;
        log.Write(result.Thread == "main" ? Line(result, index, total) : Line(result, index, total) with { Thread = result.Thread });
    }

    /// <summary>What is said when all is over, or when it was stopped.</summary>
    public void Finish(bool isStopped)
    {
        if (_startedAt is not { } startedAt) return;
        var elapsed = DateTimeOffset.UtcNow - startedAt;
        if (!IsCompile)
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

    private ToolEvent Line(NodeResult result, int index, int total)
    {
        var (node, colors) = (result.Node, log.Colors);
        var info = NodeInfo(node, result.Status, result.StartedAt, DateTimeOffset.UtcNow);
        var isError = result.Status == "error";
        var seconds = ("execution_time", (object?)result.Elapsed.TotalSeconds);
        if (result.Status == "skipped")
        {
            var name = node.IsRefable ? $"relation {node.Schema}.{node.Alias}" : $"{node.TypeName} {node.Name}";
            return new ToolEvent("Q034", "SkippingDetails", "info", ToolEvent.Progress(index, total, $"SKIP {name}", colors.Yellow("SKIP")))
            {
                Data = Counted(index, total, "total", info, ("resource_type", node.TypeName), ("node_name", node.Name), ("schema", node.Schema)),
            };
        }

        if (result.Status == "no-op")
        {
            return new ToolEvent("Q019", "LogNodeNoOpResult", "info", ToolEvent.Progress(index, total, $"NO-OP {Describe(node)}", colors.Yellow("NO-OP"), result.Elapsed))
            {
                Data = Counted(index, total, "total", info, ("description", Describe(node)), ("status", ""), seconds),
            };
        }

        var said = isError ? "ERROR" : result.Message ?? "OK";
        switch (node.Type)
        {
            case ResourceType.Source:
                var aged = result.Status switch { "runtime error" => "ERROR", "error" => "ERROR STALE", var other => other.ToUpperInvariant() };
                return new ToolEvent("Q018", "LogFreshnessResult", result.Status switch { "pass" => "info", "warn" => "warn", _ => "error" },
                    ToolEvent.Progress(index, total, $"{aged} freshness of {node.SourceName}.{node.Name}", result.Status == "warn" ? colors.Yellow(aged) : result.IsFailure ? colors.Red(aged) : colors.Green(aged), result.Elapsed))
                {
                    Data = Counted(index, total, "total", info, ("source_name", node.SourceName), ("status", result.Status), ("table_name", node.Name), seconds),
                };
            case ResourceType.Operation:
                var statement = Statement(node);
                return new ToolEvent("Q033", "LogHookEndLine", isError ? "error" : "info",
                    ToolEvent.Progress(index, total, $"{(isError ? "ERROR" : "OK")} hook: {statement}", Color(isError ? "ERROR" : "OK"), result.Elapsed))
                {
                    Data = Counted(index, total, "total", info, ("statement", statement), ("status", result.Status), seconds),
                };
            case ResourceType.Test or ResourceType.UnitTest:
                var outcome = result.Status is "warn" or "fail" ? $"{result.Status.ToUpperInvariant()} {result.Failures}" : result.Status.ToUpperInvariant();
                return new ToolEvent("Q007", "LogTestResult", result.Status switch { "warn" => "warn", "pass" => "info", _ => "error" },
                    ToolEvent.Progress(index, total, $"{outcome} {TestName(node)}", result.Status == "warn" ? colors.Yellow(outcome) : result.Status == "pass" ? colors.Green(outcome) : colors.Red(outcome), result.Elapsed))
                {
                    Data = Counted(index, total, "num_models", info, ("name", node.Name), ("status", result.Status), ("num_failures", result.Failures ?? 0L), ("attached_node", node.AttachedNode ?? ""), seconds),
                };
            case ResourceType.Seed:
                return new ToolEvent("Q016", "LogSeedResult", isError ? "error" : "info",
                    ToolEvent.Progress(index, total, $"{(isError ? "ERROR loading" : "OK loaded")} seed file {node.Schema}.{node.Alias}", Color(said), result.Elapsed))
                {
                    Data = Counted(index, total, "total", info, ("relation", node.Alias), ("schema", node.Schema), ("status", result.Status), ("result_message", said), seconds),
                };
            case ResourceType.Snapshot:
                return new ToolEvent("Q015", "LogSnapshotResult", isError ? "error" : "info",
                    ToolEvent.Progress(index, total, $"{(isError ? "ERROR snapshotting" : "OK snapshotted")} {node.Schema}.{node.Alias}", Color(said), result.Elapsed))
                {
                    Data = Counted(index, total, "total", info, ("description", $"{node.Schema}.{node.Alias}"), ("status", result.Status), ("result_message", said), ("cfg", new PythonDict()), seconds),
                };
            default:
                return new ToolEvent("Q012", "LogModelResult", isError ? "error" : "info",
                    ToolEvent.Progress(index, total, $"{(isError ? "ERROR creating" : "OK created")} {Describe(node)}", Color(said), result.Elapsed))
                {
                    Data = Counted(index, total, "total", info, ("description", Describe(node)), ("status", isError ? "error" : said), seconds),
                };
        }

        string Color(string text) => isError ? colors.Red(text) : colors.Green(text);
    }

    private void Summarize(bool isStopped)
    {
        var colors = log.Colors;
        var errors = _results.Where(result => result.IsFailure || (result.Status == "skipped" && result.Message is not null)).ToList();
        var warnings = _results.Where(result => result.Status == "warn").ToList();
        log.Write(ToolEvent.Blank);
        log.Write(new ToolEvent("Z030", "EndOfRunSummary", "info",
            isStopped ? colors.Yellow("Exited because of keyboard interrupt")
            : errors.Count > 0 ? colors.Red($"Completed with {Plural(errors.Count, "error")}, 0 partial successes, and {Plural(warnings.Count, "warning")}:")
            : warnings.Count > 0 ? colors.Yellow($"Completed with {Plural(warnings.Count, "warning")}:")
            : colors.Green("Completed successfully"))
        {
            Data = new PythonDict { ["num_errors"] = (long)errors.Count, ["num_warnings"] = (long)warnings.Count, ["num_partial_success"] = 0L, ["keyboard_interrupt"] = isStopped },
        });
        foreach (var result in errors.Where(result => result.IsFailure)) Explain(result, isWarning: false);
        foreach (var result in warnings) Explain(result, isWarning: true);
        if (IsCompile) return;

        long Count(params string[] statuses) => _results.Count(result => statuses.Contains(result.Status));
        var stats = new PythonDict
        {
            ["pass"] = Count("pass", "success"),
            ["warn"] = Count("warn"),
            ["error"] = Count("error", "fail"),
            ["skip"] = Count("skipped"),
            ["noop"] = Count("no-op"),
            ["total"] = (long)_results.Count,
        };
        log.Write(ToolEvent.Blank);
        log.Write(new ToolEvent("Z023", "StatsLine", "info",
            $"Done. PASS={Count("pass", "success")} WARN={Count("warn")} ERROR={Count("error", "fail")} SKIP={Count("skipped")} NO-OP={Count("no-op")} TOTAL={_results.Count}")
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

    private static PythonDict Text(string message) => new() { ["msg"] = message };

    // dbt counts the hooks of each package: package.on-run-start.0.
    private static string Statement(DbtNode hook) => $"{hook.Package}.{hook.Name[(hook.Package.Length + 1)..hook.Name.LastIndexOf('-')]}.{hook.Name[(hook.Name.LastIndexOf('-') + 1)..]}";

    private static string Describe(DbtNode node) => node.Type switch
    {
        ResourceType.Model => $"sql {node.Config.Materialized} model {node.Schema}.{node.Alias}",
        ResourceType.Seed => $"seed file {node.Schema}.{node.Alias}",
        ResourceType.Snapshot => $"snapshot {node.Schema}.{node.Alias}",
        ResourceType.Source => $"freshness of {node.SourceName}.{node.Name}",
        ResourceType.UnitTest => $"{node.TypeName} {TestName(node)}",
        _ => $"{node.TypeName} {node.Name}",
    };

    // Of a unit test with its model.
    private static string TestName(DbtNode node) => node.Type == ResourceType.UnitTest ? $"{node.Fqn[^2]}::{node.Name}" : node.Name;

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

    private static string Plural(int count, string name) => count == 1 ? $"1 {name}" : $"{count} {(name switch { "analysis" => "analyses", "saved query" => "saved queries", _ => $"{name}s" })}";
}
