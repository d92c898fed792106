using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>Encodes one column of record batches as pages, and collects them until the row group is written. For one thread at a time.</summary>
internal abstract class ParquetColumnEncoder(Field field, ParquetColumnType type, ParquetCompression compression) : IDisposable
{
    // What readers decompress at a time.
    protected const int PageBytes = 1 << 20;
    protected const int MaxPageRows = 1 << 17;

    private readonly ParquetCodec _codec = ParquetCodec.Create(compression);
    private readonly RentedBuffer _page = new();
    private ParquetPages? _pages;
    private ListArray? _lists; // that are being added
    private int[] _repetition = [], _definition = [];
    private long _values, _nulls, _rowsBefore;

    /// <summary>The column, which may be one of lists.</summary>
    public Field Column { get; private set; } = field;

    /// <summary>The values: the column's, or those of its lists' elements.</summary>
    public Field Field { get; } = field;

    public ParquetColumnType Type { get; } = type;

    /// <summary>Bytes of the row group's values without compression or dictionary.</summary>
    public long PlainBytes { get; protected set; }

    /// <summary>Bytes that wait to be written.</summary>
    public virtual long WaitingBytes => Pages.Length;

    protected ParquetPages Pages => _pages ??= new ParquetPages(_codec);

    protected virtual bool UsesDictionary => false;

    /// <summary>The encoder for a column.</summary>
    /// <exception cref="DataPlatformException">The type is not one of <see cref="ColumnTypes"/>.</exception>
    public static ParquetColumnEncoder Create(Field column, ParquetCompression compression)
    {
        var field = ColumnTypes.ElementOf(column) ?? column;
        var type = ParquetColumnType.Of(field);
        ParquetColumnEncoder encoder = field.DataType switch
        {
            _ when ColumnTypes.IsUuid(field) => new PlainParquetEncoder<Guid>(field, type, compression),
            BooleanType => new BooleanParquetEncoder(field, type, compression),
            Int16Type => new Int16ParquetEncoder(field, type, compression),
            Int32Type or Date32Type => new IntegerParquetEncoder<int>(field, type, compression),
            Int64Type or Time64Type or TimestampType => new IntegerParquetEncoder<long>(field, type, compression),
            FloatType => new PlainParquetEncoder<float>(field, type, compression),
            DoubleType => new PlainParquetEncoder<double>(field, type, compression),
            Decimal128Type => new DecimalParquetEncoder(field, type, compression),
            _ => new VariableParquetEncoder(field, type, compression),
        };
        encoder.Column = column;
        return encoder;
    }

    /// <summary>Adds the values of a batch.</summary>
    public void Append(IArrowArray array)
    {
        _lists = null;
        if (array.NullCount > 0 && !Column.IsNullable)
            throw Unstorable(FirstNull(array, 0, array.Length), "it has no value, and the column does not allow NULL.");

        if (Column.DataType is ListType) AppendLists((ListArray)array);
        else AppendValues(array);
        _rowsBefore += array.Length;
    }

    private void AppendValues(IArrowArray array)
    {
        for (var start = 0; start < array.Length;)
        {
            var rows = Math.Clamp(RowsInPage(array, start), 1, Math.Min(MaxPageRows, array.Length - start));
            AppendPage(array, start, rows);
            start += rows;
        }
    }

    // Pages end with a list, and have as many as fit, or one.
    private void AppendLists(ListArray lists)
    {
        _lists = lists;
        var offsets = lists.ValueOffsets;
        var elements = lists.Values;
        if (elements.NullCount > 0 && !Field.IsNullable && FirstNull(elements, offsets[0], offsets[^1]) is >= 0 and var none)
            throw Unstorable(none, "its list has an element without value, and the column does not allow that.");
        for (var start = 0; start < lists.Length;)
        {
            var fit = offsets[start] < offsets[^1] ? Math.Min(RowsInPage(elements, offsets[start]), MaxPageRows) : 0;
            var rows = 1;
            while (start + rows < lists.Length && rows < MaxPageRows && offsets[start + rows + 1] - offsets[start] <= fit) rows++;
            AppendPage(lists, elements, start, rows);
            start += rows;
        }
    }

    private void AppendPage(ListArray lists, IArrowArray elements, int start, int rows)
    {
        _page.Clear();
        var offsets = lists.ValueOffsets;
        var (first, count) = (offsets[start], offsets[start + rows] - offsets[start]);
        var values = WriteLevels(lists, elements, start, rows);
        var nulls = ParquetEncoding.CountNulls(elements.Data, first, count);
        var encoding = count == 0 ? ParquetEncoding.Plain : WriteValues(elements, first, count, nulls, _page);
        Pages.AddData(_page.WrittenSpan, values, encoding);
        _values += values;
        _nulls += values - count + nulls;
    }

