using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Apache.Arrow;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>
/// Decimal128 as numeric: a header (digits, weight, sign, scale) and digits to the base of 10,000, aligned at the decimal point.
/// Format: PostgreSQL's <c>numeric_recv</c>.
/// </summary>
internal sealed class NumericEncoder(string name, int scale) : ValueEncoder(name)
{
    private const int Base = 10_000;
    private const int DigitsInBase = 4;
    private const int HeaderSize = 4 * sizeof(short);
    private const short Negative = 0x4000;

    // 38 decimal digits and up to 3 zeros of padding after the point make 11 digits at most.
    private const int MaxDigits = 11;
    private const int Stride = LengthSize + HeaderSize + MaxDigits * sizeof(short);

    private static ReadOnlySpan<int> PowersOfTen => [1, 10, 100, 1_000, 10_000];

    private IArrowArray _array = null!;

    // The fields of the window, encoded when their sizes are asked for.
    private byte[] _encoded = [];
    private byte[] _lengths = [];

    public override void Load(IArrowArray array, RowNumbers rows) => _array = array;

    public override void AddSizes(int start, Span<long> sizes)
    {
        if (_lengths.Length < sizes.Length) (_encoded, _lengths) = (new byte[sizes.Length * Stride], new byte[sizes.Length]);
        var values = MemoryMarshal.Cast<byte, Int128>(_array.Data.Buffers[1].Span).Slice(_array.Offset + start, sizes.Length);
        var validity = new Validity(_array);
        for (var i = 0; i < sizes.Length; i++)
        {
            var field = _encoded.AsSpan(i * Stride, Stride);
            var length = !validity.HasNulls || validity.IsValid(start + i) ? Encode(values[i], field) : EncodeNull(field);
            _lengths[i] = (byte)length;
            sizes[i] += length;
        }
    }

    public override void Write(int start, int windowStart, Span<byte> buffer, Span<int> positions)
    {
        for (var i = 0; i < positions.Length; i++)
        {
            var row = start - windowStart + i;
            _encoded.AsSpan(row * Stride, _lengths[row]).CopyTo(buffer[positions[i]..]);
            positions[i] += _lengths[row];
        }
    }

    private static int EncodeNull(Span<byte> field)
    {
        BinaryPrimitives.WriteInt32BigEndian(field, -1);
        return LengthSize;
    }

    private int Encode(Int128 value, Span<byte> field)
    {
        Span<short> digits = stackalloc short[MaxDigits]; // least significant first
        var magnitude = UInt128.CreateTruncating(Int128.IsNegative(value) ? -value : value);
        var count = Split(magnitude, digits);

        var zeros = 0;
        while (zeros < count && digits[zeros] == 0) zeros++;

        var fraction = (scale + DigitsInBase - 1) / DigitsInBase;
        var sent = count - zeros;
        BinaryPrimitives.WriteInt32BigEndian(field, HeaderSize + sent * sizeof(short));
        BinaryPrimitives.WriteInt16BigEndian(field[4..], (short)sent);
        BinaryPrimitives.WriteInt16BigEndian(field[6..], (short)(sent == 0 ? 0 : count - fraction - 1));
        BinaryPrimitives.WriteInt16BigEndian(field[8..], Int128.IsNegative(value) ? Negative : (short)0);
        BinaryPrimitives.WriteInt16BigEndian(field[10..], (short)scale);
        var position = LengthSize + HeaderSize;
        for (var i = count - 1; i >= zeros; i--, position += sizeof(short)) BinaryPrimitives.WriteInt16BigEndian(field[position..], digits[i]);
        return position;
    }

    // The lowest digit holds what remains of the fraction after its whole groups of four, padded on the right.
    private int Split(UInt128 value, Span<short> digits)
    {
        var count = 0;
        if (scale % DigitsInBase is var rest and > 0)
        {
            (value, var last) = UInt128.DivRem(value, (UInt128)PowersOfTen[rest]);
            digits[count++] = (short)((int)last * PowersOfTen[DigitsInBase - rest]);
        }

        while (value > ulong.MaxValue)
        {
            // Sixteen decimal digits at once, so that the slow division of 128 bits is done at most twice.
            (value, var low) = UInt128.DivRem(value, 10_000_000_000_000_000);
            var part = (ulong)low;
            for (var i = 0; i < 4; i++, part /= Base) digits[count++] = (short)(part % Base);
        }

        for (var part = (ulong)value; part > 0; part /= Base) digits[count++] = (short)(part % Base);
        return count;
    }
}
