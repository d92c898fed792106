using System.Collections.Immutable;

namespace DataPlatform.Dbt.Selection;

/// <summary>What the kinds of nodes are called, in ids and in <c>resource_type:</c>.</summary>
internal static class NodeKinds
{
    public const string Model = "model";
    public const string Test = "test";
    public const string UnitTest = "unit_test";
    public const string Source = "source";
    public const string Exposure = "exposure";

    public const string Metric = "metric";
    public const string SemanticModel = "semantic_model";
    public const string SavedQuery = "saved_query";

    public static readonly ImmutableArray<string> All = ["analysis", Exposure, Metric, Model, "operation", SavedQuery, "seed", SemanticModel, "snapshot", Source, Test, UnitTest];
}

/// <summary>An enabled node, as far as selection asks.</summary>
internal sealed record SelectableNode
{
    public required string UniqueId { get; init; }

    /// <summary>One of <see cref="NodeKinds"/>.</summary>
    public required string ResourceType { get; init; }

    /// <summary>Of a source, its table.</summary>
    public required string Name { get; init; }

    public required string Package { get; init; }

    /// <summary>Package, folders and name, and for a model of several versions that, too.</summary>
    public required IReadOnlyList<string> Fqn { get; init; }

    /// <summary>Within the package, with slashes.</summary>
    public required string OriginalFilePath { get; init; }

    /// <summary>The YAML file that describes it, within the package.</summary>
    public string? PatchPath { get; init; }

    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Values as templates have them: texts, numbers, booleans, <see cref="Jinja.PythonList"/>, <see cref="Jinja.PythonDict"/>.</summary>
    public IReadOnlyDictionary<string, object?> Config { get; init; } = ImmutableDictionary<string, object?>.Empty;

    public string? SourceName { get; init; }

    public string? Access { get; init; }

    public string? Group { get; init; }

    /// <summary>Of a model of several versions.</summary>
    public string? Version { get; init; }

    public string? LatestVersion { get; init; }

    /// <summary>The generic test that a test is made of; null for a singular test.</summary>
    public string? TestName { get; init; }

    /// <summary>What it reads; for a test, what it tests.</summary>
    public IReadOnlyList<string> ParentIds { get; init; } = [];

    public IReadOnlyList<string> MacroIds { get; init; } = [];

    public NodeChecksums Checksums { get; init; } = new();

    public bool IsTest => ResourceType is NodeKinds.Test or NodeKinds.UnitTest;
}

/// <summary>Parts of a node that <c>state:modified</c> compares, each as any text that is equal when the part is.</summary>
internal sealed record NodeChecksums
{
    public string Body { get; init; } = "";

    public string Configs { get; init; } = "";

    /// <summary>Database, schema and alias as they are configured.</summary>
    public string Relation { get; init; } = "";

    public string PersistedDescriptions { get; init; } = "";

    public string Contract { get; init; } = "";

    /// <summary>What no sub-selector names: the fqn, and the properties of sources and exposures.</summary>
    public string Rest { get; init; } = "";
}

/// <summary>A macro and those that it calls.</summary>
internal sealed record SelectableMacro(string Checksum, IReadOnlyList<string> MacroIds);

/// <summary>The nodes of a project and its packages, and how they follow one another.</summary>
internal sealed class SelectableGraph
{
    private readonly Dictionary<string, SelectableNode> _nodes;
    private readonly Dictionary<string, List<string>> _children = new(StringComparer.Ordinal);
    private readonly Lazy<HashSet<string>> _rootPaths;

    /// <param name="rootPackage">The name of the project itself.</param>
    /// <param name="nodes">The enabled nodes. Parents that are not among them are ignored.</param>
    /// <param name="macros">By id.</param>
    public SelectableGraph(string rootPackage, IEnumerable<SelectableNode> nodes, IReadOnlyDictionary<string, SelectableMacro>? macros = null)
    {
        RootPackage = rootPackage;
        Macros = macros ?? ImmutableDictionary<string, SelectableMacro>.Empty;
        _nodes = nodes.ToDictionary(node => node.UniqueId, StringComparer.Ordinal);
        foreach (var node in _nodes.Values)
        {
            foreach (var parent in node.ParentIds)
            {
                if (!_children.TryGetValue(parent, out var children)) _children.Add(parent, children = []);
                children.Add(node.UniqueId);
            }
        }

        _rootPaths = new(() => _nodes.Values.Where(node => node.Package == rootPackage).SelectMany(FilePattern.PathsOf).ToHashSet(StringComparer.Ordinal));
    }

    public string RootPackage { get; }

    public IReadOnlyDictionary<string, SelectableMacro> Macros { get; }

    public IReadOnlyCollection<SelectableNode> Nodes => _nodes.Values;

    /// <summary>Files and folders of the project itself that nodes are in.</summary>
    public IReadOnlySet<string> RootPaths => _rootPaths.Value;

    public SelectableNode this[string id] => _nodes[id];

    public IEnumerable<string> Parents(string id) => _nodes[id].ParentIds.Where(_nodes.ContainsKey);

    public IEnumerable<string> Children(string id) => _children.GetValueOrDefault(id) ?? [];

    /// <summary>The nodes and what they depend on, at most so many steps up.</summary>
    public HashSet<string> WithAncestors(IEnumerable<string> ids, int? depth = null) => Reach(ids, Parents, depth);

    /// <summary>The nodes and what depends on them, at most so many steps down.</summary>
    public HashSet<string> WithDescendants(IEnumerable<string> ids, int? depth = null) => Reach(ids, Children, depth);

    private static HashSet<string> Reach(IEnumerable<string> ids, Func<string, IEnumerable<string>> next, int? depth)
    {
        var reached = new HashSet<string>(ids, StringComparer.Ordinal);
        var front = reached.ToList();
        for (var step = 0; front.Count > 0 && (depth is null || step < depth); step++) front = [.. front.SelectMany(next).Where(reached.Add)];
        return reached;
    }
}

/// <summary>What <c>state:</c>, <c>result:</c> and <c>source_status:</c> compare with: the artifacts of an earlier run.</summary>
internal sealed record SelectionState
{
    /// <summary>By id; null when no earlier manifest was given.</summary>
    public IReadOnlyDictionary<string, NodeChecksums>? Nodes { get; init; }

    /// <summary>Checksums of the macros of the earlier manifest, by id.</summary>
    public IReadOnlyDictionary<string, string> Macros { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>Statuses by id; null when no earlier results were given.</summary>
    public IReadOnlyDictionary<string, string>? Results { get; init; }

    /// <summary>When each source was last loaded, then and now; null when no results of <c>source freshness</c> were given.</summary>
    public SourceFreshness? Freshness { get; init; }
}

/// <summary>Sources whose freshness could not be found out are in neither.</summary>
internal sealed record SourceFreshness(IReadOnlyDictionary<string, DateTimeOffset> Before, IReadOnlyDictionary<string, DateTimeOffset> Now);
