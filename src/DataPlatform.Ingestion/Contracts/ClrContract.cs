using System.ComponentModel.DataAnnotations;
using System.ComponentModel.DataAnnotations.Schema;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Reflection;
using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>Reads a contract off a record or class: columns as <see cref="RecordMapper"/> has them, rules from attributes.</summary>
internal static class ClrContract
{
    public static Contract Read<[DynamicallyAccessedMembers(RecordMapper.Members)] T>() where T : notnull
    {
        var columns = RecordMapper.For<T>().Schema.FieldsList;
        return columns.Count > 0
            ? new Contract([.. columns.Select(field => ReadColumn(typeof(T), field))])
            : throw new DataPlatformException(
                FailureClass.Configuration, $"{typeof(T).Name} has no public property that could be a column.", "Declare it as a record: record Trip(long TripId, DateTime StartedAt);");
    }

    /// <summary>The property that a column is of.</summary>
    public static PropertyInfo PropertyOf([DynamicallyAccessedMembers(RecordMapper.Members)] Type type, string column) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).First(property => ColumnName.Normalize(property.Name) == column && property.GetIndexParameters().Length == 0);

    private static ContractColumn ReadColumn([DynamicallyAccessedMembers(RecordMapper.Members)] Type type, Field field)
    {
        var property = PropertyOf(type, field.Name);
        try
        {
            var attributes = Attributes(type, property);
            var valueType = ValueTypeOf(property, field);
            var constraints = attributes.OfType<ValidationAttribute>().SelectMany(attribute => ToConstraints(attribute, valueType)).ToList();
            if (valueType.IsEnum) constraints.Add(new AllowedValuesConstraint(Enum.GetNames(valueType)));
            var column = new ContractColumn(field, attributes.OfType<ColumnAttribute>().FirstOrDefault()?.Name ?? property.Name, constraints)
            {
                HasDefaultPrecision = valueType == typeof(decimal) && !attributes.OfType<PrecisionAttribute>().Any(),
            };
            return attributes.OfType<RequiredAttribute>().Any() ? column.AsRequired() : column;
        }
        catch (DataPlatformException exception)
        {
            throw new DataPlatformException(exception.FailureClass, $"{type.Name}.{property.Name}: {exception.Message}", exception.Hint, exception);
        }
    }

    /// <summary>The type of a property's values; of a list, that of its elements, to which all rules apply but those on its length.</summary>
    public static Type ValueTypeOf(PropertyInfo property, Field column)
    {
        var type = property.PropertyType;
        if (column.DataType is ListType) type = type.GetElementType() ?? type.GetGenericArguments()[0];
        return Nullable.GetUnderlyingType(type) ?? type;
    }

    // An attribute written on a record's parameter belongs to the parameter, not to the property.
    private static Attribute[] Attributes([DynamicallyAccessedMembers(RecordMapper.Members)] Type type, PropertyInfo property) =>
    [
        .. property.GetCustomAttributes(),
        .. type.GetConstructors().SelectMany(constructor => constructor.GetParameters())
            .Where(parameter => string.Equals(parameter.Name, property.Name, StringComparison.OrdinalIgnoreCase))
            .SelectMany(parameter => parameter.GetCustomAttributes()),
    ];

    private static IEnumerable<ColumnConstraint> ToConstraints(ValidationAttribute attribute, Type type) => attribute switch
    {
        RangeAttribute range =>
            [new RangeConstraint(ToBound(range.Minimum, type, lower: true), ToBound(range.Maximum, type, lower: false), range.MinimumIsExclusive, range.MaximumIsExclusive)],
        StringLengthAttribute length => [new LengthConstraint(length.MinimumLength, length.MaximumLength)],
        MaxLengthAttribute { Length: -1 } => [],
        MaxLengthAttribute length => [new LengthConstraint(0, length.Length)],
        MinLengthAttribute length => [new LengthConstraint(length.Length, null)],
        LengthAttribute length => [new LengthConstraint(length.MinimumLength, length.MaximumLength)],
        RegularExpressionAttribute pattern => [new PatternConstraint(pattern.Pattern)],
        AllowedValuesAttribute allowed => [new AllowedValuesConstraint([.. allowed.Values.OfType<object>().Select(value => Convert(value, type))])],
        RequiredAttribute { AllowEmptyStrings: false } when type == typeof(string) => [new LengthConstraint(1, null)],
        RequiredAttribute => [],
        { RequiresValidationContext: true } => throw new DataPlatformException(
            FailureClass.Configuration, $"[{attribute.GetType().Name}] looks at more than the value, which ingestion cannot offer it.", "Check it after loading, with a quality check."),
        _ => [new ValidationConstraint(attribute)],
    };

    // A bound beyond what the column can hold, such as double.MaxValue for an integer, is no bound.
    private static object? ToBound(object bound, Type type, bool lower)
    {
        if (bound is double.MaxValue or double.MinValue or double.PositiveInfinity or double.NegativeInfinity) return null;
        if (bound is double number && type != typeof(double) && type != typeof(float))
        {
            if (type == typeof(decimal)) return (decimal)number;
            var whole = lower ? Math.Ceiling(number) : Math.Floor(number);
            return whole is > -9.2e18 and < 9.2e18 ? (long)whole : null;
        }

        return Convert(bound, type);
    }

    // The type in which a constraint keeps the values of a column.
    private static object Convert(object value, Type type)
    {
        var text = value as string ?? System.Convert.ToString(value, CultureInfo.InvariantCulture)!;
        try
        {
            return type == typeof(string) ? text
                : type == typeof(short) || type == typeof(int) || type == typeof(long) ? long.Parse(text, CultureInfo.InvariantCulture)
                : type == typeof(float) || type == typeof(double) ? double.Parse(text, CultureInfo.InvariantCulture)
                : type == typeof(decimal) ? decimal.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture)
                : type == typeof(DateOnly) ? DateOnly.Parse(text, CultureInfo.InvariantCulture)
                : type == typeof(TimeOnly) ? TimeOnly.Parse(text, CultureInfo.InvariantCulture)
                : type == typeof(DateTime) ? DateTime.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal)
                : type == typeof(DateTimeOffset) ? DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal)
                : type == typeof(Guid) ? Guid.Parse(text)
                : throw new DataPlatformException(FailureClass.Configuration, $"A {type.Name} cannot be compared with '{text}'.", "Use a rule that fits the type.");
        }
        catch (Exception exception) when (exception is FormatException or OverflowException)
        {
            throw new DataPlatformException(FailureClass.Configuration, $"'{text}' in an attribute is not a {type.Name}.", innerException: exception);
        }
    }
}
