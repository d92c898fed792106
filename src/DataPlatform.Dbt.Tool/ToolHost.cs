using System.Collections;

namespace DataPlatform.Dbt.Tool;

/// <summary>What the tool runs in.</summary>
/// <param name="Variables">The environment's variables.</param>
/// <param name="Folder">The working directory.</param>
/// <param name="Output">Standard output.</param>
/// <param name="Error">Standard error.</param>
/// <param name="HasColors">Whether the output shows colours.</param>
internal sealed record ToolHost(IReadOnlyDictionary<string, string> Variables, string Folder, TextWriter Output, TextWriter Error, bool HasColors = false)
{
    /// <summary>This process.</summary>
    public static ToolHost Process => new(
        Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().ToDictionary(pair => (string)pair.Key, pair => (string)pair.Value!, StringComparer.Ordinal),
        Environment.CurrentDirectory, Console.Out, Console.Error, !Console.IsOutputRedirected);

    public string? Variable(string name) => Variables.GetValueOrDefault(name);
}
