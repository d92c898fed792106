using System.Text.RegularExpressions;
using DataPlatform.Dbt.Artifacts;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;

namespace DataPlatform.Dbt.Context;

/// <summary>What all nodes of one invocation share.</summary>
internal sealed partial class EngineState
{
    private readonly Task<DatabasePlace> _place;
    private readonly Lazy<PythonDict> _target;
    private readonly Lazy<PythonDict> _graph;

    // The project is read, as far as that goes, while the database is opened.
    public EngineState(DbtOptions options, string system, Task<DatabasePlace> place, Action<string, string> log)
    {
        (Options, System, _place) = (options, system, place);
        Log = (level, message) =>
        {
            if (level == "warn" && options.WarnError) throw new DataPlatformException(FailureClass.Configuration, message, "Warnings are errors here, because --warn-error is given.");
            log(level, message);
        };
        StartedAt = options.Time.GetUtcNow();
        InvocationId = options.InvocationId ?? Guid.NewGuid().ToString();
        _graph = new Lazy<PythonDict>(() => ManifestWriter.Graph(this));
        _target = new Lazy<PythonDict>(() => new PythonDict(options.Connection.Items.Select(item => new KeyValuePair<string, object?>((string)item.Key!, item.Value)))
        {
            ["profile_name"] = options.ProfileName,
            ["name"] = options.TargetName,
            ["target_name"] = options.TargetName,
            ["type"] = AdapterType,
            ["schema"] = Schema,
            ["database"] = Database,
            ["dbname"] = Database,
            ["threads"] = (long)options.Threads,
        });
    }

    /// <summary>How templates are read.</summary>
    public static JinjaEnvironment Environment { get; } = new(
        new Dictionary<string, Func<CallArguments, object?>>
        {
            ["as_text"] = Signature.Of("as_text value", (_, a) => a[0] is null ? null : Representation.Print(a[0])),
            ["as_native"] = Signature.Of("as_native value", (_, a) => a[0] is string text ? YamlItem.Parse(text, "value")?.ToValue() : a[0]),
            // What is neither is a text: in target.type in ['x', 'y'] | as_bool one looks into it, as in dbt, where the filter marks the text of a value.
            ["as_bool"] = Signature.Of("as_bool value", (_, a) => (a[0] is string text ? YamlItem.Parse(text, "value")?.ToValue() : a[0]) is bool flag ? flag : Representation.Print(a[0])),
            ["as_number"] = Signature.Of("as_number value", (_, a) => (a[0] is string text ? YamlItem.Parse(text, "value")?.ToValue() : a[0]) is var number && Numbers.IsNumber(number) && number is not bool
                ? number : throw new TemplateError($"Could not convert value '{Representation.Print(a[0])}' into type 'number'")),
        },
        [
            new BlockKind("test", BlockArguments.Parameters), new BlockKind("data_test", BlockArguments.Parameters), new BlockKind("materialization", BlockArguments.Settings),
            new BlockKind("snapshot"), new BlockKind("docs", IsRaw: true),
        ]);

    public DbtOptions Options { get; }

    /// <summary>What the warehouse is, as it calls itself.</summary>
    public string System { get; }

    /// <summary>What dbt calls the warehouse's adapter, and the prefix of macros for it.</summary>
    public string AdapterType => System == "duckdb" ? "duckdb" : "postgres";

    public string Database => Place.Database;

    public string Schema => Place.Schema;

    /// <summary>Where DuckDB looks for files of relative names: in the project, too, because dbt is run in its folder.</summary>
    public string FileSearchPath => Place.FileSearchPath;

    /// <summary>Takes a level and a line.</summary>
    public Action<string, string> Log { get; }

    /// <summary>Where artifacts go.</summary>
    public string TargetFolder => Options.TargetPath ?? Path.Combine(Options.ProjectFolder, "target");

    public DateTimeOffset StartedAt { get; }

    public string InvocationId { get; }

    public PythonDict Target => _target.Value;

    /// <summary>The <c>graph</c> of templates, which all nodes and hooks share: packages keep in it what one of them is to leave to another.</summary>
    public PythonDict Graph => _graph.Value;

