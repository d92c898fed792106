using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Project;

namespace DataPlatform.Dbt.Artifacts;

/// <summary>The SQL of nodes as files below the target folder: what they compile to, and what was run.</summary>
internal static class TargetFiles
{
    public const string Compiled = "compiled";
    public const string Run = "run";

    /// <summary>The file as messages and artifacts name it: from the project's folder on where it is below that.</summary>
    public static string PathOf(EngineState state, string kind, DbtNode node)
    {
        var full = FullPathOf(state, kind, node);
        var relative = Path.GetRelativePath(state.Options.ProjectFolder, full);
        return relative.StartsWith("..", StringComparison.Ordinal) ? full : relative;
    }

    public static void Write(EngineState state, string kind, DbtNode node, string sql)
    {
        var path = FullPathOf(state, kind, node);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, sql);
    }

    // Several nodes of one file, such as tests in YAML, are each a file in a folder of its name.
    private static string FullPathOf(EngineState state, string kind, DbtNode node) => Path.Combine(
        Path.GetFullPath(state.TargetFolder), kind, node.Package,
        Path.GetFileName(node.Path) == Path.GetFileName(node.OriginalPath) ? node.OriginalPath : Path.Combine(node.OriginalPath, node.Path));
}
