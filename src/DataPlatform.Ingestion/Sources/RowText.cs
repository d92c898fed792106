using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace DataPlatform.Ingestion;

/// <summary>A row that was no text when it was read, as the text that is kept when it is rejected: a JSON object, whose values columns read as they read texts.</summary>
internal static class RowText
{
    /// <summary>Text as it is, where JSON allows it.</summary>
    public static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="values">By the names that the source has: the value, and whether it is JSON already.</param>
    public static byte[] Of(IEnumerable<(string Name, object? Value, bool IsJson)> values)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            foreach (var (name, value, isJson) in values)
            {
                json.WritePropertyName(name);
                switch (value)
                {
                    case null:
                        json.WriteNullValue();
                        break;
                    case string text when isJson && IsJson(text):
                        json.WriteRawValue(text);
                        break;
                    case System.Collections.IEnumerable and not (string or byte[]):
                        json.WriteRawValue(ClrValueText.Of(value)!);
                        break;
                    default:
                        json.WriteStringValue(ClrValueText.Of(value));
                        break;
                }
            }

            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static bool IsJson(string text)
    {
        try
        {
            var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(text));
            while (reader.Read()) reader.Skip();
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
