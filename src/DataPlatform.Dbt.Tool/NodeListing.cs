using DataPlatform.Dbt.Artifacts;
using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;

namespace DataPlatform.Dbt.Tool;

/// <summary>Nodes as <c>ls</c> writes them.</summary>
internal static class NodeListing
{
    private static readonly string[] DefaultKeys = ["alias", "name", "package_name", "depends_on", "tags", "config", "resource_type", "source_name", "original_file_path", "unique_id"];

    /// <param name="state">What the project is.</param>
    /// <param name="node">The node.</param>
    /// <param name="output">selector, name, path or json.</param>
    /// <param name="keys">The keys of json, where a dot leads into a value; empty for the usual ones.</param>
    public static string Describe(EngineState state, DbtNode node, string output, IReadOnlyList<string> keys) => output switch
    {
        "json" => JsonText.Write(Pick(ManifestWriter.Describe(state, node), keys), sortKeys: false),
        "path" => node.OriginalPath,
        "name" => node.Type == ResourceType.Source ? $"{node.SourceName}.{node.Name}" : node.Name,
        _ => node.Type switch
        {
            ResourceType.Source => $"source:{node.Package}.{node.SourceName}.{node.Name}",
            ResourceType.Exposure => $"exposure:{node.Package}.{node.Name}",
            _ => string.Join('.', node.Fqn),
        },
    };

    private static PythonDict Pick(PythonDict described, IReadOnlyList<string> keys)
    {
        var picked = new PythonDict();
        foreach (var key in keys.Count > 0 ? keys : DefaultKeys)
        {
            object? value = described;
            var isFound = key.Split('.').All(part => value is PythonDict dict && dict.TryGet(part, out value));
            if (isFound) picked[key] = value;
        }

        return picked;
    }
}
