using System.Text.Json;
using System.Text.Unicode;

namespace DataPlatform.Ingestion;

/// <summary>Collects the columns of JSON objects.</summary>
internal sealed class JsonInference(int maxNesting)
{
    private readonly Dictionary<string, TypeInference> _byName = new(StringComparer.Ordinal);
    private bool _begun;

    public List<(string SourceName, TypeInference Type)> Columns { get; } = [];

    public bool BeginsWithArray { get; private set; }

    /// <summary>Takes a row into account; one that is not an object says nothing.</summary>
    public void Add(ReadOnlySpan<byte> row)
    {
        if (!_begun && row.TrimStart(" \t"u8) is { IsEmpty: false } first) (_begun, BeginsWithArray) = (true, first[0] == '[');
        if (!Utf8.IsValid(row)) return;
        try
        {
            var reader = new Utf8JsonReader(row);
            if (reader.Read() && reader.TokenType == JsonTokenType.StartObject) AddObject(ref reader, "", level: 0);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Reading will reject the row; what was seen of it before that does no harm.
        }
    }

    private void AddObject(ref Utf8JsonReader reader, string prefix, int level)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var path = prefix + reader.GetString();
            reader.Read();
            if (reader.TokenType == JsonTokenType.StartObject && level < maxNesting) AddObject(ref reader, $"{path}.", level + 1);
            else AddValue(ref reader, ColumnOf(path));
        }
    }

    private TypeInference ColumnOf(string name)
    {
        if (_byName.TryGetValue(name, out var column)) return column;
        column = new TypeInference();
        _byName.Add(name, column);
        Columns.Add((name, column));
        return column;
    }

    private static void AddValue(ref Utf8JsonReader reader, TypeInference column)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.Null:
                return;
            case JsonTokenType.StartObject or JsonTokenType.StartArray:
                column.AddNested();
                reader.Skip();
                return;
            default:
                column.Add(reader.ValueSpan, isText: reader.TokenType == JsonTokenType.String);
                return;
        }
    }
}
