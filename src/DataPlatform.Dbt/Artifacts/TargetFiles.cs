using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Project;

namespace DataPlatform.Dbt.Artifacts;

/// <summary>The SQL of nodes as files below the target folder: what they compile to, and what was run.</summary>
internal static class TargetFiles
{
    public const string Compiled = "compiled";
    public const string Run = "run";

    /// <summary>The file as messages and artifacts name it: from the project's folder on where it is below that. Each batch of a model has its own.</summary>
    public static string PathOf(EngineState state, string kind, DbtNode node, string? batch = null)
    {
        var full = FullPathOf(state, kind, node, batch);
        var relative = Path.GetRelativePath(state.Options.ProjectFolder, full);
        return relative.StartsWith("..", StringComparison.Ordinal) ? full : relative;
    }

    public static void Write(EngineState state, string kind, DbtNode node, string sql, string? batch = null)
    {
        var path = FullPathOf(state, kind, node, batch);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, sql);
    }

    private static string FullPathOf(EngineState state, string kind, DbtNode node, string? batch)
    {
        // Several nodes of one file, such as tests in YAML, are each a file in a folder of its name.
        var path = Path.Combine(
            Path.GetFullPath(state.TargetFolder), kind, node.Package,
            Path.GetFileName(node.Path) == Path.GetFileName(node.OriginalPath) ? node.OriginalPath : Path.Combine(node.OriginalPath, node.Path));
        if (batch is null) return path;
        var name = Path.GetFileNameWithoutExtension(path);
        return Path.Combine(Path.GetDirectoryName(path)!, name, $"{name}_{batch}{Path.GetExtension(path)}");
    }
}
