using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;

namespace DataPlatform.Ingestion;

/// <summary>Types rows that are JSON objects into a batch.</summary>
internal sealed class JsonRowReader(BatchBuilder batch, JsonOptions options)
{
    private readonly JsonColumns _columns = new([.. batch.Columns.Select(c => c.Column)], options.MaxNesting);
    private readonly long[] _seenIn = new long[batch.Columns.Length];
    private long _row;

    /// <summary>Keys that no column is for.</summary>
    public IReadOnlyCollection<string> Ignored => _columns.Ignored;

    /// <summary>Throws when rows had keys, and no column is for any of them: they are of something else.</summary>
    public void CheckKeys(ISourceText file)
    {
        if (!_columns.AnyKnown && Ignored.Count > 0) throw file.Foreign(batch.Columns.Select(c => c.Column), Ignored);
    }

    /// <summary>Reads rows until the batch is full, which is true, or the buffer has no more.</summary>
    public bool ReadAvailable(IJsonRows rows, string source)
    {
        while (rows.TryTake(out var row))
        {
            if (row.IndexOfAnyExcept(" \t"u8) < 0) continue;
            _row++;
            if (ReadRow(row, rows.RowNoun) is var (column, reason)) batch.Reject(source, rows.Position, row, column, reason);
            else batch.Accept(row.Length);
            if (batch.IsFull) return true;
        }

        return false;
    }

    private (ColumnBuilder? Column, string Reason)? ReadRow(ReadOnlySpan<byte> row, string noun)
    {
        if (!Utf8.IsValid(row)) return (null, $"the {noun} is not valid UTF-8");
        try
        {
            var reader = new Utf8JsonReader(row);
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject) return (null, $"the {noun} is not a JSON object");
            var problem = ReadObject(ref reader, row, _columns.Root);

            // One value a row: more after the object makes this throw.
            reader.Read();
            return problem ?? SetMissing();
        }
        catch (JsonException exception)
        {
            return (null, $"the {noun} is not JSON: {exception.Message}");
        }
        catch (InvalidOperationException)
        {
            // Utf8JsonReader's answer to an escape such as \ud800 that stands for no character.
            return (null, $"the {noun} has an escape that is not valid Unicode");
        }
    }

    // Reads to the object's end whatever is found, so that a row that is not JSON is told as that.
    private (ColumnBuilder?, string)? ReadObject(ref Utf8JsonReader reader, ReadOnlySpan<byte> row, JsonKeys keys)
    {
        (ColumnBuilder?, string)? problem = null;
        for (var place = 0; reader.Read() && reader.TokenType == JsonTokenType.PropertyName; place++)
        {
            var key = keys.Find(ref reader, place);
            reader.Read();
            if (problem is not null) reader.Skip();
            else problem = ReadValue(ref reader, row, key);
        }

        return problem;
    }

    private (ColumnBuilder?, string)? ReadValue(ref Utf8JsonReader reader, ReadOnlySpan<byte> row, JsonKey key)
    {
        if (reader.TokenType == JsonTokenType.StartObject && key.Within is { } within)
        {
            // The object itself may be wanted besides what is in it.
            if (key.Column != JsonColumns.None && batch.Columns[key.Column].Accepts(ValueKind.Json))
            {
                var whole = reader;
                if (SetValue(ref whole, row, key.Column) is { } refused)
                {
                    reader.Skip();
                    return refused;
                }
            }

            return ReadObject(ref reader, row, within);
        }

        if (key.Column != JsonColumns.None) return SetValue(ref reader, row, key.Column);
        reader.Skip();
        return null;
    }

    private (ColumnBuilder?, string)? SetValue(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, int i)
    {
        var column = batch.Columns[i];
        var row = batch.Row;
        var isSecond = _seenIn[i] == _row;
        _seenIn[i] = _row;

        var from = (int)reader.TokenStartIndex;
        switch (reader.TokenType)
        {
            case var _ when isSecond:
                reader.Skip();
                return (column, "the row has two values for it");
            case JsonTokenType.Null:
                return column.TrySetNull(row) ? null : (column, column.Explain([], isNull: true));
            case JsonTokenType.StartObject or JsonTokenType.StartArray:
                var what = reader.TokenType == JsonTokenType.StartObject ? "a JSON object" : "a JSON array";
                reader.Skip();
                var nested = json[from..(int)reader.BytesConsumed];
                return column.SetJson(row, nested) || column.TryDiscard(row, nested) ? null : (column, column.ExplainNested(nested, what));
            case var _ when column is JsonColumnBuilder:
                var scalar = json[from..(int)reader.BytesConsumed];
                return column.SetJson(row, scalar) ? null : (column, column.Explain(scalar, isNull: false));
            case JsonTokenType.String when reader.ValueIsEscaped:
                return SetEscaped(ref reader, column, row);
            default:
                return column.TryParse(row, reader.ValueSpan) || column.TryDiscard(row, reader.ValueSpan) ? null : (column, column.Explain(reader.ValueSpan, isNull: false));
        }
    }

    private static (ColumnBuilder?, string)? SetEscaped(ref Utf8JsonReader reader, ColumnBuilder column, int row)
    {
        var rented = ArrayPool<byte>.Shared.Rent(reader.ValueSpan.Length);
        try
        {
            var text = rented.AsSpan(0, reader.CopyString(rented));
            if (text.Contains((byte)0)) return (column, "the text has a NUL character");
            return column.TryParse(row, text) || column.TryDiscard(row, text) ? null : (column, column.Explain(text, isNull: false));
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
            if (_seenIn[i] == _row) continue;
            var column = batch.Columns[i];
            if (!column.TrySetNull(batch.Row)) return (column, column.Explain([], isNull: true));
        }

        return null;
    }
}
