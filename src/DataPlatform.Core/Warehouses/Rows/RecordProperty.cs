using System.ComponentModel.DataAnnotations.Schema;
using System.Diagnostics.CodeAnalysis;
using System.Linq.Expressions;
using System.Reflection;
using System.Text.Json;
using Apache.Arrow;

namespace DataPlatform.Warehouses;

/// <summary>A property and the column it is.</summary>
internal abstract class RecordProperty(PropertyInfo info, Field field)
{
    public PropertyInfo Info { get; } = info;

    public Field Field { get; } = field;

    public abstract string TypeName { get; }

    /// <summary>How to read the property's value from each row of a column: a <c>Func&lt;int, …&gt;</c>; null when the column is of another type.</summary>
    public abstract Delegate? Bind(IArrowArray array);

    public abstract IColumnWriter CreateWriter();

    /// <summary>Code that reads a row's value by what <see cref="Bind"/> gave.</summary>
    public abstract Expression Read(Expression reader, Expression row);

    /// <summary>Code that appends a value to a writer.</summary>
    public abstract Expression Append(Expression writer, Expression value);

    /// <summary>The properties of a type that are columns.</summary>
    public static IReadOnlyList<RecordProperty> Of([DynamicallyAccessedMembers(RecordMapper.Members)] Type type)
    {
        var nullability = new NullabilityInfoContext();
        return
        [
            .. type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
                .Where(property => property.GetMethod is { IsPublic: true } && property.GetIndexParameters().Length == 0 && !property.IsDefined(typeof(NotMappedAttribute)))
                .OrderBy(property => Depth(property.DeclaringType))
                .ThenBy(property => property.HasMetadataToken() ? property.MetadataToken : 0)
                .Select(property => Create(type, property, nullability)),
        ];
    }

    /// <summary>The number of an enum's member, or the member of a number; any other value as it is.</summary>
    protected static Expression ConvertTo(Type type, Expression value) => value.Type == type ? value : Expression.Convert(value, type);

    private static int Depth(Type? type) => type?.BaseType is { } parent ? Depth(parent) + 1 : 0;

    private static RecordProperty Create([DynamicallyAccessedMembers(RecordMapper.Members)] Type type, PropertyInfo property, NullabilityInfoContext nullability)
    {
        var underlying = Nullable.GetUnderlyingType(property.PropertyType);
        var valueType = underlying ?? property.PropertyType;
        var info = nullability.Create(property);
        var columnType = ColumnType.Find(valueType, FindPrecision(type, property), info) ?? throw new DataPlatformException(
            FailureClass.Configuration,
            $"{type.Name}.{property.Name} is of type {valueType.Name}, which has no column type.",
            "Change its type, or leave it out with [NotMapped].");
        var nullable = underlying is not null
            || (!property.PropertyType.IsValueType && info.ReadState != NullabilityState.NotNull);
        var field = columnType.ToField(JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name), nullable);
        return columnType.ToProperty(property, field);
    }

    // An attribute written on a record's parameter belongs to the parameter, not to the property.
    private static PrecisionAttribute? FindPrecision([DynamicallyAccessedMembers(RecordMapper.Members)] Type type, PropertyInfo property) =>
        property.GetCustomAttribute<PrecisionAttribute>()
        ?? type.GetConstructors().SelectMany(constructor => constructor.GetParameters())
            .Where(parameter => string.Equals(parameter.Name, property.Name, StringComparison.OrdinalIgnoreCase))
            .Select(parameter => parameter.GetCustomAttribute<PrecisionAttribute>())
            .FirstOrDefault(attribute => attribute is not null);
}

/// <summary>A property whose type is the column's own: a value that is always there, or a reference.</summary>
internal sealed class PlainProperty<T>(PropertyInfo info, Field field, ColumnType<T> type) : RecordProperty(info, field) where T : notnull
{
    public override string TypeName => Info.PropertyType.Name;

    public override Delegate? Bind(IArrowArray array)
    {
        if (type.Reader(array) is not { } read) return null;
        if (array.NullCount == 0) return read;
        if (Field.IsNullable) return (Func<int, T?>)(row => array.IsNull(row) ? default : read(row));
        return (Func<int, T>)(row => array.IsNull(row) ? throw ColumnValueException.Null : read(row));
    }

    public override IColumnWriter CreateWriter() => type.Writer(Field);

    public override Expression Read(Expression reader, Expression row) => ConvertTo(Info.PropertyType, Expression.Invoke(Expression.Convert(reader, typeof(Func<int, T>)), row));

    public override Expression Append(Expression writer, Expression value) =>
        Expression.Call(Expression.Convert(writer, typeof(ColumnWriter<T>)), typeof(ColumnWriter<T>).GetMethod(nameof(ColumnWriter<>.Append))!, ConvertTo(typeof(T), value));
}

/// <summary>A property of a nullable value type.</summary>
internal sealed class NullableProperty<T>(PropertyInfo info, Field field, ColumnType<T> type) : RecordProperty(info, field) where T : struct
{
    public override string TypeName => $"{Nullable.GetUnderlyingType(Info.PropertyType)!.Name}?";

    public override Delegate? Bind(IArrowArray array) =>
        type.Reader(array) is { } read ? (Func<int, T?>)(row => array.IsNull(row) ? null : read(row)) : null;

    public override IColumnWriter CreateWriter() => type.Writer(Field);

    public override Expression Read(Expression reader, Expression row) => ConvertTo(Info.PropertyType, Expression.Invoke(Expression.Convert(reader, typeof(Func<int, T?>)), row));

    public override Expression Append(Expression writer, Expression value)
    {
        var typed = Expression.Convert(writer, typeof(ColumnWriter<T>));
        return Expression.IfThenElse(
            Expression.NotEqual(value, Expression.Constant(null, value.Type)),
            Expression.Call(typed, typeof(ColumnWriter<T>).GetMethod(nameof(ColumnWriter<>.Append))!, Expression.Convert(value, typeof(T))),
            Expression.Call(typed, typeof(ColumnWriter<T>).GetMethod(nameof(ColumnWriter<>.AppendNull))!));
    }
}

/// <summary>A value that cannot be read from or written to its column. The message goes on from the column's or property's name.</summary>
internal sealed class ColumnValueException(string message, string? hint) : Exception(message)
{
    public static ColumnValueException Null { get; } = new("is NULL, and the property does not allow it.", "Make the property nullable, or leave the rows out.");

    public string? Hint { get; } = hint;
}
