using System.Buffers.Binary;
using Apache.Arrow;

namespace DataPlatform.Ingestion;

/// <summary>Text, JSON and bytes: as indices into a dictionary while values repeat, else a length and the bytes.</summary>
internal sealed class VariableParquetEncoder(Field field, ParquetColumnType type, ParquetCompression compression) : ParquetColumnEncoder(field, type, compression)
{
    private readonly ParquetCompression _compression = compression;
    private readonly ParquetDictionary _dictionary = new();
    private ParquetCodec? _dictionaryCodec;
    private ParquetPages? _dictionaryPage;
    private int[] _indices = [];
    private bool _isInUse;

    public override long WaitingBytes => base.WaitingBytes + (_isInUse ? _dictionary.Bytes.Length : 0);

    public override void Dispose()
    {
        base.Dispose();
        _dictionaryCodec?.Dispose();
        _dictionaryPage?.Dispose();
        _dictionary.Dispose();
    }

    protected override int RowsInPage(IArrowArray array, int start)
    {
        var offsets = ((BinaryArray)array).ValueOffsets[start..];
        var (fits, tooMany) = (1, offsets.Length);
        while (tooMany - fits > 1)
        {
            var middle = fits + ((tooMany - fits) / 2);
            if (PlainLength(offsets, middle) <= PageBytes) fits = middle;
            else tooMany = middle;
        }

        return fits;
    }

    protected override int WriteValues(IArrowArray array, int start, int rows, int nulls, RentedBuffer page)
    {
        var offsets = ((BinaryArray)array).ValueOffsets.Slice(start, rows + 1);
        var values = ((BinaryArray)array).ValueBuffer.Span;
        var validity = nulls == 0 ? default : array.Data.Buffers[0].Span;
        PlainBytes += PlainLength(offsets, rows);
        if (!_dictionary.IsFull && TryWriteIndices(offsets, values, validity, array.Offset + start, page))
        {
            _isInUse = true;
            return ParquetEncoding.RleDictionary;
        }

        WritePlain(offsets, values, validity, array.Offset + start, page);
        return ParquetEncoding.Plain;
    }

    protected override ParquetPages? TakeDictionary()
    {
        var isInUse = _isInUse;
        if (isInUse)
        {
            _dictionaryPage ??= new ParquetPages(_dictionaryCodec ??= ParquetCodec.Create(_compression));
            _dictionaryPage.AddDictionary(_dictionary.Bytes, _dictionary.Count);
        }

        _dictionary.Clear();
        _isInUse = false;
        return isInUse ? _dictionaryPage : null;
    }

    private bool TryWriteIndices(ReadOnlySpan<int> offsets, ReadOnlySpan<byte> values, ReadOnlySpan<byte> validity, int offset, RentedBuffer page)
    {
        var rows = offsets.Length - 1;
        if (_indices.Length < rows) _indices = GC.AllocateUninitializedArray<int>(rows);
        var count = 0;
        for (var row = 0; row < rows; row++)
        {
            if (!validity.IsEmpty && !ParquetEncoding.IsSet(validity, offset + row)) continue;
            var index = _dictionary.IndexOf(values[offsets[row]..offsets[row + 1]]);
            if (index < 0) return false;
            _indices[count++] = index;
        }

        ParquetEncoding.WriteIndices(page, _indices.AsSpan(0, count), _dictionary.Count);
        return true;
    }

    private static void WritePlain(ReadOnlySpan<int> offsets, ReadOnlySpan<byte> values, ReadOnlySpan<byte> validity, int offset, RentedBuffer page)
    {
        var rows = offsets.Length - 1;
        var destination = page.GetSpan(checked((int)PlainLength(offsets, rows)));
        var length = 0;
        for (var row = 0; row < rows; row++)
        {
            if (!validity.IsEmpty && !ParquetEncoding.IsSet(validity, offset + row)) continue;
            var value = values[offsets[row]..offsets[row + 1]];
            BinaryPrimitives.WriteInt32LittleEndian(destination[length..], value.Length);
            value.CopyTo(destination[(length + sizeof(int))..]);
            length += sizeof(int) + value.Length;
        }

        page.Advance(length);
    }

    private static long PlainLength(ReadOnlySpan<int> offsets, int rows) => offsets[rows] - offsets[0] + ((long)rows * sizeof(int));
}
