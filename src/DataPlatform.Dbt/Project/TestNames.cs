using System.Text.RegularExpressions;
using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Project;

/// <summary>What dbt calls the tests that schema YAML asks for.</summary>
internal static partial class TestNames
{
    /// <param name="test">The test's own name, with its package's before it.</param>
    /// <param name="model">What is tested.</param>
    /// <param name="arguments">The test's arguments without the model.</param>
    /// <returns>The name, and the one that is short enough for a table.</returns>
    public static (string Full, string Short) Create(string test, string model, PythonDict arguments)
    {
        var parts = arguments.Items.OrderBy(item => Representation.Print(item.Key), StringComparer.Ordinal).SelectMany(item => item.Value switch
        {
            PythonDict dict => dict.Values,
            PythonSequence sequence => sequence.Items,
            _ => [item.Value],
        });
        var identifier = $"{test}_{model}";
        var full = $"{identifier}_{string.Join("__", parts.Select(part => Others().Replace(Representation.Print(part), "_")))}";
        return (full, full.Length < 64 ? full : $"{(identifier.Length > 30 ? identifier[..30] : identifier)}_{Hashes.Md5(full)}");
    }

    /// <summary>The ten digits at the end of a test's id: they tell apart tests of one name.</summary>
    public static string Hash(string name, string? package, string test, PythonDict arguments)
    {
        var metadata = new PythonDict { ["namespace"] = Texts(package), ["name"] = test, ["kwargs"] = Texts(arguments) };
        return Hashes.Md5(name + Representation.Of(Texts(metadata)))[^10..];

        static object? Texts(object? value) => value switch
        {
            PythonDict dict => new PythonDict(dict.Items.Select(item => new KeyValuePair<string, object?>(Representation.Print(item.Key), Texts(item.Value))).OrderBy(item => item.Key, StringComparer.Ordinal)),
            PythonList list => new PythonList(list.Items.Select(Texts)),
            _ => Representation.Print(value),
        };
    }

    [GeneratedRegex("[^0-9a-zA-Z_]+")]
    private static partial Regex Others();
}
