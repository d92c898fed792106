using System.Buffers.Binary;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>Gathers the values of one column, as they come over the wire in binary, into Arrow arrays.</summary>
internal abstract class ColumnDecoder(Field field)
{
    private readonly ArrowBuffer.BitmapBuilder _validity = new(); // begun with the first NULL
    private int _length;

    /// <summary>The column.</summary>
    public Field Field { get; } = field;

    /// <summary>Adds a value.</summary>
    /// <exception cref="WarehouseException">Arrow has no such value.</exception>
    public void Append(ReadOnlySpan<byte> value)
    {
        AppendValue(value);
        if (_validity.Length > 0) _validity.Append(true);
        _length++;
    }

    /// <summary>Adds NULL.</summary>
    public void AppendNull()
    {
        AppendEmpty();
        if (_validity.Length == 0) _validity.AppendRange(true, _length);
        _validity.Append(false);
        _length++;
    }

    /// <summary>Makes an array of what was added, and starts over.</summary>
    public IArrowArray Build()
    {
        var (length, nulls, validity) = (_length, _validity.UnsetBitCount, _validity.Length == 0 ? ArrowBuffer.Empty : _validity.Build());
        _validity.Clear();
        _length = 0;
        return ArrowArrayFactory.BuildArray(new ArrayData(Field.DataType, length, nulls, 0, [validity, .. BuildValues()]));
    }

    protected abstract void AppendValue(ReadOnlySpan<byte> value);

    protected abstract void AppendEmpty();

    protected abstract ArrowBuffer[] BuildValues();

    /// <summary>The decoder for a field that <see cref="PostgreSqlTypes.ToField"/> made of the type.</summary>
    public static ColumnDecoder Create(Field field, uint typeOid) => field.DataType switch
    {
        Decimal128Type type => new FixedDecoder<Int128>(field, (name, wire) => NumericDecoder.Decode(name, wire, type)),
        FixedSizeBinaryType => new FixedDecoder<Guid>(field, (_, wire) => new Guid(wire)),
        BooleanType => new BooleanDecoder(field),
        Int16Type => new FixedDecoder<short>(field, (_, wire) => BinaryPrimitives.ReadInt16BigEndian(wire)),
        Int32Type => new FixedDecoder<int>(field, (_, wire) => BinaryPrimitives.ReadInt32BigEndian(wire)),
        Int64Type => new FixedDecoder<long>(field, (_, wire) => BinaryPrimitives.ReadInt64BigEndian(wire)),
        FloatType => new FixedDecoder<float>(field, (_, wire) => BinaryPrimitives.ReadSingleBigEndian(wire)),
        DoubleType => new FixedDecoder<double>(field, (_, wire) => BinaryPrimitives.ReadDoubleBigEndian(wire)),
        Date32Type => new FixedDecoder<int>(field, ReadDate),
        Time64Type => new FixedDecoder<long>(field, (_, wire) => BinaryPrimitives.ReadInt64BigEndian(wire)),
        TimestampType => new FixedDecoder<long>(field, ReadTimestamp),
        _ => new VariableDecoder(field, prefix: typeOid is PostgreSqlTypes.Jsonb ? 1 : 0),
    };

    // The greatest and least values mean infinity.
    private static int ReadDate(string column, ReadOnlySpan<byte> wire)
    {
        var days = BinaryPrimitives.ReadInt32BigEndian(wire);
        return days is int.MinValue or int.MaxValue ? throw NotReadable(column, "a date that is infinity") : days + DateWire.Epoch;
    }

    private static long ReadTimestamp(string column, ReadOnlySpan<byte> wire)
    {
        var microseconds = BinaryPrimitives.ReadInt64BigEndian(wire);
        return microseconds is long.MinValue or > long.MaxValue - TimestampWire.Epoch
            ? throw NotReadable(column, "a timestamp that is infinity or later than 64 bits of microseconds reach")
            : microseconds + TimestampWire.Epoch;
    }

    internal static WarehouseException NotReadable(string column, string what) => new(
        FailureClass.Data,
        $"Column '{column}' has {what}, which cannot be read into columns.",
        $"Leave such rows out, turn them into NULL, or read the column as text: \"{column}\"::text.");
}

/// <summary>Reads one value from its wire form.</summary>
internal delegate T ReadWire<out T>(string column, ReadOnlySpan<byte> wire);

/// <summary>Values that are gathered in an array that is kept, and copied out of it once a batch: Arrow's own builders are slow value by value.</summary>
internal struct Gathered<T>() where T : unmanaged
{
    private readonly ArrowBuffer.Builder<T> _builder = new();
    private T[] _items = new T[1024];

    public int Count { get; private set; }

    public void Add(T item)
    {
        if (Count == _items.Length) System.Array.Resize(ref _items, Count * 2);
        _items[Count++] = item;
    }

    public void Add(ReadOnlySpan<T> items)
    {
        if (items.Length > _items.Length - Count) System.Array.Resize(ref _items, Math.Max(_items.Length * 2, Count + items.Length));
        items.CopyTo(_items.AsSpan(Count));
        Count += items.Length;
    }

    public ArrowBuffer Build()
    {
        var buffer = _builder.Append(_items.AsSpan(0, Count)).Build();
        _builder.Clear();
        Count = 0;
        return buffer;
    }
}

/// <summary>Values of one size.</summary>
internal sealed class FixedDecoder<T>(Field field, ReadWire<T> read) : ColumnDecoder(field) where T : unmanaged
{
    private Gathered<T> _values = new();

    protected override void AppendValue(ReadOnlySpan<byte> value) => _values.Add(read(Field.Name, value));

    protected override void AppendEmpty() => _values.Add(default(T));

    protected override ArrowBuffer[] BuildValues() => [_values.Build()];
}

/// <summary>A bit for each value; the wire has a byte.</summary>
internal sealed class BooleanDecoder(Field field) : ColumnDecoder(field)
{
    private readonly ArrowBuffer.BitmapBuilder _values = new();

    protected override void AppendValue(ReadOnlySpan<byte> value) => _values.Append(value[0] != 0);

    protected override void AppendEmpty() => _values.Append(false);

    protected override ArrowBuffer[] BuildValues()
    {
        var values = _values.Build();
        _values.Clear();
        return [values];
    }
}

/// <summary>Text and bytes as they are, behind a prefix that is left out.</summary>
internal sealed class VariableDecoder : ColumnDecoder
{
    private readonly int _prefix;
    private Gathered<int> _offsets = new();
    private Gathered<byte> _values = new();

    public VariableDecoder(Field field, int prefix) : base(field)
    {
        _prefix = prefix;
        _offsets.Add(0);
    }

    protected override void AppendValue(ReadOnlySpan<byte> value)
    {
        _values.Add(value[_prefix..]);
        _offsets.Add(_values.Count);
    }

    protected override void AppendEmpty() => _offsets.Add(_values.Count);

    protected override ArrowBuffer[] BuildValues()
    {
        ArrowBuffer[] buffers = [_offsets.Build(), _values.Build()];
        _offsets.Add(0);
        return buffers;
    }
}
