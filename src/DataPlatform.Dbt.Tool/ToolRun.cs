using System.Reflection;
using System.Runtime.InteropServices;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;
using DataPlatform.Dbt.Run;
using DataPlatform.Dbt.Selection;
using DataPlatform.Warehouses;

namespace DataPlatform.Dbt.Tool;

/// <summary>One call of a command. Exit codes are dbt's: 0, 1 when nodes failed, 2 when it could not go on or was stopped.</summary>
internal sealed class ToolRun
{
    public const int CannotGoOn = 2;

    private const string MetadataPrefix = "DBT_ENV_CUSTOM_ENV_";

    private readonly ToolArguments _arguments;
    private readonly ToolCommand _command;
    private readonly EventLog _log;
    private readonly DbtOptions _options;
    private readonly string _profilesFolder;

    private ToolRun(ToolArguments arguments, ToolCommand command, EventLog log, DbtOptions options, string profilesFolder) =>
        (_arguments, _command, _log, _options, _profilesFolder) = (arguments, command, log, options, profilesFolder);

    public static async Task<int> RunAsync(ToolHost host, ToolArguments arguments, ToolCommand command)
    {
        using var stopping = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        try
        {
            var project = FindProject(host, arguments);
            var yaml = ReadProject(project);
            arguments.ProjectFlags = yaml?["flags"];
            var metadata = new PythonDict(host.Variables.Where(pair => pair.Key.StartsWith(MetadataPrefix, StringComparison.Ordinal))
                .Select(pair => new KeyValuePair<string, object?>(pair.Key[MetadataPrefix.Length..], pair.Value)));
            using var log = new EventLog(arguments, host, Path.Combine(project, arguments.Text("log-path") ?? yaml?["log-path"]?.Text ?? "logs"), metadata);
            try
            {
                var options = Options(host, arguments, project, yaml, metadata, log.InvocationId);
                CheckEventTimes(options);
                return await new ToolRun(arguments, command, log, options, ProfilesFolder(host, arguments)).RunAsync(yaml, stopping.Token).ConfigureAwait(false);
            }
            catch (DataPlatformException e)
            {
                log.Write(ToolEvent.CannotGoOn(Explain(e)));
                return CannotGoOn;
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return CannotGoOn;
            }
        }
        catch (ToolUsageException e)
        {
            return await ToolCommandLine.RefuseAsync(host, arguments.Words, e.Message).ConfigureAwait(false);
        }
        catch (DataPlatformException e)
        {
            await host.Error.WriteLineAsync($"Error: {Explain(e)}").ConfigureAwait(false);
            return CannotGoOn;
        }

        // The second signal is not held up.
        void Stop(PosixSignalContext context)
        {
            context.Cancel = !stopping.IsCancellationRequested;
            stopping.Cancel();
        }
    }

    public static void ShowVersion(TextWriter output) => output.WriteLine(
        $"""
        Core:
          - installed: {ProjectFile.DbtVersion}

        Plugins:
          - duckdb:   {Version}
          - postgres: {Version}
        """);

