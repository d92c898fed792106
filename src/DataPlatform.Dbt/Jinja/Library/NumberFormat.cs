using System.Globalization;
using System.Numerics;

namespace DataPlatform.Dbt.Jinja;

/// <summary>Python's two small languages of formats share how a number is written.</summary>
internal static class NumberFormat
{
    private const int MaxPrecision = 1000;

    /// <summary>The digits of a float's absolute value in one of the styles <c>e f g % r</c>; <c>r</c> is that of <c>repr()</c>.</summary>
    /// <param name="value">The number.</param>
    /// <param name="style">The style, in lower case.</param>
    /// <param name="precision">Digits, or -1.</param>
    /// <param name="isAlternate">Whether a point and zeros are kept.</param>
    public static string Float(double value, char style, int precision, bool isAlternate)
    {
        if (precision > MaxPrecision) throw new TemplateError($"A precision above {MaxPrecision} is not supported.");
        if (!double.IsFinite(value)) return Numbers.NotFinite(Math.Abs(value)) + (style == '%' ? "%" : "");
        if (style == 'r' && precision < 0) return Numbers.Repr(Math.Abs(value));
        if (precision < 0) precision = 6;
        switch (style)
        {
            case '%': return Float(value * 100, 'f', precision, isAlternate) + "%";
            case 'f': return Numbers.ToFixed(value, precision) + (isAlternate && precision == 0 ? "." : "");
            case 'e':
                var (digits, exponent) = Numbers.ToScientific(value, precision);
                return $"{digits[0]}{(precision > 0 || isAlternate ? "." : "")}{digits[1..]}{Exponent(exponent)}";
        }

        precision = Math.Max(precision, 1);
        var (significant, power) = Numbers.ToScientific(value, precision - 1);
        var limit = style == 'r' ? precision - 1 : precision;
        if (power < -4 || power >= limit)
        {
            var fraction = isAlternate ? significant[1..] : significant[1..].TrimEnd('0');
            return $"{significant[0]}{(fraction.Length > 0 || isAlternate ? "." : "")}{fraction}{Exponent(power)}";
        }

        var text = Numbers.ToFixed(value, precision - 1 - power);
        if (isAlternate) return text.Contains('.') ? text : text + ".";
        if (text.Contains('.')) text = text.TrimEnd('0').TrimEnd('.');
        return style == 'r' && !text.Contains('.') ? text + ".0" : text;

        static string Exponent(int exponent) => $"e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
    }

    /// <summary>The digits of a whole number's absolute value.</summary>
    public static string Whole(BigInteger value, char style)
    {
        value = BigInteger.Abs(value);
        var bits = style switch { 'x' => 4, 'o' => 3, 'b' => 1, _ => 0 };
        if (bits == 0) return value.ToString(CultureInfo.InvariantCulture);
        var digits = new List<char>();
        do
        {
            digits.Add("0123456789abcdef"[(int)(value & ((1 << bits) - 1))]);
            value >>= bits;
        }
        while (!value.IsZero);
        digits.Reverse();
        return new string([.. digits]);
    }

    /// <summary>A text in which what is not ASCII is escaped, as <c>ascii()</c> gives it.</summary>
    public static string Ascii(object? value) => string.Concat(Representation.Of(value).EnumerateRunes().Select(rune => rune.Value switch
    {
        < 0x80 => rune.ToString(),
        <= 0xff => $"\\x{rune.Value:x2}",
        <= 0xffff => $"\\u{rune.Value:x4}",
        _ => $"\\U{rune.Value:x8}",
    }));
}
