using System.Buffers.Binary;
using Parquet.Meta;
using Encoding = Parquet.Meta.Encoding;
using PhysicalType = Parquet.Meta.Type;

namespace DataPlatform.Ingestion;

/// <summary>
/// Checks what a Parquet file says of itself before the library reads it. The library believes it: where a page has less than it says, values are made of what was in
/// memory before, and a row count of a few bytes makes it take gigabytes.
/// </summary>
internal static class ParquetCheck
{
    private const int TailBytes = 8;
    private const int MagicBytes = 4;
    private const int MaxFooterBytes = 256 << 20;
    private const int ContentHeadBytes = 5;
    private const int FirstHeaderBytes = 256;
    private const int MaxHeaderBytes = 1 << 20;

    // Runs and dictionaries make a million rows of a few bytes; nobody has a thousand rows in each byte of a file.
    private const long RowsInAnyFile = 1 << 20;
    private const long RowsEachByte = 1000;

    /// <summary>Checks the footer.</summary>
    /// <exception cref="InvalidDataException">It is not one.</exception>
    public static async Task CheckFooterAsync(Stream stream, CancellationToken cancellationToken)
    {
        // What is too short, or has another magic, the library tells best.
        if (stream.Length < MagicBytes + TailBytes) return;
        var tail = await ReadAsync(stream, stream.Length - TailBytes, TailBytes, cancellationToken).ConfigureAwait(false);
        var magic = tail.AsSpan(MagicBytes);
        if (magic.SequenceEqual("PARE"u8)) throw new InvalidDataException("it is encrypted, which cannot be read");
        if (!magic.SequenceEqual("PAR1"u8)) return;
        var length = BinaryPrimitives.ReadInt32LittleEndian(tail);
        if (length <= 0 || length > MaxFooterBytes || length > stream.Length - MagicBytes - TailBytes)
            throw new InvalidDataException($"it says to have {length} bytes, in a file of {stream.Length}");
        CheckStruct(await ReadAsync(stream, stream.Length - TailBytes - length, length, cancellationToken).ConfigureAwait(false));

        static void CheckStruct(byte[] footer)
        {
            try
            {
                new ThriftReader(footer).CheckStruct(ThriftType.FileMetaData);
            }
            catch (EndOfStreamException exception)
            {
                throw new InvalidDataException(exception.Message, exception);
            }
        }
    }

    /// <summary>Checks how many rows a row group says to have.</summary>
    public static int CheckRows(long rows, long fileBytes) => rows >= 0 && rows <= Math.Min(int.MaxValue, RowsInAnyFile + (RowsEachByte * fileBytes))
        ? (int)rows
        : throw new InvalidDataException($"it says to have {rows} rows, in a file of {fileBytes} bytes");

    /// <summary>Checks the pages of a column chunk.</summary>
    /// <returns>How many bytes its values take, with their definition levels; null when they are encoded so that it cannot be told.</returns>
    /// <exception cref="InvalidDataException">They do not have what the chunk says.</exception>
    public static async Task<long?> CheckPagesAsync(Stream stream, ColumnMetaData chunk, int rows, CancellationToken cancellationToken)
    {
        if (chunk.NumValues != rows) throw new InvalidDataException($"it says to have {chunk.NumValues} values, for {rows} rows");
        var offset = chunk.DictionaryPageOffset is > 0 and var dictionary && dictionary < chunk.DataPageOffset ? dictionary : chunk.DataPageOffset;
        var (values, bytes, arePlain) = (0L, 0L, true);
        while (values < rows)
        {
            var page = await ReadHeaderAsync(stream, offset, cancellationToken).ConfigureAwait(false);
            var place = $"its page at byte {offset}";
            if (page.CompressedBytes < 0 || page.UncompressedBytes < 0 || page.Values < 0 || page.LevelBytes < 0 || page.LevelBytes > page.CompressedBytes || page.CompressedBytes > stream.Length - offset - page.HeaderBytes)
                throw new InvalidDataException($"{place} says to have {page.Values} values in {page.CompressedBytes} bytes, in a file of {stream.Length}");
            if (chunk.Codec == CompressionCodec.UNCOMPRESSED && page.CompressedBytes != page.UncompressedBytes)
                throw new InvalidDataException($"{place} says to have {page.UncompressedBytes} bytes, and {page.CompressedBytes} compressed, which it is not");
            var content = page.UncompressedBytes - page.LevelBytes;
            if (page.IsCompressed && await ContentBytesAsync(stream, chunk.Codec, offset + page.HeaderBytes, page, cancellationToken).ConfigureAwait(false) is { } said && said != content)
                throw new InvalidDataException($"{place} says to have {content} bytes, and what is compressed in it {said}");
            if (page is { IsPlain: true } && WidthOf(chunk.Type) is { } width && (long)page.Values * width > page.UncompressedBytes && page.Type == PageType.DICTIONARY_PAGE)
                throw new InvalidDataException($"{place} says to have {page.Values} values of {width} bytes in {page.UncompressedBytes}");
            if (page.Type is PageType.DATA_PAGE or PageType.DATA_PAGE_V2)
            {
                values += page.Values;
                bytes += page.UncompressedBytes;
                arePlain &= page.IsPlain;
            }

            offset += page.HeaderBytes + page.CompressedBytes;
        }

        if (values != rows) throw new InvalidDataException($"its pages say to have {values} values, for {rows} rows");
        return arePlain ? bytes : null;
    }

