using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace DataPlatform.Ingestion;

/// <summary>
/// Strict parsers of the text forms of column values. Each takes a whole field: a sign too many, a blank, a second number in it, and the
/// field is refused. Nothing here rounds but floating point, which is rounded once, exactly as the runtime does.
/// </summary>
internal static class Utf8Parsing
{
    /// <summary>Digits that a <see cref="ulong"/> surely holds.</summary>
    private const int SafeDigits = 19;

    /// <summary>The greatest precision of a decimal column.</summary>
    public const int MaxDecimalDigits = 38;

    private const long MicrosPerSecond = 1_000_000;
    private const long MicrosPerDay = 86_400 * MicrosPerSecond;

    private static ReadOnlySpan<ulong> PowersOfTen64 =>
    [
        1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000, 100_000_000_000,
        1_000_000_000_000, 10_000_000_000_000, 100_000_000_000_000, 1_000_000_000_000_000, 10_000_000_000_000_000, 100_000_000_000_000_000,
        1_000_000_000_000_000_000, 10_000_000_000_000_000_000,
    ];

    private static readonly UInt128[] PowersOfTen128 = CreatePowersOfTen128();

    /// <summary>10 to the power of <paramref name="exponent"/>, 0 to 38.</summary>
    public static UInt128 PowerOfTen(int exponent) => PowersOfTen128[exponent];

    /// <summary>Reads an integer: an optional sign and digits.</summary>
    public static bool TryParseInt64(ReadOnlySpan<byte> text, out long value)
    {
        value = 0;
        var negative = TakeSign(ref text);
        if (text.Length > SafeDigits) text = text[^Math.Max(text.TrimStart((byte)'0').Length, 1)..];
        if (text.Length is 0 or > SafeDigits || !TryParseDigits(text, 0, out var magnitude)) return false;
        if (magnitude > (ulong)long.MaxValue + (negative ? 1UL : 0UL)) return false;
        value = negative ? (long)(0 - magnitude) : (long)magnitude;
        return true;
    }

    /// <summary>Reads a decimal number exactly, as its value times 10^<paramref name="scale"/>. An exponent is allowed; digits that the scale cannot hold are not, unless they are zeros.</summary>
    public static bool TryParseDecimal(ReadOnlySpan<byte> text, int precision, int scale, out Int128 unscaled)
    {
        unscaled = 0;
        var digits = text;
        var negative = TakeSign(ref digits);
        var point = digits.Length > scale + 1 && digits[^(scale + 1)] == '.' ? digits.Length - scale - 1 : digits.IndexOf((byte)'.');
        var fraction = point < 0 ? 0 : digits.Length - point - 1;
        var whole = digits.Length - fraction - (point < 0 ? 0 : 1);

        // The common case: it is certain without looking at the value that neither the column nor 64 bits overflow.
        if (whole + scale > SafeDigits - 1 || whole > precision - scale || fraction > scale || whole + fraction == 0)
            return TryParseDecimalSlowly(text, precision, scale, out unscaled);
        if (!TryParseDigits(digits[..whole], 0, out var magnitude) || !TryParseDigits(digits[(digits.Length - fraction)..], magnitude, out magnitude))
            return TryParseDecimalSlowly(text, precision, scale, out unscaled);
        var scaled = (long)(magnitude * PowersOfTen64[scale - fraction]);
        unscaled = negative ? -scaled : scaled;
        return true;
    }

    private static bool TryParseDecimalSlowly(ReadOnlySpan<byte> text, int precision, int scale, out Int128 unscaled)
    {
        unscaled = 0;
        var negative = TakeSign(ref text);
        if (!TryTakeExponent(ref text, out var exponent)) return false;

        UInt128 magnitude = 0;
        int significant = 0, fraction = 0, zeros = 0;
        bool any = false, afterPoint = false;
        foreach (var b in text)
        {
            if (b == '.' && !afterPoint)
            {
                afterPoint = true;
                continue;
            }

            if (b - '0' is not (>= 0 and <= 9)) return false;
            any = true;
            if (afterPoint) fraction++;
            if (b == '0')
            {
                // Zeros count only once another digit follows them.
                if (significant > 0) zeros++;
                continue;
            }

            significant += zeros + 1;
            if (significant > MaxDecimalDigits) return false;
            magnitude = (magnitude * PowersOfTen128[zeros + 1]) + (uint)(b - '0');
            zeros = 0;
        }

        if (!any) return false;
        if (magnitude == 0) return true;
        var shift = (long)exponent - fraction + zeros + scale;
        if (shift < 0 || significant + shift > precision) return false;
        var result = (Int128)(magnitude * PowersOfTen128[(int)shift]);
        unscaled = negative ? -result : result;
        return true;
    }

