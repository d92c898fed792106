using System.Reflection;
using Apache.Arrow.Types;

namespace DataPlatform.Ingestion;

/// <summary>Gives the properties of rows of a type to the columns of its contract.</summary>
internal sealed class RowReader<T>
{
    private readonly Setter[] _setters;

    public RowReader(ColumnBuilder[] columns) => _setters = [.. columns.Select(CreateSetter)];

    /// <summary>Sets one column of one row; false when the column refuses the value.</summary>
    private delegate bool Setter(ColumnBuilder column, T source, int row);

    /// <summary>Sets a row; the column that refuses it, or null.</summary>
    public ColumnBuilder? Set(ColumnBuilder[] columns, T source, int row)
    {
        for (var i = 0; i < columns.Length; i++)
        {
            if (!_setters[i](columns[i], source, row)) return columns[i];
        }

        return null;
    }

    /// <summary>The value of a column's property.</summary>
    public static object? PropertyOf(T source, ColumnBuilder column) => ClrContract.PropertyOf(typeof(T), column.Column.Name).GetValue(source);

    private static Setter CreateSetter(ColumnBuilder builder)
    {
        var field = builder.Column.Field;
        var property = ClrContract.PropertyOf(typeof(T), field.Name);
        var value = ClrContract.ValueTypeOf(property, field);
        var create = field.DataType is not ListType ? property.PropertyType == value ? nameof(Plain) : nameof(Nullable)
            : property.PropertyType.IsAssignableTo(typeof(IEnumerable<>).MakeGenericType(value)) ? nameof(List)
            : nameof(ListOfNullable);
        return (Setter)typeof(RowReader<T>).GetMethod(create, BindingFlags.Static | BindingFlags.NonPublic)!.MakeGenericMethod(value).Invoke(null, [property, ValueSetter.Of(value)])!;
    }

    private static Setter Plain<TValue>(PropertyInfo property, ValueSetter<TValue> set)
    {
        var get = property.GetMethod!.CreateDelegate<Func<T, TValue?>>();
        return (column, source, row) => get(source) is { } value ? set(column, row, value) : column.TrySetNull(row);
    }

    private static Setter Nullable<TValue>(PropertyInfo property, ValueSetter<TValue> set) where TValue : struct
    {
        var get = property.GetMethod!.CreateDelegate<Func<T, TValue?>>();
        return (column, source, row) => get(source) is { } value ? set(column, row, value) : column.TrySetNull(row);
    }

    private static Setter List<TValue>(PropertyInfo property, ValueSetter<TValue> set)
    {
        var get = property.GetMethod!.CreateDelegate<Func<T, IEnumerable<TValue?>?>>();
        return (column, source, row) => get(source) is { } list
            ? SetList((ListColumnBuilder)column, row, list, (elements, i, item) => item is { } value ? set(elements, i, value) : elements.TrySetNull(i))
            : column.TrySetNull(row);
    }

    private static Setter ListOfNullable<TValue>(PropertyInfo property, ValueSetter<TValue> set) where TValue : struct
    {
        var get = property.GetMethod!.CreateDelegate<Func<T, IEnumerable<TValue?>?>>();
        return (column, source, row) => get(source) is { } list
            ? SetList((ListColumnBuilder)column, row, list, (elements, i, item) => item is { } value ? set(elements, i, value) : elements.TrySetNull(i))
            : column.TrySetNull(row);
    }

    private static bool SetList<TItem>(ListColumnBuilder column, int row, IEnumerable<TItem> list, ValueSetter<TItem> set)
    {
        column.BeginList(row);
        foreach (var item in list)
        {
            if (!set(column.Element, column.NextElement(), item)) return column.RefuseElement(ClrValueText.Of(item));
        }

        return column.EndList();
    }
}

/// <summary>Sets a row of a column to a value; false when the column refuses it.</summary>
internal delegate bool ValueSetter<in T>(ColumnBuilder column, int row, T value);

/// <summary>How columns are given values of .NET's types.</summary>
internal static class ValueSetter
{
    /// <summary>A <see cref="ValueSetter{T}"/> for the type, one that a record's property may have.</summary>
    public static Delegate Of(Type type) =>
        type.IsEnum ? (Delegate)typeof(ValueSetter).GetMethod(nameof(OfEnum), BindingFlags.Static | BindingFlags.NonPublic)!.MakeGenericMethod(type).Invoke(null, null)!
        : type == typeof(string) ? new ValueSetter<string>((column, row, v) => column.SetText(row, v))
        : type == typeof(byte[]) ? new ValueSetter<byte[]>((column, row, v) => column.SetBinary(row, v))
        : type == typeof(bool) ? new ValueSetter<bool>((column, row, v) => column.SetBoolean(row, v))
        : type == typeof(short) ? new ValueSetter<short>((column, row, v) => column.SetInt64(row, v))
        : type == typeof(int) ? new ValueSetter<int>((column, row, v) => column.SetInt64(row, v))
        : type == typeof(long) ? new ValueSetter<long>((column, row, v) => column.SetInt64(row, v))
        : type == typeof(float) ? new ValueSetter<float>((column, row, v) => column.SetDouble(row, v))
        : type == typeof(double) ? new ValueSetter<double>((column, row, v) => column.SetDouble(row, v))
        : type == typeof(decimal) ? new ValueSetter<decimal>(SetDecimal)
        : type == typeof(DateOnly) ? new ValueSetter<DateOnly>((column, row, v) => column.SetDate(row, ColumnTime.DaysOf(v)))
        : type == typeof(TimeOnly) ? new ValueSetter<TimeOnly>((column, row, v) => column.SetTime(row, ColumnTime.MicrosOf(v)))
        : type == typeof(DateTime) ? new ValueSetter<DateTime>((column, row, v) => column.SetTimestamp(row, ColumnTime.MicrosOf(v)))
        : type == typeof(DateTimeOffset) ? new ValueSetter<DateTimeOffset>((column, row, v) => column.SetTimestamp(row, ColumnTime.MicrosOf(v)))
        : type == typeof(Guid) ? new ValueSetter<Guid>((column, row, v) => column.SetUuid(row, v))
        : throw new InvalidOperationException($"{type.Name} has a column type but no setter.");

    private static ValueSetter<T> OfEnum<T>() where T : struct, Enum => (column, row, v) => column.SetText(row, v.ToString());

    private static bool SetDecimal(ColumnBuilder column, int row, decimal value)
    {
        var (unscaled, scale) = DecimalParts.Of(value);
        return column.SetDecimal(row, unscaled, scale);
    }
}
