using System.Net.Http.Headers;
using System.Text.Json;

namespace DataPlatform.Ingestion;

/// <summary>Which page to ask for: by its address, or by parameters that are added to the source's own.</summary>
internal sealed record PageRequest(string? Link, SortedDictionary<string, string> Query)
{
    /// <summary>The source's own address.</summary>
    public static PageRequest Plain { get; } = new(null, []);

    public static PageRequest Of(params (string Name, string Value)[] query) => new(null, new(query.ToDictionary(q => q.Name, q => q.Value), StringComparer.Ordinal));
}

/// <summary>How far an API was read: so many rows of a page. Committed with these rows.</summary>
/// <param name="Request">The page.</param>
/// <param name="Number">Which one it is, from 1.</param>
/// <param name="Rows">How many of its rows were read.</param>
internal sealed record PagePlace(PageRequest Request, int Number, long Rows)
{
    public const string Cursor = "page";

    /// <summary>Stands for the end: the next run begins with the first page.</summary>
    public const string Done = "";

    public static PagePlace? Parse(string? cursor) => string.IsNullOrEmpty(cursor) ? null : JsonSerializer.Deserialize(cursor, CursorJson.Default.PagePlace);

    public override string ToString() => JsonSerializer.Serialize(this, CursorJson.Default.PagePlace);
}

/// <summary>What an answer says of the pages.</summary>
/// <param name="Request">What was asked for.</param>
/// <param name="Rows">How many rows it has.</param>
/// <param name="Headers">Its headers.</param>
/// <param name="Around">Its body without the rows.</param>
internal sealed record PageAnswer(PageRequest Request, long Rows, HttpResponseHeaders Headers, ReadOnlyMemory<byte> Around)
{
    /// <summary>A text or number at a path; null when there is none, or null or false in its place.</summary>
    /// <exception cref="JsonException">Something else is there.</exception>
    /// <exception cref="InvalidOperationException">The text is not valid Unicode.</exception>
    public string? Find(JsonPath path)
    {
        if (Around.IsEmpty) return null;
        var reader = new Utf8JsonReader(Around.Span);
        if (path.Find(ref reader) != JsonPath.Outcome.Found) return null;
        return reader.TokenType switch
        {
            JsonTokenType.String => reader.GetString(),
            JsonTokenType.Number => System.Text.Encoding.UTF8.GetString(reader.ValueSpan),
            JsonTokenType.Null or JsonTokenType.False => null,
            var other => throw new JsonException($"at {path} is {other}, where a text or number should be"),
        };
    }
}
