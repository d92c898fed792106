using DataPlatform.Warehouses;

namespace DataPlatform.DuckDb;

/// <summary>Small pieces of SQL.</summary>
internal static class SqlText
{
    /// <summary>A SELECT as it can stand in parentheses: without semicolons at the end, and with the parenthesis safe from a comment there.</summary>
    public static string Embeddable(string select) => $"{select.TrimEnd(' ', '\t', '\r', '\n', ';')}\n";

    /// <summary>Names quoted, with commas between.</summary>
    public static string Quote(IEnumerable<string> identifiers) => string.Join(", ", identifiers.Select(TableName.Quote));
}
