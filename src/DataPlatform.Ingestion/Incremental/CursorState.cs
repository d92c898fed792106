using System.Text.Json;

namespace DataPlatform.Ingestion;

/// <summary>How far a source was read: the greatest cursor, and which rows with it were, by their hashes; rows that are the same more than once.</summary>
internal sealed record CursorState(CursorValue Value, IReadOnlyList<ulong> Rows)
{
    /// <summary>The most rows of one cursor value that are told apart, which take 200 KiB in the ledger.</summary>
    public const int MaxRows = 10_000;

    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: it is not a value of the cursor column.</exception>
    public static CursorState Parse(string text, CursorType type, string source)
    {
        Stored? stored = null;
        try
        {
            stored = JsonSerializer.Deserialize<Stored>(text, JsonSerializerOptions.Web);
        }
        catch (JsonException)
        {
            // Said below.
        }

        return stored?.Value is { } value && type.Parse(value) is { } cursor
            ? new CursorState(cursor, [.. (stored.Rows ?? []).Select(row => Convert.ToUInt64(row, 16))])
            : throw new DataPlatformException(
                FailureClass.Configuration,
                $"{source} was read up to the cursor {text}, which is no value of the cursor column as it is now.",
                "When the column's type was changed, delete its row in dataplatform.cursors: the next load then begins at the start value.");
    }

    public string ToString(CursorType type) =>
        JsonSerializer.Serialize(new Stored(type.Format(Value), [.. Rows.Select(row => row.ToString("x16", System.Globalization.CultureInfo.InvariantCulture))]), JsonSerializerOptions.Web);

    private sealed record Stored(string? Value, string[]? Rows);
}
