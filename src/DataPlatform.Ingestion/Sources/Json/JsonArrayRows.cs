using System.Buffers;
using System.Text.Json;

namespace DataPlatform.Ingestion;

/// <summary>
/// Rows of one JSON document: the elements of the array at a path. Elements are cut out by their brackets and quotes alone, so that one
/// that is not JSON can be rejected and the others read; what is around the array is kept and looked at in the end.
/// </summary>
internal sealed class JsonArrayRows(TextWindow window, ISourceText text, JsonPath path, int maxRowBytes) : IJsonRows
{
    private static readonly SearchValues<byte> Brackets = SearchValues.Create("\"{}[]"u8);
    private static readonly SearchValues<byte> EndsOfScalar = SearchValues.Create(",]} \t\r\n"u8);

    private readonly ArrayBufferWriter<byte> _around = new();
    private Place _place = Place.BeforeArray;
    private int _searchFrom;

    // Of the element that is being looked at.
    private int _scanned, _depth;
    private bool _inText;
    private byte[] _open = new byte[64];

    private enum Place
    {
        BeforeArray,
        ElementOrEnd,
        Element,
        CommaOrEnd,
        BehindArray,
        End,
    }

    public string RowNoun => "element";

    public long Position { get; private set; }

    /// <summary>The text without the array's elements, once it was read to its end.</summary>
    public ReadOnlySpan<byte> Around => _around.WrittenSpan;

    public bool TryTake(out ReadOnlySpan<byte> row)
    {
        row = default;
        if (_place == Place.BeforeArray) FindArray();
        while (_place is Place.ElementOrEnd or Place.Element or Place.CommaOrEnd)
        {
            if (_scanned == 0 && !SkipBlanks()) return false;
            if (_place == Place.CommaOrEnd) Separate();
            else if (_place == Place.ElementOrEnd && window.Unread[0] == ']') _place = Place.BehindArray;
            else return TryTakeElement(out row);
        }

        return false;
    }

