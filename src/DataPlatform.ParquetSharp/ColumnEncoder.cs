using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;
using ParquetSharp;
using ParquetSharp.Schema;
using NativeUnit = ParquetSharp.TimeUnit;
using TimeUnit = Apache.Arrow.Types.TimeUnit;

namespace DataPlatform.ParquetSharp;

/// <summary>Gives one column of record batches to the native library in its physical type. For one thread at a time.</summary>
internal abstract class ColumnEncoder(Field field)
{
    private const int RowsLookedAt = 4096;
    private const int MaxInt32Digits = 9, MaxInt64Digits = 18;

    private short[] _levels = [], _repetition = [];
    private ListArray? _lists; // that are being written
    private int _entries, _written;

    /// <summary>The column, which may be one of lists.</summary>
    public Field Column { get; private set; } = field;

    public string Name => Column.Name;

    /// <summary>The names on the way to the values.</summary>
    public string[] Path => Column.DataType is ListType ? [Name, "list", "element"] : [Name];

    /// <summary>Whether a dictionary is worth trying, as some rows show.</summary>
    public bool RepeatsValues(IArrowArray array) => AreRepeated(array is ListArray lists ? lists.Values : array);

    /// <summary>Bytes of the row group's values without compression or dictionary.</summary>
    public long PlainBytes { get; set; }

    /// <summary>The values: the column's, or those of its lists' elements.</summary>
    protected Field Field { get; } = field;

    /// <exception cref="DataPlatformException">The type is not one of <see cref="ColumnTypes"/>.</exception>
    public static ColumnEncoder Create(Field column)
    {
        var encoder = CreateFor(ColumnTypes.ElementOf(column) ?? column);
        encoder.Column = column;
        return encoder;
    }

    private static ColumnEncoder CreateFor(Field field) => field.DataType switch
    {
        _ when ColumnTypes.IsUuid(field) => new FixedBytesEncoder(field, 16),
        BooleanType => new BooleanEncoder(field),
        Int16Type => new ConvertedEncoder<short, int>(field, value => value),
        Int32Type or Date32Type => new PlainEncoder<int>(field),
        Int64Type or Time64Type { Unit: TimeUnit.Microsecond } or TimestampType { Unit: TimeUnit.Microsecond } => new PlainEncoder<long>(field),
        FloatType => new PlainEncoder<float>(field),
        DoubleType => new PlainEncoder<double>(field),
        Decimal128Type { Scale: >= 0, Precision: <= MaxInt32Digits } => new ConvertedEncoder<Int128, int>(field, value => (int)value),
        Decimal128Type { Scale: >= 0, Precision: <= MaxInt64Digits } => new ConvertedEncoder<Int128, long>(field, value => (long)value),
        Decimal128Type { Scale: >= 0 } type => new FixedBytesEncoder(field, (int)Math.Ceiling(((type.Precision * Math.Log2(10)) + 1) / 8)),
        StringType or BinaryType => new VariableEncoder(field),
        var other => throw new DataPlatformException(
            FailureClass.Configuration, $"Column '{field.Name}' has the type {other.Name}, which is not one of ColumnTypes and cannot be written to Parquet.", "Widen it to one of these."),
    };

    /// <summary>The column's place in the file's schema.</summary>
    public Node CreateNode()
    {
        using var logical = CreateLogicalType();
        var values = new PrimitiveNode(Path[^1], RepetitionOf(Field), logical, PhysicalType, FixedLength);
        if (Column.DataType is not ListType) return values;
        using (values)
        {
            using var group = new GroupNode(Path[1], Repetition.Repeated, [values]);
            using var list = LogicalType.List();
            return new GroupNode(Name, RepetitionOf(Column), [group], list);
        }
    }

    /// <summary>Adds the values of a batch to the row group.</summary>
    /// <param name="array">The column.</param>
    /// <param name="writer">The row group's writer for it.</param>
    /// <param name="rowsBefore">Rows of earlier batches, to number rows in errors.</param>
    public void Write(IArrowArray array, ColumnWriter writer, long rowsBefore)
    {
        if (array.NullCount > 0 && !Column.IsNullable)
            throw Unstorable(rowsBefore + Enumerable.Range(0, array.Length).First(array.IsNull) + 1, "it has no value, and the column does not allow NULL.");
        var values = array;
        _lists = array as ListArray;
        if (_lists is not null)
        {
            var offsets = _lists.ValueOffsets;
            values = ArrowArrayFactory.Slice(_lists.Values, offsets[0], offsets[^1] - offsets[0]);
            if (values.NullCount > 0 && !Field.IsNullable)
                throw Unstorable(RowOf(Enumerable.Range(0, values.Length).First(values.IsNull)) + rowsBefore, "its list has an element without value, and the column does not allow that.");
            PlaceElements(_lists, values);
        }

        Check(values, rowsBefore);
        WriteValues(values, writer);
    }

