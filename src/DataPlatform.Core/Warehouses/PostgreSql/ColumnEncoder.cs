using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>Encodes one column of record batches as fields of PostgreSQL's binary format: a length of four bytes, -1 for NULL, and the value.</summary>
internal abstract class ColumnEncoder(string name)
{
    protected const int LengthSize = sizeof(int);

    /// <summary>The column's name.</summary>
    protected string Name { get; } = name;

    /// <summary>Takes a batch's column and checks that its values can be stored.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="column">Which of its columns this is.</param>
    /// <param name="rowsBefore">Rows of earlier batches, to number rows in errors.</param>
    public abstract void Load(RecordBatch batch, int column, long rowsBefore);

    /// <summary>Adds the size of each row's field, its length word included, for the rows from <paramref name="start"/> on.</summary>
    public abstract void AddSizes(int start, Span<long> sizes);

    /// <summary>Writes the fields of the rows from <paramref name="start"/> on, each to its position, and moves the positions behind them.</summary>
    /// <param name="start">The first row within the batch.</param>
    /// <param name="windowStart">Where the last <see cref="AddSizes"/> started.</param>
    /// <param name="buffer">Where to write.</param>
    /// <param name="positions">A position for each row.</param>
    public abstract void Write(int start, int windowStart, Span<byte> buffer, Span<int> positions);

    protected WarehouseException Unstorable(long row, string problem, string hint) =>
        new(FailureClass.Data, $"Column '{Name}', row {row}: {problem}", hint);
}

/// <summary>Encodes the values of an array: a batch's column, or the elements of its lists.</summary>
internal abstract class ValueEncoder(string name) : ColumnEncoder(name)
{
    public sealed override void Load(RecordBatch batch, int column, long rowsBefore) => Load(batch.Column(column), new RowNumbers(rowsBefore));

    /// <summary>Takes an array and checks that its values can be stored.</summary>
    public abstract void Load(IArrowArray array, RowNumbers rows);

    /// <summary>The encoder for values of a field into a column, or null when the column cannot take them without loss.</summary>
    public static ValueEncoder? Create(Field field, TableColumn column)
    {
        var (name, target) = (field.Name, column.TypeOid);
        return field.DataType switch
        {
            FixedSizeBinaryType when ColumnTypes.IsUuid(field) => target is PostgreSqlTypes.Uuid ? new FixedEncoder<Guid, UuidWire>(name) : null,
            BooleanType => target is PostgreSqlTypes.Boolean ? new BooleanEncoder(name) : null,
            Int16Type => Integer<short>(name, target),
            Int32Type => Integer<int>(name, target),
            Int64Type => Integer<long>(name, target),
            FloatType => target switch
            {
                PostgreSqlTypes.Float4 => new FixedEncoder<float, SingleWire>(name),
                PostgreSqlTypes.Float8 => new FixedEncoder<float, SingleToDoubleWire>(name),
                _ => null,
            },
            DoubleType => target is PostgreSqlTypes.Float8 ? new FixedEncoder<double, DoubleWire>(name) : null,
            Decimal128Type { Scale: >= 0 } type => target is PostgreSqlTypes.Numeric && (column.Precision is null || column.Scale >= type.Scale)
                ? new NumericEncoder(name, type.Scale)
                : null,
            StringType => target switch
            {
                PostgreSqlTypes.Jsonb => new VariableEncoder(name, isText: true, isJsonb: true),
                PostgreSqlTypes.Json => new VariableEncoder(name, isText: true),
                _ when PostgreSqlTypes.IsText(target) || column.TakesText => new VariableEncoder(name, isText: true),
                _ => null,
            },
            BinaryType => target is PostgreSqlTypes.Bytea ? new VariableEncoder(name, isText: false) : null,
            Date32Type => target is PostgreSqlTypes.Date ? new FixedEncoder<int, DateWire>(name) : null,
            Time64Type { Unit: TimeUnit.Microsecond } => target is PostgreSqlTypes.Time ? new FixedEncoder<long, IntegerWire<long, long>>(name) : null,
            TimestampType { Unit: TimeUnit.Microsecond } type =>
                target == (string.IsNullOrEmpty(type.Timezone) ? PostgreSqlTypes.Timestamp : PostgreSqlTypes.TimestampTz) ? new FixedEncoder<long, TimestampWire>(name) : null,
            ListType => ColumnTypes.ElementOf(field) is { DataType: not ListType } element && PostgreSqlTypes.ElementOf(target) is { } elementOid
                && Create(element, column with { TypeOid = elementOid }) is { } encoder ? new ListEncoder(name, encoder, elementOid) : null,
            _ => null,
        };
    }

