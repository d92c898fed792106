using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

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
        string text => text,
        System.Collections.IEnumerable list => OfList(list),
        IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString(),
    };

    // A JSON array, as columns of lists read it.
    private static string OfList(System.Collections.IEnumerable list)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, RowText.Options))
        {
            json.WriteStartArray();
            foreach (var element in list)
            {
                if (element is null) json.WriteNullValue();
                else if (element is short or int or long or decimal) json.WriteRawValue(Of(element)!);
                else json.WriteStringValue(Of(element));
            }

            json.WriteEndArray();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
