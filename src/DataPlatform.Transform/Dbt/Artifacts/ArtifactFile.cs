using System.Globalization;
using System.Text.Json;

namespace DataPlatform.Transform;

/// <summary>Opens dbt's JSON artifacts and checks that their schema is known. What is new in it and not known is left alone.</summary>
internal static class ArtifactFile
{
    /// <summary>Opens the artifact; the caller disposes of it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="kind">Its name in <c>dbt_schema_version</c>: <c>manifest</c>, <c>run-results</c>, <c>sources</c>.</param>
    /// <param name="version">The major version of the schema that is read.</param>
    public static JsonDocument Open(string path, string kind, int version)
    {
        JsonDocument document;
        try
        {
            using var stream = File.OpenRead(path);
            document = JsonDocument.Parse(stream);
        }
        catch (JsonException e)
        {
            throw Unreadable(path, string.Create(CultureInfo.InvariantCulture, $"it is not JSON at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}"), "It may have been cut off when dbt was killed.");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw Unreadable(path, "there is no such file", "dbt writes it when it ends.");
        }

        try
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw Unreadable(path, "it does not hold an object", "Have dbt write it anew.");
            var schema = document.RootElement.Object("metadata")?.Text("dbt_schema_version") ?? throw Unreadable(path, "it has no metadata.dbt_schema_version", "Have dbt write it anew.");
            if (!schema.EndsWith(string.Create(CultureInfo.InvariantCulture, $"/{kind}/v{version}.json"), StringComparison.Ordinal))
                throw Unreadable(path, $"its metadata.dbt_schema_version is '{schema}' and must be {kind}/v{version}", "Use dbt-core 1.8 or later, or a newer version of this library.");
            return document;
        }
        catch
        {
            document.Dispose();
            throw;
        }
    }

    public static DataPlatformException Unreadable(string path, string problem, string hint) =>
        new(FailureClass.Configuration, $"dbt's artifact {path} cannot be read: {problem}.", hint);

    public static string? Text(this JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    public static JsonElement? Object(this JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object ? value : null;

    public static IReadOnlyList<string> Texts(this JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!)]
            : [];

    public static IEnumerable<JsonElement> Items(this JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : [];

    /// <summary>A number, which events write as text when it is of 64 bits.</summary>
    public static double? Number(this JsonElement element, string name) => element.TryGetProperty(name, out var value)
        ? value.ValueKind switch
        {
            JsonValueKind.Number => value.GetDouble(),
            JsonValueKind.String when double.TryParse(value.GetString(), CultureInfo.InvariantCulture, out var number) => number,
            _ => null,
        }
        : null;
}