    // An entry for each element, and one for each list that has none. Definition: 0 for no list, then for an empty one, an element without value and one with, as far as
    // these can be. Repetition: 0 for what begins a list, 1 for what follows in it.
    private int WriteLevels(ListArray lists, IArrowArray elements, int start, int rows)
    {
        var offsets = lists.ValueOffsets;
        var most = rows + offsets[start + rows] - offsets[start];
        if (_repetition.Length < most) (_repetition, _definition) = (new int[most], new int[most]);
        var (empty, greatest, count) = (Column.IsNullable ? 1 : 0, (Column.IsNullable ? 1 : 0) + (Field.IsNullable ? 2 : 1), 0);
        for (var row = start; row < start + rows; row++)
        {
            if (lists.IsNull(row) || offsets[row] == offsets[row + 1])
            {
                (_repetition[count], _definition[count++]) = (0, lists.IsNull(row) ? 0 : empty);
                continue;
            }

            for (var i = offsets[row]; i < offsets[row + 1]; i++)
                (_repetition[count], _definition[count++]) = (i == offsets[row] ? 0 : 1, elements.IsNull(i) ? greatest - 1 : greatest);
        }

        ParquetEncoding.WriteLevels(_page, _repetition.AsSpan(0, count), width: 1);
        ParquetEncoding.WriteLevels(_page, _definition.AsSpan(0, count), width: greatest == 1 ? 1 : 2);
        return count;
    }

    /// <summary>Writes the row group's pages and begins the next.</summary>
    /// <param name="destination">The file.</param>
    /// <param name="offset">Where in the file this is.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<ParquetColumnChunk> FlushAsync(Stream destination, long offset, CancellationToken cancellationToken)
    {
        var dictionary = TakeDictionary();
        if (dictionary is not null) await destination.WriteAsync(dictionary.Bytes, cancellationToken).ConfigureAwait(false);
        await destination.WriteAsync(Pages.Bytes, cancellationToken).ConfigureAwait(false);
        var chunk = new ParquetColumnChunk
        {
            Codec = _codec.Id,
            DictionaryOffset = dictionary is null ? null : offset,
            DataOffset = offset + (dictionary?.Length ?? 0),
            Length = Pages.Length + (dictionary?.Length ?? 0),
            UncompressedLength = Pages.UncompressedLength + (dictionary?.UncompressedLength ?? 0),
            Values = _values,
            Nulls = _nulls,
            Range = TakeRange(),
        };
        Pages.Clear();
        dictionary?.Clear();
        (PlainBytes, _values, _nulls) = (0, 0, 0);
        return chunk;
    }

    public virtual void Dispose()
    {
        _codec.Dispose();
        _page.Dispose();
        _pages?.Dispose();
    }

    /// <summary>How many rows from <paramref name="start"/> on make about a page; may be more than there are.</summary>
    protected abstract int RowsInPage(IArrowArray array, int start);

    /// <summary>Writes values of rows, those that are not NULL, behind what the page has, and returns their encoding.</summary>
    /// <param name="array">The column.</param>
    /// <param name="start">The first row.</param>
    /// <param name="rows">How many.</param>
    /// <param name="nulls">How many of them are NULL.</param>
    /// <param name="page">Where to.</param>
    protected abstract int WriteValues(IArrowArray array, int start, int rows, int nulls, RentedBuffer page);

    /// <summary>The page of the dictionary that pages of the row group refer to, or null. The next row group begins with an empty one.</summary>
    protected virtual ParquetPages? TakeDictionary() => null;

    /// <summary>The least and the greatest value of the row group, as PLAIN has them, when they are known.</summary>
    protected virtual (byte[] Min, byte[] Max)? TakeRange() => null;

    /// <summary>A value of the batch that is being added cannot be written.</summary>
    protected DataPlatformException Unstorable(int index, string problem)
    {
        var row = index;
        if (_lists is not null)
        {
            for (row = 0; _lists.ValueOffsets[row + 1] <= index;) row++;
        }

        return new(FailureClass.Data, $"Column '{Field.Name}', row {_rowsBefore + row + 1} of the Parquet file: {problem}", "Correct the value, or leave the row out.");
    }

    private void AppendPage(IArrowArray array, int start, int rows)
    {
        _page.Clear();
        var nulls = Field.IsNullable ? ParquetEncoding.WriteDefinitionLevels(_page, array.Data, start, rows) : 0;
        var encoding = WriteValues(array, start, rows, nulls, _page);
        Pages.AddData(_page.WrittenSpan, rows, encoding);
        _values += rows;
        _nulls += nulls;
    }

    private static int FirstNull(IArrowArray array, int start, int end)
    {
        for (var i = start; i < end; i++)
        {
            if (array.IsNull(i)) return i;
        }

        return -1;
    }
}

/// <summary>Where the pages of a column of a row group are, and what is in them.</summary>
internal sealed record ParquetColumnChunk
{
    public required int Codec { get; init; }

    public required long? DictionaryOffset { get; init; }

    public required long DataOffset { get; init; }

    public required long Length { get; init; }

    public required long UncompressedLength { get; init; }

    public required long Values { get; init; }

    public required long Nulls { get; init; }

    public required (byte[] Min, byte[] Max)? Range { get; init; }
}