    public async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        if (_place == Place.End) return false;
        if (_place == Place.BehindArray) KeepAround(window.Unread.Length);
        if (window.Unread.Length > maxRowBytes) throw TooLong();
        await window.FillAsync(cancellationToken).ConfigureAwait(false);
        if (!window.IsAtEnd) return true;
        Finish();
        return false;
    }

    private void FindArray()
    {
        // What is before the array is most often short; when it is not, it is not looked at again with every few bytes.
        var unread = window.Unread;
        if (unread.Length < _searchFrom && !window.IsAtEnd) return;
        _searchFrom = unread.Length * 2;
        var reader = new Utf8JsonReader(unread, window.IsAtEnd, default);
        try
        {
            switch (path.Find(ref reader))
            {
                case JsonPath.Outcome.Found when reader.TokenType == JsonTokenType.StartArray:
                    KeepAround((int)reader.BytesConsumed);
                    _place = Place.ElementOrEnd;
                    break;
                case JsonPath.Outcome.Found when reader.TokenType == JsonTokenType.Null:
                    _place = Place.BehindArray;
                    break;
                case JsonPath.Outcome.Found:
                    throw text.Invalid($"has {Describe(reader.TokenType)} at {path}, not an array of rows.", Hint(unread));
                case JsonPath.Outcome.Missing:
                    throw text.Invalid($"has nothing at {path}.", Hint(unread));
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // The second is the reader's answer to a key with an escape such as \ud800 that stands for no character.
            throw text.Invalid($"is not JSON: {exception.Message}", "Check what was put there.", exception);
        }
    }

    private bool SkipBlanks()
    {
        var unread = window.Unread;
        var blanks = unread.IndexOfAnyExcept(" \t\r\n"u8);
        window.Advance(blanks < 0 ? unread.Length : blanks);
        return blanks >= 0;
    }

    private void Separate()
    {
        switch (window.Unread[0])
        {
            case (byte)',':
                window.Advance(1);
                _place = Place.Element;
                break;
            case (byte)']':
                _place = Place.BehindArray;
                break;
            default:
                throw Broken($"{ColumnBuilder.Show(window.Unread[..1])} is behind element {Position}, where a comma or the array's end should be", 0);
        }
    }

    private bool TryTakeElement(out ReadOnlySpan<byte> row)
    {
        var unread = window.Unread;
        row = default;
        if (unread[0] is (byte)',' or (byte)']' or (byte)'}' or (byte)':') throw Broken($"{ColumnBuilder.Show(unread[..1])} is where element {Position + 1} should be", 0);
        if (!(unread[0] is (byte)'{' or (byte)'[' or (byte)'"' ? TryFindClose(unread) : TryFindScalarEnd(unread))) return false;

        if (_scanned > maxRowBytes) throw TooLong();
        row = unread[.._scanned];
        window.Advance(_scanned);
        _scanned = 0;
        _place = Place.CommaOrEnd;
        Position++;
        return true;
    }

    private bool TryFindScalarEnd(ReadOnlySpan<byte> unread)
    {
        var end = unread[_scanned..].IndexOfAny(EndsOfScalar);
        _scanned = end < 0 ? unread.Length : _scanned + end;
        return end >= 0;
    }

    private bool TryFindClose(ReadOnlySpan<byte> unread)
    {
        while (true)
        {
            var at = _inText ? unread[_scanned..].IndexOfAny((byte)'"', (byte)'\\') : unread[_scanned..].IndexOfAny(Brackets);
            if (at < 0)
            {
                _scanned = unread.Length;
                return false;
            }

            _scanned += at;
            switch (unread[_scanned])
            {
                case (byte)'\\':
                    // What is escaped ends nothing, and may not be there yet.
                    if (_scanned + 1 == unread.Length) return false;
                    _scanned++;
                    break;
                case (byte)'"':
                    _inText = !_inText;
                    break;
                case var bracket when bracket is (byte)'{' or (byte)'[':
                    if (_depth == _open.Length) Array.Resize(ref _open, _open.Length * 2);
                    _open[_depth++] = bracket;
                    break;
                case var bracket:
                    if (_depth == 0 || _open[_depth - 1] != (bracket == '}' ? '{' : '['))
                        throw Broken($"element {Position + 1} has {ColumnBuilder.Show([bracket])} where {(_depth > 0 && _open[_depth - 1] == '{' ? "'}'" : "']'")} should be", _scanned);
                    _depth--;
                    break;
            }

            _scanned++;
            if (_depth == 0 && !_inText) return true;
        }
    }

    private void KeepAround(int length)
    {
        if (_around.WrittenCount + (long)length > maxRowBytes)
            throw text.Invalid($"has more than {maxRowBytes} bytes around the array at {path}.", "Have it written without, or set a larger JsonOptions.MaxRowBytes.");
        _around.Write(window.Unread[..length]);
        window.Advance(length);
    }

    private void Finish()
    {
        if (_place == Place.BeforeArray) FindArray();
        switch (_place)
        {
            case Place.BeforeArray:
                throw Broken($"it ends before the array at {path}", window.Unread.Length);
            case Place.ElementOrEnd or Place.Element:
                throw Broken(_scanned == 0 ? $"it ends before element {Position + 1} and the end of the array" : $"it ends within element {Position + 1}", window.Unread.Length);
            case Place.CommaOrEnd:
                throw Broken($"it ends after element {Position}, before the end of the array", window.Unread.Length);
        }

        KeepAround(window.Unread.Length);
        _place = Place.End;
        try
        {
            if (path.Count(Around) > 1) throw text.Invalid($"has more than one array at {path}.", "Have it written with each key once; only the first array was read.");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw text.Invalid($"is not JSON behind its {Position} elements: {exception.Message}", "Check what was put there; one document with one array is read.", exception);
        }
    }

    private DataPlatformException TooLong() => _place == Place.BeforeArray
        ? text.Invalid($"has more than {maxRowBytes} bytes before the array at {path}.", "Check the path, or set a larger JsonOptions.MaxRowBytes.")
        : text.Invalid($"has more than {maxRowBytes} bytes in element {Position + 1}.", "Look for a quote or bracket that is never closed. Rows that are meant to be that long need a larger JsonOptions.MaxRowBytes.");

    private DataPlatformException Broken(string problem, int offset) =>
        text.Invalid($"is not JSON: {problem} (byte {window.Position + offset}).", "It is damaged, was cut off, or is not one JSON document; for an object a line there is From.JsonLines.");

    private static string Describe(JsonTokenType token) => token switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.String => "a text",
        JsonTokenType.Number => "a number",
        _ => "a boolean",
    };

    // The keys that can be seen so far help more than a rule.
    private static string Hint(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, isFinalBlock: false, default);
        var keys = new List<string>();
        while (keys.Count < 20 && reader.Read() && (reader.TokenType != JsonTokenType.EndObject || reader.CurrentDepth > 0))
        {
            if (reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == 1) keys.Add(reader.GetString()!);
        }

        return keys.Count == 0 ? "Say where the array is: \"$.items\"." : $"Say where the array is: \"$.{keys[0]}\", for one of the keys {string.Join(", ", keys)}.";
    }
}
