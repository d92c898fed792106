using System.Globalization;
using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace DataPlatform.Ingestion;

/// <summary>Reads, orders and writes values of a cursor column: whole numbers, decimals, dates and times.</summary>
internal sealed class CursorType
{
    private readonly string _source;
    private readonly ContractColumn _column;
    private readonly IArrowType _type;

    private CursorType(string source, ContractColumn column) => (_source, _column, _type) = (source, column, column.Field.DataType);

    private CultureInfo Culture { get; } = CultureInfo.InvariantCulture;

    /// <summary>The type of a cursor column.</summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: values of the column's type cannot be a cursor.</exception>
    public static CursorType Of(ContractColumn column, string source) =>
        column.Field.DataType is Int16Type or Int32Type or Int64Type or Decimal128Type or Date32Type or TimestampType
            ? new CursorType(source, column)
            : throw new DataPlatformException(
                FailureClass.Configuration,
                $"{source} is to be read by the cursor '{column.Name}', which is {ColumnTypeName.Of(column.Field)}.",
                "A cursor is a whole number, a decimal, a date or a timestamp: something that grows with every new or changed row, and that all systems order alike.");

    /// <summary>The value of a row, or null.</summary>
    public CursorValue? ValueOf(IArrowArray array, int row) => array.IsNull(row) ? null : new CursorValue(Read(array, row));

    /// <summary>A value as it is kept in the ledger, and shown.</summary>
    public string Format(CursorValue value) => _type switch
    {
        Date32Type => ColumnTime.ToDate((int)value.Number).ToString("O", Culture),
        TimestampType type => ColumnTime.ToDateTime((long)value.Number, DateTimeKind.Unspecified).ToString("yyyy-MM-ddTHH:mm:ss.ffffff", Culture) + (type.Timezone is null ? "" : "Z"),
        Decimal128Type type => $"{value.Number.ToString(Culture)}e-{type.Scale.ToString(Culture)}",
        _ => value.Number.ToString(Culture),
    };

