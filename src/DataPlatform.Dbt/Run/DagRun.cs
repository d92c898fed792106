using DataPlatform.Dbt.Artifacts;
using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;
using DataPlatform.Warehouses;

namespace DataPlatform.Dbt.Run;

/// <summary>Runs nodes after those that they read, some at the same time; what reads a node that failed is skipped.</summary>
internal sealed class DagRun(EngineState state, IWarehouse warehouse, IDbtObserver? observer, EngineCommand command, IReadOnlyList<DbtNode> selected)
{
    private readonly List<NodeResult> _results = [];
    private readonly List<DbtNode> _runnable = [.. selected.Where(node => !node.IsEphemeral || command == EngineCommand.Show)];
    private readonly Dictionary<string, HashSet<string>> _waits = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DbtNode> _skippedFor = new(StringComparer.Ordinal);
    private int _begun;

    /// <summary>The nodes that run, and have results.</summary>
    public IReadOnlyList<DbtNode> Nodes => _runnable;

    /// <summary>In the order they ended.</summary>
    public IReadOnlyList<NodeResult> Results => _results;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var total = _runnable.Count;
        var onlyReads = command is EngineCommand.Compile or EngineCommand.Show;
        var runsHooks = !onlyReads && command != EngineCommand.Clone;
        if (!onlyReads && command != EngineCommand.SourceFreshness) await DbtEngine.OnThread(() => CreateSchemas(_runnable, cancellationToken)).ConfigureAwait(false);
        if (runsHooks && !await RunHooksAsync("on-run-start", cancellationToken).ConfigureAwait(false))
        {
            foreach (var node in _runnable) End(Skipped(node, "on-run-start failed"), ++_begun, total);
            return;
        }

        FindWaits(_runnable);
        var pending = new List<DbtNode>(_runnable);
        var running = new Dictionary<Task<NodeResult>, (int Index, int Thread)>();
        var stops = false;
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        while (pending.Count > 0 || running.Count > 0)
        {
            while (running.Count < Math.Max(1, state.Options.Threads) && pending.Find(node => _waits[node.UniqueId].Count == 0) is { } next)
            {
                pending.Remove(next);
                var index = ++_begun;
                if (stops || _skippedFor.ContainsKey(next.UniqueId))
                {
                    var skipped = Skipped(next, stops ? "Skipping due to fail_fast" : null);
                    End(skipped, index, total);
                    continue;
                }

                observer?.Started(next, index, total);
                // Threads are named by the lowest number that is free.
                var number = Enumerable.Range(1, running.Count + 1).First(candidate => running.Values.All(other => other.Thread != candidate));
                var thread = $"Thread-{number} (worker)";
                running.Add(DbtEngine.OnThread(() => RunNode(next, thread, stopping.Token), thread), (index, number));
            }

            if (running.Count == 0) continue;
            var ended = await Task.WhenAny(running.Keys).ConfigureAwait(false);
            var (place, _) = running[ended];
            running.Remove(ended);
            NodeResult result;
            try
            {
                result = await ended.ConfigureAwait(false);
            }
            catch
            {
                // The others' transactions end before this does.
                await stopping.CancelAsync().ConfigureAwait(false);
                await Task.WhenAll(running.Keys.Select(task => task.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default))).ConfigureAwait(false);
                throw;
            }

