using System.Globalization;
using DataPlatform.Dbt.Jinja;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace DataPlatform.Dbt.Project;

/// <summary>A value in a YAML file that knows where it stands.</summary>
internal sealed class YamlItem
{
    private static readonly string[] Trues = ["true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"];
    private static readonly string[] Falses = ["false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"];

    private readonly YamlNode _node;

    private YamlItem(string file, YamlNode node) => (File, _node) = (file, node);

    /// <summary>The file as messages name it.</summary>
    public string File { get; }

    /// <summary>From 1.</summary>
    public int Line => (int)_node.Start.Line;

    public bool IsMap => _node is YamlMappingNode;

    public bool IsList => _node is YamlSequenceNode;

    public bool IsNull => _node is YamlScalarNode { Style: ScalarStyle.Plain or ScalarStyle.Any } scalar && Scalar(scalar) is null;

    /// <summary>Reads a file's one document, or returns null when it is empty.</summary>
    /// <exception cref="DataPlatformException">It is not YAML.</exception>
    public static YamlItem? Parse(string text, string file)
    {
        try
        {
            var stream = new YamlStream();
            stream.Load(new MergingParser(new YamlDotNet.Core.Parser(new StringReader(text))));
            var item = stream.Documents.Count == 0 ? null : new YamlItem(file, stream.Documents[0].RootNode);
            return item is { IsNull: true } ? null : item;
        }
        catch (YamlException e)
        {
            throw new DataPlatformException(FailureClass.Configuration, $"{file}:{e.Start.Line}:{e.Start.Column}: this is not YAML: {e.Message}", "Mind the indentation, and quote text that has ': ' or '{{' in it.", e);
        }
    }

    /// <summary>The entry of a map, or null when there is none or it is empty.</summary>
    public YamlItem? this[string key]
    {
        get
        {
            if (_node is not YamlMappingNode map) throw Fault($"a map was expected here, and {Describe()} found.");
            return map.Children.TryGetValue(new YamlScalarNode(key), out var value) && new YamlItem(File, value) is { IsNull: false } item ? item : null;
        }
    }

    public IEnumerable<(YamlItem Key, YamlItem Value)> Entries => _node is YamlMappingNode map
        ? map.Children.Select(pair => (new YamlItem(File, pair.Key), new YamlItem(File, pair.Value)))
        : throw Fault($"a map was expected here, and {Describe()} found.");

    public IEnumerable<YamlItem> Items => _node is YamlSequenceNode list
        ? list.Children.Select(child => new YamlItem(File, child))
        : throw Fault($"a list was expected here, and {Describe()} found.");

    public string Text => _node is YamlScalarNode scalar ? scalar.Value ?? "" : throw Fault($"a text was expected here, and {Describe()} found.");

    /// <summary>One text, or a list of texts.</summary>
    public IEnumerable<string> Texts => IsList ? Items.Select(item => item.Text) : [Text];

    public string Require(string key) => this[key]?.Text ?? throw Fault($"'{key}' is missing here.");

    /// <summary>What the value is in a template: its scalars are those of YAML 1.1, as dbt reads them.</summary>
    public object? ToValue() => ToValue(static (_, text) => text);

    /// <param name="text">What texts become.</param>
    public object? ToValue(Func<YamlItem, string, object?> text)
    {
        switch (_node)
        {
            case YamlMappingNode:
                var dict = new PythonDict();
                foreach (var (key, value) in Entries) dict[key.ToValue()] = value.ToValue(text);
                return dict;
            case YamlSequenceNode: return new PythonList(Items.Select(item => item.ToValue(text)));
            case YamlScalarNode { Style: ScalarStyle.Plain or ScalarStyle.Any } scalar: return Scalar(scalar) is var parsed && parsed is string plain ? text(this, plain) : parsed;
            default: return text(this, Text);
        }
    }

    /// <summary>Refuses keys that are not known.</summary>
    public void Allow(string what, params string[] keys)
    {
        foreach (var (key, _) in Entries)
            if (Array.IndexOf(keys, key.Text) < 0) throw key.Unsupported($"'{key.Text}' of {what}");
    }

    public DataPlatformException Fault(string problem, string? hint = null) => new(FailureClass.Configuration, $"{File}:{Line}: {problem}", hint);

    public DataPlatformException Unsupported(string construct) => Unsupported(File, Line, construct);

    /// <summary>What stands outside of the subset that is built in.</summary>
    public static DataPlatformException Unsupported(string file, int line, string construct) => new(
        FailureClass.Configuration, $"{file}:{line}: the built-in dbt engine does not support {construct}.", "Install dbt and set the runner to Cli, or do without it: see docs/dbt-engine.md.");

    private string Describe() => IsMap ? "a map was" : IsList ? "a list was" : $"'{Text}' was";

    private static object? Scalar(YamlScalarNode scalar)
    {
        var value = scalar.Value ?? "";
        if (value is "" or "~" or "null" or "Null" or "NULL") return null;
        if (Array.IndexOf(Trues, value) >= 0) return true;
        if (Array.IndexOf(Falses, value) >= 0) return false;
        // A number with a leading zero is octal in YAML 1.1.
        if (value.Length > 1 && value.TrimStart('+', '-') is ['0', >= '0' and <= '9', ..] digits && digits.All(char.IsAsciiDigit))
            return digits.All(digit => digit < '8') ? Convert.ToInt64(digits, 8) * (value[0] == '-' ? -1 : 1) : value;
        if (long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole)) return whole;
        if (value.Contains('.', StringComparison.Ordinal) && value.Any(char.IsAsciiDigit)
            && double.TryParse(value, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out var number)) return number;
        return value;
    }
}
