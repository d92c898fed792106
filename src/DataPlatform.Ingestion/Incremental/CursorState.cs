using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace DataPlatform.Ingestion;

/// <summary>How far a source was read: the greatest cursor, and which rows with it were, by their hashes; rows that are the same more than once.</summary>
/// <param name="Value">The greatest cursor.</param>
/// <param name="Rows">The rows with it; none when they are too many to be told apart.</param>
internal sealed record CursorState(CursorValue Value, IReadOnlyList<ulong> Rows)
{
    /// <summary>The most rows of one cursor value that are told apart, which take 200 KiB in the ledger.</summary>
    public const int MaxRows = 10_000;

    /// <summary>How many rows with the value were read, when they are too many to be told apart; else 0.</summary>
    public long Count { get; init; }

    /// <summary>The sum of their hashes, which is the same in whatever order they come.</summary>
    public ulong Sum { get; init; }

    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: it is not a value of the cursor column.</exception>
    public static CursorState Parse(string text, CursorType type, string source)
    {
        Stored? stored = null;
        try
        {
            stored = JsonSerializer.Deserialize(text, CursorJson.Default.Stored);
        }
        catch (JsonException)
        {
            // Said below.
        }

        return stored?.Value is { } value && type.Parse(value) is { } cursor
            ? new CursorState(cursor, [.. (stored.Rows ?? []).Select(Unhex)]) { Count = stored.Count, Sum = stored.Sum is null ? 0 : Unhex(stored.Sum) }
            : throw new DataPlatformException(
                FailureClass.Configuration,
                $"{source} was read up to the cursor {text}, which is no value of the cursor column as it is now.",
                "When the column's type was changed, delete its row in dataplatform.cursors: the next load then begins at the start value.");
    }

    /// <summary>The state when these rows of the same value were read too.</summary>
    public CursorState With(IReadOnlyCollection<ulong> rows)
    {
        if (rows.Count == 0) return this;
        if (Count == 0 && Rows.Count + rows.Count <= MaxRows) return this with { Rows = [.. Rows, .. rows] };
        return new CursorState(Value, []) { Count = Count + Rows.Count + rows.Count, Sum = Rows.Concat(rows).Aggregate(Sum, (sum, row) => unchecked(sum + row)) };
    }

    public string ToString(CursorType type) =>
        JsonSerializer.Serialize(new Stored(type.Format(Value), [.. Rows.Select(Hex)], Count, Count == 0 ? null : Hex(Sum)), CursorJson.Default.Stored);

    private static string Hex(ulong hash) => hash.ToString("x16", CultureInfo.InvariantCulture);

    private static ulong Unhex(string hash) => Convert.ToUInt64(hash, 16);

    internal sealed record Stored(string? Value, string[]? Rows, long Count, string? Sum);
}

/// <summary>What sources keep as cursors.</summary>
[JsonSerializable(typeof(CursorState.Stored))]
[JsonSerializable(typeof(PagePlace))]
[JsonSerializable(typeof(SourceObject))]
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
internal sealed partial class CursorJson : JsonSerializerContext;
