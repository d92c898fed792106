using System.Globalization;
using System.Numerics;

namespace DataPlatform.Dbt.Jinja;

/// <summary>Python's numbers: whole ones without bounds, and floats.</summary>
internal static class Numbers
{
    private const int MaxBits = 1 << 20;

    /// <summary>A whole number as long where that holds it.</summary>
    public static object Normalize(BigInteger value)
    {
        if (value >= long.MinValue && value <= long.MaxValue) return (long)value;
        return value.GetBitLength() <= MaxBits ? value : throw new TemplateError($"The number would have more than {MaxBits} bits.");
    }

    public static bool IsNumber(object? value) => value is bool or long or BigInteger or double;

    /// <summary>A whole number that fits into a long, or null.</summary>
    public static long? AsLong(object? value) => value switch
    {
        long number => number,
        bool flag => flag ? 1 : 0,
        _ => null,
    };

    /// <summary>A whole number, or null.</summary>
    public static BigInteger? AsBig(object? value) => value is BigInteger big ? big : AsLong(value);

    /// <summary>A number as float, or null.</summary>
    /// <exception cref="TemplateError">It is too large.</exception>
    public static double? AsDouble(object? value) => value switch
    {
        double number => number,
        BigInteger big => RoundToDouble(big) is var rounded && double.IsFinite(rounded) ? rounded : throw new TemplateError("int too large to convert to float"),
        _ => AsLong(value),
    };

    /// <summary>Does one of <c>+ - * / // % **</c> with two numbers.</summary>
    public static object Calculate(string op, object left, object right)
    {
        if (left is double || right is double) return Calculate(op, AsDouble(left)!.Value, AsDouble(right)!.Value);
        if (op == "/") return Divide(AsBig(left)!.Value, AsBig(right)!.Value);
        if (op == "**") return Power(AsBig(left)!.Value, AsBig(right)!.Value);
        if (AsLong(left) is { } a && AsLong(right) is { } b && TryCalculate(op, a, b, out var result)) return result;
        var (x, y) = (AsBig(left)!.Value, AsBig(right)!.Value);
        if (op is "//" or "%" && y.IsZero) throw DivisionByZero(op);
        return Normalize(op switch
        {
            "+" => x + y,
            "-" => x - y,
            "*" => x * y,
            "//" => FloorDivide(x, y),
            _ => x - (FloorDivide(x, y) * y),
        });
    }

    /// <summary>How two numbers compare, or null when one is not a number (NaN).</summary>
    public static int? Compare(object left, object right)
    {
        if (AsLong(left) is { } a && AsLong(right) is { } b) return a.CompareTo(b);
        if (left is not double && right is not double) return AsBig(left)!.Value.CompareTo(AsBig(right)!.Value);
        if (left is double.NaN || right is double.NaN) return null;
        if (left is double x && right is double y) return x.CompareTo(y);
        return left is double number ? Compare(number, AsBig(right)!.Value) : -Compare((double)right, AsBig(left)!.Value);
    }

    public static int Hash(object value) => value switch
    {
        double number when Math.Floor(number) == number && double.IsFinite(number) => Normalize(new BigInteger(number)).GetHashCode(),
        bool flag => (flag ? 1L : 0L).GetHashCode(),
        _ => value.GetHashCode(),
    };

