using System.Globalization;
using System.Text;

namespace DataPlatform.Warehouses;

/// <summary>
/// Writes values as SQL literals, each with its type, for statements that cannot take parameters: those that define tables and views.
/// Reads the same on PostgreSQL (with <c>standard_conforming_strings</c>, its default) and on DuckDB.
/// </summary>
public static class SqlLiteral
{
    private const string TimestampFormat = "yyyy-MM-dd HH:mm:ss.ffffff";

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>
    /// The value as a literal: text, char, enum (its name), boolean, integers, decimal, double, float, <see cref="DateOnly"/>, <see cref="TimeOnly"/>,
    /// <see cref="DateTime"/> (a timestamp without zone, unless its kind is UTC), <see cref="DateTimeOffset"/>, UUID, or NULL.
    /// Times are cut to microseconds.
    /// </summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: a value of another type, or text that no database can hold.</exception>
    public static string From(object? value) => value switch
    {
        null or DBNull => "NULL",
        string text => Text(text),
        char character => Text(character.ToString()),
        Enum member => Text(member.ToString()),
        bool flag => flag ? "TRUE" : "FALSE",
        sbyte or byte or short or ushort => Integer(Convert.ToInt32(value, CultureInfo.InvariantCulture)),
        int number => Integer(number),
        uint or long => Cast(Invariant((IFormattable)value, null), "bigint"),
        decimal number => Decimal(number),
        double number => Cast(Invariant(number, "R"), "double precision"),
        float number => Cast(Invariant(number, "R"), "real"),
        DateOnly date => Cast(Invariant(date, "yyyy-MM-dd"), "date"),
        TimeOnly time => Cast(Invariant(time, "HH:mm:ss.ffffff"), "time"),
        DateTime { Kind: DateTimeKind.Utc } moment => Moment(moment),
        DateTime moment => Cast(Invariant(moment, TimestampFormat), "timestamp"),
        DateTimeOffset moment => Moment(moment.UtcDateTime),
        Guid uuid => Cast(uuid.ToString("D"), "uuid"),
        _ => throw Unsupported($"A value of type {value.GetType().Name} cannot be written as a SQL literal."),
    };

    private static string Text(string text)
    {
        if (text.Contains('\0', StringComparison.Ordinal)) throw Unsupported("Text with a NUL character cannot be written as a SQL literal.");
        try
        {
            StrictUtf8.GetByteCount(text);
        }
        catch (EncoderFallbackException)
        {
            throw Unsupported("Text that is not valid Unicode cannot be written as a SQL literal.");
        }

        return $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";
    }

    // Nothing that is written begins with a minus sign: after another one it would begin a comment.
    private static string Integer(int number) => number < 0 ? Cast(Invariant(number, null), "integer") : Invariant(number, null);

    // A numeral with a point is exact on both systems, while DuckDB rounds what is cast to numeric without a scale.
    private static string Decimal(decimal number)
    {
        var digits = Invariant(number, null);
        if (!digits.Contains('.', StringComparison.Ordinal)) digits += ".0";
        return digits[0] == '-' ? $"({digits})" : digits;
    }

    private static string Moment(DateTime utc) => Cast(Invariant(utc, TimestampFormat) + "+00", "timestamptz");

    private static string Cast(string text, string type) => $"CAST('{text}' AS {type})";

    private static string Invariant(IFormattable value, string? format) => value.ToString(format, CultureInfo.InvariantCulture);

    private static DataPlatformException Unsupported(string message) =>
        new(FailureClass.Configuration, message, "Give text, a number, a boolean, a date, a time, a UUID or null.");
}