            stops |= state.Options.FailFast && result.IsFailure;
            End(result, place, total);
        }

        if (runsHooks) await RunHooksAsync("on-run-end", cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Makes all schemas before nodes run: two that make the same one at the same moment would be in each other's way.</summary>
    private bool CreateSchemas(IEnumerable<DbtNode> nodes, CancellationToken cancellationToken)
    {
        using var database = new Database(warehouse, state, cancellationToken);
        try
        {
            foreach (var schema in nodes.Where(node => ManifestWriter.RelationName(state, node) is not null).Select(node => state.NewRelation(node).Folded.Schema!).Distinct(StringComparer.Ordinal)) database.CreateSchema(schema);
            database.Commit();
            return true;
        }
        catch (DatabaseError e)
        {
            throw new DataPlatformException(FailureClass.Configuration, $"The schemas of the project cannot be made: {e.Message}", "Give the user the right to create schemas, or make them before.", e);
        }
    }

    /// <summary>What each node waits for: what it reads, and in a build the tests of that.</summary>
    private void FindWaits(List<DbtNode> nodes)
    {
        var runs = nodes.Select(node => node.UniqueId).ToHashSet(StringComparer.Ordinal);
        var ancestors = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
        // What is only read or pointed to is there already.
        foreach (var node in nodes) _waits[node.UniqueId] = command is EngineCommand.Clone or EngineCommand.Show ? [] : [.. Ancestors(node).Where(runs.Contains)];
        if (command != EngineCommand.Build) return;
        // A unit test runs when its model's turn comes, and before it.
        foreach (var test in nodes.Where(node => node.Type == ResourceType.UnitTest)) _waits[test.UniqueId] = [.. Ancestors(InTurnOf(test)).Where(runs.Contains)];
        foreach (var test in nodes.Where(node => node.Type == ResourceType.Test))
        {
            // A test that reads two models holds up those after either, but for those that it reads itself.
            foreach (var node in nodes.Where(node => node.Type != ResourceType.Test && !node.IsDescription))
                if (test.DependsOn.Any(Ancestors(InTurnOf(node)).Contains) && !Ancestors(test).Contains(InTurnOf(node).UniqueId)) _waits[node.UniqueId].Add(test.UniqueId);
        }

        foreach (var test in nodes.Where(node => node.Type == ResourceType.UnitTest))
            if (_waits.TryGetValue(test.DependsOn[0], out var waits)) waits.Add(test.UniqueId);

        DbtNode InTurnOf(DbtNode node) => node.Type == ResourceType.UnitTest ? state.Project!.Nodes[node.DependsOn[0]] : node;

        HashSet<string> Ancestors(DbtNode node)
        {
            if (ancestors.TryGetValue(node.UniqueId, out var found)) return found;
            found = new HashSet<string>(StringComparer.Ordinal);
            foreach (var id in node.DependsOn)
            {
                found.Add(id);
                found.UnionWith(Ancestors(state.Project!.Nodes[id]));
            }

            return ancestors[node.UniqueId] = found;
        }
    }

    private void End(NodeResult result, int index, int total)
    {
        _results.Add(result);
        foreach (var (id, waits) in _waits)
            if (waits.Remove(result.Node.UniqueId) && (result.IsFailure || (result.Status == "skipped" && result.Node.Type is not (ResourceType.Test or ResourceType.UnitTest)))) _skippedFor.TryAdd(id, result.Node);
        observer?.Ended(result, index, total);
    }

    private NodeResult Skipped(DbtNode node, string? reason) =>
        new(node, "skipped") { Message = reason, StartedAt = state.Options.Time.GetUtcNow(), RelationName = ManifestWriter.RelationName(state, node) };

    private NodeResult RunNode(DbtNode node, string thread, CancellationToken cancellationToken)
    {
        var (started, clock) = (state.Options.Time.GetUtcNow(), state.Options.Time.GetTimestamp());
        // There is nothing to do for it, and dbt says so.
        if (node.IsDescription) return new NodeResult(node, "no-op") { Message = "NO-OP", Failures = 0, StartedAt = started, Thread = thread };
        DateTimeOffset? compiledAt = null;
        string? compiled = null;
        using var database = new Database(warehouse, state, cancellationToken);
        try
        {
            if (node.Type == ResourceType.UnitTest)
            {
                var unit = new UnitTestRun(state, node, database, cancellationToken);
                compiled = unit.Compile();
                compiledAt = state.Options.Time.GetUtcNow();
                var (verdict, difference, count) = unit.Run(compiled);
                return Result(verdict, difference) with { Failures = count, Response = database.LastResponse };
            }

            if (node.IsMicrobatch && command is not (EngineCommand.Compile or EngineCommand.Clone or EngineCommand.Show))
            {
                var batches = new MicrobatchRun(state, warehouse, observer, node, thread, cancellationToken).Run();
                return Result(batches.Status, batches.Message) with { Rows = batches.Rows, Exception = batches.Exception, Batches = batches.Batches };
            }

            var context = new NodeContext(state, node.Package, node, database, cancellationToken);
            if (command == EngineCommand.Clone) return CloneRun.Run(context) ? Done() : Result("success", "No-op");
            if (node.Type is not (ResourceType.Seed or ResourceType.Source)) compiled = Compiler.Compile(context, cancellationToken);
            compiledAt = state.Options.Time.GetUtcNow();
            if (compiled is not null) TargetFiles.Write(state, TargetFiles.Compiled, node, compiled);
            if (command == EngineCommand.Compile) return Result("success", null);
            if (command == EngineCommand.Show) return Result("success", null) with { Table = Show(context, compiled), Response = database.LastResponse };
            switch (node.Type)
            {
                case ResourceType.Model: new ModelRun(context, compiled!).Run(); break;
                case ResourceType.Seed: new SeedRun(context).Run(); break;
                case ResourceType.Snapshot: new SnapshotRun(context, compiled!).Run(); break;
                case ResourceType.Source:
                    var (freshness, age) = FreshnessRun.Run(context);
                    return Result(freshness, null) with { Age = age, Response = database.LastResponse };
                case ResourceType.Test:
                    var (status, problem, failures) = TestRun.Run(context, compiled!);
                    return Result(status, problem) with { Failures = failures, Response = database.LastResponse };
            }

            return Done();
        }
        catch (Exception e) when (NodeFailure.Explain(state, node, database, e) is { } message)
        {
            return Result(node.Type == ResourceType.Source ? "runtime error" : "error", message) with { Exception = e };
        }
        finally
        {
            if (database.Main is { } main) TargetFiles.Write(state, TargetFiles.Run, node, main);
        }

        NodeResult Done() => Result("success", Representation.Print(database.LastResponse.TryGet("_message", out var said) ? said : "")) with
        {
            Response = database.LastResponse,
            Rows = database.LastRows < 0 ? null : database.LastRows,
        };

        NodeResult Result(string status, string? message) => new(node, status)
        {
            Message = message,
            StartedAt = started,
            CompiledAt = compiledAt,
            Elapsed = state.Options.Time.GetElapsedTime(clock),
            CompiledCode = compiled,
            RelationName = ManifestWriter.RelationName(state, node),
            Thread = thread,
        };
    }

    /// <summary>The first rows of a query, or of a seed's table.</summary>
    private ResultTable Show(NodeContext context, string? sql)
    {
        var limit = state.Options.Limit;
        return context.Database!.Query(Representation.Print(context.CallMacro("get_show_sql", sql ?? $"select * from {context.This!.Print()}", context.Node!.Config["sql_header"], limit < 0 ? null : (long)limit)));
    }

    private async Task<bool> RunHooksAsync(string kind, CancellationToken cancellationToken)
    {
        var package = state.Project!.Packages.Select(package => package.Name).ToList();
        var hooks = state.Project.Nodes.Values.Where(node => node.Type == ResourceType.Operation && node.Tags.Contains(kind, StringComparer.Ordinal)).ToList();
        var index = 0;
        // Packages' own hooks run before those of the project.
        foreach (var hook in hooks.OrderBy(node => node.Package == package[0]))
        {
            observer?.HookStarted(hook, ++index, hooks.Count);
            var result = await DbtEngine.OnThread(() => RunHook(hook, kind, cancellationToken)).ConfigureAwait(false);
            _results.Add(result);
            observer?.Ended(result, index, hooks.Count);
            if (result.IsFailure) return false;
        }

        return true;
    }

    private NodeResult RunHook(DbtNode hook, string kind, CancellationToken cancellationToken)
    {
        var (started, clock) = (state.Options.Time.GetUtcNow(), state.Options.Time.GetTimestamp());
        using var database = new Database(warehouse, state, cancellationToken);
        var context = new NodeContext(state, hook.Package, hook, database, cancellationToken);
        if (kind == "on-run-end")
        {
            context["results"] = new PythonList(_results.Select(result =>
            {
                var described = RunResultsWriter.Describe(result);
                described["node"] = ManifestWriter.Describe(state, result.Node);
                var copy = Globals.CopyDict(described);
                described["to_dict"] = new JinjaFunction("to_dict", _ => copy);
                return (object?)described;
            }));
            var places = selected.Where(node => node.IsRefable && !node.IsEphemeral).Select(node => (Database: node.Database ?? state.Database, node.Schema)).Distinct().ToList();
            context["schemas"] = new PythonList(places.Select(place => (object?)place.Schema).Distinct());
            context["database_schemas"] = new PythonList(places.Select(place => (object?)new PythonTuple(place.Database, place.Schema)));
        }

        var sql = (string?)null;
        try
        {
            sql = context.Render(hook.RawCode, $"{hook.OriginalPath}:{hook.Line}");
            if (!string.IsNullOrWhiteSpace(sql)) database.Query(sql);
            database.Commit();
            return Result("success", $"{hook.Name} passed") with { Failures = 0 };
        }
        catch (Exception e) when (e is DatabaseError or DataPlatformException)
        {
            return Result("error", $"{(e is DatabaseError ? "Database" : "Compilation")} Error in operation {hook.Name} ({hook.OriginalPath}:{hook.Line})\n  {e.Message}") with { Exception = e };
        }

        NodeResult Result(string status, string message) => new(hook, status)
        {
            Message = message,
            StartedAt = started,
            Elapsed = state.Options.Time.GetElapsedTime(clock),
            CompiledCode = sql,
        };
    }
}