    /// <summary>A value from the ledger. A decimal keeps its value when the column's digits have changed.</summary>
    public CursorValue? Parse(string text)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(text);
        switch (_type)
        {
            case Date32Type:
                return Utf8Parsing.TryParseDate(bytes, out var days) ? new CursorValue(days) : null;
            case TimestampType:
                return Utf8Parsing.TryParseTimestamp(bytes, out var micros, out _) ? new CursorValue(micros) : null;
            case Decimal128Type type:
                var parts = text.Split("e-");
                if (!Int128.TryParse(parts[0], NumberStyles.AllowLeadingSign, Culture, out var unscaled)) return null;
                return new CursorValue(Rescale(unscaled, parts.Length > 1 ? int.Parse(parts[1], Culture) : 0, type.Scale));
            default:
                return Int128.TryParse(text, NumberStyles.AllowLeadingSign, Culture, out var number) ? new CursorValue(number) : null;
        }
    }

    /// <summary>A value that the program gives.</summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: it is not one of the column's.</exception>
    public CursorValue FromObject(object value) => (_type, value) switch
    {
        (Int16Type or Int32Type or Int64Type, sbyte or byte or short or ushort or int or uint or long) => new CursorValue(Convert.ToInt64(value, Culture)),
        (Decimal128Type type, sbyte or byte or short or ushort or int or uint or long) => new CursorValue(Rescale(Convert.ToInt64(value, Culture), 0, type.Scale)),
        (Decimal128Type type, decimal number) => FromDecimal(number, type),
        (Date32Type, DateOnly date) => new CursorValue(ColumnTime.DaysOf(date)),
        (Date32Type, DateTime time) => new CursorValue(ColumnTime.DaysOf(DateOnly.FromDateTime(time))),
        (TimestampType, DateOnly date) => new CursorValue(ColumnTime.MicrosOf(date.ToDateTime(TimeOnly.MinValue))),
        (TimestampType, DateTime { Kind: DateTimeKind.Local } time) => new CursorValue(ColumnTime.MicrosOf(time.ToUniversalTime())),
        (TimestampType, DateTime time) => new CursorValue(ColumnTime.MicrosOf(time)),
        (TimestampType, DateTimeOffset time) => new CursorValue(ColumnTime.MicrosOf(time)),
        (_, string text) when Parse(text) is { } parsed => parsed,
        _ => throw new DataPlatformException(
            FailureClass.Configuration,
            string.Create(Culture, $"{_source}: '{value}' ({value.GetType().Name}) is no value of the cursor '{_column.Name}', which is {ColumnTypeName.Of(_column.Field)}."),
            "Give a value of the column's type."),
    };

    /// <summary>A value that much earlier; the least there is when that is below it.</summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: the lag is of the wrong kind.</exception>
    public CursorValue Subtract(CursorValue value, object lag) => (_type, lag) switch
    {
        (TimestampType, TimeSpan time) => new CursorValue(Int128.Max(value.Number - (time.Ticks / TimeSpan.TicksPerMicrosecond), ColumnTime.MicrosOf(DateTime.MinValue))),
        (Date32Type, TimeSpan time) => new CursorValue(Int128.Max(value.Number - (long)Math.Ceiling(time.TotalDays), ColumnTime.DaysOf(DateOnly.MinValue))),
        (Int16Type or Int32Type or Int64Type, long number) => new CursorValue(Int128.Max(value.Number - number, long.MinValue)),
        (Decimal128Type type, long number) => new CursorValue(value.Number - Rescale(number, 0, type.Scale)),
        _ => throw new DataPlatformException(
            FailureClass.Configuration,
            $"{_source}: the cursor '{_column.Name}' is {ColumnTypeName.Of(_column.Field)}, and its lag is {(lag is TimeSpan ? "a time" : "a number")}.",
            "Give a TimeSpan for dates and timestamps, and a number for numbers."),
    };

    /// <summary>A value as the query of an API has it.</summary>
    /// <param name="value">The value.</param>
    /// <param name="format">How it is written.</param>
    /// <param name="roundsUp">Whether a value between two that the format can say is the one behind it; else the one before.</param>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: values of the column's type cannot be written so.</exception>
    public string ToQuery(CursorValue value, CursorFormat format, bool roundsUp)
    {
        if (format == CursorFormat.Plain)
        {
            return _type switch
            {
                Decimal128Type type => ToDecimal(value.Number, type.Scale).ToString("0.############################", Culture),
                TimestampType type => ColumnTime.ToDateTime((long)value.Number, DateTimeKind.Unspecified).ToString("yyyy-MM-ddTHH:mm:ss.FFFFFF", Culture) + (type.Timezone is null ? "" : "Z"),
                _ => Format(value),
            };
        }

        if (_type is not (Date32Type or TimestampType))
        {
            throw new DataPlatformException(
                FailureClass.Configuration, $"{_source}: the cursor '{_column.Name}' is {ColumnTypeName.Of(_column.Field)}, which is not to be written as CursorFormat.{format}.",
                "That is for dates and timestamps: leave the format out.");
        }

        var micros = _type is Date32Type ? value.Number * TimeSpan.MicrosecondsPerDay : value.Number;
        return format switch
        {
            CursorFormat.UnixSeconds => In(TimeSpan.MicrosecondsPerSecond).ToString(Culture),
            CursorFormat.UnixMilliseconds => In(TimeSpan.MicrosecondsPerMillisecond).ToString(Culture),
            _ => ColumnTime.ToDate((int)In(TimeSpan.MicrosecondsPerDay)).ToString("O", Culture),
        };

        Int128 In(long unit)
        {
            var (whole, rest) = Int128.DivRem(micros, unit);
            return rest == 0 ? whole : roundsUp ? (rest > 0 ? whole + 1 : whole) : rest < 0 ? whole - 1 : whole;
        }
    }

    /// <summary>A value as a parameter or literal to compare the source's column with.</summary>
    /// <param name="value">The value.</param>
    /// <param name="hasZone">Whether the source's column, if it is a timestamp, is one with time zone.</param>
    public object ToObject(CursorValue value, bool hasZone) => _type switch
    {
        Date32Type => ColumnTime.ToDate((int)value.Number),
        TimestampType when hasZone => new DateTimeOffset(ColumnTime.ToDateTime((long)value.Number, DateTimeKind.Utc)),
        TimestampType => ColumnTime.ToDateTime((long)value.Number, DateTimeKind.Unspecified),
        Decimal128Type type => ToDecimal(value.Number, type.Scale),
        _ => (long)value.Number,
    };

    private static Int128 Read(IArrowArray array, int row) => array switch
    {
        Int16Array numbers => numbers.Values[row],
        Int32Array numbers => numbers.Values[row],
        Int64Array numbers => numbers.Values[row],
        Date32Array days => days.Values[row],
        TimestampArray times => times.Values[row],
        Decimal128Array decimals => MemoryMarshal.Cast<byte, Int128>(decimals.ValueBuffer.Span)[decimals.Offset + row],
        _ => throw new InvalidOperationException($"A cursor cannot be read from {array.GetType().Name}."),
    };

    private static CursorValue FromDecimal(decimal number, Decimal128Type type)
    {
        var (unscaled, scale) = DecimalParts.Of(number);
        return new CursorValue(Rescale(unscaled, scale, type.Scale));
    }

    // Rounds down: what is read from there on is a little more, never less.
    private static Int128 Rescale(Int128 unscaled, int from, int to)
    {
        for (; from < to; from++) unscaled *= 10;
        for (; from > to; from--) unscaled = Int128.IsNegative(unscaled) ? (unscaled - 9) / 10 : unscaled / 10;
        return unscaled;
    }

    private decimal ToDecimal(Int128 unscaled, int scale)
    {
        // System.Decimal has 28 digits.
        for (; scale > 0 && (scale > 28 || Int128.Abs(unscaled) >= (Int128)decimal.MaxValue); scale--) unscaled = Rescale(unscaled, scale, scale - 1);
        if (Int128.Abs(unscaled) > (Int128)decimal.MaxValue)
            throw new DataPlatformException(FailureClass.Data, $"{_source}: the cursor '{_column.Name}' has come to a number of more than 28 digits.", "Use another column as the cursor.");
        var magnitude = (UInt128)Int128.Abs(unscaled);
        return new decimal((int)(uint)magnitude, (int)(uint)(magnitude >> 32), (int)(uint)(magnitude >> 64), Int128.IsNegative(unscaled), (byte)scale);
    }
}
