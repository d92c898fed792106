using DataPlatform.Testing;

namespace DataPlatform.Samples.Tests;

/// <summary>The files of this repository.</summary>
internal static class Repository
{
    public static string Root => RepositoryFolder.Path;

    /// <summary>The texts for people, by their paths.</summary>
    public static IEnumerable<string> Documents() =>
        Directory.EnumerateFiles(Root, "*.md", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Root, path).Replace('\\', '/'))
            .Where(path => !path.Split('/').Any(part => part is "bin" or "obj" or "artifacts" or "data" or "node_modules"))
            .Order(StringComparer.Ordinal);

    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    /// <summary>The fenced blocks of a document in a language.</summary>
    public static IReadOnlyList<string> Blocks(string path, string language)
    {
        var blocks = new List<string>();
        List<string>? block = null;
        foreach (var line in File.ReadLines(Path.Combine(Root, path)))
        {
            if (block is null)
            {
                if (line.Trim() == $"```{language}") block = [];
            }
            else if (line.Trim() == "```")
            {
                blocks.Add(string.Join('\n', block) + '\n');
                block = null;
            }
            else
            {
                block.Add(line);
            }
        }

        return blocks;
    }
}