    private static string Version => typeof(ToolRun).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    private async Task<int> RunAsync(YamlItem? yaml, CancellationToken cancellationToken)
    {
        _log.Write(new ToolEvent("A001", "MainReportVersion", "info", $"Running with dbt={ProjectFile.DbtVersion}")
        {
            Data = new PythonDict { ["version"] = $"={ProjectFile.DbtVersion}", ["log_version"] = 3L },
        });
        if (yaml is null && _command != ToolCommand.Debug)
            throw new DataPlatformException(FailureClass.Configuration, $"No {ProjectFile.FileName} found at expected path {Path.Combine(_options.ProjectFolder, ProjectFile.FileName)}", "Name the project's folder by --project-dir.");
        if (_command == ToolCommand.Show && _options.Inline is null && _options.Select.Count == 0)
            throw new DataPlatformException(FailureClass.Configuration, "Either --select or --inline must be passed to show", "Name nodes, or give a query.");
        if (_command == ToolCommand.Clean) return Clean(yaml!);
        if (_command == ToolCommand.Deps) return FindPackages(yaml!);
        var retried = _command == ToolCommand.Retry ? PreviousRun.Load(_options.StateFolder ?? _options.TargetPath!, _options.WarnError) : null;
        var profileName = _arguments.Text("profile") ?? retried?.Profile ?? yaml?["profile"]?.Text
            ?? throw new DataPlatformException(FailureClass.Configuration, $"{ProjectFile.FileName} names no profile.", "Write 'profile: name' there, or give --profile.");
        var profile = Profile.Load(_profilesFolder, profileName, _arguments.Text("target") ?? retried?.Target, _options);
        var connection = profile.Connection;
        var options = (retried?.Apply(_options, _arguments) ?? _options) with
        {
            ProfileName = profile.Name,
            TargetName = profile.Target,
            Connection = connection.Shown,
            Database = connection.Database,
            Schema = connection.Schema,
            Threads = _arguments.Number("threads") ?? profile.Threads,
        };
        _log.Write(new ToolEvent("E034", "AdapterRegistered", "info", $"Registered adapter: {connection.Type}={Version}")
        {
            Data = new PythonDict { ["adapter_name"] = connection.Type, ["adapter_version"] = $"={Version}" },
        });
        await using var warehouse = await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
        return _command == ToolCommand.Debug
            ? await DebugAsync(profile, warehouse, cancellationToken).ConfigureAwait(false)
            : await RunAsync(WithMacro(options, retried), retried, warehouse, cancellationToken).ConfigureAwait(false);
    }

