using System.Text;
using System.Text.Json;

namespace DataPlatform.Ingestion;

/// <summary>A place within JSON objects: <c>$</c>, <c>$.data.items</c>, <c>$['@odata.nextLink']</c>.</summary>
internal sealed class JsonPath
{
    private readonly string _text;
    private readonly byte[][] _keys;

    private JsonPath(string text, byte[][] keys)
    {
        _text = text;
        _keys = keys;
    }

    /// <summary>What looking for a path ends in.</summary>
    public enum Outcome
    {
        /// <summary>The reader is at the value.</summary>
        Found,

        /// <summary>There is no such value.</summary>
        Missing,

        /// <summary>The text ends before that is known.</summary>
        Incomplete,
    }

    /// <summary>The keys with points between them, as the name of a column's source is written; empty for the object itself.</summary>
    public string Keys => string.Join('.', _keys.Select(Encoding.UTF8.GetString));

    /// <exception cref="DataPlatformException">It is not written as a path.</exception>
    public static JsonPath Parse(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        var keys = new List<byte[]>();
        var rest = path.AsSpan();
        if (rest[0] == '$') rest = rest[1..];
        else if (rest[0] is not ('.' or '[')) rest = $".{path}";

        while (!rest.IsEmpty)
        {
            // A name in quotes may have any character but the quote; one without ends at the next point or bracket.
            var (from, to, length) = rest switch
            {
                ['[', '\'' or '"', ..] when rest[2..].IndexOf(rest[1]) is > 0 and var end && rest[(end + 3)..] is [']', ..] => (2, end + 2, end + 4),
                ['.', _, ..] when EndOfName(rest[1..]) is > 0 and var end => (1, end + 1, end + 1),
                _ => throw new DataPlatformException(FailureClass.Configuration, $"'{path}' is not a path within JSON objects.", "Write it as $.data.items or $['data']['items']."),
            };
            keys.Add(Encoding.UTF8.GetBytes(rest[from..to].ToString()));
            rest = rest[length..];
        }

        return new JsonPath(path, [.. keys]);
    }

    /// <summary>Reads on, from before the first token, to the value.</summary>
    /// <exception cref="JsonException">The text is not JSON.</exception>
    public Outcome Find(ref Utf8JsonReader reader)
    {
        if (!reader.Read()) return Outcome.Incomplete;
        foreach (var key in _keys)
        {
            if (reader.TokenType != JsonTokenType.StartObject) return Outcome.Missing;
            while (true)
            {
                if (!reader.Read()) return Outcome.Incomplete;
                if (reader.TokenType == JsonTokenType.EndObject) return Outcome.Missing;
                var isIt = reader.ValueTextEquals(key);
                if (!reader.Read()) return Outcome.Incomplete;
                if (isIt) break;
                if (!reader.TrySkip()) return Outcome.Incomplete;
            }
        }

        return Outcome.Found;
    }

    /// <summary>How many values there are at the path in a whole text: objects may have a key twice.</summary>
    /// <exception cref="JsonException">The text is not JSON.</exception>
    public int Count(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        var (count, within) = (_keys.Length == 0 ? 1 : 0, 0);
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName || _keys.Length == 0) continue;

            // Names of an object at depth n are within n - 1 keys at most.
            within = Math.Min(within, reader.CurrentDepth - 1);
            if (within != reader.CurrentDepth - 1 || !reader.ValueTextEquals(_keys[within])) continue;
            if (within + 1 < _keys.Length) within++;
            else count++;
        }

        return count;
    }

    public override string ToString() => _text;

    private static int EndOfName(ReadOnlySpan<char> text) => text.IndexOfAny('.', '[') is >= 0 and var end ? end : text.Length;
}