    private static ValueEncoder? Integer<T>(string name, uint target) where T : unmanaged, IBinaryInteger<T> => target switch
    {
        PostgreSqlTypes.Int2 when typeof(T) == typeof(short) => new FixedEncoder<T, IntegerWire<T, short>>(name),
        PostgreSqlTypes.Int4 when typeof(T) != typeof(long) => new FixedEncoder<T, IntegerWire<T, int>>(name),
        PostgreSqlTypes.Int8 => new FixedEncoder<T, IntegerWire<T, long>>(name),
        _ => null,
    };
}

/// <summary>Numbers the rows that values are in, for errors: each its own, or that of the list it is an element of.</summary>
internal readonly struct RowNumbers(long before, ListArray? lists = null, int firstElement = 0)
{
    public long Of(int index)
    {
        if (lists is null) return before + index + 1;
        var row = 0;
        while (lists.ValueOffsets[row + 1] <= firstElement + index) row++;
        return before + row + 1;
    }

    public RowNumbers OfElements(ListArray of, int first) => new(before, of, first);
}

/// <summary>Which of an array's values are not NULL.</summary>
internal ref struct Validity(IArrowArray array)
{
    private readonly ReadOnlySpan<byte> _bits = array.NullCount > 0 ? array.Data.Buffers[0].Span : default;
    private readonly int _offset = array.Offset;

    public readonly bool HasNulls => !_bits.IsEmpty;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool IsValid(int row) => (_bits[(_offset + row) >> 3] >> ((_offset + row) & 7) & 1) != 0;
}

/// <summary>How one value of fixed size goes over the wire.</summary>
internal interface IWire<T>
{
    static abstract int Size { get; }

    /// <summary>Writes the value; false when PostgreSQL has no such value.</summary>
    static abstract bool TryWrite(Span<byte> destination, T value);
}

/// <summary>Values that lie side by side in Arrow's buffer and have one size on the wire.</summary>
internal sealed class FixedEncoder<T, TWire>(string name) : ValueEncoder(name) where T : unmanaged where TWire : struct, IWire<T>
{
    private IArrowArray _array = null!;
    private RowNumbers _rows;

    public override void Load(IArrowArray array, RowNumbers rows) => (_array, _rows) = (array, rows);

    public override void AddSizes(int start, Span<long> sizes)
    {
        var validity = new Validity(_array);
        if (!validity.HasNulls)
        {
            foreach (ref var size in sizes) size += LengthSize + TWire.Size;
            return;
        }

        for (var i = 0; i < sizes.Length; i++) sizes[i] += validity.IsValid(start + i) ? LengthSize + TWire.Size : LengthSize;
    }

    public override void Write(int start, int windowStart, Span<byte> buffer, Span<int> positions)
    {
        var values = MemoryMarshal.Cast<byte, T>(_array.Data.Buffers[1].Span).Slice(_array.Offset + start, positions.Length);
        var validity = new Validity(_array);
        for (var i = 0; i < positions.Length; i++)
        {
            var field = buffer[positions[i]..];
            if (validity.HasNulls && !validity.IsValid(start + i))
            {
                BinaryPrimitives.WriteInt32BigEndian(field, -1);
                positions[i] += LengthSize;
                continue;
            }

            BinaryPrimitives.WriteInt32BigEndian(field, TWire.Size);
            if (!TWire.TryWrite(field[LengthSize..], values[i]))
                throw Unstorable(_rows.Of(start + i), $"the value {values[i]} is outside what PostgreSQL can store.", "Correct the value, or leave the row out.");
            positions[i] += LengthSize + TWire.Size;
        }
    }
}

