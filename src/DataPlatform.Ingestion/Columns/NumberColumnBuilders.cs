using System.Numerics;

namespace DataPlatform.Ingestion;

/// <summary>A column of integers, which constraints give as <see cref="long"/>.</summary>
internal abstract class IntegerColumnBuilder<T> : FixedColumnBuilder<T> where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
{
    private static readonly long Least = long.CreateChecked(T.MinValue);
    private static readonly long Greatest = long.CreateChecked(T.MaxValue);

    protected IntegerColumnBuilder(ContractColumn column) : base(column) => UseRules();

    public sealed override bool TryParse(int row, ReadOnlySpan<byte> text) => Utf8Parsing.TryParseInt64(text, out var value) && SetInt64(row, value);

    public sealed override bool SetInt64(int row, long value) => value >= Least && value <= Greatest && Store(row, T.CreateTruncating(value));

    public sealed override bool SetDecimal(int row, Int128 unscaled, int scale)
    {
        var (whole, rest) = Int128.DivRem(unscaled, (Int128)Utf8Parsing.PowerOfTen(scale));
        return rest == 0 && whole >= Least && whole <= Greatest && Store(row, T.CreateTruncating(whole));
    }

    protected sealed override bool TryRead(ReadOnlySpan<byte> text, out T value)
    {
        var valid = Utf8Parsing.TryParseInt64(text, out var wide) && wide >= Least && wide <= Greatest;
        value = T.CreateTruncating(wide);
        return valid;
    }

    protected sealed override string ExplainSyntax(ReadOnlySpan<byte> text) =>
        text.TrimStart("+-"u8).IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0 ? $": it is beyond {Least} to {Greatest}" : "";

    protected sealed override ValueRule<T> ToRule(ColumnConstraint constraint) => constraint switch
    {
        RangeConstraint range => new RangeRule<T>(range, T.CreateSaturating((long?)range.Minimum ?? Least), T.CreateSaturating((long?)range.Maximum ?? Greatest)),
        AllowedValuesConstraint allowed => new AllowedRule<T>(allowed, [.. allowed.Values.Cast<long>().Where(v => v >= Least && v <= Greatest).Select(T.CreateTruncating)]),
        ValidationConstraint validation => new ValidationRule<T>(validation.Attribute, Column.Name, value => value),
        _ => throw Impossible(constraint),
    };
}

internal sealed class Int16ColumnBuilder(ContractColumn column) : IntegerColumnBuilder<short>(column);

internal sealed class Int32ColumnBuilder(ContractColumn column) : IntegerColumnBuilder<int>(column);

internal sealed class Int64ColumnBuilder(ContractColumn column) : IntegerColumnBuilder<long>(column);

internal sealed class DoubleColumnBuilder : FixedColumnBuilder<double>
{
    // Beyond this not every integer is a double.
    private const long MaxExactInteger = 1L << 53;

    public DoubleColumnBuilder(ContractColumn column) : base(column) => UseRules();

    public override bool TryParse(int row, ReadOnlySpan<byte> text) => Utf8Parsing.TryParseDouble(text, out var value) && Store(row, value);

    public override bool SetDouble(int row, double value) => Store(row, value);

    public override bool SetInt64(int row, long value) => value is >= -MaxExactInteger and <= MaxExactInteger && Store(row, value);

    protected override bool TryRead(ReadOnlySpan<byte> text, out double value) => Utf8Parsing.TryParseDouble(text, out value);

    protected override ValueRule<double> ToRule(ColumnConstraint constraint) => constraint switch
    {
        RangeConstraint range => new RangeRule<double>(range, (double?)range.Minimum ?? double.NegativeInfinity, (double?)range.Maximum ?? double.PositiveInfinity),
        AllowedValuesConstraint allowed => new AllowedRule<double>(allowed, [.. allowed.Values.Cast<double>()]),
        ValidationConstraint validation => new ValidationRule<double>(validation.Attribute, Column.Name, value => value),
        _ => throw Impossible(constraint),
    };
}

internal sealed class FloatColumnBuilder : FixedColumnBuilder<float>
{
    // Beyond this not every integer is a float.
    private const long MaxExactInteger = 1L << 24;

    public FloatColumnBuilder(ContractColumn column) : base(column) => UseRules();

    public override bool TryParse(int row, ReadOnlySpan<byte> text) => Utf8Parsing.TryParseSingle(text, out var value) && Store(row, value);

    public override bool SetDouble(int row, double value) => ((double)(float)value).Equals(value) && Store(row, (float)value);

