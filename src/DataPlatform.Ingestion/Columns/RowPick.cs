using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace DataPlatform.Ingestion;

/// <summary>Copies some rows of columns of <see cref="Warehouses.ColumnTypes"/>: what is copied outlives the memory of the batch they are of.</summary>
internal static class RowPick
{
    /// <summary>Rows of a batch, in the order given.</summary>
    /// <param name="schema">The columns to copy: the batch has them first, and others behind them at most.</param>
    /// <param name="batch">The batch.</param>
    /// <param name="rows">Which rows.</param>
    public static RecordBatch Of(Schema schema, RecordBatch batch, ReadOnlySpan<int> rows)
    {
        var columns = new IArrowArray[schema.FieldsList.Count];
        for (var i = 0; i < columns.Length; i++) columns[i] = Of(batch.Column(i), rows);
        return new RecordBatch(schema, columns, rows.Length);
    }

    private static IArrowArray Of(IArrowArray array, ReadOnlySpan<int> rows) => array switch
    {
        ListArray lists => OfLists(lists, rows),
        BinaryArray values => Build(values, rows, OfBytes(values, rows)),
        BooleanArray bits => Build(bits, rows, [new ArrowBuffer(OfBits(bits.ValueBuffer.Span, bits.Offset, rows))]),
        _ => Build(array, rows, [new ArrowBuffer(OfFixed(array, rows))]),
    };

    private static IArrowArray Build(IArrowArray from, ReadOnlySpan<int> rows, ArrowBuffer[] values, params ArrayData[] children)
    {
        var nulls = 0;
        if (from.NullCount > 0)
        {
            foreach (var row in rows) nulls += from.IsNull(row) ? 1 : 0;
        }

        var validity = nulls == 0 ? ArrowBuffer.Empty : new ArrowBuffer(OfBits(from.Data.Buffers[0].Span, from.Offset, rows));
        return ArrowArrayFactory.BuildArray(new ArrayData(from.Data.DataType, rows.Length, nulls, 0, [validity, .. values], children));
    }

    private static byte[] OfBits(ReadOnlySpan<byte> bits, int offset, ReadOnlySpan<int> rows)
    {
        var picked = new byte[(rows.Length + 7) / 8];
        for (var i = 0; i < rows.Length; i++)
        {
            if (BitUtility.GetBit(bits, offset + rows[i])) BitUtility.SetBit(picked, i);
        }

        return picked;
    }

    private static byte[] OfFixed(IArrowArray array, ReadOnlySpan<int> rows)
    {
        var width = ((FixedWidthType)array.Data.DataType).BitWidth / 8;
        var values = array.Data.Buffers[1].Span[(array.Offset * width)..];
        return width switch
        {
            sizeof(short) => Pick<short>(values, rows),
            sizeof(int) => Pick<int>(values, rows),
            sizeof(long) => Pick<long>(values, rows),
            _ => Pick<Int128>(values, rows),
        };

        static byte[] Pick<T>(ReadOnlySpan<byte> values, ReadOnlySpan<int> rows) where T : unmanaged
        {
            var from = MemoryMarshal.Cast<byte, T>(values);
            var picked = GC.AllocateUninitializedArray<byte>(Unsafe.SizeOf<T>() * rows.Length);
            var to = MemoryMarshal.Cast<byte, T>(picked.AsSpan());
            for (var i = 0; i < rows.Length; i++) to[i] = from[rows[i]];
            return picked;
        }
    }

    private static ArrowBuffer[] OfBytes(BinaryArray array, ReadOnlySpan<int> rows)
    {
        var from = array.ValueOffsets;
        var values = array.ValueBuffer.Span;
        var offsets = OffsetsOf(from, rows);
        var picked = GC.AllocateUninitializedArray<byte>(offsets[^1]);
        for (var i = 0; i < rows.Length; i++) values[from[rows[i]]..from[rows[i] + 1]].CopyTo(picked.AsSpan(offsets[i]));
        return [ToBuffer(offsets), new ArrowBuffer(picked)];
    }

    private static IArrowArray OfLists(ListArray lists, ReadOnlySpan<int> rows)
    {
        var from = lists.ValueOffsets;
        var offsets = OffsetsOf(from, rows);
        var elements = new int[offsets[^1]];
        for (var i = 0; i < rows.Length; i++)
        {
            for (var j = offsets[i]; j < offsets[i + 1]; j++) elements[j] = from[rows[i]] + j - offsets[i];
        }

        return Build(lists, rows, [ToBuffer(offsets)], Of(lists.Values, elements).Data);
    }

    private static int[] OffsetsOf(ReadOnlySpan<int> from, ReadOnlySpan<int> rows)
    {
        var offsets = new int[rows.Length + 1];
        for (var i = 0; i < rows.Length; i++) offsets[i + 1] = offsets[i] + from[rows[i] + 1] - from[rows[i]];
        return offsets;
    }

    private static ArrowBuffer ToBuffer(int[] offsets) => new(MemoryMarshal.AsBytes(offsets.AsSpan()).ToArray());
}
