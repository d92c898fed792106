using System.Reflection;
using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Project;

/// <summary>A macro of a package.</summary>
internal sealed record DbtMacro(string Package, string Name, string Path, JinjaDefinition Definition)
{
    public string UniqueId => $"macro.{Package}.{Name}";

    public string Description { get; set; } = "";
}

/// <summary>The macros of a project, of its packages, and those that dbt has.</summary>
internal sealed class MacroTable
{
    /// <summary>The package that dbt's own macros are in.</summary>
    public const string Dbt = "dbt";

    /// <summary>Macros of dbt that are code here: to define one of their names, or a variant for a database, would have no effect, so that it is refused.</summary>
    private static readonly HashSet<string> Fixed = new(StringComparer.Ordinal)
    {
        "snapshot_merge_sql", "snapshot_staging_table", "build_snapshot_table", "build_snapshot_staging_table", "snapshot_timestamp_strategy", "snapshot_check_strategy",
        "snapshot_hash_arguments", "create_columns", "post_snapshot", "load_csv_rows", "create_csv_table", "reset_csv_table", "get_csv_sql", "get_binding_char", "run_hooks",
        "create_schema", "drop_schema", "drop_relation", "drop_relation_if_exists", "rename_relation", "truncate_relation", "list_relations_without_caching", "get_columns_in_relation",
        "check_schema_exists", "list_schemas", "get_rename_sql", "get_drop_sql", "get_replace_sql",
        "get_rename_view_sql", "get_rename_table_sql", "make_intermediate_relation", "make_backup_relation", "statement",
    };

    private static readonly Lazy<IReadOnlyList<(string Path, JinjaDefinition Definition)>> Own = new(ReadOwn);

    private readonly Dictionary<string, Dictionary<string, DbtMacro>> _packages = new(StringComparer.Ordinal);
    private readonly string _root;
    private readonly string[] _overriding;

    /// <param name="root">The project's name.</param>
    /// <param name="overriding">The packages whose variants go before dbt's own.</param>
    public MacroTable(string root, IEnumerable<string> overriding)
    {
        _root = root;
        _overriding = [root, .. overriding];
        foreach (var (path, definition) in Own.Value) Add(Dbt, path, definition);
    }

    public IEnumerable<DbtMacro> All => _packages.Values.SelectMany(macros => macros.Values);

    public IEnumerable<string> Packages => _packages.Keys;

    public void AddPackage(string name) => _packages.TryAdd(name, new Dictionary<string, DbtMacro>(StringComparer.Ordinal));

    public void Add(string package, string path, JinjaDefinition definition)
    {
        var name = definition.Tag switch
        {
            "macro" => definition.Name,
            "test" or "data_test" => $"test_{definition.Name}",
            "materialization" => Run.OwnMaterialization.MacroName(definition.Name, definition.Settings.GetValueOrDefault("adapter") as string ?? "default"),
            _ => throw YamlItem.Unsupported(definition.Origin, definition.Line, $"the block '{definition.Tag}' here"),
        };
        var bare = name[(name.IndexOf("__", StringComparison.Ordinal) is > 0 and var place && name[..place] is "default" or "postgres" or "duckdb" ? place + 2 : 0)..];
        if (package != Dbt && Fixed.Contains(bare) && Array.IndexOf(_overriding, package) >= 0) throw YamlItem.Unsupported(definition.Origin, definition.Line, $"another macro '{name}' in the place of dbt's");
        if (package == _root && definition is { Tag: "materialization", Name: "snapshot" or "seed" or "unit" or "ephemeral" })
            throw YamlItem.Unsupported(definition.Origin, definition.Line, $"another materialization '{definition.Name}' in the place of dbt's");
        AddPackage(package);
        var macro = new DbtMacro(package, name, path, definition);
        if (!_packages[package].TryAdd(name, macro))
        {
            throw new DataPlatformException(
                FailureClass.Configuration, $"{definition.Origin}:{definition.Line}: the package '{package}' has a macro '{name}' already, at {_packages[package][name].Definition.Origin}:{_packages[package][name].Definition.Line}.",
                "Give one of them another name.");
        }
    }

    /// <summary>Finds what a bare name means to a node of a package: its own macro, the project's, dbt's.</summary>
    public DbtMacro? Find(string name, string package) => In(package, name) ?? In(_root, name) ?? In(Dbt, name);

    public DbtMacro? In(string package, string name) => _packages.TryGetValue(package, out var macros) ? macros.GetValueOrDefault(name) : null;

    public bool HasPackage(string name) => _packages.ContainsKey(name);

    private static List<(string Path, JinjaDefinition Definition)> ReadOwn()
    {
        var assembly = Assembly.GetExecutingAssembly();
        var own = new List<(string, JinjaDefinition)>();
        foreach (var name in assembly.GetManifestResourceNames().Where(name => name.EndsWith(".sql", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            own.AddRange(JinjaLibrary.Parse(reader.ReadToEnd(), $"dbt/macros/{name}", Context.EngineState.Environment).Definitions.Select(definition => ($"macros/{name}", definition)));
        }

        return own;
    }
}
