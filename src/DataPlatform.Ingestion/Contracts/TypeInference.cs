using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>
/// Finds the narrowest type that holds every value of a column seen so far: int64, double, date, timestamp, timestamp with time zone,
/// boolean, else text. A type is only taken when its values can be written back as they were, so <c>007</c> and numbers with more digits
/// than a double has stay text.
/// </summary>
internal sealed class TypeInference
{
    // A double gives any number of up to 17 significant digits back; more would be lost.
    private const int MaxDoubleDigits = 17;

    private Candidates _left = Candidates.All;
    private bool _seen, _json;
    private long _least, _greatest;

    [Flags]
    private enum Candidates
    {
        None = 0,
        Int64 = 1,
        Double = 2,
        Date = 4,
        Timestamp = 8,
        TimestampUtc = 16,
        Boolean = 32,
        All = 63,
    }

    /// <summary>Takes a value into account.</summary>
    /// <param name="text">The value. An empty one says nothing, unless it is known to be text.</param>
    /// <param name="isText">Whether the source says that it is text, which then can be a date but not a number.</param>
    public void Add(ReadOnlySpan<byte> text, bool isText)
    {
        if (text.IsEmpty && !isText) return;
        _seen = true;
        if (isText) _left &= ~(Candidates.Int64 | Candidates.Double | Candidates.Boolean);
        if (_left == Candidates.None) return;
        if (_left.HasFlag(Candidates.Int64))
        {
            if (IsPlainNumber(text) && Utf8Parsing.TryParseInt64(text, out var number)) (_least, _greatest) = (Math.Min(_least, number), Math.Max(_greatest, number));
            else _left &= ~Candidates.Int64;
        }

        if (_left.HasFlag(Candidates.Double) && !(IsPlainNumber(text) && CountDigits(text) <= MaxDoubleDigits && Utf8Parsing.TryParseDouble(text, out _))) _left &= ~Candidates.Double;
        if (_left.HasFlag(Candidates.Date) && !Utf8Parsing.TryParseDate(text, out _)) _left &= ~Candidates.Date;
        if ((_left & (Candidates.Timestamp | Candidates.TimestampUtc)) != 0)
        {
            var isTimestamp = Utf8Parsing.TryParseTimestamp(text, out _, out var offset);
            if (!isTimestamp || offset is not null) _left &= ~Candidates.Timestamp;
            if (!isTimestamp || offset is null) _left &= ~Candidates.TimestampUtc;
        }

        if (_left.HasFlag(Candidates.Boolean) && !Ascii.EqualsIgnoreCase(text, "true"u8) && !Ascii.EqualsIgnoreCase(text, "false"u8)) _left &= ~Candidates.Boolean;
    }

    /// <summary>Takes into account that the source has a nested value.</summary>
    public void AddNested() => _json = true;

    /// <summary>Whether nothing was seen that says what the type is.</summary>
    public bool IsUnseen => !_seen && !_json;

    /// <summary>The narrowest type that holds what was seen; differs from that of <see cref="ToField"/> for integers.</summary>
    public IArrowType NarrowestType => ToField("") switch
    {
        { DataType: Int64Type } when _least >= short.MinValue && _greatest <= short.MaxValue => Int16Type.Default,
        { DataType: Int64Type } when _least >= int.MinValue && _greatest <= int.MaxValue => Int32Type.Default,
        var seen => seen.DataType,
    };

    /// <summary>The column for what was seen.</summary>
    public Field ToField(string name)
    {
        if (_json) return ColumnTypes.Json(name);
        IArrowType type = !_seen ? StringType.Default
            : _left.HasFlag(Candidates.Int64) ? Int64Type.Default
            : _left.HasFlag(Candidates.Double) ? DoubleType.Default
            : _left.HasFlag(Candidates.Date) ? Date32Type.Default
            : _left.HasFlag(Candidates.Timestamp) ? ColumnTypes.Timestamp
            : _left.HasFlag(Candidates.TimestampUtc) ? ColumnTypes.TimestampUtc
            : _left.HasFlag(Candidates.Boolean) ? BooleanType.Default
            : StringType.Default;
        return new Field(name, type, nullable: true);
    }

    // Not 007 and not +1, which are codes more often than numbers.
    private static bool IsPlainNumber(ReadOnlySpan<byte> text)
    {
        var number = text[0] == '-' ? text[1..] : text;
        return number.Length switch
        {
            0 => false,
            1 => char.IsAsciiDigit((char)number[0]),
            _ => char.IsAsciiDigit((char)number[0]) && (number[0] != '0' || !char.IsAsciiDigit((char)number[1])),
        };
    }

    private static int CountDigits(ReadOnlySpan<byte> number)
    {
        var exponent = number.IndexOfAny("eE"u8);
        var digits = (exponent < 0 ? number : number[..exponent]).TrimStart("-0."u8);
        return digits.Length - (digits.Contains((byte)'.') ? 1 : 0);
    }
}
