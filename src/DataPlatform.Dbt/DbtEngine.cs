using DataPlatform.Dbt.Artifacts;
using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;
using DataPlatform.Dbt.Run;
using DataPlatform.Dbt.Selection;
using DataPlatform.Warehouses;

namespace DataPlatform.Dbt;

/// <summary>Runs a dbt project in this process.</summary>
internal sealed class DbtEngine
{
    private readonly IWarehouse _warehouse;
    private readonly IDbtObserver? _observer;
    private readonly EngineState _state;

    private DbtEngine(IWarehouse warehouse, IDbtObserver? observer, EngineState state) => (_warehouse, _observer, _state) = (warehouse, observer, state);

    public EngineState State => _state;

    public DbtProject Project => _state.Project!;

    /// <summary>Reads a project.</summary>
    /// <exception cref="DataPlatformException">The project is wrong or asks for what is not supported, or the warehouse cannot be reached.</exception>
    public static async Task<DbtEngine> OpenAsync(IWarehouse warehouse, DbtOptions options, IDbtObserver? observer = null, CancellationToken cancellationToken = default)
    {
        if (warehouse.System is not ("duckdb" or "postgresql"))
            throw new DataPlatformException(FailureClass.Configuration, $"The built-in dbt engine runs on DuckDB and PostgreSQL, and warehouse '{warehouse.Name}' is {warehouse.System}.", "Install dbt and set the runner to Cli.");
        var place = Task.Run(() => FindPlaceAsync(warehouse, options, cancellationToken), CancellationToken.None);
        var state = new EngineState(options, warehouse.System, place, (level, message) => observer?.Log(level, message));
        // Macros can be called deeper than the pool's stacks.
        var project = OnThread(() => ProjectLoader.Load(state, cancellationToken));
        // Of two failures the database's is told: it may be why the project could not be read.
        await Task.WhenAll(place, project).ConfigureAwait(false);
        return new DbtEngine(warehouse, observer, state);
    }