    protected abstract PhysicalType PhysicalType { get; }

    protected virtual int FixedLength => -1;

    protected abstract void WriteValues(IArrowArray array, ColumnWriter writer);

    protected virtual bool AreRepeated(IArrowArray values) => false;

    /// <summary>Whether most values are not the first of their kind: to look up one that is costs more than writing another again saves.</summary>
    protected static bool AreRepeated<T>(IArrowArray values, Func<int, T> valueOf)
    {
        var (different, count) = (new HashSet<T>(), 0);
        for (var row = 0; row < Math.Min(values.Length, RowsLookedAt); row++)
        {
            if (values.IsNull(row)) continue;
            count++;
            different.Add(valueOf(row));
        }

        return different.Count <= count / 2;
    }

    /// <summary>Writes values that stand at their rows, also where there is NULL.</summary>
    protected void Write<T>(ColumnWriter writer, IArrowArray array, int start, ReadOnlySpan<T> values) where T : unmanaged
    {
        var column = (ColumnWriter<T>)writer;
        if (_lists is not null)
        {
            WriteElements(column, array, start, values);
            return;
        }

        if (!Column.IsNullable)
        {
            column.WriteBatch(values);
            return;
        }

        var levels = Levels(array, start, values.Length);
        if (array.NullCount == 0) column.WriteBatch(values.Length, levels, [], values);
        else column.WriteBatchSpaced(values.Length, levels, levels, array.Data.Buffers[0].Span, array.Offset + start, values);
    }

    protected DataPlatformException Unstorable(long row, string problem) => new(
        FailureClass.Data, $"Column '{Name}', row {row} of the Parquet file: {problem}", "Correct the value, or leave the row out.");

    private void WriteElements<T>(ColumnWriter<T> column, IArrowArray array, int start, ReadOnlySpan<T> values) where T : unmanaged
    {
        // The entries of these elements, and of lists without elements behind them.
        var (entries, elements) = (0, 0);
        for (; _written + entries < _entries; entries++)
        {
            var isElement = _levels[_written + entries] >= ElementLevel;
            if (isElement && elements == values.Length) break;
            if (isElement) elements++;
        }

        var levels = _levels.AsSpan(_written, entries);
        var repetition = _repetition.AsSpan(_written, entries);
        _written += entries;
        if (array.NullCount == 0) column.WriteBatch(entries, levels, repetition, values);
        else column.WriteBatchSpaced(entries, levels, repetition, array.Data.Buffers[0].Span, array.Offset + start, values);
    }

    // From this definition level on there is an element.
    private int ElementLevel => Column.IsNullable ? 2 : 1;

    // An entry for each element, and one for each list that has none. Definition: 0 for no list, then for an empty one, an element without value and one with, as far as
    // these can be. Repetition: 0 for what begins a list, 1 for what follows in it.
    private void PlaceElements(ListArray lists, IArrowArray elements)
    {
        var offsets = lists.ValueOffsets;
        if (_levels.Length < lists.Length + elements.Length) (_levels, _repetition) = (new short[lists.Length + elements.Length], new short[lists.Length + elements.Length]);
        (_entries, _written) = (0, 0);
        for (var row = 0; row < lists.Length; row++)
        {
            if (lists.IsNull(row) || offsets[row] == offsets[row + 1])
            {
                (_repetition[_entries], _levels[_entries++]) = (0, (short)(lists.IsNull(row) ? 0 : ElementLevel - 1));
                continue;
            }

            for (var i = offsets[row]; i < offsets[row + 1]; i++)
            {
                var hasValue = Field.IsNullable && elements.IsValid(i - offsets[0]);
                (_repetition[_entries], _levels[_entries++]) = ((short)(i == offsets[row] ? 0 : 1), (short)(hasValue ? ElementLevel + 1 : ElementLevel));
            }
        }
    }

    private static Repetition RepetitionOf(Field field) => field.IsNullable ? Repetition.Optional : Repetition.Required;

