namespace DataPlatform.Ingestion;

/// <summary>Reads the header <c>Link</c> of RFC 8288: <c>&lt;https://…?page=2&gt;; rel="next", &lt;…&gt;; rel="last"</c>.</summary>
internal static class LinkHeader
{
    public static string? FindNext(IEnumerable<string> values) => values.Select(FindNext).FirstOrDefault(link => link is not null);

    private static string? FindNext(string value)
    {
        var rest = value.AsSpan();
        while (rest.IndexOf('<') is >= 0 and var open && rest[open..].IndexOf('>') is >= 0 and var length)
        {
            var link = rest.Slice(open + 1, length - 1);
            rest = rest[(open + length + 1)..];
            var end = EndOfParameters(rest);
            if (IsNext(rest[..end])) return link.Trim().ToString();
            rest = rest[end..];
        }

        return null;
    }

    // Parameters end with a comma that is not in quotes.
    private static int EndOfParameters(ReadOnlySpan<char> text)
    {
        var quoted = false;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '"') quoted = !quoted;
            else if (text[i] == ',' && !quoted) return i;
        }

        return text.Length;
    }

    private static bool IsNext(ReadOnlySpan<char> parameters)
    {
        foreach (var part in parameters.Split(';'))
        {
            var parameter = parameters[part];
            var equals = parameter.IndexOf('=');
            if (equals < 0 || !parameter[..equals].Trim().Equals("rel", StringComparison.OrdinalIgnoreCase)) continue;

            // One link may stand in several relations, separated by blanks.
            var relations = parameter[(equals + 1)..].Trim().Trim('"');
            foreach (var relation in relations.Split(' '))
            {
                if (relations[relation].Equals("next", StringComparison.OrdinalIgnoreCase)) return true;
            }
        }

        return false;
    }
}
