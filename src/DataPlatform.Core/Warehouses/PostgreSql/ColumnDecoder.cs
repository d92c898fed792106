using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>Gathers the values of one column, as they come over the wire in binary, into Arrow arrays.</summary>
internal abstract class ColumnDecoder(Field field)
{
    private byte[] _validity = []; // begun with the first NULL
    private int _nulls;

    /// <summary>The column.</summary>
    public Field Field { get; } = field;

    /// <summary>How many values were added since the last array was made.</summary>
    public int Length { get; private set; }

    /// <summary>The decoder for a field that <see cref="PostgreSqlTypes.ToField"/> made of the type.</summary>
    public static ColumnDecoder Create(Field field, uint typeOid) => field.DataType switch
    {
        Decimal128Type type => new FixedDecoder<Int128, NumericReader>(field, new NumericReader(type)),
        FixedSizeBinaryType => new FixedDecoder<Int128, UuidReader>(field, default),
        BooleanType => new BooleanDecoder(field),
        Int16Type => new FixedDecoder<short, Int16Reader>(field, default),
        Int32Type => new FixedDecoder<int, Int32Reader>(field, default),
        Int64Type or Time64Type => new FixedDecoder<long, Int64Reader>(field, default),
        FloatType => new FixedDecoder<float, SingleReader>(field, default),
        DoubleType => new FixedDecoder<double, DoubleReader>(field, default),
        Date32Type => new FixedDecoder<int, DateReader>(field, default),
        TimestampType => new FixedDecoder<long, TimestampReader>(field, default),
        ListType => new ListDecoder(field, Create(ColumnTypes.ElementOf(field)!, PostgreSqlTypes.ElementOf(typeOid)!.Value)),
        _ => new VariableDecoder(field, prefix: typeOid is PostgreSqlTypes.Jsonb ? 1 : 0),
    };

    /// <summary>Adds values, or NULLs.</summary>
    /// <param name="buffer">Where they are.</param>
    /// <param name="places">At each of these places the length of a value, or -1 for NULL, and then the value.</param>
    /// <exception cref="WarehouseException">Arrow has no such value.</exception>
    public void Append(byte[] buffer, ReadOnlySpan<int> places)
    {
        AppendValues(buffer, places);
        Length += places.Length;
    }

    /// <summary>Makes an array of what was added, and starts over.</summary>
    /// <param name="rented">Gets the arrays that are to be returned when the array is not needed any more.</param>
    public IArrowArray Build(List<byte[]> rented)
    {
        var validity = _nulls == 0 ? ArrowBuffer.Empty : BuildValidity();
        var array = ArrowArrayFactory.BuildArray(new ArrayData(Field.DataType, Length, _nulls, 0, [validity, .. BuildValues(rented)], BuildChildren(rented)));
        (_nulls, Length) = (0, 0);
        return array;
    }

    protected abstract void AppendValues(byte[] buffer, ReadOnlySpan<int> places);

    protected abstract ArrowBuffer[] BuildValues(List<byte[]> rented);

    protected virtual ArrayData[]? BuildChildren(List<byte[]> rented) => null;

    /// <summary>Notes that a value is NULL: one of those that are being added.</summary>
    protected void SetNull(int index)
    {
        var row = Length + index;
        if (row >= _validity.Length * 8)
        {
            var kept = _validity.Length;
            System.Array.Resize(ref _validity, Math.Max(kept * 2, (row / 8) + 1024));
            _validity.AsSpan(kept).Fill(0xFF);
        }

        _validity[row >> 3] &= (byte)~(1 << (row & 7));
        _nulls++;
    }

    /// <summary>The wire form of a value; empty, with a length below zero, for NULL.</summary>
    protected static ReadOnlySpan<byte> FieldAt(byte[] buffer, int place, out int length)
    {
        length = BinaryPrimitives.ReadInt32BigEndian(buffer.AsSpan(place));
        return buffer.AsSpan(place + sizeof(int), Math.Max(length, 0));
    }

    private ArrowBuffer BuildValidity()
    {
        // Behind the last NULL all is valid, whether the bits are there or not.
        var bits = new byte[(Length + 7) / 8];
        var known = Math.Min(bits.Length, _validity.Length);
        _validity.AsSpan(0, known).CopyTo(bits);
        bits.AsSpan(known).Fill(0xFF);
        _validity.AsSpan(0, known).Fill(0xFF);
        return new ArrowBuffer(bits);
    }

    internal static WarehouseException NotReadable(string column, string what) => new(
        FailureClass.Data,
        $"Column '{column}' has {what}, which cannot be read into columns.",
        $"Leave such rows out, turn them into NULL, or read the column as text: \"{column}\"::text.");
}

/// <summary>Reads one value from its wire form. A struct, so that the loop over a column is compiled for it.</summary>
internal interface IWireReader<out T>
{
    T Read(string column, ReadOnlySpan<byte> wire);
}

internal readonly struct Int16Reader : IWireReader<short>
{
    public short Read(string column, ReadOnlySpan<byte> wire) => BinaryPrimitives.ReadInt16BigEndian(wire);
}

internal readonly struct Int32Reader : IWireReader<int>
{
    public int Read(string column, ReadOnlySpan<byte> wire) => BinaryPrimitives.ReadInt32BigEndian(wire);
}

internal readonly struct Int64Reader : IWireReader<long>
{
    public long Read(string column, ReadOnlySpan<byte> wire) => BinaryPrimitives.ReadInt64BigEndian(wire);
}

