using System.Globalization;
using System.Text;
using Serilog.Events;
using Serilog.Parsing;

namespace DataPlatform.Jobs.Output;

/// <summary>Fills an event's message in as .NET's own loggers do, without the quotes that Serilog puts around texts.</summary>
internal static class LogMessage
{
    public static string Render(LogEvent logEvent)
    {
        var message = new StringBuilder();
        foreach (var token in logEvent.MessageTemplate.Tokens)
        {
            if (token is PropertyToken property && logEvent.Properties.TryGetValue(property.PropertyName, out var value)) message.Append(Render(value, property.Format));
            else message.Append(token);
        }

        return message.ToString();
    }

    private static string Render(LogEventPropertyValue value, string? format) => value switch
    {
        ScalarValue { Value: null } => "(null)",
        ScalarValue { Value: IFormattable date } when date is DateOnly or DateTime or DateTimeOffset => date.ToString(format ?? "O", CultureInfo.InvariantCulture),
        ScalarValue { Value: IFormattable formattable } => formattable.ToString(format, CultureInfo.InvariantCulture),
        ScalarValue { Value: { } other } => other.ToString() ?? "",
        SequenceValue sequence => string.Join(", ", sequence.Elements.Select(e => Render(e, format))),
        _ => value.ToString(null, CultureInfo.InvariantCulture),
    };
}