    // Counted from 1.
    private int RowOf(int index)
    {
        if (_lists is null) return index + 1;
        var offsets = _lists.ValueOffsets;
        var row = 0;
        while (offsets[row + 1] - offsets[0] <= index) row++;
        return row + 1;
    }

    // 1 where there is a value and 0 where there is NULL.
    private ReadOnlySpan<short> Levels(IArrowArray array, int start, int rows)
    {
        if (_levels.Length < rows) _levels = new short[rows];
        var levels = _levels.AsSpan(0, rows);
        if (array.NullCount == 0)
        {
            levels.Fill(1);
            return levels;
        }

        var validity = array.Data.Buffers[0].Span;
        var offset = array.Offset + start;
        for (var i = 0; i < levels.Length; i++) levels[i] = (short)((validity[(offset + i) >> 3] >> ((offset + i) & 7)) & 1);
        return levels;
    }

    private void Check(IArrowArray array, long rowsBefore)
    {
        if (Field.DataType is not Decimal128Type digits) return;
        var limit = Int128.One;
        for (var i = 0; i < digits.Precision; i++) limit *= 10;
        var values = MemoryMarshal.Cast<byte, Int128>(array.Data.Buffers[1].Span).Slice(array.Offset, array.Length);
        for (var row = 0; row < values.Length; row++)
        {
            if ((values[row] >= limit || values[row] <= -limit) && array.IsValid(row))
                throw Unstorable(rowsBefore + RowOf(row), $"{values[row]}e-{digits.Scale} has more digits than decimal({digits.Precision},{digits.Scale}).");
        }
    }

    private LogicalType CreateLogicalType() => Field.DataType switch
    {
        _ when ColumnTypes.IsUuid(Field) => LogicalType.Uuid(),
        _ when ColumnTypes.IsJson(Field) => LogicalType.Json(),
        Int16Type => LogicalType.Int(16, isSigned: true),
        Decimal128Type type => LogicalType.Decimal(type.Precision, type.Scale),
        StringType => LogicalType.String(),
        Date32Type => LogicalType.Date(),
        Time64Type => LogicalType.Time(isAdjustedToUtc: false, NativeUnit.Micros),
        TimestampType type => LogicalType.Timestamp(isAdjustedToUtc: !string.IsNullOrEmpty(type.Timezone), NativeUnit.Micros),
        _ => LogicalType.None(),
    };
}

/// <summary>Values that both sides have in the same bytes.</summary>
internal sealed class PlainEncoder<T>(Field field) : ColumnEncoder(field) where T : unmanaged
{
    protected override PhysicalType PhysicalType { get; } = PhysicalTypes.Of<T>();

    // Of numbers few are equal, of dates, codes and counts most.
    protected override bool AreRepeated(IArrowArray array) => AreRepeated(array, row => ValuesOf(array)[row]);

    protected override void WriteValues(IArrowArray array, ColumnWriter writer)
    {
        Write(writer, array, 0, ValuesOf(array));
        PlainBytes += (long)array.Length * Unsafe.SizeOf<T>();
    }

    private static ReadOnlySpan<T> ValuesOf(IArrowArray array) => MemoryMarshal.Cast<byte, T>(array.Data.Buffers[1].Span).Slice(array.Offset, array.Length);
}

/// <summary>Values that take another type in the file.</summary>
internal sealed class ConvertedEncoder<T, TPhysical>(Field field, Func<T, TPhysical> convert) : ColumnEncoder(field) where T : unmanaged where TPhysical : unmanaged
{
    private TPhysical[] _converted = [];

    protected override PhysicalType PhysicalType { get; } = PhysicalTypes.Of<TPhysical>();

    protected override void WriteValues(IArrowArray array, ColumnWriter writer)
    {
        var values = MemoryMarshal.Cast<byte, T>(array.Data.Buffers[1].Span).Slice(array.Offset, array.Length);
        if (_converted.Length < values.Length) _converted = new TPhysical[values.Length];
        for (var i = 0; i < values.Length; i++) _converted[i] = convert(values[i]);
        Write<TPhysical>(writer, array, 0, _converted.AsSpan(0, values.Length));
        PlainBytes += (long)values.Length * Unsafe.SizeOf<TPhysical>();
    }
}

internal sealed class BooleanEncoder(Field field) : ColumnEncoder(field)
{
    // A bit becomes a byte: the byte that it is in is put into all eight, each keeps one of the bits, and whatever is left of it carries into the highest.
    private const ulong EachByte = 0x0101010101010101, EachBit = 0x8040201008040201;