    public override bool SetInt64(int row, long value) => value is >= -MaxExactInteger and <= MaxExactInteger && Store(row, value);

    protected override bool TryRead(ReadOnlySpan<byte> text, out float value) => Utf8Parsing.TryParseSingle(text, out value);

    protected override ValueRule<float> ToRule(ColumnConstraint constraint) => constraint switch
    {
        RangeConstraint range => new RangeRule<float>(range, (float?)(double?)range.Minimum ?? float.NegativeInfinity, (float?)(double?)range.Maximum ?? float.PositiveInfinity),
        AllowedValuesConstraint allowed => new AllowedRule<float>(allowed, [.. allowed.Values.Cast<double>().Select(v => (float)v)]),
        ValidationConstraint validation => new ValidationRule<float>(validation.Attribute, Column.Name, value => value),
        _ => throw Impossible(constraint),
    };
}

/// <summary>A column of decimals, stored as integers times a power of ten; constraints give <see cref="decimal"/>.</summary>
internal sealed class DecimalColumnBuilder : FixedColumnBuilder<Int128>
{
    private readonly int _precision;
    private readonly int _scale;
    private readonly Int128 _limit;

    public DecimalColumnBuilder(ContractColumn column, Apache.Arrow.Types.Decimal128Type type) : base(column)
    {
        (_precision, _scale) = (type.Precision, type.Scale);
        _limit = (Int128)Utf8Parsing.PowerOfTen(_precision);
        UseRules();
    }

    public override bool TryParse(int row, ReadOnlySpan<byte> text) => Utf8Parsing.TryParseDecimal(text, _precision, _scale, out var value) && Store(row, value);

    public override bool SetInt64(int row, long value) => SetDecimal(row, value, 0);

    public override bool SetDecimal(int row, Int128 unscaled, int scale)
    {
        if (scale > _scale)
        {
            (unscaled, var rest) = Int128.DivRem(unscaled, (Int128)Utf8Parsing.PowerOfTen(scale - _scale));
            if (rest != 0) return false;
        }
        else if (scale < _scale)
        {
            var factor = (Int128)Utf8Parsing.PowerOfTen(_scale - scale);
            if (Int128.Abs(unscaled) >= _limit / factor) return false;
            unscaled *= factor;
        }

        return unscaled < _limit && unscaled > -_limit && Store(row, unscaled);
    }

    protected override bool TryRead(ReadOnlySpan<byte> text, out Int128 value) => Utf8Parsing.TryParseDecimal(text, _precision, _scale, out value);

    protected override string ExplainSyntax(ReadOnlySpan<byte> text) =>
        Utf8Parsing.TryParseDouble(text, out var value) && double.IsFinite(value)
            ? $": it has more than {_scale} digits after the point or {_precision - _scale} before it"
            : "";

    protected override ValueRule<Int128> ToRule(ColumnConstraint constraint) => constraint switch
    {
        RangeConstraint range => new RangeRule<Int128>(
            range,
            range.Minimum is decimal minimum ? Unscale(minimum) : Int128.MinValue,
            range.Maximum is decimal maximum ? Unscale(maximum) : Int128.MaxValue),
        AllowedValuesConstraint allowed => new AllowedRule<Int128>(allowed, [.. allowed.Values.Cast<decimal>().Select(Unscale)]),
        ValidationConstraint validation => new ValidationRule<Int128>(validation.Attribute, Column.Name, value => (decimal)value / (decimal)Utf8Parsing.PowerOfTen(_scale)),
        _ => throw Impossible(constraint),
    };

    private Int128 Unscale(decimal value)
    {
        var (unscaled, scale) = DecimalParts.Of(value);
        if (scale <= _scale) return unscaled * (Int128)Utf8Parsing.PowerOfTen(_scale - scale);
        throw new DataPlatformException(
            FailureClass.Configuration, $"{value} has more than the {_scale} digits after the point that column {Column.Name} has.", "Give the column more with [Precision(…)].");
    }
}

/// <summary>Takes a <see cref="decimal"/> apart.</summary>
internal static class DecimalParts
{
    public static (Int128 Unscaled, int Scale) Of(decimal value)
    {
        Span<int> bits = stackalloc int[4];
        decimal.GetBits(value, bits);
        var magnitude = new Int128((uint)bits[2], ((ulong)(uint)bits[1] << 32) | (uint)bits[0]);
        return (bits[3] < 0 ? -magnitude : magnitude, (bits[3] >> 16) & 0xFF);
    }
}
