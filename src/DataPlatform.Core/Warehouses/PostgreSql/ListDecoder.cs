using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Apache.Arrow;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>
/// Arrays of one dimension as lists; which number the first element has is not kept. Format: PostgreSQL's <c>array_send</c>.
/// </summary>
internal sealed class ListDecoder : ColumnDecoder
{
    // Dimensions, whether there are NULLs, the elements' type.
    private const int HeaderSize = 3 * sizeof(int);

    // How many elements a dimension has, and the number of the first.
    private const int DimensionSize = 2 * sizeof(int);

    private readonly ColumnDecoder _element;
    private readonly List<int> _places = [];
    private Gathered<int> _offsets = new();

    public ListDecoder(Field field, ColumnDecoder element) : base(field)
    {
        _element = element;
        _offsets.Extend(1)[0] = 0;
    }

    protected override void AppendValues(byte[] buffer, ReadOnlySpan<int> places)
    {
        var offsets = _offsets.Extend(places.Length);
        _places.Clear();
        for (var i = 0; i < places.Length; i++)
        {
            var wire = FieldAt(buffer, places[i], out var length);
            if (length < 0) SetNull(i);
            else PlaceElements(wire, places[i] + sizeof(int));
            offsets[i] = _element.Length + _places.Count;
        }

        _element.Append(buffer, CollectionsMarshal.AsSpan(_places));
    }

    protected override ArrowBuffer[] BuildValues(List<byte[]> rented)
    {
        var offsets = _offsets.Build(rented);
        _offsets.Extend(1)[0] = 0;
        return [offsets];
    }

    protected override ArrayData[] BuildChildren(List<byte[]> rented) => [_element.Build(rented).Data];

    private void PlaceElements(ReadOnlySpan<byte> wire, int start)
    {
        var dimensions = BinaryPrimitives.ReadInt32BigEndian(wire);
        if (dimensions == 0) return;
        if (dimensions > 1) throw NotReadable(Field.Name, $"an array of {dimensions} dimensions");
        var count = BinaryPrimitives.ReadInt32BigEndian(wire[HeaderSize..]);
        var at = HeaderSize + DimensionSize;
        for (var i = 0; i < count; i++)
        {
            _places.Add(start + at);
            at += sizeof(int) + Math.Max(BinaryPrimitives.ReadInt32BigEndian(wire[at..]), 0);
        }
    }
}
