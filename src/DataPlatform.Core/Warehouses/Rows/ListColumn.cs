using System.Reflection;
using Apache.Arrow;

namespace DataPlatform.Warehouses;

/// <summary>Which types are lists, and of what.</summary>
internal static class ListColumn
{
    private static readonly Type[] ListTypes = [typeof(List<>), typeof(IList<>), typeof(IReadOnlyList<>)];

    /// <summary>The type of a list's elements; null when the type is no list. <c>byte[]</c> is not one, but a value.</summary>
    public static Type? ItemOf(Type type) =>
        type.IsSZArray ? type.GetElementType()
        : type.IsGenericType && ListTypes.Contains(type.GetGenericTypeDefinition()) ? type.GetGenericArguments()[0]
        : null;

    /// <summary>The column type of a list, or null when its elements have none.</summary>
    public static ColumnType? Of(Type list, Type item, PrecisionAttribute? precision, NullabilityInfo nullability)
    {
        if (ColumnType.FindScalar(Nullable.GetUnderlyingType(item) ?? item, precision) is not IScalarColumnType element) return null;
        var info = nullability.ElementType ?? nullability.GenericTypeArguments.FirstOrDefault();
        var allowsNull = !item.IsValueType && info?.ReadState != NullabilityState.NotNull;
        return element.ToList(list, item, allowsNull);
    }

    /// <summary>The column type of a list of a type that <see cref="ItemOf"/> knows.</summary>
    public static ColumnType Of<TItem>(Type list, ListItems<TItem> items) =>
        list == typeof(TItem[]) ? new ListColumn<TItem[], TItem>(items)
        : list == typeof(List<TItem>) ? new ListColumn<List<TItem>, TItem>(items)
        : list == typeof(IList<TItem>) ? new ListColumn<IList<TItem>, TItem>(items)
        : new ListColumn<IReadOnlyList<TItem>, TItem>(items);
}

/// <summary>A column of lists.</summary>
/// <typeparam name="TList">An array of <typeparamref name="TItem"/>, or a type that a list of it is.</typeparam>
/// <typeparam name="TItem">The elements as the list has them.</typeparam>
internal sealed class ListColumn<TList, TItem>(ListItems<TItem> items) : ColumnType<TList> where TList : class, IEnumerable<TItem>
{
    public override Field ToField(string name, bool nullable) => ColumnTypes.List(name, items.Field, nullable);

    public override Func<int, TList>? Reader(IArrowArray array)
    {
        if (array is not ListArray lists || items.Reader(lists.Values) is not { } read) return null;
        return row =>
        {
            var offsets = lists.ValueOffsets;
            var list = new TItem[offsets[row + 1] - offsets[row]];
            for (var i = 0; i < list.Length; i++) list[i] = read(offsets[row] + i);
            return list as TList ?? (TList)(object)new List<TItem>(list);
        };
    }

    public override ColumnWriter<TList> Writer(Field field) => new ListWriter(field, items);

    private sealed class ListWriter : ColumnWriter<TList>
    {
        private readonly ListItems<TItem> _items;
        private readonly IColumnWriter _elements;
        private readonly ArrowBuffer.Builder<int> _offsets = new();

        public ListWriter(Field field, ListItems<TItem> items) : base(field)
        {
            (_items, _elements) = (items, items.Writer());
            AddEmpty();
        }

        public override long Bytes => _elements.Bytes + ((long)_offsets.Length * sizeof(int));

        protected override void Add(TList value)
        {
            foreach (var item in value) _items.Append(_elements, item);
            AddEmpty();
        }

        protected override void AddEmpty() => _offsets.Append(_elements.Length);

        protected override IEnumerable<ArrowBuffer> Buffers() => [_offsets.Build()];

        protected override ArrayData[] Children() => [_elements.Build().Data];
    }
}

/// <summary>The elements of lists.</summary>
internal abstract class ListItems<TItem>
{
    protected static ColumnValueException Null { get; } = new("has an element that is NULL, and its type does not allow it.", "Make the elements nullable, or leave the rows out.");

    public abstract Field Field { get; }

    public abstract Func<int, TItem>? Reader(IArrowArray array);

    public abstract IColumnWriter Writer();

    public abstract void Append(IColumnWriter writer, TItem item);
}

/// <summary>Elements whose type is the column's own: values that are always there, or references.</summary>
internal sealed class PlainItems<T>(ColumnType<T> type, bool allowsNull) : ListItems<T> where T : notnull
{
    public override Field Field { get; } = type.ToField("item", allowsNull);

    public override Func<int, T>? Reader(IArrowArray array)
    {
        if (type.Reader(array) is not { } read) return null;
        return array.NullCount == 0 ? read : index => array.IsValid(index) ? read(index) : allowsNull ? default! : throw Null;
    }

    public override IColumnWriter Writer() => type.Writer(Field);

    public override void Append(IColumnWriter writer, T item)
    {
        if (item is null && !allowsNull) throw Null;
        ((ColumnWriter<T>)writer).Append(item);
    }
}

/// <summary>Elements of a nullable value type.</summary>
internal sealed class NullableItems<T>(ColumnType<T> type) : ListItems<T?> where T : struct
{
    public override Field Field { get; } = type.ToField("item", nullable: true);

    public override Func<int, T?>? Reader(IArrowArray array) => type.Reader(array) is { } read ? index => array.IsValid(index) ? read(index) : null : null;

    public override IColumnWriter Writer() => type.Writer(Field);

    public override void Append(IColumnWriter writer, T? item)
    {
        var typed = (ColumnWriter<T>)writer;
        if (item is { } value) typed.Append(value);
        else typed.AppendNull();
    }
}
