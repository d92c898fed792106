using System.Reflection;

namespace DataPlatform.Ingestion;

/// <summary>Gives the properties of rows of a type to the columns of its contract.</summary>
internal sealed class RowReader<T>
{
    private readonly Setter[] _setters;

    public RowReader(ColumnBuilder[] columns) => _setters = [.. columns.Select(column => CreateSetter(ClrContract.PropertyOf(typeof(T), column.Column.Name)))];

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

    private static Setter CreateSetter(PropertyInfo property)
    {
        var type = property.PropertyType;
        return type == typeof(string) ? Reference<string>(property, (column, row, v) => column.SetText(row, v))
            : (Nullable.GetUnderlyingType(type) ?? type).IsEnum ? (column, source, row) => property.GetValue(source) is { } value ? column.SetText(row, value.ToString()) : column.TrySetNull(row)
            : type == typeof(byte[]) ? Reference<byte[]>(property, (column, row, v) => column.SetBinary(row, v))
            : Value<bool>(property, (column, row, v) => column.SetBoolean(row, v))
            ?? Value<short>(property, (column, row, v) => column.SetInt64(row, v))
            ?? Value<int>(property, (column, row, v) => column.SetInt64(row, v))
            ?? Value<long>(property, (column, row, v) => column.SetInt64(row, v))
            ?? Value<float>(property, (column, row, v) => column.SetDouble(row, v))
            ?? Value<double>(property, (column, row, v) => column.SetDouble(row, v))
            ?? Value<decimal>(property, (column, row, v) =>
            {
                var (unscaled, scale) = DecimalParts.Of(v);
                return column.SetDecimal(row, unscaled, scale);
            })
            ?? Value<DateOnly>(property, (column, row, v) => column.SetDate(row, ColumnTime.DaysOf(v)))
            ?? Value<TimeOnly>(property, (column, row, v) => column.SetTime(row, ColumnTime.MicrosOf(v)))
            ?? Value<DateTime>(property, (column, row, v) => column.SetTimestamp(row, ColumnTime.MicrosOf(v)))
            ?? Value<DateTimeOffset>(property, (column, row, v) => column.SetTimestamp(row, ColumnTime.MicrosOf(v)))
            ?? Value<Guid>(property, (column, row, v) => column.SetUuid(row, v))
            ?? throw new InvalidOperationException($"{typeof(T).Name}.{property.Name} has a contract but no reader.");
    }

    private static Setter Reference<TValue>(PropertyInfo property, Func<ColumnBuilder, int, TValue, bool> set) where TValue : class
    {
        var get = property.GetMethod!.CreateDelegate<Func<T, TValue?>>();
        return (column, source, row) => get(source) is { } value ? set(column, row, value) : column.TrySetNull(row);
    }

    // Null when the property is of another type.
    private static Setter? Value<TValue>(PropertyInfo property, Func<ColumnBuilder, int, TValue, bool> set) where TValue : struct
    {
        if (property.PropertyType == typeof(TValue))
        {
            var get = property.GetMethod!.CreateDelegate<Func<T, TValue>>();
            return (column, source, row) => set(column, row, get(source));
        }

        if (property.PropertyType == typeof(TValue?))
        {
            var get = property.GetMethod!.CreateDelegate<Func<T, TValue?>>();
            return (column, source, row) => get(source) is { } value ? set(column, row, value) : column.TrySetNull(row);
        }

        return null;
    }
}