    /// <summary>Checks that the pages have the values that were read. How many bytes of them are definition levels differs from writer to writer.</summary>
    /// <param name="valueBytes">The bytes that the values take.</param>
    /// <param name="pageBytes">What <see cref="CheckPagesAsync"/> said.</param>
    public static void CheckValues(long valueBytes, long pageBytes)
    {
        if (valueBytes > pageBytes) throw new InvalidDataException($"its values take {valueBytes} bytes, and its pages have {pageBytes}");
    }

    /// <summary>How many bytes a plain value takes; null when that differs or is less than one.</summary>
    public static int? WidthOf(PhysicalType type) => type switch
    {
        PhysicalType.INT32 or PhysicalType.FLOAT => 4,
        PhysicalType.INT64 or PhysicalType.DOUBLE => 8,
        PhysicalType.INT96 => 12,
        _ => null,
    };

    private static async Task<Page> ReadHeaderAsync(Stream stream, long offset, CancellationToken cancellationToken)
    {
        if (offset < MagicBytes || offset >= stream.Length) throw new InvalidDataException($"it says to have a page at byte {offset}, in a file of {stream.Length}");
        for (var length = FirstHeaderBytes; ; length *= 4)
        {
            var bytes = await ReadAsync(stream, offset, (int)Math.Min(length, stream.Length - offset), cancellationToken).ConfigureAwait(false);
            try
            {
                return Page.Read(bytes);
            }
            catch (Exception exception) when (exception is InvalidDataException || (exception is EndOfStreamException && (bytes.Length < length || length >= MaxHeaderBytes)))
            {
                throw new InvalidDataException($"it has no page at byte {offset}: {exception.Message}", exception);
            }
            catch (EndOfStreamException)
            {
                // Statistics may make a header long.
            }
        }
    }

    /// <summary>How many bytes a page has according to what it is compressed with; null when that does not say.</summary>
    private static async Task<long?> ContentBytesAsync(Stream stream, CompressionCodec codec, long offset, Page page, CancellationToken cancellationToken)
    {
        var length = page.CompressedBytes - page.LevelBytes;
        if (length <= 0 || codec is not (CompressionCodec.SNAPPY or CompressionCodec.GZIP)) return null;
        var (from, count) = codec == CompressionCodec.GZIP ? (offset + page.CompressedBytes - sizeof(int), sizeof(int)) : (offset + page.LevelBytes, Math.Min(length, ContentHeadBytes));
        var bytes = await ReadAsync(stream, from, count, cancellationToken).ConfigureAwait(false);
        return codec == CompressionCodec.SNAPPY ? (long)new ThriftReader(bytes).ReadVarInt() : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    private static async Task<byte[]> ReadAsync(Stream stream, long offset, int count, CancellationToken cancellationToken)
    {
        var bytes = new byte[count];
        stream.Seek(offset, SeekOrigin.Begin);
        await stream.ReadExactlyAsync(bytes, cancellationToken).ConfigureAwait(false);
        return bytes;
    }

    /// <summary>What the header of a page says.</summary>
    private readonly record struct Page(PageType Type, int UncompressedBytes, int CompressedBytes, int Values, bool IsPlain, int HeaderBytes)
    {
        private const int TypeField = 1, UncompressedField = 2, CompressedField = 3, DataField = 5, DictionaryField = 7, DataV2Field = 8;
        private const int V2EncodingField = 4, V2DefinitionLevelsField = 5, V2RepetitionLevelsField = 6, V2IsCompressedField = 7;

        /// <summary>Bytes of levels that are not compressed, as pages of the second version have them.</summary>
        public int LevelBytes { get; private init; }

        public bool IsCompressed { get; private init; } = true;

        public static Page Read(ReadOnlySpan<byte> bytes)
        {
            new ThriftReader(bytes).CheckStruct(ThriftType.PageHeader);
            var reader = new ThriftReader(bytes);
            var page = new Page(0, 0, 0, 0, false, 0);
            var id = 0;
            while (reader.NextField(ref id, out var type))
            {
                switch (id)
                {
                    case TypeField:
                        page = page with { Type = (PageType)reader.ReadInt32(type) };
                        break;
                    case UncompressedField:
                        page = page with { UncompressedBytes = reader.ReadInt32(type) };
                        break;
                    case CompressedField:
                        page = page with { CompressedBytes = reader.ReadInt32(type) };
                        break;
                    case DataField or DictionaryField or DataV2Field:
                        page = ReadValues(ref reader, page, isV2: id == DataV2Field);
                        break;
                    default:
                        reader.Skip(type);
                        break;
                }
            }

            return page with { HeaderBytes = reader.Position };
        }

        private static Page ReadValues(ref ThriftReader reader, Page page, bool isV2)
        {
            var id = 0;
            while (reader.NextField(ref id, out var type))
            {
                if (id == 1) page = page with { Values = reader.ReadInt32(type) };
                else if (id == (isV2 ? V2EncodingField : 2)) page = page with { IsPlain = reader.ReadInt32(type) == (int)Encoding.PLAIN };
                else if (isV2 && id is V2DefinitionLevelsField or V2RepetitionLevelsField) page = page with { LevelBytes = page.LevelBytes + reader.ReadInt32(type) };
                else if (isV2 && id == V2IsCompressedField) page = page with { IsCompressed = type == ThriftReader.True };
                else reader.Skip(type);
            }

            return page;
        }
    }
}
