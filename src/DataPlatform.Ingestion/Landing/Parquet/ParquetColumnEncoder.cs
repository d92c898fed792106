using System.Buffers;
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
    private readonly ArrayBufferWriter<byte> _page = new();
    private ParquetPages? _pages;
    private long _rows, _nulls, _rowsBefore;

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
    public static ParquetColumnEncoder Create(Field field, ParquetCompression compression)
    {
        var type = ParquetColumnType.Of(field);
        return field.DataType switch
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
    }

    /// <summary>Adds the values of a batch.</summary>
    public void Append(IArrowArray array)
    {
        if (array.NullCount > 0 && !Field.IsNullable)
            throw Unstorable(FirstNull(array), "it has no value, and the column does not allow NULL.");

        for (var start = 0; start < array.Length;)
        {
            var rows = Math.Clamp(RowsInPage(array, start), 1, Math.Min(MaxPageRows, array.Length - start));
            AppendPage(array, start, rows);
            start += rows;
        }

        _rowsBefore += array.Length;
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
            Rows = _rows,
            Nulls = _nulls,
            Range = TakeRange(),
        };
        Pages.Clear();
        dictionary?.Clear();
        (PlainBytes, _rows, _nulls) = (0, 0, 0);
        return chunk;
    }

    public virtual void Dispose() => _codec.Dispose();

    /// <summary>How many rows from <paramref name="start"/> on make about a page; may be more than there are.</summary>
    protected abstract int RowsInPage(IArrowArray array, int start);

    /// <summary>Writes values of rows, those that are not NULL, behind what the page has, and returns their encoding.</summary>
    /// <param name="array">The column.</param>
    /// <param name="start">The first row.</param>
    /// <param name="rows">How many.</param>
    /// <param name="nulls">How many of them are NULL.</param>
    /// <param name="page">Where to.</param>
    protected abstract int WriteValues(IArrowArray array, int start, int rows, int nulls, ArrayBufferWriter<byte> page);

    /// <summary>The page of the dictionary that pages of the row group refer to, or null. The next row group begins with an empty one.</summary>
    protected virtual ParquetPages? TakeDictionary() => null;

    /// <summary>The least and the greatest value of the row group, as PLAIN has them, when they are known.</summary>
    protected virtual (byte[] Min, byte[] Max)? TakeRange() => null;

    /// <summary>A value of the batch that is being added cannot be written.</summary>
    protected DataPlatformException Unstorable(int row, string problem) => new(
        FailureClass.Data, $"Column '{Field.Name}', row {_rowsBefore + row + 1} of the Parquet file: {problem}", "Correct the value, or leave the row out.");

    private void AppendPage(IArrowArray array, int start, int rows)
    {
        _page.ResetWrittenCount();
        var nulls = Field.IsNullable ? ParquetEncoding.WriteDefinitionLevels(_page, array.Data, start, rows) : 0;
        var encoding = WriteValues(array, start, rows, nulls, _page);
        Pages.AddData(_page.WrittenSpan, rows, encoding);
        _rows += rows;
        _nulls += nulls;
    }

    private static int FirstNull(IArrowArray array)
    {
        for (var row = 0; row < array.Length; row++)
        {
            if (array.IsNull(row)) return row;
        }

        return 0;
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

    public required long Rows { get; init; }

    public required long Nulls { get; init; }

    public required (byte[] Min, byte[] Max)? Range { get; init; }
}