    private ulong[] _values = [];

    protected override PhysicalType PhysicalType => PhysicalType.Boolean;

    protected override void WriteValues(IArrowArray array, ColumnWriter writer)
    {
        var bits = array.Data.Buffers[1].Span;
        var skipped = array.Offset & 7;
        var bytes = bits.Slice(array.Offset >> 3, (skipped + array.Length + 7) >> 3);
        if (_values.Length < bytes.Length) _values = new ulong[bytes.Length];
        for (var i = 0; i < bytes.Length; i++) _values[i] = ((((bytes[i] * EachByte) & EachBit) + (0x7F * EachByte)) >> 7) & EachByte;
        Write(writer, array, 0, MemoryMarshal.Cast<ulong, bool>(_values).Slice(skipped, array.Length));
        PlainBytes += array.Length / 8;
    }
}

/// <summary>Big-endian bytes: UUIDs as they are, the last ones of decimals.</summary>
internal sealed unsafe class FixedBytesEncoder(Field field, int length) : ColumnEncoder(field)
{
    private const int ArrowBytes = 16;

    private byte[] _bytes = [];
    private FixedLenByteArray[] _values = [];

    protected override PhysicalType PhysicalType => PhysicalType.FixedLenByteArray;

    protected override int FixedLength => length;

    protected override void WriteValues(IArrowArray array, ColumnWriter writer)
    {
        var source = array.Data.Buffers[1].Span.Slice(array.Offset * ArrowBytes, array.Length * ArrowBytes);
        if (_values.Length < array.Length) _values = new FixedLenByteArray[array.Length];
        if (Field.DataType is Decimal128Type) source = ToBigEndian(source);
        fixed (byte* bytes = source)
        {
            for (var i = 0; i < array.Length; i++) _values[i] = new FixedLenByteArray((nint)(bytes + (i * ArrowBytes) + (ArrowBytes - length)));
            Write<FixedLenByteArray>(writer, array, 0, _values.AsSpan(0, array.Length));
        }

        PlainBytes += (long)array.Length * length;
    }

    private ReadOnlySpan<byte> ToBigEndian(ReadOnlySpan<byte> source)
    {
        if (_bytes.Length < source.Length) _bytes = new byte[source.Length];
        var values = MemoryMarshal.Cast<byte, Int128>(source);
        for (var i = 0; i < values.Length; i++) BinaryPrimitives.WriteInt128BigEndian(_bytes.AsSpan(i * ArrowBytes), values[i]);
        return _bytes.AsSpan(0, source.Length);
    }
}

/// <summary>Text and bytes: where each value is in Arrow's buffer.</summary>
internal sealed unsafe class VariableEncoder(Field field) : ColumnEncoder(field)
{
    private const int RowsAtATime = 16_384;

    private readonly ByteArray[] _values = new ByteArray[RowsAtATime];

    protected override PhysicalType PhysicalType => PhysicalType.ByteArray;

    protected override bool AreRepeated(IArrowArray values) => AreRepeated(values, row => XxHash3.HashToUInt64(((BinaryArray)values).GetBytes(row)));

    protected override void WriteValues(IArrowArray array, ColumnWriter writer)
    {
        var offsets = ((BinaryArray)array).ValueOffsets;
        fixed (byte* bytes = ((BinaryArray)array).ValueBuffer.Span)
        {
            // Once at least: lists without elements have entries too.
            var start = 0;
            do
            {
                var rows = Math.Min(RowsAtATime, array.Length - start);
                for (var i = 0; i < rows; i++)
                {
                    var offset = offsets[start + i];
                    _values[i] = new ByteArray((nint)(bytes + offset), offsets[start + i + 1] - offset);
                }

                Write<ByteArray>(writer, array, start, _values.AsSpan(0, rows));
                start += RowsAtATime;
            }
            while (start < array.Length);
        }

        PlainBytes += offsets[^1] - offsets[0] + ((long)array.Length * sizeof(int));
    }
}

internal static class PhysicalTypes
{
    public static PhysicalType Of<T>() =>
        typeof(T) == typeof(int) ? PhysicalType.Int32
        : typeof(T) == typeof(long) ? PhysicalType.Int64
        : typeof(T) == typeof(float) ? PhysicalType.Float
        : PhysicalType.Double;
}
