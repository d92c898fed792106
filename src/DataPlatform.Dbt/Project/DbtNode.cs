using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Project;

/// <summary>Kinds of what a project holds.</summary>
internal enum ResourceType
{
    Model, Seed, Snapshot, Test, UnitTest, Analysis, Operation, Source, Exposure, Metric, SemanticModel, SavedQuery,
}

/// <summary>A <c>ref()</c>, as it is written.</summary>
internal sealed record RefKey(string? Package, string Name, string? Version = null);

/// <summary>A <c>source()</c>, as it is written.</summary>
internal sealed record SourceKey(string Source, string Table);

/// <summary>A column of schema YAML.</summary>
internal sealed record ColumnDoc(string Name, string Description, string? DataType, PythonDict Meta, IReadOnlyList<string> Tags, bool? Quote, PythonList Constraints);

/// <summary>How a generic test is asked for.</summary>
internal sealed record GenericTest(string? Namespace, string Name, PythonDict Arguments, string? ColumnName, string AttachedName);

/// <summary>Models that belong together, and who answers for them.</summary>
internal sealed record DbtGroup(string Package, string Name, string Path, string Description, PythonDict Owner, PythonDict Meta)
{
    public string UniqueId => $"group.{Package}.{Name}";
}

/// <summary>A model, seed, snapshot, test, source, exposure, metric or hook of a project.</summary>
internal sealed class DbtNode
{
    private readonly SortedSet<string> _macros = new(StringComparer.Ordinal);

    public required string UniqueId { get; set; }

    public required ResourceType Type { get; init; }

    public required string Package { get; init; }

    public required string Name { get; set; }

    /// <summary>Within the folder of its kind.</summary>
    public required string Path { get; init; }

    /// <summary>Within the package.</summary>
    public required string OriginalPath { get; init; }

    /// <summary>The line of its file that it begins in.</summary>
    public int Line { get; init; } = 1;

    public required IReadOnlyList<string> Fqn { get; set; }

    /// <summary>The template that it is.</summary>
    public string RawCode { get; set; } = "";

    /// <summary>Of the raw code, as hexadecimal SHA-256.</summary>
    public string Checksum { get; set; } = "";

    public NodeConfig Config { get; set; } = new();

    /// <summary>What the schema YAML says of it, until its configuration is made.</summary>
    public Dictionary<string, object?> PatchConfig { get; } = new(StringComparer.Ordinal);

    public string? PatchPath { get; set; }

    public string Description { get; set; } = "";

    public List<ColumnDoc> Columns { get; } = [];

    /// <summary>Of a model of several versions: which it is, a number or a text.</summary>
    public object? Version { get; set; }

    /// <summary>Of a model of several versions: the one that references without a version are to.</summary>
    public object? LatestVersion { get; set; }

    /// <summary>Of a model: constraints over columns.</summary>
    public PythonList Constraints { get; set; } = new([]);

    public string? Database { get; set; }

    public string Schema { get; set; } = "";

    public string Alias { get; set; } = "";

    /// <summary>Of a source: the parts of its name that are quoted. Null when those of the project are.</summary>
    public int? QuotedParts { get; set; }

    /// <summary>Of a source of DuckDB that is in files: what reads them.</summary>
    public string? External { get; set; }

    public List<RefKey> Refs { get; } = [];

    public List<SourceKey> Sources { get; } = [];

    /// <summary>Of metrics and saved queries: the metrics, and measures of semantic models, that they are made of.</summary>
    public List<(ResourceType Type, string Name)> Needs { get; } = [];

    /// <summary>Ids of the nodes that it reads.</summary>
    public List<string> DependsOn { get; } = [];

    /// <summary>Ids of the macros that it calls, sorted. Others may look while it runs.</summary>
    public IReadOnlyList<string> Macros
    {
        get
        {
            lock (_macros) return [.. _macros];
        }
    }

    /// <summary>Of tests that are asked for in schema YAML.</summary>
    public GenericTest? Test { get; init; }

    /// <summary>Of unit tests.</summary>
    public UnitTest? UnitTest { get; init; }

    /// <summary>Of a test: the node whose YAML asks for it.</summary>
    public string? AttachedNode { get; set; }

    /// <summary>Of a source: its table's source.</summary>
    public string? SourceName { get; init; }

    /// <summary>Of a source or exposure: what its YAML says of it besides.</summary>
    public PythonDict Extra { get; init; } = new();

    /// <summary>The absolute file of a seed.</summary>
    public string? File { get; init; }

    public bool IsRefable => Type is ResourceType.Model or ResourceType.Seed or ResourceType.Snapshot;

    /// <summary>Whether it is built by batches of time.</summary>
    public bool IsMicrobatch { get; set; }

    public bool IsEphemeral => Type == ResourceType.Model && Config.Materialized == "ephemeral";

    public IReadOnlyList<string> Tags => Config.Tags;

    /// <summary>The kind as ids and artifacts name it.</summary>
    public string TypeName => NameOf(Type);

    public string? Group => Config.Text("group");

    /// <summary>Of a model: whether all may refer to it (public), its package (protected) or its group (private).</summary>
    public string Access => Config.Text("access") ?? "protected";

    /// <summary>Whether nothing of it is in the database: it says what the project's data is for.</summary>
    public bool IsDescription => Type is ResourceType.Exposure or ResourceType.Metric or ResourceType.SemanticModel or ResourceType.SavedQuery;

    /// <summary>Takes a macro among those that it calls.</summary>
    public void AddMacro(string id)
    {
        lock (_macros) _macros.Add(id);
    }

    public static string NameOf(ResourceType type) => type switch
    {
        ResourceType.UnitTest => "unit_test",
        ResourceType.SemanticModel => "semantic_model",
        ResourceType.SavedQuery => "saved_query",
        _ => type.ToString().ToLowerInvariant(),
    };
}
