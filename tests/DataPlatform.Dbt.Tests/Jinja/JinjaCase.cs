using System.Globalization;
using System.Text.Json;

namespace DataPlatform.Dbt.Jinja;

/// <summary>
/// A template and what it comes to, from a file in <c>Cases</c>. A case begins with <c>===</c> and its name; its sections are <c>--- context</c> (JSON) and either <c>--- expected</c>,
/// which is what Jinja2 3.1.6 gives, or <c>--- error</c>: line, column and message of an error where Jinja2 has one, too. Cases whose name begins with
/// "lenient:" are rendered as dbt parses.
/// </summary>
public sealed record JinjaCase(string File, string Name, string Template, string? Context, string? Expected, string? Error)
{
    public static IEnumerable<JinjaCase> Load()
    {
        foreach (var path in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Jinja", "Cases"), "*.txt").Order(StringComparer.Ordinal))
        {
            var text = System.IO.File.ReadAllText(path);
            foreach (var part in text[..^1].Split("\n=== ").Select((part, place) => place == 0 ? part["=== ".Length..] : part))
            {
                var nameEnd = part.IndexOf('\n');
                var sections = part[(nameEnd + 1)..].Split("\n--- ");
                var named = sections.Skip(1).ToDictionary(section => section.Split('\n', 2)[0], section => section.Split('\n', 2)[1]);
                yield return new JinjaCase(
                    Path.GetFileNameWithoutExtension(path), part[..nameEnd], sections[0], named.GetValueOrDefault("context"), named.GetValueOrDefault("expected"), named.GetValueOrDefault("error"));
            }
        }
    }

    /// <summary>What the case comes to: the text, or line, column and message of the error.</summary>
    internal (string? Text, string? Error) Render()
    {
        try
        {
            var environment = new JinjaEnvironment();
            var run = new JinjaRun(environment, Name.StartsWith("lenient:", StringComparison.Ordinal) ? UndefinedMode.Lenient : UndefinedMode.Strict);
            return (JinjaTemplate.Parse(Template, "case", environment).Render(new JinjaNames(Names()), run), null);
        }
        catch (JinjaException e)
        {
            return (null, string.Create(CultureInfo.InvariantCulture, $"{e.Line}:{e.Column}: {e.Problem}"));
        }
    }

    private Dictionary<string, object?> Names()
    {
        var names = new Dictionary<string, object?>
        {
            ["set"] = new JinjaFunction("set", Signature.Of("set items?", (_, a) => new PythonSet(a.Has(0) ? Operations.Enumerate(a[0]) : []))),
        };
        if (Context is null) return names;
        using var context = JsonDocument.Parse(Context);
        foreach (var property in context.RootElement.EnumerateObject()) names[property.Name] = Value(property.Value);
        return names;
    }

    private static object? Value(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.String => json.GetString(),
        JsonValueKind.Number => json.TryGetInt64(out var whole) ? whole : (object)json.GetDouble(),
        JsonValueKind.Array => new PythonList(json.EnumerateArray().Select(Value)),
        _ => new PythonDict(json.EnumerateObject().Select(property => new KeyValuePair<string, object?>(property.Name, Value(property.Value)))),
    };
}
