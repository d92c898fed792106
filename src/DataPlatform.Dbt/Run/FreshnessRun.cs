using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;

namespace DataPlatform.Dbt.Run;

/// <summary>When a source was last loaded.</summary>
/// <param name="LoadedAt">The newest time in it. Of an empty source the first of all times.</param>
/// <param name="AskedAt">When that was asked, by the database's clock.</param>
internal sealed record SourceAge(DateTimeOffset LoadedAt, DateTimeOffset AskedAt)
{
    public TimeSpan Age => AskedAt - LoadedAt;
}

/// <summary>Finds how old sources are.</summary>
internal static class FreshnessRun
{
    /// <summary>Whether a source says how old it may be, and how that is found.</summary>
    public static bool HasFreshness(DbtNode node) =>
        node.Type == ResourceType.Source && Criteria(node) is { } criteria && (Limit(node, criteria, "warn_after") ?? Limit(node, criteria, "error_after")) is not null;

    public static (string Status, SourceAge Age) Run(NodeContext context)
    {
        var (node, database) = (context.Node!, context.Database!);
        var criteria = Criteria(node)!;
        var field = Setting(node, "loaded_at_field");
        var query = Setting(node, "loaded_at_query");
        if (field is null && query is null)
            throw new TemplateError($"Could not compute freshness for source {node.Name}: no 'loaded_at_field' provided.", "Name the column of the time it was loaded.");
        // In UTC, as times without a zone are taken to be.
        var newest = query is not null ? $"({context.Render(query, node.OriginalPath)})" : $"max({field})";
        var filter = query is null && criteria.TryGet("filter", out var where) && where is not null ? $"\nwhere {Representation.Print(where)}" : "";
        var from = query is null ? $"\nfrom {context.This!.Print()}{filter}" : "";
        var row = database.QueryMain($"select\n  {newest} as max_loaded_at,\n  {(database.IsDuckDb ? "now()" : "current_timestamp")} as snapshotted_at{from}").Rows.Single();
        var age = new SourceAge(Time(row[0]) ?? DateTimeOffset.MinValue, Time(row[1])!.Value);
        return (IsOlder("error_after") ? "error" : IsOlder("warn_after") ? "warn" : "pass", age);

        bool IsOlder(string key) => Limit(node, criteria, key) is { } limit && age.Age > limit;

        DateTimeOffset? Time(object? value) => value switch
        {
            null => null,
            PythonDateTime moment => new DateTimeOffset(DateTime.SpecifyKind(moment.Value, DateTimeKind.Utc)),
            PythonDate date => new DateTimeOffset(date.Value.ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc)),
            _ => throw new TemplateError($"Expected a timestamp value when querying field '{field ?? "loaded_at_query"}' of source {node.Name} but received value of type '{Operations.TypeName(value)}' instead", "Cast it to a timestamp."),
        };
    }

    /// <summary>What a source says of its age: its own configuration over that of its YAML.</summary>
    public static PythonDict? Criteria(DbtNode node) => (node.Config["freshness"] ?? (node.Extra.TryGet("freshness", out var freshness) ? freshness : null)) as PythonDict;

    /// <summary>It with all keys there are.</summary>
    public static PythonDict? Describe(DbtNode node)
    {
        if (Criteria(node) is not { } criteria) return null;
        return new PythonDict { ["warn_after"] = Period("warn_after"), ["error_after"] = Period("error_after"), ["filter"] = criteria.Get("filter") };

        PythonDict Period(string key) => new() { ["count"] = (criteria.Get(key) as PythonDict)?.Get("count"), ["period"] = (criteria.Get(key) as PythonDict)?.Get("period") };
    }

    public static string? Setting(DbtNode node, string key) => node.Config.Text(key) ?? (node.Extra.TryGet(key, out var value) ? value as string : null);

    private static TimeSpan? Limit(DbtNode node, PythonDict criteria, string key)
    {
        if (!criteria.TryGet(key, out var value) || value is not PythonDict limit || !limit.TryGet("count", out var count) || count is null) return null;
        var period = limit.TryGet("period", out var named) ? named as string : null;
        if (count is not long number) throw Fault($"the count of {key} is a whole number, not {Representation.Of(count)}.");
        return period switch
        {
            "minute" => TimeSpan.FromMinutes(number),
            "hour" => TimeSpan.FromHours(number),
            "day" => TimeSpan.FromDays(number),
            _ => throw Fault($"the period of {key} is minute, hour or day, not {Representation.Of(period)}."),
        };

        DataPlatformException Fault(string problem) => new(FailureClass.Configuration, $"{node.OriginalPath}:{node.Line}: {problem}");
    }
}
