using System.Buffers.Binary;
using Apache.Arrow;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>
/// Lists as arrays of one dimension: a header, the number of elements, and the elements, each with its length as a field has it.
/// Format: PostgreSQL's <c>array_recv</c>.
/// </summary>
internal sealed class ListEncoder(string name, ValueEncoder element, uint elementOid) : ValueEncoder(name)
{
    // Dimensions, whether there are NULLs, the elements' type. An array without elements has no dimension.
    private const int HeaderSize = 3 * sizeof(int);

    // How many elements it has, and the number of the first.
    private const int DimensionSize = 2 * sizeof(int);

    private ListArray _array = null!;
    private IArrowArray _elements = null!;
    private int _first;
    private long[] _sizes = [];
    private int[] _positions = [];

    public override void Load(IArrowArray array, RowNumbers rows)
    {
        _array = (ListArray)array;
        var offsets = _array.ValueOffsets;
        _first = offsets[0];
        _elements = ArrowArrayFactory.Slice(_array.Values, _first, offsets[^1] - _first);
        element.Load(_elements, rows.OfElements(_array, _first));
    }

    public override void AddSizes(int start, Span<long> sizes)
    {
        var offsets = _array.ValueOffsets.Slice(start, sizes.Length + 1);
        var validity = new Validity(_array);
        for (var i = 0; i < sizes.Length; i++)
        {
            sizes[i] += LengthSize;
            if (validity.HasNulls && !validity.IsValid(start + i)) continue;
            sizes[i] += HeaderSize;
            if (offsets[i + 1] == offsets[i]) continue;
            sizes[i] += DimensionSize;
            foreach (var size in ElementSizes(offsets[i] - _first, offsets[i + 1] - offsets[i])) sizes[i] += size;
        }
    }

    public override void Write(int start, int windowStart, Span<byte> buffer, Span<int> positions)
    {
        var offsets = _array.ValueOffsets.Slice(start, positions.Length + 1);
        var validity = new Validity(_array);
        for (var i = 0; i < positions.Length; i++)
        {
            if (validity.HasNulls && !validity.IsValid(start + i))
            {
                BinaryPrimitives.WriteInt32BigEndian(buffer[positions[i]..], -1);
                positions[i] += LengthSize;
                continue;
            }

            var end = WriteArray(offsets[i] - _first, offsets[i + 1] - offsets[i], buffer, positions[i] + LengthSize);
            BinaryPrimitives.WriteInt32BigEndian(buffer[positions[i]..], end - positions[i] - LengthSize);
            positions[i] = end;
        }
    }

    private int WriteArray(int first, int count, Span<byte> buffer, int position)
    {
        var header = buffer[position..];
        BinaryPrimitives.WriteInt32BigEndian(header, count == 0 ? 0 : 1);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], HasNulls(first, count) ? 1 : 0);
        BinaryPrimitives.WriteUInt32BigEndian(header[8..], elementOid);
        position += HeaderSize;
        if (count == 0) return position;

        BinaryPrimitives.WriteInt32BigEndian(header[12..], count);
        BinaryPrimitives.WriteInt32BigEndian(header[16..], 1);
        position += DimensionSize;

        // Encoders may keep values from when their sizes were asked for.
        var sizes = ElementSizes(first, count);
        if (_positions.Length < count) _positions = new int[count];
        for (var i = 0; i < count; i++)
        {
            _positions[i] = position;
            position += (int)sizes[i];
        }

        element.Write(first, first, buffer, _positions.AsSpan(0, count));
        return position;
    }

    private Span<long> ElementSizes(int first, int count)
    {
        if (_sizes.Length < count) _sizes = new long[count];
        var sizes = _sizes.AsSpan(0, count);
        sizes.Clear();
        element.AddSizes(first, sizes);
        return sizes;
    }

    private bool HasNulls(int first, int count)
    {
        var validity = new Validity(_elements);
        if (!validity.HasNulls) return false;
        for (var i = first; i < first + count; i++)
        {
            if (!validity.IsValid(i)) return true;
        }

        return false;
    }
}
