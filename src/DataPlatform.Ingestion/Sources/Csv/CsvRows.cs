using CsvHelper;

namespace DataPlatform.Ingestion;

/// <summary>The rows of one CSV file as CsvHelper finds them, with what is wrong with their quotes.</summary>
internal sealed class CsvRows : IDisposable
{
    private const int BufferBytes = 256 * 1024;

    private readonly ISourceText _file;
    private readonly CsvOptions _options;

    public CsvRows(Stream stream, CsvOptions options, ISourceText file, int bufferBytes = BufferBytes)
    {
        _file = file;
        _options = options;
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
            throw Unreadable(exception);
        }

        if (!_options.HasHeader) return null;

        // A column whose name cannot be read would pass for one that the file does not have.
        var isText = !Reader.Headers.Any(name => name.Contains('\uFFFD', StringComparison.Ordinal));
        if ((Malformed ?? (isText ? null : $"it is not valid {_options.Encoding.ToUpperInvariant()}")) is { } problem)
            throw _file.Invalid($"has a header that cannot be read: {problem}.", "Correct the first row, or say with CsvOptions how it is written.");
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

    /// <summary>The exception for a file in which no row can be found any more.</summary>
    public DataPlatformException Unreadable(CsvFormatException exception) => _file.Invalid(
        $"cannot be read beyond line {Math.Max(exception.LineNumber, Reader.LineNumber)}, byte {exception.ByteOffset}: {exception.Message}",
        "Look for a quote that is opened there and never closed. Rows that are meant to be that long need a larger CsvOptions.MaxRowBytes.",
        exception);

    public void Dispose() => Reader.Dispose();

    // A quote within a field that does not begin with one is text, as all readers take it. The other mistakes leave it open what was meant.
    private void OnMalformed(CsvMalformedRecord record)
    {
        Malformed = record.Reason switch
        {
            CsvMalformedReason.StrayQuote => Malformed,
            CsvMalformedReason.UnterminatedQuote => "a quote is opened and never closed",
            CsvMalformedReason.TextAfterClosingQuote => "there is text between a closing quote and the end of the field",
            var other => $"the quotes are wrong: {other}",
        };
    }
}
