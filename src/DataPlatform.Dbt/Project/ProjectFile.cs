using System.Text.RegularExpressions;
using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Project;

/// <summary>A package's <c>dbt_project.yml</c>.</summary>
internal sealed partial class ProjectFile
{
    public const string FileName = "dbt_project.yml";

    /// <summary>The version of dbt whose behaviour this is.</summary>
    public const string DbtVersion = "1.11.0";

    private static readonly string[] Known =
    [
        "name", "version", "config-version", "profile", "require-dbt-version", "model-paths", "source-paths", "seed-paths", "data-paths", "test-paths", "snapshot-paths", "analysis-paths", "macro-paths", "docs-paths",
        "asset-paths", "function-paths", "target-path", "log-path", "clean-targets", "packages-install-path", "on-run-start", "on-run-end", "vars", "dispatch", "models", "seeds", "snapshots",
        "analyses", "sources", "tests", "data_tests", "unit_tests", "exposures", "metrics", "semantic-models", "saved-queries", "functions", "quoting", "query-comment", "flags", "dbt-cloud",
        "restrict-access",
    ];

    /// <summary>Keys under the names that dbt gave them before 1.0.</summary>
    private static readonly (string Old, string Now)[] Renamed = [("source-paths", "model-paths"), ("data-paths", "seed-paths")];

    private readonly YamlItem _yaml;
    private readonly Func<YamlItem, string, object?> _render;

    private ProjectFile(YamlItem yaml, string folder, string label, Func<YamlItem, string, object?> render)
    {
        (_yaml, _render, Folder, Label) = (yaml, render, folder, label);
        yaml.Allow(FileName, Known);
        Name = yaml.Require("name");
        if (!NamePattern().IsMatch(Name)) throw yaml["name"]!.Fault($"'{Name}' is no name of a project: it begins with a letter or underscore, and has letters, digits and underscores.");
        Version = yaml["version"]?.Text;
        Vars = yaml["vars"]?.ToValue() as PythonDict ?? new PythonDict();
        foreach (var entry in yaml["dispatch"]?.Items ?? [])
            SearchOrders[entry.Require("macro_namespace")] = [.. (entry["search_order"] ?? throw entry.Fault("'search_order' is missing here.")).Texts];
        QuotedParts = Quoting(yaml["quoting"], DbtRelation.AllParts, render);
        foreach (var (old, now) in Renamed)
            if (yaml[now] is not null && yaml[old] is { } twice) throw twice.Fault($"'{old}' and '{now}' are both here: they are the same.", $"Keep {now}.");
        if (yaml["require-dbt-version"] is { } versions)
            foreach (var text in versions.Texts) CheckVersion(versions, text);
    }

    /// <summary>The absolute folder that it is in.</summary>
    public string Folder { get; }

    /// <summary>The file as messages name it.</summary>
    public string Label { get; }

    public string Name { get; }

    public string? Version { get; }

    public PythonDict Vars { get; }

    /// <summary>Whether a microbatch strategy that the project itself brings is called for each batch.</summary>
    public bool BatchesCustomStrategies => _yaml["flags"]?["require_batched_execution_for_custom_microbatch_strategy"]?.ToValue() is true;

