using CsvHelper;

namespace DataPlatform.Ingestion;

/// <summary>The rows of one CSV file as CsvHelper finds them, with what is wrong with their quotes.</summary>
internal sealed class CsvRows : IDisposable
{
    private const int BufferBytes = 256 * 1024;
    private const int ShownCharacters = 200;

    private readonly ISourceText _file;
    private readonly CsvOptions _options;
    private readonly CsvPosition _begin;

    /// <param name="stream">The text, from where a row begins.</param>
    /// <param name="options">How it is written.</param>
    /// <param name="file">The file, for messages.</param>
    /// <param name="bufferBytes">How much is read at a time.</param>
    /// <param name="begin">What of the file comes before the text.</param>
    public CsvRows(Stream stream, CsvOptions options, ISourceText file, int bufferBytes = BufferBytes, CsvPosition begin = default)
    {
        _file = file;
        _options = options;
        _begin = begin;
        Reader = CsvReader.Create(stream, new CsvReaderOptions
        {
            Separator = options.Delimiter,
            Quote = options.Quote,
            HasHeader = options.HasHeader,
            CommentPrefix = options.Comment,
            TrimWhitespace = options.TrimWhitespace,
            MaxRecordSize = options.MaxRowBytes,
            BufferSize = bufferBytes,
            TrackLineNumbers = true,
            OnMalformedRecord = OnMalformed,
        });
    }

    public CsvReader Reader { get; }

    /// <summary>The line of the file that the current row begins in, from 1; at the end, how many there are.</summary>
    public long Line => _begin.Lines + Reader.LineNumber;

    /// <summary>Whether the text ended within quotes.</summary>
    public bool EndsInQuotes { get; private set; }

    /// <summary>What is wrong with the quotes of the current row, in a way that makes its fields doubtful; null when nothing is.</summary>
    public string? Malformed { get; private set; }

    /// <summary>The names in the header, or null when the file has none.</summary>
    public async Task<IReadOnlyList<string>?> ReadHeaderAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Reader.ReadHeaderAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (CsvFormatException exception)
        {
            throw TooLong(exception);
        }

        if (!_options.HasHeader) return null;

        // A column whose name cannot be read would pass for one that the file does not have.
        var isText = !Reader.Headers.Any(name => name.Contains('\uFFFD', StringComparison.Ordinal));
        if ((Malformed ?? (isText ? null : $"it is not valid {_options.Encoding.ToUpperInvariant()}")) is { } problem)
            throw _file.Invalid($"has a header that cannot be read: {problem}. It has: {Cut(string.Join(", ", Reader.Headers))}.", "Correct the first row, or say with CsvOptions how it is written.");
        return Reader.Headers.Count > 0
            ? Reader.Headers
            : throw _file.Invalid("has no header.", "The first row has to name the columns; for a file without, set CsvOptions.HasHeader to false.");
    }

    /// <summary>Goes on to the next row; false at the end. Completes at once as long as there are rows in the buffer.</summary>
    public ValueTask<bool> NextAsync(CancellationToken cancellationToken)
    {
        Malformed = null;
        return Reader.ReadAsync(cancellationToken);
    }

    /// <summary>The exception for a row that is longer than rows may be.</summary>
    public DataPlatformException TooLong() => TooLong(Reader.LineNumber, Reader.ByteOffset);

    /// <summary>The exception for a row that is longer than there is room for.</summary>
    public DataPlatformException TooLong(CsvFormatException exception) => TooLong(Math.Max(exception.LineNumber, Reader.LineNumber), exception.ByteOffset, exception);

    public void Dispose() => Reader.Dispose();

    // CsvHelper tells of the first mistake in a row only: a stray quote, which is text as all readers take it, may stand before a quote that is opened and takes in all that follows.
    private void OnMalformed(CsvMalformedRecord record)
    {
        var (isOpen, hasTextBehind) = LookAtQuotes(record.RawRecord);
        isOpen |= record.Reason == CsvMalformedReason.UnterminatedQuote;
        hasTextBehind |= record.Reason == CsvMalformedReason.TextAfterClosingQuote;
        EndsInQuotes |= isOpen;
        Malformed = isOpen ? "a quote is opened and never closed"
            : hasTextBehind ? "there is text between a closing quote and the end of the field"
            : record.Reason == CsvMalformedReason.StrayQuote ? null
            : $"the quotes are wrong: {record.Reason}";
    }

    private DataPlatformException TooLong(long line, long offset, Exception? exception = null) => _file.Invalid(
        $"cannot be read beyond line {_begin.Lines + line}, byte {_begin.Bytes + offset}: the row there is longer than {_options.MaxRowBytes} bytes.",
        "Look for a quote that is opened there and never closed. Rows that are meant to be that long need a larger CsvOptions.MaxRowBytes.",
        exception);

    private (bool IsOpen, bool HasTextBehind) LookAtQuotes(string row)
    {
        var hasTextBehind = false;
        for (var at = 0; at <= row.Length; at++)
        {
            at = SkipBlanks(row, at);
            if (at < row.Length && row[at] == _options.Quote)
            {
                // Two quotes within are one that is text.
                do
                {
                    at = row.IndexOf(_options.Quote, at + 1) + 1;
                    if (at == 0) return (true, hasTextBehind);
                }
                while (at < row.Length && row[at] == _options.Quote);
                at = SkipBlanks(row, at);
                hasTextBehind |= at < row.Length && row[at] != _options.Delimiter;
            }

            var end = row.IndexOf(_options.Delimiter, at);
            at = end < 0 ? row.Length : end;
        }

        return (false, hasTextBehind);
    }

    private static string Cut(string text) => text.Length <= ShownCharacters ? text : text[..ShownCharacters] + "…";

    private int SkipBlanks(string row, int at)
    {
        while (_options.TrimWhitespace && at < row.Length && row[at] is ' ' or '\t' && row[at] != _options.Delimiter) at++;
        return at;
    }
}

/// <summary>A place in a file.</summary>
/// <param name="Lines">How many lines come before it.</param>
/// <param name="Bytes">How many bytes of text.</param>
internal readonly record struct CsvPosition(long Lines, long Bytes);
