using System.Globalization;
using System.Text.RegularExpressions;

namespace DataPlatform.DuckDb;

/// <summary>
/// Finds where in a statement DuckDB found a fault. It tells that only to people: its message ends in the line of the statement, shortened when it
/// is long, and a caret below the place. Source: <c>QueryErrorContext::Format</c> of DuckDB.
/// </summary>
internal static partial class FaultPlace
{
    private const string Cut = "...";

    [GeneratedRegex(@"\n\n(?<head>LINE (?<line>\d+): )(?<excerpt>[^\n]*)\n(?<caret> *)\^", RegexOptions.ExplicitCapture)]
    private static partial Regex Shown { get; }

    /// <summary>The problem without its place, and the place as characters from 0; null when the message does not show one.</summary>
    public static (string Problem, int Offset)? Find(string message, string sql)
    {
        var match = Shown.Match(message);
        if (!match.Success || StartOfLine(sql, int.Parse(match.Groups["line"].ValueSpan, CultureInfo.InvariantCulture)) is not { } start) return null;
        var excerpt = match.Groups["excerpt"].Value;
        var column = match.Groups["caret"].Length - match.Groups["head"].Length;
        if (excerpt.StartsWith(Cut, StringComparison.Ordinal))
        {
            var shown = excerpt.EndsWith(Cut, StringComparison.Ordinal) ? excerpt[Cut.Length..^Cut.Length] : excerpt[Cut.Length..];
            column += sql.IndexOf(shown, start, StringComparison.Ordinal) - start - Cut.Length;
        }

        return column >= 0 && start + column <= sql.Length ? (message[..match.Index], start + column) : null;
    }

    // DuckDB counts each of CR and LF as the end of a line.
    private static int? StartOfLine(string sql, int line)
    {
        var start = 0;
        for (; line > 1; line--)
        {
            var end = sql.AsSpan(start).IndexOfAny('\r', '\n');
            if (end < 0) return null;
            start += end + 1;
        }

        return start;
    }
}