    private static async Task<DatabasePlace> FindPlaceAsync(IWarehouse warehouse, DbtOptions options, CancellationToken cancellationToken)
    {
        var isDuckDb = warehouse.System == "duckdb";
        var transaction = await warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            var sql = $"select current_database()::varchar, current_setting('search_path')::varchar, {(isDuckDb ? "current_setting('file_search_path')::varchar" : "''")}";
            var row = (await transaction.QueryAsync(sql, cancellationToken: cancellationToken).ConfigureAwait(false))[0];
            var files = ((string?)row[2] ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries).Append(Path.GetFullPath(options.ProjectFolder)).Distinct(StringComparer.Ordinal);
            return new DatabasePlace(options.Database ?? (string)row[0]!, options.Schema ?? FindSchema((string)row[1]!, isDuckDb), string.Join(',', files));
        }
    }

    // PostgreSQL's own search path begins with the user's schema, which there hardly ever is. What is not quoted in it is lower case.
    private static string FindSchema(string searchPath, bool isDuckDb) =>
        searchPath.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(name => isDuckDb || name.StartsWith('"') ? name.Trim('"') : name.ToLowerInvariant()).FirstOrDefault(name => name != "$user") ?? (isDuckDb ? "main" : "public");

    /// <summary>Runs a command over the nodes that are selected.</summary>
    /// <exception cref="DataPlatformException">It could not be begun. Failures of nodes are results.</exception>
    public Task<DbtRunResult> RunAsync(DbtCommand command, CancellationToken cancellationToken = default) => RunAsync(Enum.Parse<EngineCommand>(command.ToString()), cancellationToken);

    /// <inheritdoc cref="RunAsync(DbtCommand, CancellationToken)"/>
    public async Task<DbtRunResult> RunAsync(EngineCommand command, CancellationToken cancellationToken = default)
    {
        _state.Command = command == EngineCommand.SourceFreshness ? "freshness" : command.ToString().ToLowerInvariant();
        var selected = Select(command);
        _state.SelectedResources = new PythonList(selected.Select(node => node.UniqueId));
        if (command == EngineCommand.List) return new DbtRunResult([]);
        var run = new DagRun(_state, _warehouse, _observer, command, selected);
        _observer?.Selected(run.Nodes);
        if (command == EngineCommand.Clone || _state.Options.Defer) await OnThread(() => Defer(command, selected, cancellationToken)).ConfigureAwait(false);
        var started = _state.Options.Time.GetTimestamp();
        try
        {
            if (run.Nodes.Count > 0) await run.RunAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // What had ended before is known to who takes up the rest.
            WriteArtifacts(command, run.Results, _state.Options.Time.GetElapsedTime(started));
            throw;
        }

        WriteArtifacts(command, run.Results, _state.Options.Time.GetElapsedTime(started));
        return new DbtRunResult(run.Results);
    }

    /// <summary>Calls a macro.</summary>
    /// <exception cref="DataPlatformException">There is no such macro, or it failed.</exception>
    public Task<object?> RunOperationAsync(string macro, PythonDict arguments, CancellationToken cancellationToken = default) => OnThread(() =>
    {
        _state.Command = "run-operation";
        var dot = macro.IndexOf('.', StringComparison.Ordinal);
        var found = dot < 0 ? Project.Macros.Find(macro, Project.Root.Name) : Project.Macros.In(macro[..dot], macro[(dot + 1)..]);
        if (found is null) throw new DataPlatformException(FailureClass.Configuration, $"dbt could not find a macro with the name '{macro}' in any package.", "Name a macro of the project, or package.macro.");
        using var database = new Database(_warehouse, _state, cancellationToken);
        var context = new NodeContext(_state, Project.Root.Name, database: database, cancellationToken: cancellationToken);
        var node = new DbtNode { UniqueId = found.UniqueId, Type = ResourceType.Operation, Package = found.Package, Name = found.Name, Path = found.Path, OriginalPath = found.Path, Fqn = [found.Package, found.Name] };
        var (started, clock) = (_state.Options.Time.GetUtcNow(), _state.Options.Time.GetTimestamp());
        var status = "error";
        try
        {
            var result = context.Bind(found).Invoke(context.NewRun(), [], [.. arguments.Items.Select(item => new KeyValuePair<string, object?>(Representation.Print(item.Key), item.Value))]);
            database.Commit();
            status = "success";
            return result;
        }
        catch (DatabaseError e)
        {
            throw new DataPlatformException(FailureClass.Data, $"Database Error in macro {macro} ({found.Path}): {e.Message}", innerException: e);
        }
        finally
        {
            var elapsed = _state.Options.Time.GetElapsedTime(clock);
            WriteArtifacts(null, [new NodeResult(node, status) { StartedAt = started, Elapsed = elapsed, Failures = 0 }], elapsed);
        }
    });

    /// <summary>The nodes that a command takes, those before others first.</summary>
    public IReadOnlyList<DbtNode> Select(DbtCommand command) => Select(Enum.Parse<EngineCommand>(command.ToString()));

    private IReadOnlyList<DbtNode> Select(EngineCommand command)
    {
        Func<DbtNode, bool> takes = command switch
        {
            EngineCommand.Run => node => node.Type == ResourceType.Model,
            EngineCommand.Test => node => node.Type is ResourceType.Test or ResourceType.UnitTest,
            EngineCommand.Seed => node => node.Type == ResourceType.Seed,
            EngineCommand.Snapshot => node => node.Type == ResourceType.Snapshot,
            EngineCommand.Build => node => node.Type is ResourceType.Model or ResourceType.Test or ResourceType.UnitTest or ResourceType.Seed or ResourceType.Snapshot or ResourceType.Exposure or ResourceType.SavedQuery,
            EngineCommand.Compile => node => node.Type is ResourceType.Model or ResourceType.Test or ResourceType.Snapshot or ResourceType.Analysis,
            EngineCommand.Show => node => node.Type is ResourceType.Model or ResourceType.Seed or ResourceType.Test or ResourceType.Snapshot or ResourceType.Analysis,
            EngineCommand.Clone => node => node.IsRefable,
            EngineCommand.SourceFreshness => FreshnessRun.HasFreshness,
            // Analyses are listed when they are asked for.
            _ => node => node.Type is not (ResourceType.Operation or ResourceType.Analysis) || (node.Type == ResourceType.Analysis && _state.Options.ResourceTypes.Any(kind => kind is "all" or "analysis")),
        };
        if (_state.Options.Inline is not null) return [.. Project.Nodes.Values.Where(node => node.Name == ProjectLoader.InlineName)];
        if (_state.Options.Only is { } only) return [.. Sort().Where(node => only.Contains(node.UniqueId))];
        var selection = ProjectSelection.Select(_state);
        foreach (var warning in selection.Warnings)
        {
            if (_state.Options.WarnError) throw new DataPlatformException(FailureClass.Configuration, warning, "Warnings are errors here, because --warn-error is given.");
            _observer?.Unmatched(warning);
        }

        return [.. Sort().Where(takes).Where(node => selection.Ids.Contains(node.UniqueId) && IsTaken(_state.Options, node))];

        static bool IsTaken(DbtOptions options, DbtNode node) =>
            (options.ResourceTypes.Count == 0 || options.ResourceTypes.Any(kind => kind is "all" or "default" || kind == node.TypeName)) && !options.ExcludeResourceTypes.Contains(node.TypeName);
    }

    /// <summary>Writes what the database has of the project's relations.</summary>
    public Task WriteCatalogAsync(CancellationToken cancellationToken = default) => OnThread(() =>
    {
        using var database = new Database(_warehouse, _state, cancellationToken);
        Write("catalog.json", CatalogWriter.Write(_state, database));
        return true;
    });

    // What the selected nodes read and this run does not make is taken from the earlier run, where this target lacks it.
    private bool Defer(EngineCommand command, IReadOnlyList<DbtNode> selected, CancellationToken cancellationToken)
    {
        var options = _state.Options;
        var folder = options.DeferFolder ?? options.StateFolder ?? throw new DataPlatformException(FailureClass.Configuration, "Deferral needs the artifacts of an earlier run.", "Name their folder by --state.");
        var relations = PreviousState.Load(folder, _state.TargetFolder).Relations;
        if (command == EngineCommand.Clone)
        {
            foreach (var node in selected)
                if (relations.TryGetValue(node.UniqueId, out var found)) _state.Deferred[node.UniqueId] = At(found);
            return true;
        }

        var made = selected.Select(node => node.UniqueId).ToHashSet(StringComparer.Ordinal);
        var open = new Stack<DbtNode>(selected);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        using var database = new Database(_warehouse, _state, cancellationToken);
        while (open.TryPop(out var node))
        {
            foreach (var read in node.DependsOn.Where(seen.Add).Select(id => Project.Nodes[id]))
            {
                if (read.IsEphemeral) open.Push(read);
                else if (read.IsRefable && !made.Contains(read.UniqueId) && relations.TryGetValue(read.UniqueId, out var relation)
                    && (options.FavorState || database.Find(_state.NewRelation(read)) is null))
                    _state.Deferred[read.UniqueId] = At(relation);
            }
        }

        return true;

        static DbtRelation At((string? Database, string Schema, string Alias) place) => new(new RelationName(place.Database, place.Schema, place.Alias));
    }

    private List<DbtNode> Sort()
    {
        var (sorted, seen) = (new List<DbtNode>(), new HashSet<string>(StringComparer.Ordinal));
        foreach (var node in Project.Nodes.Values) Visit(node);
        return sorted;

        void Visit(DbtNode node)
        {
            if (!seen.Add(node.UniqueId)) return;
            foreach (var id in node.DependsOn) Visit(Project.Nodes[id]);
            sorted.Add(node);
        }
    }

    /// <summary>Writes what is known of the project.</summary>
    public void WriteManifest() => Write("manifest.json", ManifestWriter.Write(_state, new Dictionary<string, string>()));

    private void WriteArtifacts(EngineCommand? command, IReadOnlyList<NodeResult> results, TimeSpan elapsed)
    {
        var compiled = results.Where(result => result.CompiledCode is not null).ToDictionary(result => result.Node.UniqueId, result => result.CompiledCode!, StringComparer.Ordinal);
        Write("manifest.json", ManifestWriter.Write(_state, compiled));
        if (command == EngineCommand.SourceFreshness) Write("sources.json", SourcesWriter.Write(_state, results, elapsed));
        else Write("run_results.json", RunResultsWriter.Write(_state, results, elapsed));
    }

    // Whoever reads it sees the old file or the new one.
    private void Write(string name, PythonDict content)
    {
        var path = Path.Combine(Directory.CreateDirectory(_state.TargetFolder).FullName, name);
        File.WriteAllText($"{path}.new", JsonText.Write(content, sortKeys: false));
        File.Move($"{path}.new", path, overwrite: true);
    }

    /// <summary>Does work on a thread of its own, which templates see the name of.</summary>
    internal static Task<T> OnThread<T>(Func<T> work, string name = "MainThread")
    {
        var source = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(
            () =>
            {
                try
                {
                    source.SetResult(work());
                }
                catch (OperationCanceledException e)
                {
                    source.SetCanceled(e.CancellationToken);
                }
                catch (Exception e)
                {
                    source.SetException(e);
                }
            },
            maxStackSize: 16 << 20)
        {
            IsBackground = true,
            Name = name,
        };
        thread.Start();
        return source.Task;
    }
}
