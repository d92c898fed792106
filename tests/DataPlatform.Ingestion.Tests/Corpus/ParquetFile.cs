using System.Buffers;
using System.Buffers.Binary;

namespace DataPlatform.Ingestion.Tests.Corpus;

/// <summary>
/// A Parquet file of one row group with the columns <c>id</c> (required) and <c>name</c> (optional), written byte by byte, so that any part of it can
/// say what is not so. What is null is as it should be.
/// </summary>
internal sealed record ParquetFile
{
    private const int Int64 = 2, ByteArray = 6, Required = 0, Optional = 1, Utf8 = 0, DataPage = 0;

    public string Magic { get; init; } = "PAR1";

    public string EndMagic { get; init; } = "PAR1";

    public int? FooterBytes { get; init; }

    public int? RootChildren { get; init; }

    public long? FileRows { get; init; }

    public long? GroupRows { get; init; }

    public bool HasColumnChunks { get; init; } = true;

    public string IdName { get; init; } = "id";

    public string NameName { get; init; } = "name";

    /// <summary>The physical type that the schema says for the id.</summary>
    public int IdType { get; init; } = Int64;

    public int NameRepetition { get; init; } = Optional;

    public int Codec { get; init; }

    // Of the chunk and page of the ids.
    public long? IdValues { get; init; }

    public long? IdOffset { get; init; }

    public int? PageValues { get; init; }

    public int? CompressedBytes { get; init; }

    public int? UncompressedBytes { get; init; }

    public int Encoding { get; init; }

    public int PageType { get; init; } = DataPage;

    public byte[] Ids { get; init; } = [.. IdBytes(1), .. IdBytes(2), .. IdBytes(3)];

    /// <summary>The page of the names: definition levels, then the values that are not NULL.</summary>
    public byte[] NamePage { get; init; } = Names;

    public int? UncompressedNames { get; init; }

    public static byte[] Names => [.. Levels(0b101), .. Value("Ann"u8), .. Value("Cid"u8)];

    /// <summary>Definition levels of eight rows at most, the first in the lowest bit, after their length in bytes.</summary>
    public static byte[] Levels(byte bits, int length = 2) => [.. BitConverter.GetBytes(length), (1 << 1) | 1, bits];

    /// <summary>A text after its length.</summary>
    public static byte[] Value(ReadOnlySpan<byte> text) => [.. BitConverter.GetBytes(text.Length), .. text];

    public byte[] ToBytes()
    {
        var file = new ArrayBufferWriter<byte>();
        file.Write(System.Text.Encoding.ASCII.GetBytes(Magic));
        var ids = WritePage(file, Ids, PageValues ?? 3, PageType, Encoding, CompressedBytes, UncompressedBytes);
        var names = WritePage(file, NamePage, 3, DataPage, 0, null, UncompressedNames);

        var start = file.WrittenCount;
        WriteFooter(new ThriftWriter(file), ids, names);
        BinaryPrimitives.WriteInt32LittleEndian(file.GetSpan(4), FooterBytes ?? file.WrittenCount - start);
        file.Advance(4);
        file.Write(System.Text.Encoding.ASCII.GetBytes(EndMagic));
        return file.WrittenSpan.ToArray();
    }

    private static byte[] IdBytes(long id) => BitConverter.GetBytes(id);

    private static (long Offset, long Length) WritePage(ArrayBufferWriter<byte> file, byte[] page, int values, int type, int encoding, int? compressed, int? uncompressed)
    {
        var offset = file.WrittenCount;
        new ThriftWriter(file).Begin().I32(1, type).I32(2, uncompressed ?? page.Length).I32(3, compressed ?? page.Length)
            .BeginStruct(5).I32(1, values).I32(2, encoding).I32(3, 3).I32(4, 3).End().End();
        file.Write(page);
        return (offset, file.WrittenCount - offset);
    }

    private void WriteFooter(ThriftWriter footer, (long Offset, long Length) ids, (long Offset, long Length) names)
    {
        footer.Begin().I32(1, 1).BeginStructs(2, 3);
        footer.Begin().Text(4, "root").I32(5, RootChildren ?? 2).End();
        footer.Begin().I32(1, IdType).I32(3, Required).Text(4, IdName).End();
        footer.Begin().I32(1, ByteArray).I32(3, NameRepetition).Text(4, NameName).I32(6, Utf8).End();
        footer.I64(3, FileRows ?? 3).BeginStructs(4, 1).Begin().BeginStructs(1, HasColumnChunks ? 2 : 0);
        if (HasColumnChunks)
        {
            WriteChunk(footer, IdType, IdName, IdValues ?? 3, IdOffset ?? ids.Offset, ids.Length);
            WriteChunk(footer, ByteArray, NameName, 3, names.Offset, names.Length);
        }

        footer.I64(2, ids.Length + names.Length).I64(3, GroupRows ?? 3).End().End();
    }

    private void WriteChunk(ThriftWriter footer, int type, string name, long values, long offset, long length) => footer
        .Begin().I64(2, offset).BeginStruct(3).I32(1, type).I32s(2, 0, 3).Texts(3, name).I32(4, Codec).I64(5, values).I64(6, length).I64(7, length).I64(9, offset).End().End();
}
