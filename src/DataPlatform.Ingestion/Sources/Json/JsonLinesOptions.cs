namespace DataPlatform.Ingestion;

/// <summary>How JSON Lines files are read: one object a line, in UTF-8.</summary>
/// <remarks>
/// Keys are matched to columns after both are put into snake case; keys that no column is for are left out, and logged. Objects and arrays
/// become JSON columns, or text where the contract says text. Numbers in quotes are read as numbers where the contract has one.
/// Files that end in <c>.gz</c> or <c>.zst</c> are decompressed.
/// </remarks>
public sealed record JsonLinesOptions
{
    /// <summary>The longest line in bytes. A file with a longer one fails.</summary>
    public int MaxLineBytes { get; init; } = 16 << 20;
}
