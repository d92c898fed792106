using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace DataPlatform.Ingestion;

/// <summary>Values of one size, which lie side by side in Arrow's buffer. In a page the NULLs are left out.</summary>
internal abstract class FixedParquetEncoder<T>(Field field, ParquetColumnType type, ParquetCompression compression)
    : ParquetColumnEncoder(field, type, compression) where T : unmanaged
{
    private T[] _present = [];

    protected override int RowsInPage(IArrowArray array, int start) => PageBytes / Unsafe.SizeOf<T>();

    protected override int WriteValues(IArrowArray array, int start, int rows, int nulls, RentedBuffer page)
    {
        var values = MemoryMarshal.Cast<byte, T>(array.Data.Buffers[1].Span).Slice(array.Offset + start, rows);
        PlainBytes += (long)rows * Unsafe.SizeOf<T>();
        Write(nulls == 0 ? values : Present(values, array.Data.Buffers[0].Span, array.Offset + start), start, page);
        return ParquetEncoding.Plain;
    }

    /// <summary>Writes values as PLAIN has them.</summary>
    /// <param name="values">The values.</param>
    /// <param name="firstRow">The row that the first would be in without NULLs before it; for errors.</param>
    /// <param name="page">Where to.</param>
    protected abstract void Write(ReadOnlySpan<T> values, int firstRow, RentedBuffer page);

    private ReadOnlySpan<T> Present(ReadOnlySpan<T> values, ReadOnlySpan<byte> validity, int offset)
    {
        if (_present.Length < values.Length) _present = GC.AllocateUninitializedArray<T>(values.Length);
        var count = 0;
        for (var row = 0; row < values.Length; row++)
        {
            // Written always and kept when there is a value: a branch on data would be guessed wrong.
            _present[count] = values[row];
            count += ParquetEncoding.IsSet(validity, offset + row) ? 1 : 0;
        }

        return _present.AsSpan(0, count);
    }
}

/// <summary>Values that Arrow and Parquet have in the same bytes.</summary>
internal class PlainParquetEncoder<T>(Field field, ParquetColumnType type, ParquetCompression compression)
    : FixedParquetEncoder<T>(field, type, compression) where T : unmanaged
{
    protected override void Write(ReadOnlySpan<T> values, int firstRow, RentedBuffer page) => page.Write(MemoryMarshal.AsBytes(values));
}

/// <summary>Integers, and what is one: dates, times, timestamps. Their range lets readers skip row groups.</summary>
internal sealed class IntegerParquetEncoder<T>(Field field, ParquetColumnType type, ParquetCompression compression)
    : PlainParquetEncoder<T>(field, type, compression) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
{
    private IntegerRange<T> _range = new();

    protected override void Write(ReadOnlySpan<T> values, int firstRow, RentedBuffer page)
    {
        _range.Add(values);
        base.Write(values, firstRow, page);
    }

    protected override (byte[] Min, byte[] Max)? TakeRange() => _range.Take();
}

/// <summary>Parquet has no integers of two bytes.</summary>
internal sealed class Int16ParquetEncoder(Field field, ParquetColumnType type, ParquetCompression compression) : FixedParquetEncoder<short>(field, type, compression)
{
    private IntegerRange<int> _range = new();

    protected override void Write(ReadOnlySpan<short> values, int firstRow, RentedBuffer page)
    {
        var bytes = values.Length * sizeof(int);
        var destination = MemoryMarshal.Cast<byte, int>(page.GetSpan(bytes)[..bytes]);
        for (var i = 0; i < values.Length; i++) destination[i] = values[i];
        _range.Add(destination);
        page.Advance(bytes);
    }

    protected override (byte[] Min, byte[] Max)? TakeRange() => _range.Take();
}

/// <summary>Decimals: integers where the digits fit into one, else big-endian bytes, as many as the digits need.</summary>
internal sealed class DecimalParquetEncoder(Field field, ParquetColumnType type, ParquetCompression compression) : FixedParquetEncoder<Int128>(field, type, compression)
{
    private readonly Int128 _limit = Limit(((Decimal128Type)field.DataType).Precision);

