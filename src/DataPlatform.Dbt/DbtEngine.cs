using DataPlatform.Dbt.Artifacts;
using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;
using DataPlatform.Dbt.Run;
using DataPlatform.Warehouses;

namespace DataPlatform.Dbt;

/// <summary>The commands of dbt that run nodes.</summary>
internal enum DbtCommand
{
    Build, Run, Test, Seed, Snapshot, Compile, List,
}

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
        string database;
        string? searched = null;
        var transaction = await warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            database = (string)(await transaction.QueryAsync("select current_database()::varchar", cancellationToken: cancellationToken).ConfigureAwait(false))[0][0]!;
            if (warehouse.System == "duckdb") searched = (string?)(await transaction.QueryAsync("select current_setting('file_search_path')", cancellationToken: cancellationToken).ConfigureAwait(false))[0][0];
        }

        var state = new EngineState(options, warehouse.System, database, (level, message) => observer?.Log(level, message)) { FileSearchPath = searched is { Length: > 0 } ? $"{searched},{Path.GetFullPath(options.ProjectFolder)}" : Path.GetFullPath(options.ProjectFolder) };
        // Macros can be called deeper than the pool's stacks.
        await OnThread(() => ProjectLoader.Load(state, cancellationToken)).ConfigureAwait(false);
        return new DbtEngine(warehouse, observer, state);
    }

    /// <summary>Runs a command over the nodes that are selected.</summary>
    /// <exception cref="DataPlatformException">It could not be begun. Failures of nodes are results.</exception>
    public async Task<DbtRunResult> RunAsync(DbtCommand command, CancellationToken cancellationToken = default)
    {
        _state.Command = command == DbtCommand.List ? "ls" : command.ToString().ToLowerInvariant();
        var selected = Select(command);
        _state.SelectedResources = new PythonList(selected.Select(node => node.UniqueId));
        if (command == DbtCommand.List) return new DbtRunResult([]);
        var started = _state.Options.Time.GetTimestamp();
        var run = new DagRun(_state, _warehouse, _observer, command, selected);
        var results = await run.RunAsync(cancellationToken).ConfigureAwait(false);
        WriteArtifacts(results, _state.Options.Time.GetElapsedTime(started));
        return new DbtRunResult(results);
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
        try
        {
            var result = context.Bind(found).Invoke(context.NewRun(), [], [.. arguments.Items.Select(item => new KeyValuePair<string, object?>(Representation.Print(item.Key), item.Value))]);
            database.Commit();
            return result;
        }
        catch (DatabaseError e)
        {
            throw new DataPlatformException(FailureClass.Data, $"Database Error in macro {macro} ({found.Path}): {e.Message}", innerException: e);
        }
    });

    /// <summary>The nodes that a command takes, those before others first.</summary>
    public IReadOnlyList<DbtNode> Select(DbtCommand command)
    {
        Func<DbtNode, bool> takes = command switch
        {
            DbtCommand.Run => node => node.Type == ResourceType.Model,
            DbtCommand.Test => node => node.Type is ResourceType.Test or ResourceType.UnitTest,
            DbtCommand.Seed => node => node.Type == ResourceType.Seed,
            DbtCommand.Snapshot => node => node.Type == ResourceType.Snapshot,
            DbtCommand.Build => node => node.Type is ResourceType.Model or ResourceType.Test or ResourceType.UnitTest or ResourceType.Seed or ResourceType.Snapshot or ResourceType.Exposure or ResourceType.SavedQuery,
            DbtCommand.Compile => node => node.Type is ResourceType.Model or ResourceType.Test or ResourceType.Snapshot or ResourceType.Analysis,
            _ => node => node.Type is not ResourceType.Operation,
        };
        var selection = ProjectSelection.Select(_state);
        foreach (var warning in selection.Warnings) _state.Log("warn", warning);
        return [.. Sort().Where(takes).Where(node => selection.Ids.Contains(node.UniqueId))];
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

    private void WriteArtifacts(IReadOnlyList<NodeResult> results, TimeSpan elapsed)
    {
        var folder = _state.Options.TargetPath ?? Path.Combine(_state.Options.ProjectFolder, "target");
        Directory.CreateDirectory(folder);
        var compiled = results.Where(result => result.CompiledCode is not null).ToDictionary(result => result.Node.UniqueId, result => result.CompiledCode!, StringComparer.Ordinal);
        Write("manifest.json", ManifestWriter.Write(_state, compiled));
        Write("run_results.json", RunResultsWriter.Write(_state, results, elapsed));

        // Whoever reads it sees the old file or the new one.
        void Write(string name, PythonDict content)
        {
            var path = Path.Combine(folder, name);
            File.WriteAllText($"{path}.new", JsonText.Write(content, sortKeys: false));
            File.Move($"{path}.new", path, overwrite: true);
        }
    }

    internal static Task<T> OnThread<T>(Func<T> work)
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
            Name = "dbt",
        };
        thread.Start();
        return source.Task;
    }
}
