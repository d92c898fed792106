using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Project;

/// <summary>A dbt project with its packages, all read.</summary>
internal sealed class DbtProject(ProjectFile root, MacroTable macros)
{
    /// <summary>The project and its packages; the project is the first.</summary>
    public List<ProjectFile> Packages { get; } = [root];

    public ProjectFile Root => root;

    public MacroTable Macros => macros;

    /// <summary>By id, in the order they were read. Those that are not enabled are not among them.</summary>
    public OrderedDictionary<string, DbtNode> Nodes { get; } = new(StringComparer.Ordinal);

    public List<DbtNode> Disabled { get; } = [];

    /// <summary>By name.</summary>
    public Dictionary<string, DbtGroup> Groups { get; } = new(StringComparer.Ordinal);

    /// <summary>Text of docs blocks by package and name.</summary>
    public Dictionary<(string Package, string Name), (string Text, string Path)> Docs { get; } = [];

    public DbtNode? FindRef(RefKey key, string package) => FindRef(Nodes.Values, key, package);

    public DbtNode? FindSource(SourceKey key, string package) => FindSource(Nodes.Values, key, package);

    /// <summary>The text of a docs block: its name, or its package and name.</summary>
    public string? FindDoc(string[] words, string package)
    {
        foreach (var owner in words.Length == 2 ? [words[0]] : new[] { package, root.Name }.Concat(Packages.Select(other => other.Name)))
            if (Docs.TryGetValue((owner, words[^1]), out var found)) return found.Text;
        return null;
    }

    public TemplateError MissingRef(DbtNode? from, RefKey key)
    {
        var isDisabled = from is not null && FindRef(Disabled, key, from.Package) is not null;
        return new TemplateError(
            $"{Describe(from)} depends on a node named '{key.Name}'{(key.Version is null ? "" : $" with version '{key.Version}'")}{(key.Package is null ? "" : $" in package '{key.Package}'")} which {(isDisabled ? "is disabled" : "was not found")}",
            isDisabled ? "Enable it, or do not refer to it." : $"Did you mean {Closest(key.Name)}?");
    }

    public TemplateError MissingSource(DbtNode? from, SourceKey key)
    {
        var isDisabled = from is not null && FindSource(Disabled, key, from.Package) is not null;
        return new TemplateError(
            $"{Describe(from)} depends on a source named '{key.Source}.{key.Table}' which {(isDisabled ? "is disabled" : "was not found")}", "Describe it under sources in a YAML file of the models.");
    }

    public bool IsDisabled(RefKey key, string package) => FindRef(Disabled, key, package) is not null;

    public bool IsDisabled(SourceKey key, string package) => FindSource(Disabled, key, package) is not null;

    private static string Describe(DbtNode? node) => node is null ? "It" : $"{node.Type} '{node.UniqueId}' ({node.OriginalPath})";

    private DbtNode? FindRef(IEnumerable<DbtNode> nodes, RefKey key, string package)
    {
        var named = nodes.Where(node => node.IsRefable && node.Name == key.Name && Representation.Print(node.Version) == (key.Version ?? Representation.Print(node.LatestVersion))).ToList();
        if (key.Package is { } only) return named.Find(node => node.Package == only);
        return named.Find(node => node.Package == root.Name) ?? named.Find(node => node.Package == package) ?? named.FirstOrDefault();
    }

    private DbtNode? FindSource(IEnumerable<DbtNode> nodes, SourceKey key, string package)
    {
        var named = nodes.Where(node => node.Type == ResourceType.Source && node.SourceName == key.Source && node.Name == key.Table).ToList();
        return named.Find(node => node.Package == root.Name) ?? named.Find(node => node.Package == package) ?? named.FirstOrDefault();
    }

    private string Closest(string name)
    {
        var others = Nodes.Values.Where(node => node.IsRefable).Select(node => node.Name).ToList();
        return others.Find(other => string.Equals(other, name, StringComparison.OrdinalIgnoreCase)) is { } same ? $"'{same}'"
            : others.Count == 0 ? "to add it: the project has no models" : $"one of {string.Join(", ", others.OrderBy(other => Math.Abs(other.Length - name.Length)).Take(5).Order(StringComparer.Ordinal))}";
    }
}
