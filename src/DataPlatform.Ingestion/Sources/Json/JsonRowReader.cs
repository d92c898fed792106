using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace DataPlatform.Ingestion;

/// <summary>Types the lines of one JSON Lines file into a batch.</summary>
internal sealed class JsonRowReader
{
    private const int Left = -1;

    // Objects that are used as dictionaries have keys without end.
    private const int MaxKnownKeys = 4096;

    private readonly BatchBuilder _batch;
    private readonly string _file;
    private readonly Dictionary<string, int> _columnOf = new(StringComparer.Ordinal);
    private readonly Dictionary<byte[], int>.AlternateLookup<ReadOnlySpan<byte>> _columnOfKey;
    private readonly List<(byte[] Key, int Column)> _lastKeys = [];
    private readonly long[] _seenIn;
    private long _line;

    public JsonRowReader(BatchBuilder batch, string file)
    {
        _batch = batch;
        _file = file;
        _seenIn = new long[batch.Columns.Length];
        for (var i = 0; i < batch.Columns.Length; i++) _columnOf[ColumnName.Normalize(batch.Columns[i].Column.SourceName)] = i;
        _columnOfKey = new Dictionary<byte[], int>(Utf8Comparer.Instance).GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    /// <summary>Keys that no column is for.</summary>
    public SortedSet<string> Ignored { get; } = new(StringComparer.Ordinal);

    /// <summary>Reads lines until the batch is full, which is true, or the buffer has no more.</summary>
    public bool ReadAvailable(LineReader lines)
    {
        while (lines.TryTakeLine(out var line))
        {
            _line = lines.LineNumber;
            ReadLine(line);
            if (_batch.IsFull) return true;
        }

        return false;
    }

    private void ReadLine(ReadOnlySpan<byte> line)
    {
        if (line.IndexOfAnyExcept(" \t"u8) < 0) return;
        if (!Utf8.IsValid(line))
        {
            Reject(line, null, "the line is not valid UTF-8");
            return;
        }

        try
        {
            if (TryReadObject(line) is not var (column, reason)) _batch.Accept(line.Length);
            else Reject(line, column, reason);
        }
        catch (JsonException exception)
        {
            Reject(line, null, $"the line is not JSON: {exception.Message}");
        }
        catch (InvalidOperationException)
        {
            // Utf8JsonReader's answer to an escape such as \ud800 that stands for no character.
            Reject(line, null, "the line has an escape that is not valid Unicode");
        }
    }

    private (ColumnBuilder? Column, string Reason)? TryReadObject(ReadOnlySpan<byte> line)
    {
        var reader = new Utf8JsonReader(line);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject) return (null, "the line is not a JSON object");
        (ColumnBuilder?, string)? problem = null;
        for (var place = 0; reader.Read() && reader.TokenType == JsonTokenType.PropertyName; place++)
        {
            var i = FindColumn(ref reader, place);
            reader.Read();
            if (i == Left || problem is not null) reader.Skip();
            else problem = SetValue(ref reader, line, i);
        }

        // One value a line: more after the object makes this throw.
        reader.Read();
        return problem ?? SetMissing();
    }

    private (ColumnBuilder?, string)? SetValue(ref Utf8JsonReader reader, ReadOnlySpan<byte> line, int i)
    {
        var column = _batch.Columns[i];
        var row = _batch.Row;
        if (_seenIn[i] == _line) return (column, "the line has two values for it");
        _seenIn[i] = _line;

        var from = (int)reader.TokenStartIndex;
        switch (reader.TokenType)
        {
            case JsonTokenType.Null:
                return column.TrySetNull(row) ? null : (column, column.Explain([], isNull: true));
            case JsonTokenType.StartObject or JsonTokenType.StartArray:
                var what = reader.TokenType == JsonTokenType.StartObject ? "a JSON object" : "a JSON array";
                reader.Skip();
                var nested = line[from..(int)reader.BytesConsumed];
                return column.SetJson(row, nested) ? null : (column, column.ExplainNested(nested, what));
            case var _ when column is JsonColumnBuilder:
                var json = line[from..(int)reader.BytesConsumed];
                return column.SetJson(row, json) ? null : (column, column.Explain(json, isNull: false));
            case JsonTokenType.String when reader.ValueIsEscaped:
                return SetEscaped(ref reader, column, row);
            default:
                return column.TryParse(row, reader.ValueSpan) ? null : (column, column.Explain(reader.ValueSpan, isNull: false));
        }
    }

    private static (ColumnBuilder?, string)? SetEscaped(ref Utf8JsonReader reader, ColumnBuilder column, int row)
    {
        var rented = ArrayPool<byte>.Shared.Rent(reader.ValueSpan.Length);
        try
        {
            var text = rented.AsSpan(0, reader.CopyString(rented));
            if (text.Contains((byte)0)) return (column, "the text has a NUL character");
            return column.TryParse(row, text) ? null : (column, column.Explain(text, isNull: false));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private (ColumnBuilder?, string)? SetMissing()
    {
        for (var i = 0; i < _seenIn.Length; i++)
        {
            if (_seenIn[i] == _line) continue;
            var column = _batch.Columns[i];
            if (!column.TrySetNull(_batch.Row)) return (column, column.Explain([], isNull: true));
        }

        return null;
    }

    // Most lines have the same keys in the same order as the line before.
    private int FindColumn(ref Utf8JsonReader reader, int place)
    {
        if (reader.ValueIsEscaped) return ColumnFor(reader.GetString()!);
        if (place < _lastKeys.Count && reader.ValueSpan.SequenceEqual(_lastKeys[place].Key)) return _lastKeys[place].Column;
        if (!_columnOfKey.TryGetValue(reader.ValueSpan, out var key, out var column))
        {
            column = ColumnFor(Encoding.UTF8.GetString(reader.ValueSpan));
            key = reader.ValueSpan.ToArray();
            if (_columnOfKey.Dictionary.Count < MaxKnownKeys) _columnOfKey[key] = column;
        }

        if (place < _lastKeys.Count) _lastKeys[place] = (key, column);
        else _lastKeys.Add((key, column));
        return column;
    }

    private int ColumnFor(string key)
    {
        if (_columnOf.TryGetValue(ColumnName.Normalize(key), out var column)) return column;
        if (Ignored.Count < MaxKnownKeys) Ignored.Add(key);
        return Left;
    }

    private void Reject(ReadOnlySpan<byte> line, ColumnBuilder? column, string reason) =>
        _batch.Reject(_file, _line, BatchBuilder.RawText(line), column, reason);
}