internal readonly struct IntegerWire<T, TTarget> : IWire<T> where T : IBinaryInteger<T> where TTarget : IBinaryInteger<TTarget>
{
    public static int Size => Unsafe.SizeOf<TTarget>();

    public static bool TryWrite(Span<byte> destination, T value)
    {
        TTarget.CreateTruncating(value).WriteBigEndian(destination);
        return true;
    }
}

internal readonly struct SingleWire : IWire<float>
{
    public static int Size => sizeof(float);

    public static bool TryWrite(Span<byte> destination, float value)
    {
        BinaryPrimitives.WriteSingleBigEndian(destination, value);
        return true;
    }
}

internal readonly struct SingleToDoubleWire : IWire<float>
{
    public static int Size => sizeof(double);

    public static bool TryWrite(Span<byte> destination, float value) => DoubleWire.TryWrite(destination, value);
}

internal readonly struct DoubleWire : IWire<double>
{
    public static int Size => sizeof(double);

    public static bool TryWrite(Span<byte> destination, double value)
    {
        BinaryPrimitives.WriteDoubleBigEndian(destination, value);
        return true;
    }
}

/// <summary>Days since 2000-01-01; Arrow counts from 1970-01-01. The least value means -infinity and is not a date.</summary>
internal readonly struct DateWire : IWire<int>
{
    public const int Epoch = 10_957;

    public static int Size => sizeof(int);

    public static bool TryWrite(Span<byte> destination, int value)
    {
        if (value <= int.MinValue + Epoch) return false;
        BinaryPrimitives.WriteInt32BigEndian(destination, value - Epoch);
        return true;
    }
}

/// <summary>Microseconds since 2000-01-01; Arrow counts from 1970-01-01. The least value means -infinity and is not a moment.</summary>
internal readonly struct TimestampWire : IWire<long>
{
    public const long Epoch = 946_684_800_000_000;

    public static int Size => sizeof(long);

    public static bool TryWrite(Span<byte> destination, long value)
    {
        if (value <= long.MinValue + Epoch) return false;
        BinaryPrimitives.WriteInt64BigEndian(destination, value - Epoch);
        return true;
    }
}

/// <summary>Sixteen bytes in network order on both sides; <see cref="Guid"/> stands for them without being interpreted.</summary>
internal readonly struct UuidWire : IWire<Guid>
{
    public static int Size => 16;

    public static bool TryWrite(Span<byte> destination, Guid value)
    {
        MemoryMarshal.Write(destination, in value);
        return true;
    }
}

/// <summary>A byte for each value; Arrow has a bit.</summary>
internal sealed class BooleanEncoder(string name) : ValueEncoder(name)
{
    private IArrowArray _array = null!;

    public override void Load(IArrowArray array, RowNumbers rows) => _array = array;

    public override void AddSizes(int start, Span<long> sizes)
    {
        var validity = new Validity(_array);
        for (var i = 0; i < sizes.Length; i++) sizes[i] += !validity.HasNulls || validity.IsValid(start + i) ? LengthSize + 1 : LengthSize;
    }

    public override void Write(int start, int windowStart, Span<byte> buffer, Span<int> positions)
    {
        var bits = _array.Data.Buffers[1].Span;
        var validity = new Validity(_array);
        for (var i = 0; i < positions.Length; i++)
        {
            var field = buffer[positions[i]..];
            if (validity.HasNulls && !validity.IsValid(start + i))
            {
                BinaryPrimitives.WriteInt32BigEndian(field, -1);
                positions[i] += LengthSize;
                continue;
            }

            var bit = _array.Offset + start + i;
            BinaryPrimitives.WriteInt32BigEndian(field, 1);
            field[LengthSize] = (byte)(bits[bit >> 3] >> (bit & 7) & 1);
            positions[i] += LengthSize + 1;
        }
    }
}

