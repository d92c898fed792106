using System.Net;
using System.Text;
using System.Text.Encodings.Web;

namespace DataPlatform.Secrets;

/// <summary>The ways in which a secret may be written in a log: as it is, or as some encoder left it.</summary>
internal static class SecretForms
{
    /// <summary>A line of a secret of several lines counts as secret from this length on: shorter ones are brackets and the like.</summary>
    private const int MinimumLine = 8;

    public static IEnumerable<string> Of(string secret)
    {
        var lines = secret.Split('\n', StringSplitOptions.TrimEntries).Where(line => line.Length >= MinimumLine && line != secret);
        return lines.Prepend(secret).SelectMany(Encodings).Distinct(StringComparer.Ordinal);
    }

    private static IEnumerable<string> Encodings(string text)
    {
        yield return text;
        yield return text.Replace("'", "''", StringComparison.Ordinal);
        yield return text.Replace("\"", "\"\"", StringComparison.Ordinal);
        yield return JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(text);
        yield return text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);

        var json = JavaScriptEncoder.Default.Encode(text);
        yield return json;
        yield return LowerHex(json, "\\u", 4);

        foreach (var url in new[] { Uri.EscapeDataString(text), WebUtility.UrlEncode(text) })
        {
            yield return url;
            yield return LowerHex(url, "%", 2);
        }

        foreach (var base64 in Base64(Encoding.UTF8.GetBytes(text)))
        {
            yield return base64;
            yield return base64.Replace('+', '-').Replace('/', '_');
        }
    }

    // Within a longer text, such as user:password, the secret's first byte falls on one of three places of a base64 group. The
    // characters that depend on the secret alone are searched for; the ones at its edges also hold bits of its neighbours.
    private static IEnumerable<string> Base64(byte[] bytes)
    {
        yield return Convert.ToBase64String(bytes);
        for (var before = 0; before < 3; before++)
        {
            var encoded = Convert.ToBase64String([.. new byte[before], .. bytes]);
            var first = (before * 8 + 5) / 6;
            var end = (before + bytes.Length) * 8 / 6;
            if (end > first) yield return encoded[first..end];
        }
    }

    private static string LowerHex(string text, string prefix, int digits)
    {
        var at = text.IndexOf(prefix, StringComparison.Ordinal);
        if (at < 0) return text;

        var lower = new StringBuilder(text);
        for (; at >= 0; at = text.IndexOf(prefix, at + prefix.Length, StringComparison.Ordinal))
        {
            var end = Math.Min(text.Length, at + prefix.Length + digits);
            for (var i = at + prefix.Length; i < end; i++) lower[i] = char.ToLowerInvariant(text[i]);
        }

        return lower.ToString();
    }
}