    /// <summary>Reads a floating point number, also <c>NaN</c>, <c>Infinity</c>, <c>inf</c> in any case. A number too large for the type is refused.</summary>
    public static bool TryParseDouble(ReadOnlySpan<byte> text, out double value)
    {
        var rest = text;
        var negative = TakeSign(ref rest);
        var whole = TakeDigits(ref rest, 0, out var significand);
        var fraction = 0;
        if (!rest.IsEmpty && rest[0] == '.')
        {
            rest = rest[1..];
            fraction = TakeDigits(ref rest, significand, out significand);
        }

        if (whole + fraction == 0) return TryParseSpecial(rest, negative, out value);
        if (whole + fraction <= SafeDigits && TryTakeExponent(ref rest, out var exponent) && rest.IsEmpty && ExactDouble.TryRound(significand, exponent - fraction, out value))
        {
            if (negative) value = -value;
            return true;
        }

        const NumberStyles Style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        return double.TryParse(text, Style, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);
    }

    /// <summary>Reads a floating point number of single precision, rounded once.</summary>
    public static bool TryParseSingle(ReadOnlySpan<byte> text, out float value)
    {
        const NumberStyles Style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        if (float.TryParse(text, Style, CultureInfo.InvariantCulture, out value) && float.IsFinite(value)) return true;
        var negative = TakeSign(ref text);
        var special = TryParseSpecial(text, negative, out var asDouble);
        value = (float)asDouble;
        return special;
    }

    private static bool TryParseSpecial(ReadOnlySpan<byte> text, bool negative, out double value)
    {
        if (Ascii.EqualsIgnoreCase(text, "nan"u8))
        {
            value = double.NaN;
            return true;
        }

        value = negative ? double.NegativeInfinity : double.PositiveInfinity;
        return Ascii.EqualsIgnoreCase(text, "infinity"u8) || Ascii.EqualsIgnoreCase(text, "inf"u8);
    }

    /// <summary>Reads <c>true</c>/<c>false</c>, <c>t</c>/<c>f</c>, <c>yes</c>/<c>no</c>, <c>y</c>/<c>n</c>, <c>1</c>/<c>0</c> in any case.</summary>
    public static bool TryParseBoolean(ReadOnlySpan<byte> text, out bool value)
    {
        switch (text.Length)
        {
            case 1:
                var letter = text[0] | 0x20;
                value = letter is 't' or 'y' || text[0] == '1';
                return value || letter is 'f' or 'n' || text[0] == '0';
            case 2:
                value = false;
                return Ascii.EqualsIgnoreCase(text, "no"u8);
            case 3:
                value = true;
                return Ascii.EqualsIgnoreCase(text, "yes"u8);
            case 4:
                value = true;
                return text.SequenceEqual("true"u8) || Ascii.EqualsIgnoreCase(text, "true"u8);
            case 5:
                value = false;
                return text.SequenceEqual("false"u8) || Ascii.EqualsIgnoreCase(text, "false"u8);
            default:
                value = false;
                return false;
        }
    }

    /// <summary>Reads a date as ISO 8601 writes it, <c>2026-01-31</c>, as days since 1970-01-01.</summary>
    public static bool TryParseDate(ReadOnlySpan<byte> text, out int days)
    {
        days = 0;
        return text.Length == 10 && TryParseDatePart(text, out days);
    }

    /// <summary>Reads a time of day, <c>13:45</c>, <c>13:45:10</c> or with up to nine decimals, as microseconds since midnight. Finer decimals are cut off.</summary>
    public static bool TryParseTime(ReadOnlySpan<byte> text, out long micros) => TryTakeTime(ref text, out micros) && text.IsEmpty;

    /// <summary>
    /// Reads a date and time as ISO 8601 and RFC 3339 write it, with <c>T</c> or a blank between, as microseconds since 1970-01-01T00:00:00.
    /// With an offset from UTC (<c>Z</c>, <c>+02</c>, <c>+0200</c>, <c>+02:00</c>) the moment in UTC is given.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="micros">The result. Finer decimals are cut off.</param>
    /// <param name="offsetMinutes">The offset, or null when the text has none.</param>
    public static bool TryParseTimestamp(ReadOnlySpan<byte> text, out long micros, out int? offsetMinutes)
    {
        micros = 0;
        offsetMinutes = null;
        if (text.Length < 16 || (text[10] != ' ' && (text[10] | 0x20) != 't') || !TryParseDatePart(text, out var days)) return false;
        var rest = text[11..];
        if (!TryTakeTime(ref rest, out var time)) return false;
        if (!rest.IsEmpty)
        {
            if (!TryParseOffset(rest, out var offset)) return false;
            offsetMinutes = offset;
            time -= offset * 60 * MicrosPerSecond;
        }

        micros = (days * MicrosPerDay) + time;
        return true;
    }