/// <summary>Text and bytes as they are; jsonb is text after a version byte.</summary>
internal sealed class VariableEncoder(string name, bool isText, bool isJsonb = false) : ValueEncoder(name)
{
    private const byte JsonbVersion = 1;
    private const int MaxLength = 1_000_000_000;

    private readonly int _prefix = isJsonb ? 1 : 0;
    private BinaryArray _array = null!;

    public override void Load(IArrowArray array, RowNumbers rows)
    {
        _array = (BinaryArray)array;
        if (_array.Length == 0) return;
        var offsets = _array.ValueOffsets;
        var bytes = offsets[^1] - offsets[0];
        if ((isText && _array.ValueBuffer.Span.Slice(offsets[0], bytes).Contains((byte)0)) || bytes > MaxLength) FindUnstorable(rows);
    }

    public override void AddSizes(int start, Span<long> sizes)
    {
        var offsets = _array.ValueOffsets.Slice(start, sizes.Length + 1);
        var validity = new Validity(_array);
        for (var i = 0; i < sizes.Length; i++)
            sizes[i] += !validity.HasNulls || validity.IsValid(start + i) ? LengthSize + _prefix + offsets[i + 1] - offsets[i] : LengthSize;
    }

    public override void Write(int start, int windowStart, Span<byte> buffer, Span<int> positions)
    {
        var offsets = _array.ValueOffsets.Slice(start, positions.Length + 1);
        var values = _array.ValueBuffer.Span;
        var validity = new Validity(_array);
        for (var i = 0; i < positions.Length; i++)
        {
            var field = buffer[positions[i]..];
            if (validity.HasNulls && !validity.IsValid(start + i))
            {
                BinaryPrimitives.WriteInt32BigEndian(field, -1);
                positions[i] += LengthSize;
                continue;
            }

            var value = values[offsets[i]..offsets[i + 1]];
            BinaryPrimitives.WriteInt32BigEndian(field, _prefix + value.Length);
            if (_prefix > 0) field[LengthSize] = JsonbVersion;
            value.CopyTo(field[(LengthSize + _prefix)..]);
            positions[i] += LengthSize + _prefix + value.Length;
        }
    }

    // Checked here, where the row is known: the server would end the whole COPY at a place it does not name well.
    private void FindUnstorable(RowNumbers rows)
    {
        for (var i = 0; i < _array.Length; i++)
        {
            if (_array.IsNull(i)) continue;
            var value = _array.GetBytes(i);
            if (isText && value.Contains((byte)0))
                throw Unstorable(rows.Of(i), "the text contains the character U+0000, which PostgreSQL cannot store.", "Remove the character where the data comes from, or reject the row.");
            if (value.Length > MaxLength)
                throw Unstorable(rows.Of(i), $"the value has {value.Length:N0} bytes; PostgreSQL stores 1 GB at most.", "Keep values of that size in an object store.");
        }
    }
}

/// <summary>Row numbers from 0, for a column that keeps the order of the rows.</summary>
internal sealed class OrdinalEncoder() : ColumnEncoder("row number")
{
    private long _rowsBefore;

    public override void Load(RecordBatch batch, int column, long rowsBefore) => _rowsBefore = rowsBefore;

    public override void AddSizes(int start, Span<long> sizes)
    {
        foreach (ref var size in sizes) size += LengthSize + sizeof(long);
    }

    public override void Write(int start, int windowStart, Span<byte> buffer, Span<int> positions)
    {
        for (var i = 0; i < positions.Length; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(buffer[positions[i]..], sizeof(long));
            BinaryPrimitives.WriteInt64BigEndian(buffer[(positions[i] + LengthSize)..], _rowsBefore + start + i);
            positions[i] += LengthSize + sizeof(long);
        }
    }
}
