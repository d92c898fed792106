using System.Text.Json;

namespace DataPlatform.Testing;

/// <summary>A command that stands in for dbt: it says again what a real dbt-core 1.11 said and wrote. Its switches are explained in <c>RecordedDbt/dbt</c>.</summary>
public static class RecordedDbt
{
    /// <summary>The command.</summary>
    public static string Executable { get; } = Path.Combine(AppContext.BaseDirectory, "RecordedDbt", "dbt");

    /// <summary>A project's folder.</summary>
    public static string Project { get; } = Path.Combine(AppContext.BaseDirectory, "RecordedDbt", "project");

    /// <summary>The recordings by name.</summary>
    public static IReadOnlyList<string> Cases { get; } = [.. Directory.GetDirectories(Path.Combine(AppContext.BaseDirectory, "RecordedDbt", "recordings")).Select(Path.GetFileName).Order(StringComparer.Ordinal)!];

    /// <summary>A file of a recording.</summary>
    public static string File(string recording, string file) => Path.Combine(AppContext.BaseDirectory, "RecordedDbt", "recordings", recording, file);

    /// <summary>Writes what <c>dbt ls</c> says of a recording's manifest.</summary>
    public static void WriteListing(string recording, string path)
    {
        using var manifest = JsonDocument.Parse(System.IO.File.ReadAllText(File(recording, "manifest.macros-trimmed.json")));
        var nodes = ((string[])["nodes", "unit_tests", "functions", "sources", "exposures"]).SelectMany(section => manifest.RootElement.GetProperty(section).EnumerateObject());
        System.IO.File.WriteAllLines(path, nodes.Where(node => !node.Name.StartsWith("operation.", StringComparison.Ordinal)).Select(node => JsonSerializer.Serialize(
            ((string[])["unique_id", "name", "resource_type", "fqn", "original_file_path", "config"])
                .Where(key => node.Value.TryGetProperty(key, out _)).ToDictionary(key => key, key => node.Value.GetProperty(key)))));
    }
}
