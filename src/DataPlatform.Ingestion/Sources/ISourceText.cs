namespace DataPlatform.Ingestion;

/// <summary>One text of a source, while it is read: a file, or a page of an API.</summary>
internal interface ISourceText
{
    /// <summary>What rejected rows are said to be from.</summary>
    string Name { get; }

    /// <summary>The text is not what it should be.</summary>
    DataPlatformException Invalid(string problem, string? hint, Exception? cause = null);
}

internal static class SourceTextExtensions
{
    /// <summary>The text has nothing that the contract asks for: its rows would be NULLs.</summary>
    /// <param name="text">The text.</param>
    /// <param name="wanted">The columns that were looked for.</param>
    /// <param name="found">What there is instead.</param>
    public static DataPlatformException Foreign(this ISourceText text, IEnumerable<ContractColumn> wanted, IEnumerable<string> found) => text.Invalid(
        $"has none of the columns {string.Join(", ", wanted.Select(column => $"'{column.SourceName}'"))}. It has: {string.Join(", ", found)}.",
        "It seems to be of something else. If it is not, say with [Column(\"…\")] what it calls the columns.");
}
