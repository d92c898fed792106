using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;

namespace DataPlatform.Secrets;

/// <summary>
/// Finds what must be masked in configuration that does not come from a secret store: settings with telling names, passwords
/// inside connection strings, and credentials inside URLs.
/// </summary>
internal static partial class SensitiveSettings
{
    private static readonly string[] NameEndings =
    [
        "password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "secretkey", "privatekey",
        "accountkey", "sharedaccesssignature", "credentials",
    ];

    // As the name of a setting it is the shell's working directory.
    private const string PwdInConnectionString = "pwd";

    public static IEnumerable<string> Values(IEnumerable<KeyValuePair<string, string?>> settings) =>
        settings.Where(s => !string.IsNullOrEmpty(s.Value)).SelectMany(s => Values(s.Key, s.Value!)).Distinct(StringComparer.Ordinal);

    private static IEnumerable<string> Values(string key, string value)
    {
        if (IsSensitive(ConfigurationPath.GetSectionKey(key)) && !bool.TryParse(value, out _)) yield return value;
        foreach (var part in InConnectionString(value)) yield return part;
        foreach (var part in InUrl(value)) yield return part;
    }

    private static bool IsSensitive(string name)
    {
        var plain = name.Replace("_", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal);
        return NameEndings.Any(ending => plain.EndsWith(ending, StringComparison.OrdinalIgnoreCase));
    }

    // name=value; with the value bare, in '…' or in "…", inner quotes doubled: as ADO.NET writes connection strings.
    [GeneratedRegex("""(?:^|;)\s*([^=;'"]+?)\s*=\s*(?:"((?:[^"]|"")*)"|'((?:[^']|'')*)'|([^;]*))""")]
    private static partial Regex ConnectionStringPart { get; }

    private static IEnumerable<string> InConnectionString(string value)
    {
        if (!value.Contains('=', StringComparison.Ordinal)
            || !NameEndings.Append(PwdInConnectionString).Any(e => value.Contains(e, StringComparison.OrdinalIgnoreCase))) yield break;
        foreach (Match part in ConnectionStringPart.Matches(value))
        {
            var name = part.Groups[1].Value;
            if (!IsSensitive(name) && !name.Equals(PwdInConnectionString, StringComparison.OrdinalIgnoreCase)) continue;
            yield return part.Groups[2].Success ? part.Groups[2].Value.Replace("\"\"", "\"", StringComparison.Ordinal)
                : part.Groups[3].Success ? part.Groups[3].Value.Replace("''", "'", StringComparison.Ordinal)
                : part.Groups[4].Value.Trim();
        }
    }

    private static IEnumerable<string> InUrl(string value)
    {
        var start = value.IndexOf("://", StringComparison.Ordinal);
        if (start < 0) yield break;

        var authority = value[(start + 3)..];
        var end = authority.AsSpan().IndexOfAny('/', '?', '#');
        if (end >= 0) authority = authority[..end];

        var at = authority.LastIndexOf('@');
        var colon = authority.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0 || colon >= at) yield break;

        var password = authority[(colon + 1)..at];
        yield return password;
        yield return Uri.UnescapeDataString(password);
    }
}
