using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Project;

/// <summary>The configuration of a node: from the project file, schema YAML and <c>config()</c>, the later over the earlier.</summary>
internal sealed class NodeConfig
{
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);

    public IEnumerable<KeyValuePair<string, object?>> Values => _values;

    public bool IsEnabled => Flag("enabled", true);

    public string Materialized => Text("materialized") ?? "view";

    public IReadOnlyList<string> Tags => Texts("tags");

    public PythonDict Meta => _values.GetValueOrDefault("meta") as PythonDict ?? new PythonDict();

    /// <summary>Adds what a level of configuration says: tags and hooks add up, meta is merged by key, all else is replaced.</summary>
    public void Merge(IEnumerable<KeyValuePair<string, object?>> level)
    {
        foreach (var (written, value) in level)
        {
            var key = Name(written);
            _values[key] = key switch
            {
                "tags" or "pre-hook" or "post-hook" or "packages" => new PythonList([.. List(_values.GetValueOrDefault(key)), .. List(value)]),
                "grants" when value is PythonDict added => Join(_values.GetValueOrDefault(key) as PythonDict ?? new PythonDict(), added, appends: true),
                "meta" or "column_types" or "persist_docs" when value is PythonDict added && _values.GetValueOrDefault(key) is PythonDict old => Join(old, added),
                _ => value,
            };
        }
    }

    public void Set(string key, object? value) => _values[Name(key)] = value;

    public void SetDefault(string key, object? value) => _values.TryAdd(key, value);

    public bool TryGet(string key, out object? value) => _values.TryGetValue(Name(key), out value);

    public object? this[string key] => _values.GetValueOrDefault(Name(key));

    public string? Text(string key) => this[key] switch
    {
        null => null,
        PythonDict or PythonSequence => throw new TemplateError($"The configuration '{key}' is to be a text, not {Representation.Of(this[key])}."),
        var value => Representation.Print(value),
    };

    public bool Flag(string key, bool otherwise) => this[key] switch
    {
        null => otherwise,
        bool flag => flag,
        string text when bool.TryParse(text, out var flag) => flag,
        _ => throw new TemplateError($"The configuration '{key}' is to be true or false, not {Representation.Of(this[key])}."),
    };

    /// <summary>One text or a list of texts.</summary>
    public IReadOnlyList<string> Texts(string key) => [.. List(this[key]).Select(Representation.Print)];

    public PythonDict ToDict() => new(_values.OrderBy(pair => pair.Key, StringComparer.Ordinal));

    private static string Name(string key) => key switch
    {
        "pre_hook" => "pre-hook",
        "post_hook" => "post-hook",
        _ => key,
    };

    private static IEnumerable<object?> List(object? value) => value switch
    {
        null => [],
        PythonSequence sequence => sequence.Items,
        PythonSet set => set.Items,
        _ => [value],
    };

    /// <param name="old">Keys and values.</param>
    /// <param name="added">Those that go over them.</param>
    /// <param name="appends">Whether the values of a key with a plus before it are added to those there are.</param>
    private static PythonDict Join(PythonDict old, PythonDict added, bool appends = false)
    {
        var joined = Globals.CopyDict(old);
        foreach (var (key, value) in added.Items)
        {
            if (appends && key is string text && text.StartsWith('+')) joined[text[1..]] = new PythonList([.. List(joined.Get(text[1..])), .. List(value)]);
            else joined[key] = value;
        }

        return joined;
    }
}