    /// <summary>The <c>graph</c> of templates while the project is read.</summary>
    public PythonDict EmptyGraph { get; } = ManifestWriter.EmptyGraph();

    public DbtProject? Project { get; set; }

    /// <summary>What the command is called.</summary>
    public string Command { get; set; } = "build";

    /// <summary>How the command was called, as <c>invocation_args_dict</c> and run_results.json have it, and a retry reads it.</summary>
    public PythonDict Arguments
    {
        get
        {
            var arguments = new PythonDict
            {
                ["which"] = Command,
                ["vars"] = Options.Vars,
                ["full_refresh"] = Options.FullRefresh,
                ["profile"] = Options.ProfileName,
                ["target"] = Options.TargetName,
                ["select"] = new PythonList(Options.Select),
                ["exclude"] = new PythonList(Options.Exclude),
                ["selector"] = Options.Selector,
                ["indirect_selection"] = Options.Indirect.ToString().ToLowerInvariant(),
                ["store_failures"] = Options.StoreFailures,
                ["empty"] = Options.Empty,
                ["fail_fast"] = Options.FailFast,
                ["warn_error"] = Options.WarnError,
                ["state"] = Options.StateFolder,
                ["defer"] = Options.Defer,
                ["defer_state"] = Options.DeferFolder,
                ["favor_state"] = Options.FavorState,
                ["threads"] = (long)Options.Threads,
                ["sample_start"] = Options.Sample?.StartText,
                ["sample_end"] = Options.Sample?.EndText,
                ["event_time_start"] = Options.EventTimeStart is { } start ? new PythonDateTime(start).Print() : null,
                ["event_time_end"] = Options.EventTimeEnd is { } end ? new PythonDateTime(end).Print() : null,
            };
            foreach (var (key, value) in Options.Arguments.Items) arguments[key] = value;
            return arguments;
        }
    }

    /// <summary>Where nodes are that an earlier run has in the place of this target, by id.</summary>
    public Dictionary<string, DbtRelation> Deferred { get; } = new(StringComparer.Ordinal);

    public PythonList SelectedResources { get; set; } = new([]);

    /// <summary>Where a node is in the database.</summary>
    public DbtRelation NewRelation(DbtNode node, string? type = null) => new(
        new RelationName(node.Database ?? Database, node.Schema, node.Alias.Length > 0 ? node.Alias : node.Name, type, node.External),
        node.QuotedParts ?? Project?.Root.QuotedParts ?? DbtRelation.AllParts);

    /// <summary>The value of a text of a YAML file: of one expression in braces what it is, else the text that it renders to.</summary>
    /// <param name="text">What is written.</param>
    /// <param name="file">Where it is written.</param>
    /// <param name="line">The line in the file.</param>
    /// <param name="makeNames">Makes the names that it sees, when it is a template.</param>
    public object? Evaluate(string text, string file, int line, Func<NodeContext> makeNames)
    {
        if (!text.Contains("{{", StringComparison.Ordinal) && !text.Contains("{%", StringComparison.Ordinal)) return text;
        var (origin, names) = ($"{file}:{line}", makeNames());
        if (OneExpression().Match(text) is { Success: true } match)
        {
            var macro = JinjaLibrary.Parse($"{{% macro value() %}}{{{{ return({match.Groups[1].Value}) }}}}{{% endmacro %}}", origin, Environment).Definitions[0];
            return macro.Bind(names).Invoke(names.NewRun(), []);
        }

        return JinjaTemplate.Parse(text, origin, Environment).Render(names, names.NewRun());
    }

    // Whoever asks for it is on a thread of the engine's own.
    private DatabasePlace Place => _place.GetAwaiter().GetResult();

    [GeneratedRegex(@"^\s*\{\{-?((?:(?!\}\}|\{\{).)*?)-?\}\}\s*$", RegexOptions.Singleline)]
    private static partial Regex OneExpression();
}

/// <summary>Where relations are that no configuration has a place for.</summary>
internal sealed record DatabasePlace(string Database, string Schema, string FileSearchPath);