    protected override void Write(ReadOnlySpan<Int128> values, int firstRow, RentedBuffer page)
    {
        Check(values, firstRow);
        var size = Type.Length ?? (Type.Physical == ParquetColumnType.Int32 ? sizeof(int) : sizeof(long));
        var bytes = values.Length * size;
        var destination = page.GetSpan(bytes)[..bytes];
        if (Type.Physical == ParquetColumnType.Int32)
        {
            var integers = MemoryMarshal.Cast<byte, int>(destination);
            for (var i = 0; i < values.Length; i++) integers[i] = (int)values[i];
        }
        else if (Type.Physical == ParquetColumnType.Int64)
        {
            var integers = MemoryMarshal.Cast<byte, long>(destination);
            for (var i = 0; i < values.Length; i++) integers[i] = (long)values[i];
        }
        else
        {
            Span<byte> whole = stackalloc byte[16];
            for (var i = 0; i < values.Length; i++)
            {
                BinaryPrimitives.WriteInt128BigEndian(whole, values[i]);
                whole[^size..].CopyTo(destination[(i * size)..]);
            }
        }

        page.Advance(bytes);
    }

    private void Check(ReadOnlySpan<Int128> values, int firstRow)
    {
        for (var i = 0; i < values.Length; i++)
        {
            if (values[i] > -_limit && values[i] < _limit) continue;
            var digits = (Decimal128Type)Field.DataType;
            throw Unstorable(firstRow + i, $"{values[i]}e-{digits.Scale} has more digits than decimal({digits.Precision},{digits.Scale}).");
        }
    }

    private static Int128 Limit(int precision)
    {
        var limit = Int128.One;
        for (var i = 0; i < precision; i++) limit *= 10;
        return limit;
    }
}

/// <summary>A bit a value in both formats.</summary>
internal sealed class BooleanParquetEncoder(Field field, ParquetColumnType type, ParquetCompression compression) : ParquetColumnEncoder(field, type, compression)
{
    protected override int RowsInPage(IArrowArray array, int start) => MaxPageRows;

    protected override int WriteValues(IArrowArray array, int start, int rows, int nulls, RentedBuffer page)
    {
        var bits = array.Data.Buffers[1].Span;
        var bytes = (rows - nulls + 7) / 8;
        var destination = page.GetSpan(bytes + 1);
        if (nulls == 0)
        {
            ParquetEncoding.CopyBits(bits, array.Offset + start, rows, destination);
        }
        else
        {
            destination[..bytes].Clear();
            var validity = array.Data.Buffers[0].Span;
            var count = 0;
            for (var bit = array.Offset + start; bit < array.Offset + start + rows; bit++)
            {
                if (!ParquetEncoding.IsSet(validity, bit)) continue;
                if (ParquetEncoding.IsSet(bits, bit)) destination[count >> 3] |= (byte)(1 << (count & 7));
                count++;
            }
        }

        page.Advance(bytes);
        PlainBytes += bytes;
        return ParquetEncoding.Plain;
    }
}

/// <summary>The least and the greatest of the integers seen.</summary>
internal struct IntegerRange<T>() where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
{
    private T _min = T.MaxValue, _max = T.MinValue;

    public void Add(ReadOnlySpan<T> values)
    {
        var (min, max) = (_min, _max);
        foreach (var value in values)
        {
            min = T.Min(min, value);
            max = T.Max(max, value);
        }

        (_min, _max) = (min, max);
    }

    /// <summary>The range as little-endian bytes, or null when nothing was seen; begins anew.</summary>
    public (byte[] Min, byte[] Max)? Take()
    {
        (byte[], byte[])? range = _min > _max ? null : (Bytes(_min), Bytes(_max));
        (_min, _max) = (T.MaxValue, T.MinValue);
        return range;
    }

    private static byte[] Bytes(T value)
    {
        var bytes = new byte[value.GetByteCount()];
        value.WriteLittleEndian(bytes);
        return bytes;
    }
}