internal readonly struct SingleReader : IWireReader<float>
{
    public float Read(string column, ReadOnlySpan<byte> wire) => BinaryPrimitives.ReadSingleBigEndian(wire);
}

internal readonly struct DoubleReader : IWireReader<double>
{
    public double Read(string column, ReadOnlySpan<byte> wire) => BinaryPrimitives.ReadDoubleBigEndian(wire);
}

/// <summary>Sixteen bytes as they are.</summary>
internal readonly struct UuidReader : IWireReader<Int128>
{
    public Int128 Read(string column, ReadOnlySpan<byte> wire) => MemoryMarshal.Read<Int128>(wire);
}

internal readonly struct NumericReader(Decimal128Type type) : IWireReader<Int128>
{
    public Int128 Read(string column, ReadOnlySpan<byte> wire) => NumericDecoder.Decode(column, wire, type);
}

/// <summary>The greatest and least date mean infinity.</summary>
internal readonly struct DateReader : IWireReader<int>
{
    public int Read(string column, ReadOnlySpan<byte> wire)
    {
        var days = BinaryPrimitives.ReadInt32BigEndian(wire);
        return days is int.MinValue or int.MaxValue ? throw ColumnDecoder.NotReadable(column, "a date that is infinity") : days + DateWire.Epoch;
    }
}

/// <summary>The greatest and least timestamp mean infinity.</summary>
internal readonly struct TimestampReader : IWireReader<long>
{
    public long Read(string column, ReadOnlySpan<byte> wire)
    {
        var microseconds = BinaryPrimitives.ReadInt64BigEndian(wire);
        return microseconds is long.MinValue or > long.MaxValue - TimestampWire.Epoch
            ? throw ColumnDecoder.NotReadable(column, "a timestamp that is infinity or later than 64 bits of microseconds reach")
            : microseconds + TimestampWire.Epoch;
    }
}

/// <summary>
/// Values that are gathered in an array that the column's buffer then is: nothing is copied. The array comes back when the batch is disposed of. Fresh memory for each batch
/// costs more, by the page faults and the zeros that are written into it, than decoding.
/// </summary>
internal struct Gathered<T>() where T : unmanaged
{
    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(1024 * Unsafe.SizeOf<T>());

    public int Count { get; private set; }

    /// <summary>Makes room for so many more, and answers it.</summary>
    public Span<T> Extend(int items)
    {
        var needed = checked((Count + items) * Unsafe.SizeOf<T>());
        if (needed > _bytes.Length) Grow(needed);
        Count += items;
        return MemoryMarshal.Cast<byte, T>(_bytes.AsSpan(0, needed))[^items..];
    }

    /// <summary>Makes a buffer of what was gathered, and starts over.</summary>
    /// <param name="rented">Gets the buffer's array, which is to be returned when the buffer is not needed any more.</param>
    public ArrowBuffer Build(List<byte[]> rented)
    {
        var buffer = new ArrowBuffer(_bytes.AsMemory(0, Count * Unsafe.SizeOf<T>()));
        rented.Add(_bytes);
        (_bytes, Count) = (ArrayPool<byte>.Shared.Rent(_bytes.Length), 0);
        return buffer;
    }

    private void Grow(int needed)
    {
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max((int)Math.Min(_bytes.Length * 2L, System.Array.MaxLength), needed));
        _bytes.AsSpan(0, Count * Unsafe.SizeOf<T>()).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = larger;
    }
}

/// <summary>Values of one size.</summary>
internal sealed class FixedDecoder<T, TReader>(Field field, TReader reader) : ColumnDecoder(field)
    where T : unmanaged
    where TReader : struct, IWireReader<T>
{
    private Gathered<T> _values = new();

    protected override void AppendValues(byte[] buffer, ReadOnlySpan<int> places)
    {
        var values = _values.Extend(places.Length);
        var wireReader = reader;
        for (var i = 0; i < places.Length; i++)
        {
            var wire = FieldAt(buffer, places[i], out var length);
            if (length >= 0)
            {
                values[i] = wireReader.Read(Field.Name, wire);
            }
            else
            {
                values[i] = default;
                SetNull(i);
            }
        }
    }

    protected override ArrowBuffer[] BuildValues(List<byte[]> rented) => [_values.Build(rented)];
}

/// <summary>A bit for each value; the wire has a byte.</summary>
internal sealed class BooleanDecoder(Field field) : ColumnDecoder(field)
{
    private readonly ArrowBuffer.BitmapBuilder _values = new();

    protected override void AppendValues(byte[] buffer, ReadOnlySpan<int> places)
    {
        for (var i = 0; i < places.Length; i++)
        {
            var wire = FieldAt(buffer, places[i], out var length);
            _values.Append(length > 0 && wire[0] != 0);
            if (length < 0) SetNull(i);
        }
    }

    protected override ArrowBuffer[] BuildValues(List<byte[]> rented)
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
        _offsets.Extend(1)[0] = 0;
    }

    protected override void AppendValues(byte[] buffer, ReadOnlySpan<int> places)
    {
        var offsets = _offsets.Extend(places.Length);
        for (var i = 0; i < places.Length; i++)
        {
            var wire = FieldAt(buffer, places[i], out var length);
            if (length < 0) SetNull(i);
            else wire[_prefix..].CopyTo(_values.Extend(length - _prefix));
            offsets[i] = _values.Count;
        }
    }

    protected override ArrowBuffer[] BuildValues(List<byte[]> rented)
    {
        ArrowBuffer[] buffers = [_offsets.Build(rented), _values.Build(rented)];
        _offsets.Extend(1)[0] = 0;
        return buffers;
    }
}
