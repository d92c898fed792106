using System.ComponentModel.DataAnnotations;
using System.Numerics;

namespace DataPlatform.Ingestion;

/// <summary>A constraint on values of fixed width, in the form in which a column stores them.</summary>
internal abstract class ValueRule<T>
{
    public abstract bool Holds(T value);

    /// <summary>What to say of a value that does not keep it, after the value: <c>is not between 0 and 100</c>.</summary>
    public abstract string Complaint { get; }
}

internal sealed class RangeRule<T>(RangeConstraint constraint, T minimum, T maximum) : ValueRule<T> where T : IComparisonOperators<T, T, bool>
{
    public override string Complaint => $"is not {constraint}";

    // A NaN is in no range.
    public override bool Holds(T value) =>
        (constraint.MinimumIsExclusive ? value > minimum : value >= minimum) && (constraint.MaximumIsExclusive ? value < maximum : value <= maximum);
}

internal sealed class AllowedRule<T>(AllowedValuesConstraint constraint, HashSet<T> values) : ValueRule<T>
{
    public override string Complaint => $"is not {constraint}";

    public override bool Holds(T value) => values.Contains(value);
}

internal sealed class ValidationRule<T>(ValidationAttribute attribute, string column, Func<T, object> toObject) : ValueRule<T>
{
    public override string Complaint => $"is not valid: {attribute.FormatErrorMessage(column)}";

    public override bool Holds(T value) => attribute.IsValid(toObject(value));
}
