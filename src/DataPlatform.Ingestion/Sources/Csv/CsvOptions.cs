namespace DataPlatform.Ingestion;

/// <summary>How CSV files are written. The defaults are RFC 4180's, in UTF-8.</summary>
/// <remarks>
/// A field that is empty and not in quotes is NULL; <c>""</c> is an empty text, and NULL in columns of other types. Files that end in
/// <c>.gz</c> or <c>.zst</c> are decompressed. A byte order mark is heeded, whatever <see cref="Encoding"/> says.
/// </remarks>
public sealed record CsvOptions
{
    /// <summary>
    /// What the text is in, by the name that .NET and the IANA have for it: <c>windows-1252</c>, <c>iso-8859-15</c>, <c>utf-16</c>, <c>shift_jis</c>.
    /// A row with bytes that are no text in it is rejected.
    /// </summary>
    /// <exception cref="DataPlatformException">There is no encoding of that name.</exception>
    public string Encoding
    {
        get;
        init => field = TextEncodings.Find(value).WebName;
    } = "utf-8";

    /// <summary>What separates fields: a comma, or another ASCII character.</summary>
    public char Delimiter { get; init; } = ',';

    /// <summary>What fields that hold delimiters or line breaks are put in.</summary>
    public char Quote { get; init; } = '"';

    /// <summary>
    /// Whether the first row names the columns, which are then found by name in any order. Without it, columns are the contract's in its order.
    /// </summary>
    public bool HasHeader { get; init; } = true;

    /// <summary>Lines that start with this character are left out; null for none.</summary>
    public char? Comment { get; init; }

    /// <summary>Texts that stand for NULL, besides the empty field: <c>NULL</c>, <c>\N</c>, <c>NA</c>. Also in quotes.</summary>
    public IReadOnlyList<string> NullValues { get; init; } = [];

    /// <summary>Whether blanks around fields are left out before they are read.</summary>
    public bool TrimWhitespace { get; init; }

    /// <summary>The longest row in bytes. A file with a longer one fails: most often a quote in it was never closed.</summary>
    public int MaxRowBytes { get; init; } = 16 << 20;
}
