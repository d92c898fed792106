using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Apache.Arrow.Types;

namespace DataPlatform.Ingestion;

/// <summary>A rule that every value of a column keeps. NULL is not a value: <see cref="ContractColumn.IsNullable"/> says whether it may occur.</summary>
public abstract record ColumnConstraint
{
    private protected ColumnConstraint()
    {
    }

    /// <summary>The rule in one canonical text; part of <see cref="Contract.Version"/>.</summary>
    public abstract override string ToString();

    /// <summary>The rule for a column of another type, which holds all values of the one it is for.</summary>
    internal virtual ColumnConstraint For(IArrowType type) => this;

    /// <summary>A number in the form in which constraints of a type have it; anything else as it is.</summary>
    private protected static object? As(object? value, IArrowType type) => (value, type) switch
    {
        (long number, Decimal128Type) => (decimal)number,
        (long number, FloatType or DoubleType) => (double)number,
        _ => value,
    };

    /// <summary>A value as canonical text.</summary>
    private protected static string Format(object? value) => value switch
    {
        DateTime moment => moment.ToString("yyyy-MM-ddTHH:mm:ss.FFFFFF", CultureInfo.InvariantCulture),
        DateTimeOffset moment => moment.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFZ", CultureInfo.InvariantCulture),
        DateOnly date => date.ToString("O", CultureInfo.InvariantCulture),
        IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
        _ => value?.ToString() ?? "",
    };
}

/// <summary>The value is between two bounds.</summary>
/// <param name="Minimum">The least value, or null for no bound: <see cref="long"/>, <see cref="decimal"/>, <see cref="double"/>, <see cref="DateOnly"/>, <see cref="TimeOnly"/>, <see cref="DateTime"/> or <see cref="DateTimeOffset"/>, as the column holds.</param>
/// <param name="Maximum">The greatest value, or null for no bound.</param>
/// <param name="MinimumIsExclusive">Whether <paramref name="Minimum"/> itself is too little.</param>
/// <param name="MaximumIsExclusive">Whether <paramref name="Maximum"/> itself is too much.</param>
public sealed record RangeConstraint(object? Minimum, object? Maximum, bool MinimumIsExclusive = false, bool MaximumIsExclusive = false) : ColumnConstraint
{
    internal override ColumnConstraint For(IArrowType type) => this with { Minimum = As(Minimum, type), Maximum = As(Maximum, type) };

    /// <inheritdoc/>
    public override string ToString() => (Minimum, Maximum) switch
    {
        (not null, null) => $"{(MinimumIsExclusive ? "greater than" : "at least")} {Format(Minimum)}",
        (null, not null) => $"{(MaximumIsExclusive ? "less than" : "at most")} {Format(Maximum)}",
        _ => $"between {Format(Minimum)}{(MinimumIsExclusive ? " (exclusive)" : "")} and {Format(Maximum)}{(MaximumIsExclusive ? " (exclusive)" : "")}",
    };
}

/// <summary>The text has a length within bounds, in UTF-16 code units as <see cref="string.Length"/> counts them; bytes have one in bytes.</summary>
/// <param name="Minimum">The least length.</param>
/// <param name="Maximum">The greatest length, or null for no bound.</param>
public sealed record LengthConstraint(int Minimum, int? Maximum) : ColumnConstraint
{
    /// <inheritdoc/>
    public override string ToString() => (Minimum, Maximum) switch
    {
        (_, null) => $"at least {Minimum} long",
        (0, _) => $"at most {Maximum} long",
        _ => $"{Minimum} to {Maximum} long",
    };
}

/// <summary>The whole text matches a regular expression.</summary>
/// <param name="Pattern">The expression, in .NET's syntax. One that can be run without backtracking is.</param>
public sealed record PatternConstraint(string Pattern) : ColumnConstraint
{
    /// <inheritdoc/>
    public override string ToString() => $"matching {Pattern}";
}

/// <summary>The value is one of a set.</summary>
/// <param name="Values">The set.</param>
public sealed record AllowedValuesConstraint(IReadOnlyList<object> Values) : ColumnConstraint
{
    internal override ColumnConstraint For(IArrowType type) => this with { Values = [.. Values.Select(value => As(value, type)!)] };

    /// <inheritdoc/>
    public override string ToString() => $"one of {string.Join(", ", Values.Select(Format))}";
}

/// <summary>The value is valid for an attribute of yours or of <c>System.ComponentModel.DataAnnotations</c>. Slower than the others: values are boxed for it.</summary>
/// <param name="Attribute">The attribute; it must be able to judge a value alone.</param>
public sealed record ValidationConstraint(ValidationAttribute Attribute) : ColumnConstraint
{
    /// <inheritdoc/>
    public override string ToString() => $"valid for {Attribute.GetType().Name}";
}