    /// <summary>The packages in which macros of a namespace are looked for, by namespace.</summary>
    public Dictionary<string, string[]> SearchOrders { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether other packages may refer to none but its public models.</summary>
    public bool RestrictsAccess => _yaml["restrict-access"]?.ToValue() is true;

    /// <summary>The parts of relations' names that are quoted, as <see cref="DbtRelation"/> has them.</summary>
    public int QuotedParts { get; }

    public string PackagesFolder => PackagesFolderOf(_yaml);

    /// <summary>Where the packages of a project file lie that are not its own.</summary>
    public static string PackagesFolderOf(YamlItem project) => project["packages-install-path"]?.Text ?? "dbt_packages";

    /// <param name="folder">The package's folder.</param>
    /// <param name="label">What paths of messages begin with: empty for the root project.</param>
    /// <param name="render">Renders the templates in it.</param>
    public static ProjectFile Load(string folder, string label, Func<YamlItem, string, object?> render)
    {
        var path = Path.Combine(folder, FileName);
        var named = label + FileName;
        if (!File.Exists(path)) throw new DataPlatformException(FailureClass.Configuration, $"There is no {FileName} in {folder}.", "Name the folder of a dbt project.");
        return new ProjectFile(
            YamlItem.Parse(File.ReadAllText(path), named) ?? throw new DataPlatformException(FailureClass.Configuration, $"{named} is empty.", "It needs at least a name."), folder, named, render);
    }

    public IEnumerable<string> Paths(string key, params string[] otherwise)
    {
        var paths = _yaml[key] ?? (Array.Find(Renamed, pair => pair.Now == key).Old is { } old ? _yaml[old] : null);
        return paths is null ? otherwise : (paths.IsList ? paths.Items : [paths]).Select(path => Representation.Print(path.ToValue(_render)).TrimEnd('/'));
    }

    public IEnumerable<(string Sql, int Line)> Hooks(string key) => _yaml[key] is not { } hooks ? [] : hooks.IsList ? hooks.Items.Select(item => (item.Text, item.Line)) : [(hooks.Text, hooks.Line)];

    /// <summary>What the tree of configurations of a kind says of a node, the outer levels first.</summary>
    public IEnumerable<PythonDict> Configurations(ResourceType type, IReadOnlyList<string> fqn)
    {
        IEnumerable<string> keys = type switch
        {
            ResourceType.Model => ["models"],
            ResourceType.Seed => ["seeds"],
            ResourceType.Snapshot => ["snapshots"],
            ResourceType.Test => ["tests", "data_tests"],
            ResourceType.Analysis => ["analyses"],
            ResourceType.Source => ["sources"],
            ResourceType.Exposure => ["exposures"],
            ResourceType.UnitTest => ["unit_tests"],
            ResourceType.Metric => ["metrics"],
            ResourceType.SemanticModel => ["semantic-models", "semantic_models"],
            ResourceType.SavedQuery => ["saved-queries", "saved_queries"],
            _ => [],
        };
        foreach (var key in keys)
        {
            var level = _yaml[key];
            for (var depth = 0; level is { IsMap: true }; depth++)
            {
                yield return Settings(level);
                level = depth < fqn.Count ? level[fqn[depth]] : null;
            }
        }
    }

    /// <summary>Reads which parts of names are quoted.</summary>
    public static int Quoting(YamlItem? yaml, int otherwise, Func<YamlItem, string, object?> render)
    {
        foreach (var (key, value) in yaml?.Entries ?? [])
        {
            var part = key.Text switch
            {
                "database" or "project" => DbtRelation.DatabasePart,
                "schema" or "dataset" => DbtRelation.SchemaPart,
                "identifier" => DbtRelation.IdentifierPart,
                "column" or "snowflake_ignore_case" => 0,
                _ => throw key.Fault($"'{key.Text}' is no part of a name: there are database, schema, identifier and column."),
            };
            otherwise = value.ToValue(render) switch
            {
                true => otherwise | part,
                false => otherwise & ~part,
                null => otherwise,
                _ => throw value.Fault($"whether '{key.Text}' is quoted is to be true or false."),
            };
        }

        return otherwise;
    }

    private PythonDict Settings(YamlItem level)
    {
        var settings = new PythonDict();
        foreach (var (key, value) in level.Entries)
        {
            var name = key.Text;
            if (!name.StartsWith('+') && value.IsMap) continue;
            name = name.TrimStart('+').Trim();
            settings[name] = name is "pre-hook" or "post-hook" or "pre_hook" or "post_hook" ? value.ToValue() : value.ToValue(_render);
        }

        return settings;
    }

    private static void CheckVersion(YamlItem item, string text)
    {
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var match = VersionPattern().Match(part);
            if (!match.Success) throw item.Fault($"'{part}' is no range of versions: write it like '>=1.3.0'.");
            var wanted = new Version(int.Parse(match.Groups[2].Value, null), int.Parse("0" + match.Groups[3].Value, null), int.Parse("0" + match.Groups[4].Value, null));
            var order = new Version(DbtVersion).CompareTo(wanted);
            // Patches of a version do the same: dbt 1.11.4 is not asked for by who can do with 1.11.0.
            var isMet = match.Groups[1].Value switch
            {
                ">=" => order >= 0 || (wanted.Major == 1 && wanted.Minor == 11),
                ">" => order > 0,
                "<=" => order <= 0,
                "<" => order < 0,
                "!=" => order != 0,
                _ => order == 0,
            };
            if (!isMet) throw item.Fault($"the project requires dbt {text}, and this does what dbt {DbtVersion} does.", "Widen require-dbt-version, or install dbt and set the runner to Cli.");
        }
    }

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]*$")]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"^(>=|<=|!=|>|<|==|=)?\s*(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-?[a-z][a-z0-9.]*)?$")]
    private static partial Regex VersionPattern();
}
