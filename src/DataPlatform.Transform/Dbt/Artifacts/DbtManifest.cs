using System.Text.Json;

namespace DataPlatform.Transform;

/// <summary>dbt's <c>manifest.json</c>, schema v12: what the project consists of.</summary>
public sealed class DbtManifest
{
    private readonly Dictionary<string, DbtManifestNode> _nodes;

    internal DbtManifest(string invocationId, string projectName, Dictionary<string, DbtManifestNode> nodes) =>
        (InvocationId, ProjectName, _nodes) = (invocationId, projectName, nodes);

    /// <summary>The invocation that parsed the project.</summary>
    public string InvocationId { get; }

    /// <summary>The project's name.</summary>
    public string ProjectName { get; }

    /// <summary>Models, seeds, snapshots, tests, unit tests, sources, exposures, functions, by their unique ids.</summary>
    public IReadOnlyDictionary<string, DbtManifestNode> Nodes => _nodes;

    /// <summary>Reads the file.</summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: it is not there, not whole, or of another schema.</exception>
    public static DbtManifest Read(string path)
    {
        using var document = ArtifactFile.Open(path, "manifest", 12);
        var root = document.RootElement;
        var nodes = new Dictionary<string, DbtManifestNode>(StringComparer.Ordinal);
        foreach (var section in (ReadOnlySpan<string>)["nodes", "sources", "exposures", "unit_tests", "functions"])
        {
            if (root.Object(section) is not { } entries) continue;
            foreach (var entry in entries.EnumerateObject()) nodes[entry.Name] = ReadNode(entry.Name, entry.Value);
        }

        var metadata = root.GetProperty("metadata");
        return new DbtManifest(metadata.Text("invocation_id") ?? "", metadata.Text("project_name") ?? "", nodes);
    }

    /// <summary>
    /// What each model, seed and snapshot that makes a table or view reads, and each test. Ephemeral models are seen through: what they read is read by who uses them.
    /// </summary>
    public IReadOnlyList<DbtLineage> GetLineage() =>
    [
        .. _nodes.Values.Where(node => node.Node.ResourceType is "test" || (node.Node.ResourceType is "model" or "seed" or "snapshot" && node.Relation is not null))
            .OrderBy(node => node.Node.UniqueId, StringComparer.Ordinal)
            .Select(node => new DbtLineage(
                node.Node.UniqueId, [.. Inputs(node, []).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)], node.Node.ResourceType is "test" ? null : node.Relation)),
    ];

    /// <summary>The node with the sources that it reads.</summary>
    internal DbtNode WithSources(DbtNode node) => _nodes.TryGetValue(node.UniqueId, out var known) ? node with { Sources = [.. Sources(known, [])] } : node;

    private IEnumerable<DbtSource> Sources(DbtManifestNode node, HashSet<string> seen)
    {
        foreach (var id in node.DependsOn.Where(seen.Add))
        {
            if (!_nodes.TryGetValue(id, out var input)) continue;
            if (input is { Node.ResourceType: "source", Relation: { } relation }) yield return new DbtSource(id, relation);
            else if (input.Materialized == "ephemeral") foreach (var behind in Sources(input, seen)) yield return behind;
        }
    }

    private IEnumerable<string> Inputs(DbtManifestNode node, HashSet<string> seen)
    {
        foreach (var id in node.DependsOn.Where(seen.Add))
        {
            if (!_nodes.TryGetValue(id, out var input)) continue;
            if (input.Relation is { } relation) yield return relation;
            else foreach (var behind in Inputs(input, seen)) yield return behind;
        }
    }

    private static DbtManifestNode ReadNode(string id, JsonElement node)
    {
        var materialized = node.Object("config")?.Text("materialized");
        return new DbtManifestNode(
            new DbtNode(id, node.Text("resource_type") ?? id.Split('.', 2)[0], node.Text("name") ?? id, node.Texts("fqn"), node.Text("original_file_path") ?? ""),
            materialized,
            materialized == "ephemeral" ? null : node.Text("relation_name"),
            node.Object("depends_on")?.Texts("nodes") ?? []);
    }
}

/// <summary>A node as the manifest has it.</summary>
/// <param name="Node">The node.</param>
/// <param name="Materialized">How it is built: <c>table</c>, <c>view</c>, <c>incremental</c>, <c>ephemeral</c>, …; null for what is not built.</param>
/// <param name="Relation">The table or view that it is, quoted for SQL; null for none.</param>
/// <param name="DependsOn">The unique ids of the nodes it reads.</param>
public sealed record DbtManifestNode(DbtNode Node, string? Materialized, string? Relation, IReadOnlyList<string> DependsOn);
