using System.Security.Cryptography;
using System.Text;

namespace DataPlatform.Ingestion;

/// <summary>The one way in which names of properties, headers and keys become names of columns.</summary>
internal static class ColumnName
{
    // PostgreSQL cuts longer names off silently, so two columns could become one.
    private const int MaxBytes = 63;

    /// <summary>
    /// Snake case: <c>TripId</c> and <c>Trip ID</c> become <c>trip_id</c>, <c>HTTPStatus</c> <c>http_status</c>. Letters and digits of
    /// any script stay, all else separates words. A leading underscore stays, a leading digit gets one. Empty when nothing is left.
    /// </summary>
    public static string Normalize(string name)
    {
        var result = new StringBuilder(name.Length + 8);
        if (name.StartsWith('_')) result.Append('_');
        for (var i = 0; i < name.Length; i++)
        {
            var c = name[i];
            if (!char.IsLetterOrDigit(c))
            {
                Separate(result);
                continue;
            }

            if (char.IsUpper(c) && i > 0 && BeginsWord(name, i)) Separate(result);
            result.Append(char.ToLowerInvariant(c));
        }

        while (result.Length > 0 && result[^1] == '_') result.Length--;
        if (result.Length > 0 && char.IsDigit(result[0])) result.Insert(0, '_');
        return Shorten(result.ToString());
    }

    // In tripId the I, in HTTPStatus the S.
    private static bool BeginsWord(string name, int i) =>
        char.IsLower(name[i - 1]) || char.IsDigit(name[i - 1])
        || (char.IsUpper(name[i - 1]) && i + 1 < name.Length && char.IsLower(name[i + 1]));

    private static void Separate(StringBuilder name)
    {
        if (name.Length > 0 && name[^1] != '_') name.Append('_');
    }

    // A shortened name ends in a hash of the whole, so that names that differ late stay different.
    private static string Shorten(string name)
    {
        if (Encoding.UTF8.GetByteCount(name) <= MaxBytes) return name;
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..8];
        var kept = name.Length;
        while (Encoding.UTF8.GetByteCount(name.AsSpan(0, kept)) > MaxBytes - 9) kept--;
        if (char.IsHighSurrogate(name[kept - 1])) kept--;
        return $"{name.AsSpan(0, kept).TrimEnd('_')}_{hash}";
    }
}
