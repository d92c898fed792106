using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using Apache.Arrow;

namespace DataPlatform.Ingestion;

/// <summary>Encodings of the Parquet format (<c>Encodings.md</c>) that more than one kind of column needs.</summary>
internal static class ParquetEncoding
{
    public const int Plain = 0, Rle = 3, RleDictionary = 8;

    /// <summary>Writes an unsigned number seven bits a byte and returns how many bytes that took.</summary>
    public static int WriteVarInt(Span<byte> destination, ulong value)
    {
        var length = 0;
        for (; value >= 0x80; value >>= 7) destination[length++] = (byte)(value | 0x80);
        destination[length++] = (byte)value;
        return length;
    }

    /// <summary>
    /// Writes which rows have a value, as definition levels 0 and 1: one run when all have, else Arrow's own bits, which are in the order that Parquet wants.
    /// Returns how many have none.
    /// </summary>
    public static int WriteDefinitionLevels(RentedBuffer page, ArrayData data, int start, int rows)
    {
        var nulls = CountNulls(data, start, rows);
        var bytes = (rows + 7) / 8;
        var destination = page.GetSpan(sizeof(int) + 10 + bytes);
        var length = sizeof(int);
        if (nulls == 0)
        {
            length += WriteVarInt(destination[length..], (ulong)rows << 1);
            destination[length++] = 1;
        }
        else
        {
            length += WriteVarInt(destination[length..], ((ulong)bytes << 1) | 1);
            CopyBits(data.Buffers[0].Span, data.Offset + start, rows, destination[length..]);
            length += bytes;
        }

        BinaryPrimitives.WriteInt32LittleEndian(destination, length - sizeof(int));
        page.Advance(length);
        return nulls;
    }

    /// <summary>How many of some rows have no value.</summary>
    public static int CountNulls(ArrayData data, int start, int rows) =>
        data.NullCount == 0 || data.Buffers[0].Length == 0 ? 0 : rows - CountBits(data.Buffers[0].Span, data.Offset + start, rows);

    /// <summary>Whether a bit is set, counted from the least of the first byte, as Arrow and Parquet both count them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsSet(ReadOnlySpan<byte> bits, int index) => ((bits[index >> 3] >> (index & 7)) & 1) != 0;

    /// <summary>Copies bits to the beginning of other bytes; those behind the last are zero.</summary>
    public static void CopyBits(ReadOnlySpan<byte> bits, int start, int count, Span<byte> destination)
    {
        var bytes = (count + 7) / 8;
        var shift = start & 7;
        var source = bits[(start >> 3)..((start + count + 7) >> 3)];
        if (shift == 0) source.CopyTo(destination);
        else
        {
            for (var i = 0; i < bytes; i++)
                destination[i] = (byte)((source[i] >> shift) | (i + 1 < source.Length ? source[i + 1] << (8 - shift) : 0));
        }

        if ((count & 7) != 0) destination[bytes - 1] &= (byte)((1 << (count & 7)) - 1);
    }

    /// <summary>Writes indices into a dictionary: the width of one in bits, then all of them packed.</summary>
    public static void WriteIndices(RentedBuffer page, ReadOnlySpan<int> indices, int dictionaryLength)
    {
        var width = Math.Max(1, BitOperations.Log2((uint)Math.Max(dictionaryLength - 1, 1)) + 1);
        var destination = page.GetSpan(1 + MaxPackedLength(indices.Length, width));
        destination[0] = (byte)width;
        page.Advance(1 + Pack(destination[1..], indices, width));
    }

    /// <summary>Writes repetition or definition levels.</summary>
    /// <param name="page">Where to.</param>
    /// <param name="levels">The levels.</param>
    /// <param name="width">How many bits the greatest level that there can be has.</param>
    public static void WriteLevels(RentedBuffer page, ReadOnlySpan<int> levels, int width)
    {
        var destination = page.GetSpan(sizeof(int) + MaxPackedLength(levels.Length, width));
        var length = Pack(destination[sizeof(int)..], levels, width);
        BinaryPrimitives.WriteInt32LittleEndian(destination, length);
        page.Advance(sizeof(int) + length);
    }

    private static int MaxPackedLength(int count, int width) => 10 + ((count + 7) / 8 * width) + sizeof(ulong);

    // All of them in one run, of groups of eight.
    private static int Pack(Span<byte> destination, ReadOnlySpan<int> values, int width)
    {
        var groups = (values.Length + 7) / 8;
        var length = WriteVarInt(destination, ((ulong)groups << 1) | 1);
        var end = length + (groups * width);
        var (pending, pendingBits) = (0UL, 0);
        foreach (var value in values)
        {
            pending |= (ulong)(uint)value << pendingBits;
            pendingBits += width;
            if (pendingBits < 32) continue;
            BinaryPrimitives.WriteUInt32LittleEndian(destination[length..], (uint)pending);
            length += sizeof(uint);
            pending >>= 32;
            pendingBits -= 32;
        }

        BinaryPrimitives.WriteUInt64LittleEndian(destination[length..], pending);
        if (end > length + sizeof(ulong)) destination[(length + sizeof(ulong))..end].Clear();
        return end;
    }

    private static int CountBits(ReadOnlySpan<byte> bits, int start, int count)
    {
        var set = 0;
        var (i, end) = (start, start + count);
        for (; i < end && (i & 7) != 0; i++) set += IsSet(bits, i) ? 1 : 0;
        for (; i + 64 <= end; i += 64) set += BitOperations.PopCount(BinaryPrimitives.ReadUInt64LittleEndian(bits[(i >> 3)..]));
        for (; i < end; i++) set += IsSet(bits, i) ? 1 : 0;
        return set;
    }
}
