using System.Globalization;

namespace DataPlatform.Ingestion;

/// <summary>Values of .NET's types as the texts that columns read and explain them by.</summary>
internal static class ClrValueText
{
    /// <summary>The text, or null for none.</summary>
    public static string? Of(object? value) => value switch
    {
        null => null,
        DateTime time => time.ToString("yyyy-MM-ddTHH:mm:ss.FFFFFF", CultureInfo.InvariantCulture),
        DateTimeOffset time => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFZ", CultureInfo.InvariantCulture),
        DateOnly date => date.ToString("O", CultureInfo.InvariantCulture),
        TimeOnly time => time.ToString("O", CultureInfo.InvariantCulture),
        byte[] bytes => Convert.ToBase64String(bytes),
        IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString(),
    };
}