    /// <summary>Reads a UUID with or without hyphens into 16 bytes in network order.</summary>
    public static bool TryParseUuid(ReadOnlySpan<byte> text, Span<byte> destination) =>
        (text.Length, text.Length == 36 ? 'D' : 'N') is (36 or 32, var format)
        && Utf8Parser.TryParse(text, out Guid value, out var consumed, format)
        && consumed == text.Length
        && value.TryWriteBytes(destination, bigEndian: true, out _);

    /// <summary>How many bytes <see cref="TryParseBinary"/> needs at most.</summary>
    public static int MaxBinaryLength(ReadOnlySpan<byte> text) => Math.Max(Base64.GetMaxDecodedFromUtf8Length(text.Length), 3);

    /// <summary>Reads bytes: hexadecimal after <c>\x</c>, as PostgreSQL writes them, else base64.</summary>
    public static bool TryParseBinary(ReadOnlySpan<byte> text, Span<byte> destination, out int written)
    {
        written = 0;
        if (text.StartsWith("\\x"u8))
        {
            return text.Length % 2 == 0
                && Convert.FromHexString(text[2..], destination, out _, out written) == System.Buffers.OperationStatus.Done;
        }

        // The decoder skips blanks; a field with blanks in it is not what a writer of base64 makes.
        return !text.ContainsAny(" \t\r\n"u8)
            && Base64.DecodeFromUtf8(text, destination, out var consumed, out written) == System.Buffers.OperationStatus.Done
            && consumed == text.Length;
    }

    /// <summary>Days since 1970-01-01 of a date in the Gregorian calendar, or false when there is no such date (years 1 to 9999).</summary>
    /// <remarks>Howard Hinnant, chrono-Compatible Low-Level Date Algorithms, <c>days_from_civil</c>, for years that are not negative.</remarks>
    private static bool TryGetDays(uint year, uint month, uint day, out int days)
    {
        days = 0;
        if (year == 0 || month - 1 > 11 || day - 1 > 30 || (day > 28 && day > DaysInMonth(year, month))) return false;
        var y = month <= 2 ? year - 1 : year;
        var era = y / 400;
        var yearOfEra = y - (era * 400);
        var dayOfYear = (((153 * (month > 2 ? month - 3 : month + 9)) + 2) / 5) + day - 1;
        var dayOfEra = (yearOfEra * 365) + (yearOfEra / 4) - (yearOfEra / 100) + dayOfYear;
        days = (int)((era * 146_097) + dayOfEra) - 719_468;
        return true;
    }

    private static uint DaysInMonth(uint year, uint month) => month switch
    {
        2 => year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29u : 28u,
        4 or 6 or 9 or 11 => 30,
        _ => 31,
    };

    // The first ten bytes: 2026-01-31.
    private static bool TryParseDatePart(ReadOnlySpan<byte> text, out int days)
    {
        days = 0;
        return text.Length >= 10 && text[4] == '-' && text[7] == '-'
            && TryParseTwo(text, 0, out var century) && TryParseTwo(text, 2, out var year)
            && TryParseTwo(text, 5, out var month) && TryParseTwo(text, 8, out var day)
            && TryGetDays((century * 100) + year, month, day, out days);
    }

    private static bool TryTakeTime(ref ReadOnlySpan<byte> text, out long micros)
    {
        micros = 0;
        if (text.Length < 5 || text[2] != ':' || !TryParseTwo(text, 0, out var hour) || !TryParseTwo(text, 3, out var minute) || hour > 23 || minute > 59) return false;
        micros = ((hour * 60) + minute) * 60 * MicrosPerSecond;
        if (text.Length == 5 || text[5] != ':')
        {
            text = text[5..];
            return true;
        }

        if (text.Length < 8 || !TryParseTwo(text, 6, out var second) || second > 59) return false;
        micros += second * MicrosPerSecond;
        var end = 8;
        if (text.Length > 8 && text[8] == '.')
        {
            uint decimals = 0;
            for (end = 9; end < text.Length && text[end] - '0' is >= 0 and <= 9; end++)
            {
                if (end < 15) decimals = (decimals * 10) + (uint)(text[end] - '0');
            }

            var count = end - 9;
            if (count is 0 or > 9) return false;
            if (count < 6) decimals *= (uint)PowersOfTen64[6 - count];
            micros += decimals;
        }

        text = text[end..];
        return true;
    }