    private async Task<int> RunAsync(DbtOptions options, PreviousRun? retried, IWarehouse warehouse, CancellationToken cancellationToken)
    {
        var events = new RunEvents(_log);
        var engine = await DbtEngine.OpenAsync(warehouse, options, events, cancellationToken).ConfigureAwait(false);
        events.State = engine.State;
        engine.WriteManifest();
        var found = RunEvents.Found(engine.Project);
        _log.Write(new ToolEvent("W006", "FoundStats", "info", $"Found {found}") { Data = new PythonDict { ["stat_line"] = found } });
        switch (retried?.Command ?? _command)
        {
            case ToolCommand.Parse: return 0;
            case ToolCommand.List: return List(engine);
            case ToolCommand.RunOperation when retried is { Nodes.Count: 0 }: return 0;
            case ToolCommand.RunOperation: return await RunOperationAsync(engine, retried, cancellationToken).ConfigureAwait(false);
            case ToolCommand.DocsGenerate: return await GenerateDocsAsync(engine, events, cancellationToken).ConfigureAwait(false);
            case var command: return await RunAsync(engine, events, Enum.Parse<EngineCommand>(command.ToString()), cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<int> RunAsync(DbtEngine engine, RunEvents events, EngineCommand command, CancellationToken cancellationToken)
    {
        try
        {
            var result = await engine.RunAsync(command, cancellationToken).ConfigureAwait(false);
            events.Finish(isStopped: false);
            if (command == EngineCommand.Compile) ShowCompiled(result.Results);
            if (command == EngineCommand.Show) ShowRows(result.Results);
            return result.IsSuccess ? 0 : 1;
        }
        catch (OperationCanceledException)
        {
            events.Finish(isStopped: true);
            throw;
        }
    }

    private async Task<int> GenerateDocsAsync(DbtEngine engine, RunEvents events, CancellationToken cancellationToken)
    {
        if (_arguments.Flag(ToolOptions.CompileDocs))
        {
            var exitCode = await RunAsync(engine, events, EngineCommand.Compile, cancellationToken).ConfigureAwait(false);
            if (exitCode != 0)
            {
                _log.Write(new ToolEvent("E043", "CannotGenerateDocs", "info", "compile failed, cannot generate docs"));
                return exitCode;
            }
        }

        _log.Write(new ToolEvent("E044", "BuildingCatalog", "info", "Building catalog"));
        await engine.WriteCatalogAsync(cancellationToken).ConfigureAwait(false);
        var path = Path.Combine(engine.State.TargetFolder, "catalog.json");
        _log.Write(new ToolEvent("E042", "CatalogWritten", "info", $"Catalog written to {path}") { Data = new PythonDict { ["path"] = path } });
        return 0;
    }

    private int Clean(YamlItem yaml)
    {
        var project = _options.ProjectFolder;
        var folders = (yaml["clean-targets"]?.Texts ?? [_options.TargetPath!]).Select(target => Path.GetFullPath(target, project)).ToList();
        string[] sources = ["model-paths", "seed-paths", "snapshot-paths", "macro-paths", "test-paths", "analysis-paths"];
        var kept = sources.SelectMany(key => yaml[key]?.Texts ?? [key[..key.IndexOf('-', StringComparison.Ordinal)] switch { "analysis" => "analyses", var kind => $"{kind}s" }])
            .Select(path => Path.GetFullPath(path, project)).ToHashSet(StringComparer.Ordinal);
        if (folders.Find(folder => folder == project || kept.Contains(folder)) is { } source)
            throw new DataPlatformException(FailureClass.Configuration, $"dbt will not clean the following source paths: ['{source}']", "Take it out of clean-targets.");
        if (_arguments.Flag(ToolOptions.CleanProjectFilesOnly) && folders.Find(folder => !folder.StartsWith(project + Path.DirectorySeparatorChar, StringComparison.Ordinal)) is { } outside)
            throw new DataPlatformException(FailureClass.Configuration, $"dbt will not clean the following directories outside the project: ['{outside}']", "Give --no-clean-project-files-only to have it removed all the same.");
        foreach (var folder in folders)
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
            _log.Write(new ToolEvent("Z013", "ConfirmCleanPath", "info", $"Cleaned {folder}") { Data = new PythonDict { ["path"] = folder } });
        }

        _log.Write(new ToolEvent("Z015", "FinishedCleanPaths", "info", "Finished cleaning all paths."));
        return 0;
    }

    private int FindPackages(YamlItem yaml)
    {
        var packages = ProjectLoader.FindPackages(_options.ProjectFolder, ProjectFile.PackagesFolderOf(yaml));
        foreach (var (path, label) in packages)
        {
            if (!File.Exists(Path.Combine(path, ProjectFile.FileName)))
                throw new DataPlatformException(FailureClass.Configuration, $"There is no {ProjectFile.FileName} at {path}, where a package is to be.", "Correct 'local' in packages.yml.");
            _log.Write(new ToolEvent("M015", "DepsInstallInfo", "info", $"Found {label}") { Data = new PythonDict { ["version_name"] = label } });
        }

        if (packages.Count == 0) _log.Write(new ToolEvent("M013", "DepsNoPackagesFound", "info", "The project asks for no packages."));
        return 0;
    }

    private int List(DbtEngine engine)
    {
        var nodes = engine.Select(DbtCommand.List).OrderBy(node => node.UniqueId, StringComparer.Ordinal).ToList();
        if (nodes.Count == 0) _log.Write(new ToolEvent("P024", "NoNodesSelected", "warn", "No nodes selected!"));
        var output = _arguments.Text(ToolOptions.Output);
        var keys = _arguments.List(ToolOptions.OutputKeys).SelectMany(text => text.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries)).ToList();
        foreach (var node in nodes) _log.Write(ToolEvent.Print(NodeListing.Describe(engine.State, node, output!, keys)));
        return 0;
    }

    private async Task<int> RunOperationAsync(DbtEngine engine, PreviousRun? retried, CancellationToken cancellationToken)
    {
        var arguments = retried?.MacroArguments ?? ReadYaml("args", _arguments.Text(ToolOptions.Args));
        try
        {
            await engine.RunOperationAsync(retried?.Macro ?? _arguments.Macro, arguments, cancellationToken).ConfigureAwait(false);
            return 0;
        }
        catch (Exception e) when (e is DataPlatformException or TemplateError)
        {
            var reason = e is DataPlatformException failure ? Explain(failure) : e.Message;
            _log.Write(new ToolEvent("Q001", "RunningOperationCaughtError", "error", $"Encountered an error while running operation: {reason}") { Data = new PythonDict { ["exc"] = reason } });
            return 1;
        }
    }

    private async Task<int> DebugAsync(Profile profile, IWarehouse warehouse, CancellationToken cancellationToken)
    {
        Say($"dbt version: {ProjectFile.DbtVersion}");
        Say($"tool version: {Version}");
        Say($"Using profiles dir at {_profilesFolder}");
        Say($"Using {ProjectFile.FileName} file at {Path.Combine(_options.ProjectFolder, ProjectFile.FileName)}");
        Say($"adapter type: {profile.Connection.Type}");
        Say("Connection:");
        Say($"  database: {profile.Connection.Database}");
        Say($"  schema: {profile.Connection.Schema}");
        foreach (var (key, value) in profile.Connection.Shown.Items) Say($"  {key}: {Representation.Print(value)}");
        try
        {
            await using var connection = await warehouse.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            Say("  Connection test: [OK connection ok]");
            Say("All checks passed!");
            return 0;
        }
        catch (WarehouseException e)
        {
            Say($"  Connection test: [ERROR]\n{e.Message}");
            Say("1 check failed.");
            return 1;
        }

        void Say(string text) => _log.Write(new ToolEvent("Z047", "DebugCmdOut", "info", text) { Data = new PythonDict { ["msg"] = text } });
    }

    private void ShowCompiled(IReadOnlyList<NodeResult> results)
    {
        foreach (var result in Named(results).Where(result => result.CompiledCode is not null))
        {
            var title = IsInline ? "Compiled inline node is" : $"Compiled node '{result.Node.Name}' is";
            _log.Write(new ToolEvent("Q042", "CompiledNode", "info", _arguments.Flag("quiet") ? result.CompiledCode! : $"{title}:\n{result.CompiledCode}")
            {
                Data = new PythonDict { ["node_name"] = result.Node.Name, ["compiled"] = result.CompiledCode, ["unique_id"] = result.Node.UniqueId, ["is_inline"] = IsInline, ["output_format"] = "text" },
            });
        }
    }

    private void ShowRows(IReadOnlyList<NodeResult> results)
    {
        var format = _arguments.Text(ToolOptions.ShowOutput);
        foreach (var result in Named(results).Where(result => result.Table is not null))
        {
            var name = result.Node.Version is null ? result.Node.Name : $"{result.Node.Name}.v{Representation.Print(result.Node.Version)}";
            var preview = format == "json" ? JsonText.Write(TableText.ToList(result.Table!), sortKeys: false) : TableText.Write(result.Table!);
            var shown = format == "json"
                ? JsonText.Write(IsInline ? new PythonDict { ["show"] = TableText.ToList(result.Table!) } : new PythonDict { ["node"] = name, ["show"] = TableText.ToList(result.Table!) }, sortKeys: false, indent: "  ")
                : _arguments.Flag("quiet") ? preview : $"{(IsInline ? "Previewing inline node" : $"Previewing node '{name}'")}:\n{preview}";
            _log.Write(new ToolEvent("Q041", "ShowNode", "info", shown)
            {
                Data = new PythonDict { ["node_name"] = name, ["preview"] = preview, ["is_inline"] = IsInline, ["output_format"] = format, ["unique_id"] = result.Node.UniqueId },
            });
        }
    }

    private bool IsInline => _options.Inline is not null;

    /// <summary>The nodes that were selected by their names, of which one wants to see more than that they succeeded.</summary>
    private IEnumerable<NodeResult> Named(IReadOnlyList<NodeResult> results)
    {
        var selected = _options.Select.SelectMany(expression => expression.Split(' ')).ToHashSet(StringComparer.Ordinal);
        return results.Where(result => IsInline || selected.Contains(result.Node.Name));
    }

    private static DbtOptions Options(ToolHost host, ToolArguments arguments, string project, YamlItem? yaml, PythonDict metadata, string invocationId) => new()
    {
        ProjectFolder = project,
        TargetPath = Path.Combine(project, arguments.Text("target-path") ?? yaml?["target-path"]?.Text ?? "target"),
        Vars = ReadYaml("vars", arguments.Text("vars")),
        FullRefresh = arguments.Flag(ToolOptions.FullRefresh),
        StoreFailures = arguments.Flag(ToolOptions.StoreFailures),
        Empty = arguments.Flag(ToolOptions.Empty),
        Inline = arguments.Text(ToolOptions.Inline),
        Limit = arguments.Number(ToolOptions.Limit) ?? 0,
        EventTimeStart = Moment(arguments, ToolOptions.EventTimeStart),
        EventTimeEnd = Moment(arguments, ToolOptions.EventTimeEnd),
        Sample = Sample(arguments.Text(ToolOptions.Sample)),
        FailFast = arguments.Flag("fail-fast"),
        WarnError = arguments.Flag("warn-error"),
        Select = arguments.List(ToolOptions.Select),
        Exclude = arguments.List(ToolOptions.Exclude),
        Selector = arguments.Text(ToolOptions.Selector),
        Indirect = Enum.Parse<IndirectSelection>(arguments.Text("indirect-selection")!, ignoreCase: true),
        ResourceTypes = arguments.List(ToolOptions.ResourceTypes),
        ExcludeResourceTypes = arguments.List(ToolOptions.ExcludeResourceTypes),
        StateFolder = arguments.Text("state") is { } state ? Path.GetFullPath(state, project) : null,
        Defer = arguments.Flag("defer"),
        DeferFolder = arguments.Text("defer-state") is { } deferred ? Path.GetFullPath(deferred, project) : null,
        FavorState = arguments.Flag("favor-state"),
        Metadata = metadata,
        InvocationId = invocationId,
        Environment = host.Variable,
    };

    // What a retry has to know besides the options.
    private DbtOptions WithMacro(DbtOptions options, PreviousRun? retried) => (retried?.Command ?? _command) != ToolCommand.RunOperation ? options : options with
    {
        Arguments = new PythonDict
        {
            ["macro"] = retried?.Macro ?? _arguments.Macro,
            ["args"] = retried?.MacroArguments ?? ReadYaml("args", _arguments.Text(ToolOptions.Args)),
        },
    };

    private static DateTime? Moment(ToolArguments arguments, ToolOption option) => arguments.Text(option) is not { } text ? null
        : Microbatch.ReadTime(text) ?? throw new ToolUsageException($"Invalid value for '--{option.Name}': '{text}' does not match the formats '%Y-%m-%d', '%Y-%m-%dT%H:%M:%S', '%Y-%m-%d %H:%M:%S'.");

    private static Batch? Sample(string? text) => text is null ? null
        : Microbatch.ReadSample(text, DateTime.UtcNow) ?? throw new ToolUsageException($"Invalid value for '--sample': '{text}' is neither a number of hours, days, months or years, such as '3 days', nor a map with a start and a later end.");

    private static void CheckEventTimes(DbtOptions options)
    {
        if (options is { EventTimeStart: null, EventTimeEnd: not null })
            throw new ToolUsageException("The flag `--event-time-end` was specified, but `--event-time-start` was not. When specifying `--event-time-end`, `--event-time-start` must also be present.");
        if (options.EventTimeStart is not { } start) return;
        if (options.EventTimeEnd is { } end ? start >= end : start >= DateTime.UtcNow)
            throw new ToolUsageException($"Value for `--event-time-start` must be less than {(options.EventTimeEnd is null ? "the current time if `--event-time-end` is not specified" : "`--event-time-end`")}.");
    }

    private static PythonDict ReadYaml(string option, string? text) => (text is null ? null : YamlItem.Parse(text, $"--{option}")?.ToValue()) switch
    {
        null => new PythonDict(),
        PythonDict dict => dict,
        _ => throw new ToolUsageException($"The --{option} argument must be a YAML dictionary, but was of type str: {text}"),
    };

    private static string FindProject(ToolHost host, ToolArguments arguments)
    {
        if (arguments.Text("project-dir") is { } given) return Path.GetFullPath(given, host.Folder);
        for (var folder = new DirectoryInfo(host.Folder); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, ProjectFile.FileName))) return folder.FullName;
        return host.Folder;
    }

    private static YamlItem? ReadProject(string folder)
    {
        var path = Path.Combine(folder, ProjectFile.FileName);
        return File.Exists(path) ? YamlItem.Parse(File.ReadAllText(path), ProjectFile.FileName) : null;
    }

    private static string ProfilesFolder(ToolHost host, ToolArguments arguments) => arguments.Text("profiles-dir") is { } given ? Path.GetFullPath(given, host.Folder)
        : File.Exists(Path.Combine(host.Folder, Profile.FileName)) ? host.Folder
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".dbt");

    // dbt begins with what kind of error it is.
    private static string Explain(DataPlatformException e)
    {
        var kind = e is WarehouseException ? "Database Error" : e is JinjaException || e.InnerException is TemplateError ? "Compilation Error" : "Runtime Error";
        return $"{kind}\n  {$"{e.Message}{(e.Hint is null ? "" : $"\n{e.Hint}")}".Replace("\n", "\n  ", StringComparison.Ordinal)}";
    }
}