    /// <summary>The shortest text that reads back as the same float, as Python writes it.</summary>
    public static string Repr(double value)
    {
        if (!double.IsFinite(value)) return NotFinite(value);
        if (value == 0) return double.IsNegative(value) ? "-0.0" : "0.0";
        var shortest = Math.Abs(value).ToString("R", CultureInfo.InvariantCulture).Split('E');
        var parts = shortest[0].Split('.');
        var all = string.Concat(parts);
        var digits = all.Trim('0');
        var exponent = parts[0].Length - 1 - (all.Length - all.TrimStart('0').Length) + (shortest.Length > 1 ? int.Parse(shortest[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) : 0);
        var sign = value < 0 ? "-" : "";
        if (exponent is < -4 or >= 16)
            return $"{sign}{digits[0]}{(digits.Length > 1 ? $".{digits[1..]}" : "")}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        if (exponent < 0) return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
        return digits.Length <= exponent + 1 ? $"{sign}{digits.PadRight(exponent + 1, '0')}.0" : $"{sign}{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
    }

    public static string NotFinite(double value) => double.IsNaN(value) ? "nan" : value < 0 ? "-inf" : "inf";

    /// <summary>The digits of a finite float's absolute value with so many behind the point, rounded half to even from its exact value.</summary>
    public static string ToFixed(double value, int digits)
    {
        var text = BigInteger.Abs(Scale(value, digits)).ToString(CultureInfo.InvariantCulture).PadLeft(digits + 1, '0');
        return digits == 0 ? text : $"{text[..^digits]}.{text[^digits..]}";
    }

    /// <summary>The digits of a finite float's absolute value, one before the point and so many behind it, and its exponent.</summary>
    public static (string Digits, int Exponent) ToScientific(double value, int digits)
    {
        if (value == 0) return (new string('0', digits + 1), 0);
        var exponent = (int)Math.Floor(Math.Log10(Math.Abs(value)));
        while (true)
        {
            var text = BigInteger.Abs(Scale(value, digits - exponent)).ToString(CultureInfo.InvariantCulture);
            if (text.Length == digits + 1) return (text, exponent);
            exponent += text.Length > digits + 1 ? 1 : -1;
        }
    }

    /// <summary>Python's <c>round()</c>.</summary>
    public static object Round(object value, int? digits)
    {
        if (value is double number)
        {
            if (digits is null)
                return double.IsFinite(number) ? Normalize(Scale(number, 0)) : throw new TemplateError($"cannot convert float {(double.IsNaN(number) ? "NaN" : "infinity")} to integer");
            if (!double.IsFinite(number) || digits > 323) return number;
            if (digits < -308) return number * 0;
            var rounded = digits >= 0 ? double.Parse(ToFixed(number, digits.Value), CultureInfo.InvariantCulture) : RoundToDouble(BigInteger.Abs(Scale(number, digits.Value)) * BigInteger.Pow(10, -digits.Value));
            return double.IsNegative(number) ? -rounded : rounded;
        }

        var whole = AsBig(value)!.Value;
        if (digits is null or >= 0) return Normalize(whole);
        var unit = BigInteger.Pow(10, Math.Min(-digits.Value, MaxBits));
        return Normalize(DivideHalfEven(whole, unit) * unit);
    }

    /// <summary>Python's <c>int(text, base)</c>, or null.</summary>
    public static object? ParseInt(string text, int radix)
    {
        var digits = text.Trim(PythonText.Spaces);
        var isNegative = digits.StartsWith('-');
        if (isNegative || digits.StartsWith('+')) digits = digits[1..];
        var prefix = digits.Length > 1 && digits[0] == '0' ? char.ToLowerInvariant(digits[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 0 } : 0;
        if (prefix != 0 && (radix == prefix || radix == 0))
        {
            digits = digits[2..];
            if (digits.StartsWith('_')) digits = digits[1..];
            radix = prefix;
        }
        else if (radix == 0)
        {
            if (digits.Length > 1 && digits[0] == '0' && digits.Trim('0', '_').Length > 0) return null;
            radix = 10;
        }

        if (radix is < 2 or > 36) throw new TemplateError("int() base must be >= 2 and <= 36, or 0");
        if (digits.Length == 0 || digits[0] == '_' || digits[^1] == '_' || digits.Contains("__", StringComparison.Ordinal)) return null;
        var value = BigInteger.Zero;
        foreach (var c in digits)
        {
            if (c == '_') continue;
            var digit = char.IsAsciiDigit(c) ? c - '0' : char.IsAsciiLetter(c) ? char.ToLowerInvariant(c) - 'a' + 10 : char.IsDigit(c) ? (int)char.GetNumericValue(c) : int.MaxValue;
            if (digit >= radix) return null;
            value = (value * radix) + digit;
        }

        return Normalize(isNegative ? -value : value);
    }

    /// <summary>Python's <c>float(text)</c>, or null.</summary>
    public static double? ParseFloat(string text)
    {
        var trimmed = text.Trim(PythonText.Spaces);
        var unsigned = trimmed.TrimStart('+', '-').ToLowerInvariant();
        if (trimmed.Length - unsigned.Length > 1) return null;
        var sign = trimmed.StartsWith('-') ? -1 : 1;
        if (unsigned is "inf" or "infinity") return sign * double.PositiveInfinity;
        if (unsigned is "nan") return double.NaN;
        for (var i = 0; i < unsigned.Length; i++)
            if (unsigned[i] == '_' && !(i > 0 && i + 1 < unsigned.Length && char.IsAsciiDigit(unsigned[i - 1]) && char.IsAsciiDigit(unsigned[i + 1]))) return null;
        const NumberStyles Style = NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        return double.TryParse(unsigned.Replace("_", "", StringComparison.Ordinal), Style, CultureInfo.InvariantCulture, out var value) ? sign * value : null;
    }

    private static bool TryCalculate(string op, long a, long b, out object result)
    {
        result = 0L;
        switch (op)
        {
            case "+":
                var sum = unchecked(a + b);
                if (((a ^ sum) & (b ^ sum)) < 0) return false;
                result = sum;
                return true;
            case "-":
                var difference = unchecked(a - b);
                if (((a ^ b) & (a ^ difference)) < 0) return false;
                result = difference;
                return true;
            case "*":
                var product = (Int128)a * b;
                if (product < long.MinValue || product > long.MaxValue) return false;
                result = (long)product;
                return true;
            default:
                if (b == 0) throw DivisionByZero(op);
                if (b == -1) return false;
                var remainder = a % b;
                var isBelow = remainder != 0 && (remainder < 0) != (b < 0);
                result = op == "%" ? (isBelow ? remainder + b : remainder) : (a / b) - (isBelow ? 1 : 0);
                return true;
        }
    }

    private static double Calculate(string op, double a, double b)
    {
        if (op is "/" or "//" or "%" && b == 0) throw DivisionByZero(op == "/" ? "float /" : op == "//" ? "float //" : "float %");
        switch (op)
        {
            case "+": return a + b;
            case "-": return a - b;
            case "*": return a * b;
            case "/": return a / b;
            case "**":
                if (a == 0 && b < 0) throw new TemplateError("0.0 cannot be raised to a negative power");
                if (a < 0 && double.IsFinite(a) && double.IsFinite(b) && Math.Floor(b) != b) throw new TemplateError("A negative number to a broken power is a complex number, which is not supported.");
                var power = Math.Pow(a, b);
                return double.IsInfinity(power) && double.IsFinite(a) && double.IsFinite(b) ? throw new TemplateError("Numerical result out of range") : power;
            default:
                var remainder = a % b;
                if (remainder != 0 && (remainder < 0) != (b < 0)) remainder += b;
                else if (remainder == 0) remainder = Math.CopySign(0, b);
                if (op == "%") return remainder;
                var quotient = (a - remainder) / b;
                if (quotient == 0) return Math.CopySign(0, a / b);
                var floor = Math.Floor(quotient);
                return quotient - floor > 0.5 ? floor + 1 : floor;
        }
    }

    /// <summary>The quotient of whole numbers as the float that is nearest to it.</summary>
    private static double Divide(BigInteger a, BigInteger b)
    {
        const long Exact = 1L << 53;
        if (b.IsZero) throw DivisionByZero("/");
        if (a.IsZero) return b.Sign < 0 ? -0.0 : 0.0;
        if (BigInteger.Abs(a) <= Exact && BigInteger.Abs(b) <= Exact) return (double)a / (double)b;
        var (x, y) = (BigInteger.Abs(a), BigInteger.Abs(b));
        // 66 bits of the quotient, the last of which says whether something follows: the conversion then rounds once.
        var shift = 66 - (int)(x.GetBitLength() - y.GetBitLength());
        var quotient = BigInteger.DivRem(shift > 0 ? x << shift : x, shift > 0 ? y : y << -shift, out var rest);
        if (!rest.IsZero) quotient |= BigInteger.One;
        var result = Math.ScaleB(RoundToDouble(quotient), -shift);
        if (double.IsInfinity(result)) throw new TemplateError("integer division result too large for a float");
        return a.Sign * b.Sign < 0 ? -result : result;
    }

    /// <summary>The float that is nearest to a whole number; .NET's conversion cuts.</summary>
    private static double RoundToDouble(BigInteger value)
    {
        var extra = (int)BigInteger.Abs(value).GetBitLength() - 53;
        return extra <= 0 ? (double)value : Math.ScaleB((double)DivideHalfEven(value, BigInteger.One << extra), extra);
    }

    private static object Power(BigInteger a, BigInteger b)
    {
        if (b.Sign < 0)
            return a.IsZero ? throw new TemplateError("0.0 cannot be raised to a negative power") : Calculate("**", AsDouble(Normalize(a))!.Value, AsDouble(Normalize(b))!.Value);
        if (BigInteger.Abs(a) <= 1) return Normalize(b.IsZero ? 1 : b.IsEven ? a * a : a);
        return b * (a.GetBitLength() - 1) <= MaxBits ? Normalize(BigInteger.Pow(a, (int)b)) : throw new TemplateError($"The number would have more than {MaxBits} bits.");
    }

    private static BigInteger FloorDivide(BigInteger a, BigInteger b)
    {
        var quotient = BigInteger.DivRem(a, b, out var rest);
        return !rest.IsZero && (rest.Sign < 0) != (b.Sign < 0) ? quotient - 1 : quotient;
    }

    private static BigInteger DivideHalfEven(BigInteger a, BigInteger b)
    {
        var quotient = FloorDivide(a, b);
        var twice = (a - (quotient * b)) * 2;
        return twice > b || (twice == b && !quotient.IsEven) ? quotient + 1 : quotient;
    }

    /// <summary>A finite float times ten to a power, rounded half to even.</summary>
    private static BigInteger Scale(double value, int power)
    {
        var bits = BitConverter.DoubleToInt64Bits(value);
        var exponent = (int)((bits >> 52) & 0x7ff);
        var mantissa = bits & 0xfffffffffffff;
        if (exponent == 0) exponent++;
        else mantissa |= 1L << 52;
        exponent -= 1075;
        BigInteger numerator = value < 0 ? -mantissa : mantissa;
        var denominator = BigInteger.One;
        if (power >= 0) numerator *= BigInteger.Pow(10, power);
        else denominator = BigInteger.Pow(10, -power);
        if (exponent >= 0) numerator <<= exponent;
        else denominator <<= -exponent;
        return DivideHalfEven(numerator, denominator);
    }

    private static int Compare(double left, BigInteger right)
    {
        if (double.IsInfinity(left)) return left > 0 ? 1 : -1;
        var floor = new BigInteger(Math.Floor(left));
        var whole = floor.CompareTo(right);
        return whole == 0 && Math.Floor(left) != left ? 1 : whole;
    }

    private static TemplateError DivisionByZero(string op) => new(op switch
    {
        "float /" => "float division by zero",
        "float //" => "float floor division by zero",
        "float %" => "float modulo",
        "/" => "division by zero",
        "%" => "integer modulo by zero",
        _ => "integer division or modulo by zero",
    });
}
