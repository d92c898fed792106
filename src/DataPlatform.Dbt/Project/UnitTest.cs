using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Run;

namespace DataPlatform.Dbt.Project;

/// <summary>Rows of a unit test: values by column, or a query.</summary>
internal sealed record UnitTestRows(IReadOnlyList<PythonDict> Rows, string? Sql = null);

/// <summary>A test of a model's logic: the rows that it makes of given ones.</summary>
internal sealed class UnitTest
{
    private UnitTest(string model, IReadOnlyList<(string Input, UnitTestRows Rows)> given, UnitTestRows expected, PythonDict? overrides, PythonDict? versions) =>
        (Model, Given, Expected, Overrides, Versions) = (model, given, expected, overrides, versions);

    /// <summary>What is tested, as it is written.</summary>
    public string Model { get; }

    /// <summary>What stands for what the model reads: by <c>ref()</c>, <c>source()</c> or <c>this</c>, as it is written.</summary>
    public IReadOnlyList<(string Input, UnitTestRows Rows)> Given { get; }

    public UnitTestRows Expected { get; }

    /// <summary>Macros, vars and environment variables that are other than in a run.</summary>
    public PythonDict? Overrides { get; }

    /// <summary>Of a model of several versions: the lists include and exclude of those that are tested, which are all when there is neither.</summary>
    public PythonDict? Versions { get; }

    /// <summary>The rows of each node that is read, found when the references are.</summary>
    public Dictionary<string, UnitTestRows> Inputs { get; } = new(StringComparer.Ordinal);

    /// <summary>Reads a test of schema YAML.</summary>
    /// <param name="yaml">The test.</param>
    /// <param name="seed">Finds the file of a seed.</param>
    /// <param name="fixture">Finds a file of fixtures by its name and its ending.</param>
    public static UnitTest Read(YamlItem yaml, Func<string, string?> seed, Func<string, string, string?> fixture) => new(
        yaml.Require("model"),
        [.. (yaml["given"]?.Items ?? []).Select(given => (given.Require("input"), ReadRows(given, given["input"]!.Text, seed, fixture)))],
        ReadRows(yaml["expect"] ?? throw yaml.Fault("'expect' is missing here."), null, seed, fixture),
        yaml["overrides"]?.ToValue() as PythonDict,
        yaml["versions"]?.ToValue() as PythonDict);

    /// <summary>The test, for one of the versions of its model.</summary>
    public UnitTest Copy() => new(Model, Given, Expected, Overrides, Versions);

    /// <summary>Whether it tests a version.</summary>
    public bool Takes(object? version) => Versions?.Get("exclude") is { } others ? !Lists(others, version) : Versions?.Get("include") is not { } these || Lists(these, version);

    private static bool Lists(object? versions, object? version) => Operations.Enumerate(versions).Select(Representation.Print).Contains(Representation.Print(version), StringComparer.Ordinal);

    private static UnitTestRows ReadRows(YamlItem yaml, string? input, Func<string, string?> seed, Func<string, string, string?> fixture)
    {
        var format = yaml["format"]?.Text ?? "dict";
        switch (format)
        {
            case "dict":
                if (yaml["fixture"] is { } odd) throw odd.Fault("a fixture of a unit test is a file, and has format csv or sql.");
                // A seed that is given without rows is what its file holds.
                if (yaml["rows"] is null && input is not null)
                    return new UnitTestRows(Csv(File.ReadAllText(seed(input) ?? throw yaml.Fault($"'rows' is missing here, and {input} is no seed.")), yaml));
                return new UnitTestRows([.. (yaml["rows"]?.Items ?? []).Select(row => row.ToValue() as PythonDict ?? throw row.Fault("a row of format dict is a map of columns and values."))]);
            case "csv": return new UnitTestRows(Csv(Text(".csv"), yaml));
            case "sql": return new UnitTestRows([], Text(".sql"));
            default: throw yaml["format"]!.Fault($"the format of rows is dict, csv or sql, not '{format}'.");
        }

        string Text(string extension)
        {
            if (yaml["fixture"] is not { } named) return yaml["rows"]?.Text ?? throw yaml.Fault($"rows of format {format} are a text, or a file named by 'fixture'.");
            return File.ReadAllText(fixture(named.Text, extension) ?? throw named.Fault($"there is no fixture '{named.Text}{extension}'.", "Put it into the folder fixtures of test-paths."));
        }
    }

    private static List<PythonDict> Csv(string text, YamlItem yaml)
    {
        var (header, rows) = SeedRun.Parse(text, ',', $"{yaml.File}:{yaml.Line}");
        return [.. rows.Select(row => new PythonDict(header.Select((name, place) => new KeyValuePair<string, object?>(name.Trim(), row[place].Length == 0 ? null : row[place]))))];
    }
}