    private static bool TryParseOffset(ReadOnlySpan<byte> text, out int minutes)
    {
        minutes = 0;
        if (text.Length == 1) return (text[0] | 0x20) == 'z';
        if (text[0] is not ((byte)'+' or (byte)'-') || text.Length < 3 || !TryParseTwo(text, 1, out var hours) || hours > 18) return false;
        uint rest = 0;
        var valid = text.Length switch
        {
            3 => true,
            5 => TryParseTwo(text, 3, out rest),
            6 => text[3] == ':' && TryParseTwo(text, 4, out rest),
            _ => false,
        };
        if (!valid || rest > 59) return false;
        minutes = (int)((hours * 60) + rest);
        if (text[0] == '-') minutes = -minutes;
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryParseTwo(ReadOnlySpan<byte> text, int at, out uint value)
    {
        var high = (uint)(text[at] - '0');
        var low = (uint)(text[at + 1] - '0');
        value = (high * 10) + low;
        return high <= 9 && low <= 9;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TakeSign(ref ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty || text[0] is not ((byte)'-' or (byte)'+')) return false;
        var negative = text[0] == '-';
        text = text[1..];
        return negative;
    }

    private static bool TryTakeExponent(ref ReadOnlySpan<byte> text, out int exponent)
    {
        exponent = 0;
        if (text.IsEmpty) return true;
        var at = text.IndexOfAny((byte)'e', (byte)'E');
        if (at < 0) return true;
        var digits = text[(at + 1)..];
        text = text[..at];
        var negative = TakeSign(ref digits);
        if (digits.Length is 0 or > 4 || !TryParseDigits(digits, 0, out var magnitude)) return false;
        exponent = negative ? -(int)magnitude : (int)magnitude;
        return true;
    }

    /// <summary>Appends digits to a number, eight at a time. The caller makes sure that 64 bits hold the result.</summary>
    /// <remarks>Three multiplications for eight digits, after Wojciech Muła, SIMD-ized faster parse of IPv4 addresses and integers (2014).</remarks>
    private static bool TryParseDigits(ReadOnlySpan<byte> text, ulong value, out ulong result)
    {
        while (text.Length >= 8)
        {
            if (!TryParseEight(BinaryPrimitives.ReadUInt64LittleEndian(text), out var eight))
            {
                result = 0;
                return false;
            }

            value = (value * 100_000_000) + eight;
            text = text[8..];
        }

        result = value;
        if (text.IsEmpty) return true;
        if (!TryParseEight(ReadFewerThanEight(text), out var rest)) return false;
        result = (value * PowersOfTen64[text.Length]) + rest;
        return true;
    }

    /// <summary>Appends the digits that the text begins with to a number, and says how many there were. From the twentieth on, the number is meaningless.</summary>
    private static int TakeDigits(ref ReadOnlySpan<byte> text, ulong value, out ulong result)
    {
        var length = text.Length;
        while (text.Length >= 8 && TryParseEight(BinaryPrimitives.ReadUInt64LittleEndian(text), out var eight))
        {
            value = (value * 100_000_000) + eight;
            text = text[8..];
        }

        if (text.Length is > 0 and < 8 && TryParseEight(ReadFewerThanEight(text), out var last))
        {
            value = (value * PowersOfTen64[text.Length]) + last;
            text = [];
        }

        while (!text.IsEmpty && text[0] - '0' is >= 0 and <= 9)
        {
            value = (value * 10) + (uint)(text[0] - '0');
            text = text[1..];
        }

        result = value;
        return length - text.Length;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryParseEight(ulong digits, out uint value)
    {
        value = 0;
        if (((digits & 0xF0F0F0F0F0F0F0F0) | (((digits + 0x0606060606060606) & 0xF0F0F0F0F0F0F0F0) >> 4)) != 0x3333333333333333) return false;
        digits -= 0x3030303030303030;
        digits = (digits * 10) + (digits >> 8);
        value = (uint)((((digits & 0x000000FF000000FF) * 0x000F424000000064) + (((digits >> 16) & 0x000000FF000000FF) * 0x0000271000000001)) >> 32);
        return true;
    }

    // One to seven digits with zeros before them, without a loop whose length the processor would have to guess.
    private static ulong ReadFewerThanEight(ReadOnlySpan<byte> text)
    {
        var length = text.Length;
        var digits = length >= 4
            ? BinaryPrimitives.ReadUInt32LittleEndian(text) | ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(text[(length - 4)..]) << (8 * (length - 4)))
            : text[0] | ((ulong)text[length / 2] << (8 * (length / 2))) | ((ulong)text[length - 1] << (8 * (length - 1)));
        return (digits << (8 * (8 - length))) | (0x3030303030303030UL >> (8 * length));
    }

    private static UInt128[] CreatePowersOfTen128()
    {
        var powers = new UInt128[MaxDecimalDigits + 1];
        powers[0] = 1;
        for (var i = 1; i < powers.Length; i++) powers[i] = powers[i - 1] * 10;
        return powers;
    }
}
