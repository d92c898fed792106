namespace DataPlatform.Dbt.Selection;

/// <summary>A path with wildcards, which stay within a folder; <c>**</c> stands for any number of folders.</summary>
internal sealed class FilePattern(string pattern)
{
    private readonly string[] _parts = pattern.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part != ".").ToArray();

    /// <summary>The file of a node, the folders that it is in, and the file that describes it.</summary>
    public static IEnumerable<string> PathsOf(SelectableNode node)
    {
        if (node.PatchPath is not null) yield return node.PatchPath;
        for (var path = node.OriginalFilePath; path.Length > 0; path = path[..Math.Max(path.LastIndexOf('/'), 0)]) yield return path;
    }

    public bool Matches(string path) => Matches(path.Split('/'), _parts);

    private static bool Matches(ReadOnlySpan<string> path, ReadOnlySpan<string> parts)
    {
        if (parts.IsEmpty) return path.IsEmpty;
        if (parts[0] == "**") return Matches(path, parts[1..]) || (!path.IsEmpty && Matches(path[1..], parts));
        return !path.IsEmpty && Wildcard.Matches(path[0], parts[0]) && Matches(path[1..], parts[1..]);
    }
}
