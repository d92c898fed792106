using System.Globalization;
using System.Text;

namespace DataPlatform.Dbt.Jinja;

/// <summary>What Python takes characters and lines of text for.</summary>
internal static class PythonText
{
    /// <summary>The characters that <c>str.isspace</c> is true for.</summary>
    public static readonly char[] Spaces = [.. Enumerable.Range(0, char.MaxValue).Select(c => (char)c).Where(IsSpace)];

    private static readonly char[] LineEnds = ['\n', '\r', '\v', '\f', '\x1c', '\x1d', '\x1e', '\x85', '\u2028', '\u2029'];

    public static bool IsSpace(char c) => c is (>= '\x1c' and <= '\x1f') || char.IsWhiteSpace(c);

    /// <summary>A text in quotes, as <c>repr()</c> gives it.</summary>
    public static string Repr(string text)
    {
        var quote = text.Contains('\'') && !text.Contains('"') ? '"' : '\'';
        var result = new StringBuilder(text.Length + 2).Append(quote);
        foreach (var rune in text.EnumerateRunes())
        {
            switch (rune.Value)
            {
                case '\\': result.Append("\\\\"); break;
                case '\n': result.Append("\\n"); break;
                case '\r': result.Append("\\r"); break;
                case '\t': result.Append("\\t"); break;
                case var value when value == quote: result.Append('\\').Append(quote); break;
                case < 0x20 or 0x7f: result.Append(CultureInfo.InvariantCulture, $"\\x{rune.Value:x2}"); break;
                case < 0x7f: result.Append((char)rune.Value); break;
                default:
                    if (IsPrintable(rune)) result.Append(rune.ToString());
                    else result.Append(CultureInfo.InvariantCulture, $"\\{(rune.Value <= 0xff ? $"x{rune.Value:x2}" : rune.Value <= 0xffff ? $"u{rune.Value:x4}" : $"U{rune.Value:x8}")}");
                    break;
            }
        }

        return result.Append(quote).ToString();
    }

    public static List<string> SplitLines(string text, bool keepEnds = false)
    {
        var lines = new List<string>();
        for (var start = 0; start < text.Length;)
        {
            var end = text.IndexOfAny(LineEnds, start);
            if (end < 0) end = text.Length;
            var next = end == text.Length ? end : end + (text[end] == '\r' && end + 1 < text.Length && text[end + 1] == '\n' ? 2 : 1);
            lines.Add(text[start..(keepEnds ? next : end)]);
            start = next;
        }

        return lines;
    }

    /// <summary>The words between white space.</summary>
    public static string[] Words(string text) => text.Split(Spaces, StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Python's <c>upper()</c>: one letter has two capitals.</summary>
    public static string Upper(string text) => text.ToUpperInvariant().Replace("ß", "SS", StringComparison.Ordinal);

    public static string Lower(string text) => text.ToLowerInvariant();

    /// <summary>The first character in upper case, the others in lower.</summary>
    public static string Capitalize(string text)
    {
        var first = text.Length > 1 && char.IsSurrogatePair(text, 0) ? 2 : Math.Min(1, text.Length);
        return text[..first] == "ß" ? $"Ss{Lower(text[first..])}" : Upper(text[..first]) + Lower(text[first..]);
    }

    public static string EscapeHtml(string text) => text
        .Replace("&", "&amp;", StringComparison.Ordinal).Replace(">", "&gt;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal)
        .Replace("'", "&#39;", StringComparison.Ordinal).Replace("\"", "&#34;", StringComparison.Ordinal);

    private static bool IsPrintable(Rune rune) => Rune.GetUnicodeCategory(rune) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);
}

/// <summary>Text by characters of Unicode, as Python counts them.</summary>
internal static class CodePoints
{
    /// <summary>Whether each char is a character.</summary>
    public static bool AreChars(string text) => !text.AsSpan().ContainsAnyInRange('\ud800', '\udfff');

    public static int Count(string text) => AreChars(text) ? text.Length : text.EnumerateRunes().Count();

    /// <summary>The characters, each a text.</summary>
    public static List<object?> Split(string text) =>
        AreChars(text) ? [.. text.Select(c => (object?)c.ToString())] : [.. text.EnumerateRunes().Select(rune => (object?)rune.ToString())];

    /// <summary>How many characters stand before an index of chars.</summary>
    public static int Position(string text, int index) => index < 0 ? index : Count(text[..index]);

    /// <summary>The index of chars that a number of characters ends at.</summary>
    public static int Index(string text, int position)
    {
        if (AreChars(text)) return Math.Min(position, text.Length);
        var index = 0;
        for (; position > 0 && index < text.Length; position--) index += char.IsSurrogatePair(text, index) ? 2 : 1;
        return index;
    }

    public static string Slice(string text, int start, int stop) => stop <= start ? "" : text[Index(text, start)..Index(text, stop)];

    public static int Compare(string left, string right)
    {
        var common = left.AsSpan().CommonPrefixLength(right);
        if (common == left.Length || common == right.Length) return left.Length.CompareTo(right.Length);
        var (a, b) = (left[common], right[common]);
        // In UTF-16 the characters beyond U+FFFF would stand before those from U+E000.
        return char.IsSurrogate(a) == char.IsSurrogate(b) ? a.CompareTo(b) : char.IsSurrogate(a) ? 1 : -1;
    }

    /// <summary>A text so many times.</summary>
    public static string Repeat(string text, long count) =>
        count <= 0 ? "" : new StringBuilder(JinjaRun.EnsureSize(text.Length * Math.Min(count, int.MaxValue))).Insert(0, text, (int)Math.Min(count, int.MaxValue)).ToString();
}
