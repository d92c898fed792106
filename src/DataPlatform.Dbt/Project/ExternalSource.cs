using System.Text.RegularExpressions;
using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Project;

/// <summary>Sources of DuckDB that are files: <c>external_location</c> in their meta or configuration, as the adapter for DuckDB has it.</summary>
internal static partial class ExternalSource
{
    /// <summary>What stands in queries for the source, or null when it is a table.</summary>
    public static string? Find(DbtNode source)
    {
        if (Get("plugin") is not null) throw Context.TemplateObject.Unsupported("'plugin' of sources");
        if (Get("external_location") is not { } template) return null;
        var text = Representation.Print(template);
        var filled = Get("formatter") switch
        {
            null or "newstyle" => Braces().Replace(text, Fill),
            "oldstyle" => Percents().Replace(text, Fill),
            "template" => Dollars().Replace(text, Fill),
            var other => throw new TemplateError($"The formatter of an external_location is newstyle, oldstyle or template, not '{Representation.Print(other)}'."),
        };
        return filled.Contains('(', StringComparison.Ordinal) || filled.StartsWith('\'') ? filled : $"'{filled}'";

        string Fill(Match match)
        {
            var name = match.Groups["name"].Value;
            return name switch
            {
                "name" => source.Name,
                "identifier" => source.Alias,
                "schema" => source.Schema,
                "database" => source.Database ?? "",
                _ => Get(name) is { } value ? Representation.Print(value) : throw new TemplateError($"external_location '{text}' names '{name}', which the source does not have.", "There are name, identifier, schema, database and what is in its meta."),
            };
        }

        object? Get(string key) => source.Config[key] ?? (source.Config.Meta.TryGet(key, out var value) ? value : null);
    }

    [GeneratedRegex(@"\{(?<name>\w+)\}")]
    private static partial Regex Braces();

    [GeneratedRegex(@"%\((?<name>\w+)\)s")]
    private static partial Regex Percents();

    [GeneratedRegex(@"\$\{?(?<name>\w+)\}?")]
    private static partial Regex Dollars();
}
