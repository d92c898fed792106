namespace DataPlatform.Dbt.Run;

/// <summary>The statements of a text of SQL.</summary>
internal static class SqlStatements
{
    /// <summary>Splits at semicolons that stand outside of quotes and comments. What is blank is left out.</summary>
    public static IEnumerable<string> Split(string sql)
    {
        var start = 0;
        for (var i = 0; i < sql.Length; i++)
        {
            switch (sql[i])
            {
                case '\'' or '"': i = Behind(sql, i + 1, sql[i].ToString()); break;
                case '-' when Follows(sql, i, "--"): i = Behind(sql, i, "\n"); break;
                case '/' when Follows(sql, i, "/*"): i = Behind(sql, i + 2, "*/"); break;
                case '$' when DollarQuote(sql, i) is { } quote: i = Behind(sql, i + quote.Length, quote); break;
                case ';':
                    if (!IsBlank(sql[start..i])) yield return sql[start..i];
                    start = i + 1;
                    break;
            }
        }

        if (!IsBlank(sql[start..])) yield return sql[start..];
    }

    private static bool IsBlank(string sql) => string.IsNullOrWhiteSpace(sql);

    private static bool Follows(string sql, int place, string text) => string.CompareOrdinal(sql, place, text, 0, text.Length) == 0;

    /// <summary>The last character of a text, or of the SQL when the text does not come.</summary>
    private static int Behind(string sql, int from, string text) => from >= sql.Length || sql.IndexOf(text, from, StringComparison.Ordinal) is not (>= 0 and var found) ? sql.Length : found + text.Length - 1;

    /// <summary>The quote <c>$tag$</c> that begins at a dollar sign, or null when it is none.</summary>
    private static string? DollarQuote(string sql, int place)
    {
        // The sign of a parameter or of a name is no quote.
        if (place > 0 && (char.IsLetterOrDigit(sql[place - 1]) || sql[place - 1] == '_')) return null;
        var end = place + 1;
        while (end < sql.Length && (char.IsLetterOrDigit(sql[end]) || sql[end] == '_')) end++;
        return end < sql.Length && sql[end] == '$' && !(end > place + 1 && char.IsDigit(sql[place + 1])) ? sql[place..(end + 1)] : null;
    }
}
