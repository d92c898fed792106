using System.Buffers;

namespace DataPlatform.Dbt.Selection;

/// <summary>Unix wildcards as Python's <c>fnmatch</c> has them: <c>*</c>, <c>?</c>, <c>[a-z]</c> and <c>[!a-z]</c>. Case matters.</summary>
internal static class Wildcard
{
    private static readonly SearchValues<char> Signs = SearchValues.Create("*?[]");

    public static bool IsIn(ReadOnlySpan<char> pattern) => pattern.ContainsAny(Signs);

    public static bool Matches(ReadOnlySpan<char> text, ReadOnlySpan<char> pattern)
    {
        // On a mismatch only the last star has to take one character more.
        int at = 0, place = 0, star = -1, starAt = 0;
        while (at < text.Length)
        {
            if (place < pattern.Length && pattern[place] == '*')
            {
                (star, starAt) = (place++, at);
            }
            else if (place < pattern.Length && MatchesOne(text[at], pattern[place..], out var length))
            {
                at++;
                place += length;
            }
            else if (star >= 0)
            {
                (place, at) = (star + 1, ++starAt);
            }
            else
            {
                return false;
            }
        }

        return !pattern[place..].ContainsAnyExcept('*');
    }

    private static bool MatchesOne(char c, ReadOnlySpan<char> pattern, out int length)
    {
        length = 1;
        if (pattern[0] == '?') return true;
        if (pattern[0] != '[') return c == pattern[0];

        var isNegated = pattern.Length > 1 && pattern[1] == '!';
        var begin = isNegated ? 2 : 1;
        // A bracket that comes first stands for itself, and so does one that is never closed.
        var end = begin + 1 < pattern.Length ? pattern[(begin + 1)..].IndexOf(']') : -1;
        if (end < 0) return c == '[';
        var set = pattern.Slice(begin, end + 1);
        length = begin + set.Length + 1;
        return Contains(set, c) != isNegated;
    }

    private static bool Contains(ReadOnlySpan<char> set, char c)
    {
        for (var i = 0; i < set.Length; i++)
        {
            if (i + 2 < set.Length && set[i + 1] == '-')
            {
                if (c >= set[i] && c <= set[i + 2]) return true;
                i += 2;
            }
            else if (set[i] == c)
            {
                return true;
            }
        }

        return false;
    }
}
