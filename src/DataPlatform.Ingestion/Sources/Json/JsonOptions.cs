namespace DataPlatform.Ingestion;

/// <summary>How rows are read from JSON objects, in files or from an API.</summary>
/// <remarks>
/// Keys are matched to columns after both are put into snake case; keys that no column is for are left out, and logged. Numbers in quotes are
/// read as numbers where the contract has one. A column that says where its value is, <c>[Column("address.city")]</c>, finds it within objects
/// however deep. Files that end in <c>.gz</c> or <c>.zst</c> are decompressed. The encoding is UTF-8, or what a byte order mark says.
/// </remarks>
public sealed record JsonOptions
{
    /// <summary>
    /// How many levels of objects within a row are taken apart: with 1 <c>{"address": {"city": "Bern"}}</c> has a column <c>address_city</c>.
    /// What is deeper, and arrays, become JSON columns, or text where the contract says text. 0: all of them do.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, or more than 60.</exception>
    public int MaxNesting
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 60);
            field = value;
        }
    }

    /// <summary>The longest row in bytes, and the most that a file with an array may have around it. One with more fails.</summary>
    public int MaxRowBytes { get; init; } = 16 << 20;
}
