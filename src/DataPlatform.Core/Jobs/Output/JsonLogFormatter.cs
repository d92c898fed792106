using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using DataPlatform.Secrets;
using Serilog.Events;

namespace DataPlatform.Jobs.Output;

/// <summary>
/// Writes a log event as one JSON object on one line. What is printed is masked value by value, so that a line is valid JSON whatever the secrets are.
/// </summary>
internal sealed class JsonLogFormatter(ISecretMasker masker, string environment)
{
    private static readonly JsonWriterOptions WriterOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    // Written at the head of the line, under these names, when a scope has them.
    private static readonly string[] ScopeFields = ["run_id", "pipeline", "step"];

    private static readonly HashSet<string> Reserved = new(StringComparer.Ordinal)
    {
        "timestamp", "level", "message", "logger", "run_id", "pipeline", "step", "environment", "trace_id", "span_id", "exception", "summary",
    };

    /// <summary>The line with its newline, in UTF-8.</summary>
    /// <param name="logEvent">The event.</param>
    /// <param name="summary">The run's summary, for the last line.</param>
    public ReadOnlyMemory<byte> Format(LogEvent logEvent, JobSummary? summary = null)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer, WriterOptions))
        {
            json.WriteStartObject();
            WriteHead(json, logEvent);
            foreach (var (name, value) in logEvent.Properties)
            {
                if (name is "SourceContext" || ScopeFields.Contains(name)) continue;
                json.WritePropertyName(Reserved.Contains(name) ? $"_{name}" : name);
                WriteValue(json, value);
            }

            if (summary is not null)
            {
                json.WritePropertyName("summary");
                JsonSerializer.Serialize(json, summary.Mask(masker), JobJson.Readable.JobSummary);
            }

            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenMemory;
    }

    private void WriteHead(Utf8JsonWriter json, LogEvent logEvent)
    {
        json.WriteString("timestamp", logEvent.Timestamp.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
        json.WriteString("level", LevelName(logEvent.Level));
        json.WriteString("message", masker.Mask(LogMessage.Render(logEvent)));
        if (logEvent.Properties.TryGetValue("SourceContext", out var logger))
        {
            json.WritePropertyName("logger");
            WriteValue(json, logger);
        }

        foreach (var field in ScopeFields)
        {
            if (!logEvent.Properties.TryGetValue(field, out var value)) continue;
            json.WritePropertyName(field);
            WriteValue(json, value);
        }

        json.WriteString("environment", environment);
        if (logEvent.TraceId is { } traceId && traceId != default) json.WriteString("trace_id", traceId.ToHexString());
        if (logEvent.SpanId is { } spanId && spanId != default) json.WriteString("span_id", spanId.ToHexString());
        if (logEvent.Exception is { } exception) json.WriteString("exception", masker.Mask(exception.ToString()));
    }

    private static string LevelName(LogEventLevel level) => level switch
    {
        LogEventLevel.Verbose => "Trace",
        LogEventLevel.Fatal => "Critical",
        _ => level.ToString(),
    };

    private void WriteValue(Utf8JsonWriter json, LogEventPropertyValue value)
    {
        switch (value)
        {
            case ScalarValue scalar:
                WriteScalar(json, scalar.Value);
                break;
            case SequenceValue sequence:
                json.WriteStartArray();
                foreach (var element in sequence.Elements) WriteValue(json, element);
                json.WriteEndArray();
                break;
            case StructureValue structure:
                WriteObject(json, structure.Properties.Select(p => (p.Name, p.Value)));
                break;
            case DictionaryValue dictionary:
                WriteObject(json, dictionary.Elements.Select(e => (Convert.ToString(e.Key.Value, CultureInfo.InvariantCulture) ?? "", e.Value)));
                break;
            default:
                json.WriteStringValue(masker.Mask(value.ToString(null, CultureInfo.InvariantCulture)));
                break;
        }
    }

    private void WriteObject(Utf8JsonWriter json, IEnumerable<(string Name, LogEventPropertyValue Value)> properties)
    {
        json.WriteStartObject();
        foreach (var (name, value) in properties)
        {
            json.WritePropertyName(masker.Mask(name));
            WriteValue(json, value);
        }

        json.WriteEndObject();
    }

    private void WriteScalar(Utf8JsonWriter json, object? value)
    {
        var text = value switch
        {
            null => null,
            string s => s,
            DateTime d => d.ToString("O", CultureInfo.InvariantCulture),
            DateTimeOffset d => d.ToString("O", CultureInfo.InvariantCulture),
            DateOnly d => d.ToString("O", CultureInfo.InvariantCulture),
            IFormattable f => f.ToString(null, CultureInfo.InvariantCulture),
            _ => value.ToString(),
        };
        var masked = text is null ? null : masker.Mask(text);
        if (masked is null) json.WriteNullValue();
        else if (value is bool flag) json.WriteBooleanValue(flag);
        else if (ReferenceEquals(masked, text) && IsJsonNumber(value)) json.WriteRawValue(masked, skipInputValidation: true);
        else json.WriteStringValue(masked);
    }

    private static bool IsJsonNumber(object? value) => value switch
    {
        sbyte or byte or short or ushort or int or uint or long or ulong or decimal => true,
        double d => double.IsFinite(d),
        float f => float.IsFinite(f),
        _ => false,
    };
}
