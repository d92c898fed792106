using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>Gives the properties of rows of a type to the columns of its contract.</summary>
internal sealed class RowReader<[DynamicallyAccessedMembers(RecordMapper.Members)] T>
{
    private readonly RowSetter<T>[] _setters;

    public RowReader(ColumnBuilder[] columns) => _setters = [.. columns.Select(CreateSetter)];

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

    private static RowSetter<T> CreateSetter(ColumnBuilder builder)
    {
        var field = builder.Column.Field;
        var property = ClrContract.PropertyOf(typeof(T), field.Name);
        return PropertySetter.Of(ClrContract.ValueTypeOf(property, field)).For<T>(property, isList: field.DataType is ListType);
    }
}

/// <summary>Sets one column of one row to a property of the source; false when the column refuses the value.</summary>
internal delegate bool RowSetter<in T>(ColumnBuilder column, T source, int row);

/// <summary>Sets a row of a column to a value; false when the column refuses it.</summary>
internal delegate bool ValueSetter<in T>(ColumnBuilder column, int row, T value);

/// <summary>How columns are given properties of one type, of the nullable one of it, and lists of these.</summary>
internal abstract class PropertySetter
{
    /// <summary>How it is done for a type that a record's property may have.</summary>
    public static PropertySetter Of(Type type) =>
        type.IsEnum ? new EnumSetter()
        : type == typeof(string) ? new ReferenceSetter<string>((column, row, v) => column.SetText(row, v))
        : type == typeof(byte[]) ? new ReferenceSetter<byte[]>((column, row, v) => column.SetBinary(row, v))
        : type == typeof(bool) ? new StructSetter<bool>((column, row, v) => column.SetBoolean(row, v))
        : type == typeof(short) ? new StructSetter<short>((column, row, v) => column.SetInt64(row, v))
        : type == typeof(int) ? new StructSetter<int>((column, row, v) => column.SetInt64(row, v))
        : type == typeof(long) ? new StructSetter<long>((column, row, v) => column.SetInt64(row, v))
        : type == typeof(float) ? new StructSetter<float>((column, row, v) => column.SetDouble(row, v))
        : type == typeof(double) ? new StructSetter<double>((column, row, v) => column.SetDouble(row, v))
        : type == typeof(decimal) ? new StructSetter<decimal>(SetDecimal)
        : type == typeof(DateOnly) ? new StructSetter<DateOnly>((column, row, v) => column.SetDate(row, ColumnTime.DaysOf(v)))
        : type == typeof(TimeOnly) ? new StructSetter<TimeOnly>((column, row, v) => column.SetTime(row, ColumnTime.MicrosOf(v)))
        : type == typeof(DateTime) ? new StructSetter<DateTime>((column, row, v) => column.SetTimestamp(row, ColumnTime.MicrosOf(v)))
        : type == typeof(DateTimeOffset) ? new StructSetter<DateTimeOffset>((column, row, v) => column.SetTimestamp(row, ColumnTime.MicrosOf(v)))
        : type == typeof(Guid) ? new StructSetter<Guid>((column, row, v) => column.SetUuid(row, v))
        : throw new InvalidOperationException($"{type.Name} has a column type but no setter.");

    /// <summary>How a column is given a property of rows of a type.</summary>
    public abstract RowSetter<T> For<T>(PropertyInfo property, bool isList);

    protected static bool SetList<TItem>(ListColumnBuilder column, int row, IEnumerable<TItem> list, ValueSetter<TItem> set)
    {
        column.BeginList(row);
        foreach (var item in list)
        {
            if (item is null ? !column.Element.TrySetNull(column.NextElement()) : !set(column.Element, column.NextElement(), item)) return column.RefuseElement(ClrValueText.Of(item));
        }

        return column.EndList();
    }

    private static bool SetDecimal(ColumnBuilder column, int row, decimal value)
    {
        var (unscaled, scale) = DecimalParts.Of(value);
        return column.SetDecimal(row, unscaled, scale);
    }
}

/// <summary>Properties that are references.</summary>
internal sealed class ReferenceSetter<TValue>(ValueSetter<TValue> set) : PropertySetter where TValue : class
{
    public override RowSetter<T> For<T>(PropertyInfo property, bool isList)
    {
        if (isList)
        {
            var list = property.GetMethod!.CreateDelegate<Func<T, IEnumerable<TValue>?>>();
            return (column, source, row) => list(source) is { } items ? SetList((ListColumnBuilder)column, row, items, set) : column.TrySetNull(row);
        }

        var get = property.GetMethod!.CreateDelegate<Func<T, TValue?>>();
        return (column, source, row) => get(source) is { } value ? set(column, row, value) : column.TrySetNull(row);
    }
}

/// <summary>Properties that are values, or may be null by <see cref="Nullable{T}"/>.</summary>
internal sealed class StructSetter<TValue>(ValueSetter<TValue> set) : PropertySetter where TValue : struct
{
    public override RowSetter<T> For<T>(PropertyInfo property, bool isList)
    {
        var getter = property.GetMethod!;
        if (property.PropertyType == typeof(TValue))
        {
            var get = getter.CreateDelegate<Func<T, TValue>>();
            return (column, source, row) => set(column, row, get(source));
        }

        if (!isList)
        {
            var get = getter.CreateDelegate<Func<T, TValue?>>();
            return (column, source, row) => get(source) is { } value ? set(column, row, value) : column.TrySetNull(row);
        }

        if (property.PropertyType.IsAssignableTo(typeof(IEnumerable<TValue>)))
        {
            var get = getter.CreateDelegate<Func<T, IEnumerable<TValue>?>>();
            return (column, source, row) => get(source) is { } list ? SetList((ListColumnBuilder)column, row, list, set) : column.TrySetNull(row);
        }

        var getNullable = getter.CreateDelegate<Func<T, IEnumerable<TValue?>?>>();
        return (column, source, row) => getNullable(source) is { } list
            ? SetList<TValue?>((ListColumnBuilder)column, row, list, (elements, i, item) => set(elements, i, item!.Value))
            : column.TrySetNull(row);
    }
}

/// <summary>Enums, as the names of their members.</summary>
internal sealed class EnumSetter : PropertySetter
{
    // No code can be made for an enum that is known at run time only, where programs are compiled ahead of time.
    public override RowSetter<T> For<T>(PropertyInfo property, bool isList) => (column, source, row) => property.GetValue(source) switch
    {
        null => column.TrySetNull(row),
        IEnumerable list => SetList((ListColumnBuilder)column, row, list.Cast<object?>(), Set!),
        var value => Set(column, row, value),
    };

    private static bool Set(ColumnBuilder column, int row, object value) => column.SetText(row, value.ToString()!);
}
