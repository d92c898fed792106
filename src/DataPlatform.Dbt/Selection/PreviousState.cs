using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace DataPlatform.Dbt.Selection;

/// <summary>What an earlier run left in a folder: its manifest, and where there are such, its results and the freshness of its sources.</summary>
internal sealed class PreviousState
{
    private static readonly string[] RefableTypes = ["model", "seed", "snapshot"];

    // Where a relation is has a checksum of its own, and what dbt writes about every node says nothing.
    private static readonly string[] NotCompared = ["schema", "alias", "database", "docs", "contract"];

    private static readonly HashSet<string> Defaults = new(StringComparer.Ordinal)
    {
        "enabled: true", "on_schema_change: \"ignore\"", "on_configuration_change: \"apply\"", "lookback: 1", "access: \"protected\"", "severity: \"ERROR\"", "fail_calc: \"count(*)\"",
        "warn_if: \"!= 0\"", "error_if: \"!= 0\"", "batch_size: null",
    };

    private PreviousState(SelectionState selection, IReadOnlyDictionary<string, (string? Database, string Schema, string Alias)> relations) => (Selection, Relations) = (selection, relations);

    public SelectionState Selection { get; }

    /// <summary>Where the earlier run's models, seeds and snapshots are, by id.</summary>
    public IReadOnlyDictionary<string, (string? Database, string Schema, string Alias)> Relations { get; }

    /// <param name="folder">The folder of the earlier run's artifacts.</param>
    /// <param name="target">The folder of this run's.</param>
    /// <exception cref="DataPlatformException">An artifact cannot be read.</exception>
    public static PreviousState Load(string folder, string target)
    {
        using var manifest = Open(folder, "manifest.json");
        using var results = Open(folder, "run_results.json");
        var (before, now) = (Freshness(folder), Freshness(target));
        var nodes = (manifest is null ? [] : Sections(manifest, "nodes", "sources", "exposures")).ToList();
        var selection = new SelectionState
        {
            Nodes = manifest is null ? null : nodes.ToDictionary(node => node.Name, node => ChecksumsOf(node.Value), StringComparer.Ordinal),
            Macros = manifest is null ? new Dictionary<string, string>() : Sections(manifest, "macros").ToDictionary(macro => macro.Name, macro => Project.Hashes.Sha256(macro.Value.GetProperty("macro_sql").GetString()!), StringComparer.Ordinal),
            Results = results?.RootElement.GetProperty("results").EnumerateArray().ToDictionary(result => result.GetProperty("unique_id").GetString()!, result => result.GetProperty("status").GetString()!, StringComparer.Ordinal),
            Freshness = before is null || now is null ? null : new SourceFreshness(before, now),
        };
        var relations = nodes.Where(node => RefableTypes.Contains(Text(node.Value, "resource_type")) && node.Value.TryGetProperty("alias", out _))
            .ToDictionary(node => node.Name, node => (Text(node.Value, "database"), Text(node.Value, "schema")!, Text(node.Value, "alias")!), StringComparer.Ordinal);
        return new PreviousState(selection, relations);
    }

    /// <summary>The parts of a node of a manifest that are compared.</summary>
    public static NodeChecksums ChecksumsOf(JsonElement node)
    {
        var type = Text(node, "resource_type");
        var config = node.TryGetProperty("config", out var found) ? found : default;
        return new NodeChecksums
        {
            Body = node.TryGetProperty("checksum", out var checksum) && checksum.ValueKind == JsonValueKind.Object ? Text(checksum, "checksum") ?? "" : "",
            Configs = config.ValueKind == JsonValueKind.Object ? Settings(config) : "",
            Relation = type == NodeKinds.Source ? $"{Text(node, "schema")}.{Text(node, "identifier")}" : $"{Text(config, "database")}.{Text(config, "schema")}.{Text(config, "alias")}",
            PersistedDescriptions = IsPersisted(config) ? $"{Part("description")} {Columns(node)}" : "",
            Contract = node.TryGetProperty("contract", out var contract) ? Text(contract, "checksum") ?? "" : "",
            Rest = string.Join('\n', new[] { Part("fqn") }.Concat(type switch
            {
                NodeKinds.Source => [Part("loader"), Part("loaded_at_field")],
                NodeKinds.Exposure => [Part("owner"), Part("type"), Part("maturity"), Part("url"), Part("description"), Part("label")],
                _ => Array.Empty<string>(),
            })),
        };

        string Part(string name) => node.TryGetProperty(name, out var value) ? Canonical(value) : "null";
    }

    private static bool IsPersisted(JsonElement config) => config.ValueKind == JsonValueKind.Object && config.TryGetProperty("persist_docs", out var docs)
        && docs.ValueKind == JsonValueKind.Object && docs.EnumerateObject().Any(kind => kind.Value.ValueKind == JsonValueKind.True);

    private static string Columns(JsonElement node) => node.TryGetProperty("columns", out var columns) && columns.ValueKind == JsonValueKind.Object
        ? string.Join(',', columns.EnumerateObject().Select(column => $"{column.Name}: {Text(column.Value, "description")}").Order(StringComparer.Ordinal)) : "";

    private static string Settings(JsonElement config) => string.Join('\n', config.EnumerateObject()
        .Where(setting => !NotCompared.Contains(setting.Name))
        .Select(setting => (setting.Name, Value: Canonical(setting.Value)))
        .Where(setting => setting.Value is not ("null" or "[]" or "{}" or "\"\"") && !Defaults.Contains($"{setting.Name}: {setting.Value}"))
        .OrderBy(setting => setting.Name, StringComparer.Ordinal)
        .Select(setting => $"{setting.Name}: {setting.Value}"));

    // Equal values as equal texts: the order of keys means nothing.
    private static string Canonical(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => $"{{{string.Join(',', value.EnumerateObject().OrderBy(property => property.Name, StringComparer.Ordinal).Select(property => $"\"{property.Name}\":{Canonical(property.Value)}"))}}}",
        JsonValueKind.Array => $"[{string.Join(',', value.EnumerateArray().Select(Canonical))}]",
        JsonValueKind.String => JsonValue.Create(value.GetString())!.ToJsonString(),
        _ => value.GetRawText(),
    };

    private static Dictionary<string, DateTimeOffset>? Freshness(string folder)
    {
        using var sources = Open(folder, "sources.json");
        return sources?.RootElement.GetProperty("results").EnumerateArray()
            .Where(source => Text(source, "max_loaded_at") is not null)
            .ToDictionary(source => Text(source, "unique_id")!, source => DateTimeOffset.Parse(Text(source, "max_loaded_at")!, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal), StringComparer.Ordinal);
    }

    private static IEnumerable<JsonProperty> Sections(JsonDocument manifest, params string[] names) =>
        names.SelectMany(name => manifest.RootElement.TryGetProperty(name, out var section) ? section.EnumerateObject() : Enumerable.Empty<JsonProperty>());

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static JsonDocument? Open(string folder, string name)
    {
        var path = Path.Combine(folder, name);
        if (!File.Exists(path)) return null;
        try
        {
            return JsonDocument.Parse(File.ReadAllBytes(path));
        }
        catch (JsonException e)
        {
            throw new DataPlatformException(FailureClass.Configuration, $"{path}:{e.LineNumber + 1}: this is not an artifact of dbt: {e.Message}", "Have the earlier run write it anew.", e);
        }
    }
}
