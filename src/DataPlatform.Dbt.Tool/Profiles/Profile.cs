using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;
using DataPlatform.Warehouses;

namespace DataPlatform.Dbt.Tool;

/// <summary>A target of <c>profiles.yml</c>: a database and how it is used.</summary>
internal sealed class Profile
{
    public const string FileName = "profiles.yml";
    private const int DefaultThreads = 1;

    private Profile(string name, string target, Connection connection, int? threads) => (Name, Target, Connection, Threads) = (name, target, connection, threads ?? DefaultThreads);

    public string Name { get; }

    public string Target { get; }

    public Connection Connection { get; }

    public int Threads { get; }

    /// <param name="folder">The folder of the file.</param>
    /// <param name="name">The profile.</param>
    /// <param name="target">The target, or null for the profile's own.</param>
    /// <param name="options">The variables of templates.</param>
    /// <exception cref="DataPlatformException">There is no such profile or target, or it cannot be used.</exception>
    public static Profile Load(string folder, string name, string? target, DbtOptions options)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path)) throw Fault($"Could not find profile named '{name}': there is no {FileName} in {folder}.", "Name its folder by --profiles-dir or DBT_PROFILES_DIR.");
        var profiles = YamlItem.Parse(File.ReadAllText(path), path);
        if (profiles?[name] is not { } profile)
            throw Fault($"Could not find profile named '{name}'", $"{path} has {(profiles is null ? "none" : string.Join(", ", profiles.Entries.Select(entry => entry.Key.Text).Where(key => key != "config")))}.");

        var render = Renderer(options);
        var outputs = profile["outputs"] ?? throw profile.Fault($"the profile '{name}' has no outputs.");
        target ??= profile["target"]?.ToValue(render) as string ?? "default";
        if (outputs[target] is not { } output)
        {
            throw Fault(
                $"The profile '{name}' does not have a target named '{target}'. The valid target names for this profile are:\n{string.Join('\n', outputs.Entries.Select(entry => $" - {entry.Key.Text}"))}",
                "Name one of them by --target.");
        }

        var settings = new ConnectionSettings(output, render, options.ProjectFolder);
        return new Profile(name, target, Connection.Of(settings), settings.Number("threads"));
    }

    private static Func<YamlItem, string, object?> Renderer(DbtOptions options)
    {
        // Templates of profiles see env_var and var, and no project.
        var state = new EngineState(options, "duckdb", Task.FromResult(new DatabasePlace("", "", "")), static (_, _) => { });
        var names = new NodeContext(state, "") { SeesSecrets = true };
        return (item, text) =>
        {
            try
            {
                return state.Evaluate(text, item.File, item.Line, () => names);
            }
            catch (TemplateError e)
            {
                throw new DataPlatformException(FailureClass.Configuration, $"{item.File}:{item.Line}: {e.Message}", e.Hint, e);
            }
        };
    }

    private static DataPlatformException Fault(string problem, string hint) => new(FailureClass.Configuration, problem, hint);
}

/// <summary>The settings of a target.</summary>
internal sealed class ConnectionSettings(YamlItem yaml, Func<YamlItem, string, object?> render, string projectFolder)
{
    public YamlItem Yaml => yaml;

    public void Allow(string type, params string[] keys) => yaml.Allow($"a {type} target", [.. keys, "type", "threads", "schema"]);

    public string? Text(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            if (yaml[name]?.ToValue(render) is { } value) return Representation.Print(value);
        return null;
    }

    public string Require(params ReadOnlySpan<string> names) => Text(names) ?? throw yaml.Fault($"'{names[0]}' is missing here.");

    public int? Number(string name) => Text(name) is not { } text ? null
        : int.TryParse(text, out var number) ? number : throw yaml[name]!.Fault($"'{name}' is to be a whole number, not '{text}'.");

    public object? Value(string name) => yaml[name]?.ToValue(render);

    /// <summary>A path as dbt takes it: from the project's folder on.</summary>
    public string FullPath(string path) => Path.GetFullPath(path, projectFolder);
}

/// <summary>A database as a profile has it.</summary>
internal abstract class Connection
{
    /// <summary>What dbt calls the kind of database.</summary>
    public abstract string Type { get; }

    public abstract string Database { get; }

    public required string Schema { get; init; }

    /// <summary>What templates see of it as <c>target</c>, and <c>debug</c> shows: no secrets.</summary>
    public abstract PythonDict Shown { get; }

    /// <summary>Makes the warehouse. It need not connect yet.</summary>
    public abstract Task<IWarehouse> OpenAsync(CancellationToken cancellationToken);

    public static Connection Of(ConnectionSettings settings) => settings.Require("type") switch
    {
        "postgres" => PostgreSqlConnection.Read(settings),
        "duckdb" => DuckDbConnection.Read(settings),
        var other => throw settings.Yaml["type"]!.Unsupported($"the adapter '{other}'"),
    };
}
