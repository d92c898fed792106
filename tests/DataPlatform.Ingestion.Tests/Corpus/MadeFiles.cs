using System.Text;

namespace DataPlatform.Ingestion.Tests.Corpus;

/// <summary>The files of the corpus whose bytes say more here than on disk: not text, in other encodings, compressed, or large.</summary>
internal static class MadeFiles
{
    private const string Header = "id,name,amount,day\n";
    private const string Two = "id,name,amount,day\n1,Ann,1,\n2,Bob,2,\n";

    /// <summary>The bytes of a file, or null when there is none of that name.</summary>
    public static byte[]? Find(string format, string file) => Of(format).GetValueOrDefault(file)?.Invoke();

    public static IReadOnlyDictionary<string, Func<byte[]>> Of(string format) => format switch
    {
        "csv" => Csv,
        "json" => Json,
        _ => Parquet,
    };

    private static Dictionary<string, Func<byte[]>> Csv { get; } = new(StringComparer.Ordinal)
    {
        ["empty.csv"] = () => [],
        ["mark-only.csv"] = () => [0xEF, 0xBB, 0xBF],
        ["mark-utf-8.csv"] = () => [0xEF, 0xBB, 0xBF, .. Bytes(Two)],
        ["mark-utf-8-twice.csv"] = () => [0xEF, 0xBB, 0xBF, 0xEF, 0xBB, 0xBF, .. Bytes(Two)],
        ["mark-utf-16.csv"] = () => [0xFF, 0xFE, .. Encoding.Unicode.GetBytes("id,name,amount,day\n1,Zoë \U0001F600,1,\n")],
        ["mark-utf-16-big-endian.csv"] = () => [0xFE, 0xFF, .. Encoding.BigEndianUnicode.GetBytes("id,name,amount,day\n1,Zoë,1,\n")],
        ["mark-utf-32.csv"] = () => [0xFF, 0xFE, 0, 0, .. Encoding.UTF32.GetBytes("id,name,amount,day\n1,Zoë,1,\n")],
        ["mark-of-another-encoding.csv"] = () => [0xFF, 0xFE, .. Bytes(Two)],
        ["utf-16-without-mark.csv"] = () => Encoding.Unicode.GetBytes(Two),
        ["utf-16-cut-in-a-character.csv"] = () => [0xFF, 0xFE, .. Encoding.Unicode.GetBytes("id,name,amount,day\n1,Ann,1,\n2,Bob,2,"), 0x41],
        ["utf-16-lone-surrogate.csv"] = () => [0xFF, 0xFE, .. Encoding.Unicode.GetBytes("id,name,amount,day\n1,a"), 0x00, 0xD8, .. Encoding.Unicode.GetBytes("b,1,\n2,Bob,2,\n")],
        ["latin-1-without-being-told.csv"] = () => Encoding.Latin1.GetBytes("id,name,amount,day\n1,Zoë,1,\n2,Bob,2,\n"),
        ["latin-1.csv"] = () => Encoding.Latin1.GetBytes("id,name,amount,day\n1,Zoë,1,\n2,Bob,2,\n"),
        ["shift-jis-damaged.csv"] = () => [.. Bytes(Header), .. "1,"u8, 0x93, 0xFA, .. ",1,\n2,"u8, 0x81, .. ",2,\n3,Cid,3,\n"u8],
        ["overlong-utf-8.csv"] = () => [.. Bytes(Header), .. "1,"u8, 0xC0, 0xAF, .. ",1,\n2,"u8, 0xE0, 0x80, 0xAF, .. ",2,\n3,Cid,3,\n"u8],
        ["surrogates-in-utf-8.csv"] = () => [.. Bytes(Header), .. "1,"u8, 0xED, 0xA0, 0x80, .. ",1,\n2,Bob,2,\n"u8],
        ["utf-8-cut-in-a-character.csv"] = () => [.. Bytes(Two), .. "3,"u8, 0xF0, 0x9F, 0x98],
        ["utf-8-damaged-header.csv"] = () => [.. "id,n"u8, 0xFF, .. "ame\n1,Ann\n"u8],
        ["nul-in-a-field.csv"] = () => [.. Bytes(Header), .. Long(1, 500), .. "501,a\0b,1,\n502,Bob,2,\n"u8],
        ["nul-early.csv"] = () => [.. Bytes(Header), .. "1,a\0b,1,\n"u8],
        ["nul-filled-tail.csv"] = () => [.. Bytes(Header), .. Long(1, 500), .. new byte[4096]],
        ["huge-field.csv"] = () => [.. Bytes(Header), .. "1,\""u8, .. Fill('x', 1 << 20), .. "\",1,\n2,Bob,2,\n3,"u8, .. Fill('x', 1 << 20), .. ",x,\n"u8],
        ["row-too-long.csv"] = () => [.. Bytes(Two), .. "3,"u8, .. Fill('x', 17 << 20), .. ",3,\n"u8],
        ["many-columns.csv"] = () => Bytes("id,name," + string.Join(',', Enumerable.Range(0, 5000).Select(i => $"c{i}")) + "\n1,Ann," + new string(',', 4999) + "\n2,Bob\n"),
        ["gzip.csv.gz"] = () => Inbox.Gzip(Two),
        ["gzip-members.csv.gz"] = () => [.. Inbox.Gzip(Two), .. Inbox.Gzip("3,Cid,3,\n")],
        ["gzip-cut.csv.gz"] = () => Inbox.Gzip(Two)[..^12],
        ["gzip-cut-in-checksum.csv.gz"] = () => Inbox.Gzip(Two)[..^3],
        ["gzip-cut-in-second-member.csv.gz"] = () => [.. Inbox.Gzip(Two), .. Inbox.Gzip("3,Cid,3,\n")[..1]],
        ["gzip-checksum-wrong.csv.gz"] = () => Flip(Inbox.Gzip(Two), ^6),
        ["gzip-text-behind.csv.gz"] = () => [.. Inbox.Gzip(Two), .. "3,Cid,3,\n"u8],
        ["gzip-second-member-damaged.csv.gz"] = () => [.. Inbox.Gzip(Two), .. Flip(Inbox.Gzip("3,Cid,3,\n"), 0)],
        ["gzip-of-nothing.csv.gz"] = () => [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ["gzip-header-only.csv.gz"] = () => Inbox.Gzip(Two)[..10],
        ["gzip-under-another-name.csv"] = () => Inbox.Gzip(Two),
        ["text-under-a-gzip-name.csv.gz"] = () => Bytes(Two),
        ["gzip-under-a-zstandard-name.csv.zst"] = () => Inbox.Gzip(Two),
        ["gzip-in-gzip.csv.gz"] = () => Zip(Inbox.Gzip(Two)),
        ["zstandard.csv.zst"] = () => Inbox.Zstandard(Two),
        ["zstandard-cut.csv.zst"] = () => Inbox.Zstandard(Two)[..^5],
        ["zstandard-text-behind.csv.zst"] = () => [.. Inbox.Zstandard(Two), .. "3,Cid,3,\n"u8],
        ["zstandard-window-of-2-gib.csv.zst"] = () => [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xA8, 0x01, 0x00, 0x00],
        ["parquet-instead.csv"] = () => new ParquetFile().ToBytes(),
        ["workbook-instead.csv"] = () => [.. "PK"u8, 3, 4, 20, 0, 6, 0, 8, 0],
    };

    private static Dictionary<string, Func<byte[]>> Json { get; } = new(StringComparer.Ordinal)
    {
        ["empty.jsonl"] = () => [],
        ["empty.json"] = () => [],
        ["mark.jsonl"] = () => [0xEF, 0xBB, 0xBF, .. "{\"id\":1}\n"u8],
        ["mark.json"] = () => [0xEF, 0xBB, 0xBF, .. "[{\"id\":1}]"u8],
        ["mark-within.jsonl"] = () => [.. "{\"id\":1}\n"u8, 0xEF, 0xBB, 0xBF, .. "{\"id\":2}\n"u8],
        ["mark-utf-16.json"] = () => [0xFF, 0xFE, .. Encoding.Unicode.GetBytes("[{\"id\":1,\"name\":\"Zoë\"}]")],
        ["utf-16-without-mark.jsonl"] = () => Encoding.Unicode.GetBytes("{\"id\":1}\n"),
        ["invalid-utf-8.jsonl"] = () => [.. "{\"id\":1,\"name\":\""u8, 0xFF, .. "\"}\n{\"id\":2,\"name\":\""u8, 0xC0, 0x80, .. "\"}\n{\"id\":3,\""u8, 0xED, 0xA0, 0x80, .. "\":1}\n{\"id\":4}\n"u8],
        ["invalid-utf-8.json"] = () => [.. "[{\"id\":1,\"name\":\""u8, 0xFF, .. "\"},{\"id\":2}]"u8],
        ["invalid-utf-8-around-records.json"] = () => [.. "{\"no"u8, 0xFF, .. "te\":1,\"items\":[{\"id\":1}]}"u8],
        ["nested-10000-deep.jsonl"] = () => Bytes($"{{\"id\":1,\"x\":{new string('[', 10_000)}{new string(']', 10_000)}}}\n{{\"id\":2}}\n"),
        ["nested-10000-deep.json"] = () => Bytes($"[{{\"id\":1,\"x\":{new string('[', 10_000)}{new string(']', 10_000)}}},{{\"id\":2}}]"),
        ["nested-10000-deep-never-closed.json"] = () => Bytes(new string('[', 10_000)),
        ["nested-10000-deep-before-records.json"] = () => Bytes($"{{\"x\":{new string('[', 10_000)}{new string(']', 10_000)},\"items\":[{{\"id\":1}}]}}"),
        ["nested-objects-100-deep.jsonl"] = () => Bytes($"{string.Concat(Enumerable.Repeat("{\"a\":", 100))}1{new string('}', 100)}\n{{\"id\":2}}\n"),
        ["line-too-long.jsonl"] = () => [.. "{\"id\":1}\n{\"id\":2,\"name\":\""u8, .. Fill('x', 17 << 20), .. "\"}\n"u8],
        ["element-too-long.json"] = () => [.. "[{\"id\":1},{\"id\":2,\"name\":\""u8, .. Fill('x', 17 << 20), .. "\"}]"u8],
        ["huge-text.jsonl"] = () => [.. "{\"id\":1,\"name\":\""u8, .. Fill('x', 1 << 20), .. "\"}\n"u8],
        ["many-keys.jsonl"] = () => Bytes($"{{{string.Concat(Enumerable.Range(0, 20_000).Select(i => $"\"k{i}\":{i},"))}\"id\":1}}\n{{\"id\":2}}\n"),
        ["gzip-cut.jsonl.gz"] = () => Inbox.Gzip("{\"id\":1}\n{\"id\":2}\n")[..^9],
        ["gzip-text-behind.json.gz"] = () => [.. Inbox.Gzip("[{\"id\":1}]"), .. "[{\"id\":2}]"u8],
        ["nul-filled-tail.jsonl"] = () => [.. string.Concat(Enumerable.Range(1, 500).Select(i => $"{{\"id\":{i}}}\n")).Select(c => (byte)c), .. new byte[5000]],
    };

    private static Dictionary<string, Func<byte[]>> Parquet { get; } = new(StringComparer.Ordinal)
    {
        ["well-formed.parquet"] = () => new ParquetFile().ToBytes(),
        ["empty.parquet"] = () => [],
        ["magic-only.parquet"] = () => [.. "PAR1"u8],
        ["two-magics.parquet"] = () => [.. "PAR1PAR1"u8],
        ["bad-magic.parquet"] = () => new ParquetFile { Magic = "PAR2" }.ToBytes(),
        ["bad-end-magic.parquet"] = () => new ParquetFile { EndMagic = "PAR2" }.ToBytes(),
        ["encrypted-footer.parquet"] = () => new ParquetFile { Magic = "PARE", EndMagic = "PARE" }.ToBytes(),
        ["cut-in-the-middle.parquet"] = () => new ParquetFile().ToBytes()[..60],
        ["cut-by-a-byte.parquet"] = () => new ParquetFile().ToBytes()[..^1],
        ["text-behind.parquet"] = () => [.. new ParquetFile().ToBytes(), .. "\n"u8],
        ["first-bytes-lost.parquet"] = () => new ParquetFile().ToBytes()[10..],
        ["csv-instead.parquet"] = () => Bytes(Two),
        ["gzip-of-parquet.parquet"] = () => Zip(new ParquetFile().ToBytes()),
        ["footer-that-never-stops.parquet"] = () => Flip(new ParquetFile().ToBytes(), ^9),
        ["footer-length-zero.parquet"] = () => new ParquetFile { FooterBytes = 0 }.ToBytes(),
        ["footer-length-negative.parquet"] = () => new ParquetFile { FooterBytes = -1 }.ToBytes(),
        ["footer-length-beyond-the-file.parquet"] = () => new ParquetFile { FooterBytes = 5000 }.ToBytes(),
        ["footer-length-2-gib.parquet"] = () => new ParquetFile { FooterBytes = int.MaxValue }.ToBytes(),
        ["footer-of-zeros.parquet"] = () => [.. "PAR1"u8, .. new byte[100], 100, 0, 0, 0, .. "PAR1"u8],
        ["footer-nested-a-million-deep.parquet"] = () => [.. "PAR1"u8, .. Enumerable.Repeat((byte)0xFC, 1_000_000), .. BitConverter.GetBytes(1_000_000), .. "PAR1"u8],
        ["footer-list-of-2-gib.parquet"] = () => [.. "PAR1"u8, 0x29, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0, 8, 0, 0, 0, .. "PAR1"u8],
        ["schema-says-more-columns.parquet"] = () => new ParquetFile { RootChildren = 5 }.ToBytes(),
        ["schema-says-no-columns.parquet"] = () => new ParquetFile { RootChildren = 0 }.ToBytes(),
        ["schema-says-negative-columns.parquet"] = () => new ParquetFile { RootChildren = -1 }.ToBytes(),
        ["group-without-columns.parquet"] = () => new ParquetFile { HasColumnChunks = false }.ToBytes(),
        ["file-says-other-rows.parquet"] = () => new ParquetFile { FileRows = 99 }.ToBytes(),
        ["group-says-more-rows.parquet"] = () => new ParquetFile { FileRows = 10, GroupRows = 10 }.ToBytes(),
        ["group-says-fewer-rows.parquet"] = () => new ParquetFile { FileRows = 2, GroupRows = 2 }.ToBytes(),
        ["group-says-negative-rows.parquet"] = () => new ParquetFile { FileRows = -1, GroupRows = -1 }.ToBytes(),
        ["everything-says-more-rows.parquet"] = () => new ParquetFile { FileRows = 4, GroupRows = 4, IdValues = 4, PageValues = 4 }.ToBytes(),
        ["group-says-2-to-the-31-rows.parquet"] = () => new ParquetFile { FileRows = int.MaxValue, GroupRows = int.MaxValue, IdValues = int.MaxValue }.ToBytes(),
        ["group-says-2-to-the-62-rows.parquet"] = () => new ParquetFile { FileRows = 1L << 62, GroupRows = 1L << 62, IdValues = 1L << 62 }.ToBytes(),
        ["chunk-says-more-values.parquet"] = () => new ParquetFile { IdValues = 5 }.ToBytes(),
        ["chunk-says-fewer-values.parquet"] = () => new ParquetFile { IdValues = 2 }.ToBytes(),
        ["page-says-more-values.parquet"] = () => new ParquetFile { PageValues = 5 }.ToBytes(),
        ["page-says-fewer-values.parquet"] = () => new ParquetFile { PageValues = 2 }.ToBytes(),
        ["page-says-negative-values.parquet"] = () => new ParquetFile { PageValues = -3 }.ToBytes(),
        ["page-says-no-values.parquet"] = () => new ParquetFile { PageValues = 0 }.ToBytes(),
        ["page-size-negative.parquet"] = () => new ParquetFile { CompressedBytes = -24, UncompressedBytes = -24 }.ToBytes(),
        ["page-size-beyond-the-file.parquet"] = () => new ParquetFile { CompressedBytes = 50_000, UncompressedBytes = 50_000 }.ToBytes(),
        ["page-size-2-gib.parquet"] = () => new ParquetFile { CompressedBytes = int.MaxValue, UncompressedBytes = int.MaxValue }.ToBytes(),
        ["page-too-short.parquet"] = () => new ParquetFile { Ids = new byte[20] }.ToBytes(),
        ["page-type-unknown.parquet"] = () => new ParquetFile { PageType = 9 }.ToBytes(),
        ["encoding-unknown.parquet"] = () => new ParquetFile { Encoding = 99 }.ToBytes(),
        ["encoding-dictionary-without-one.parquet"] = () => new ParquetFile { Encoding = 8 }.ToBytes(),
        ["codec-unknown.parquet"] = () => new ParquetFile { Codec = 99 }.ToBytes(),
        ["codec-lzo.parquet"] = () => new ParquetFile { Codec = 3 }.ToBytes(),
        ["codec-snappy-that-is-none.parquet"] = () => new ParquetFile { Codec = 1 }.ToBytes(),
        ["codec-gzip-that-is-none.parquet"] = () => new ParquetFile { Codec = 2 }.ToBytes(),
        ["codec-zstandard-that-is-none.parquet"] = () => new ParquetFile { Codec = 6 }.ToBytes(),
        ["codec-snappy.parquet"] = () => new ParquetFile { Codec = 1, Ids = Snappy(24), NamePage = Snappy(ParquetFile.Names), UncompressedBytes = 24, UncompressedNames = ParquetFile.Names.Length }.ToBytes(),
        ["codec-snappy-shorter-than-said.parquet"] = () => new ParquetFile { Codec = 1, Ids = Snappy(16), NamePage = Snappy(ParquetFile.Names), UncompressedBytes = 24, UncompressedNames = ParquetFile.Names.Length }.ToBytes(),
        ["codec-snappy-longer-than-said.parquet"] = () => new ParquetFile { Codec = 1, Ids = Snappy(32), NamePage = Snappy(ParquetFile.Names), UncompressedBytes = 24, UncompressedNames = ParquetFile.Names.Length }.ToBytes(),
        ["snappy-bomb.parquet"] = () => new ParquetFile { Codec = 1, Ids = [0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0, 0], UncompressedBytes = int.MaxValue }.ToBytes(),
        ["offset-beyond-the-file.parquet"] = () => new ParquetFile { IdOffset = 1 << 20 }.ToBytes(),
        ["offset-negative.parquet"] = () => new ParquetFile { IdOffset = -1 }.ToBytes(),
        ["offset-of-the-footer.parquet"] = () => new ParquetFile { IdOffset = 130 }.ToBytes(),
        ["type-unknown.parquet"] = () => new ParquetFile { IdType = 77 }.ToBytes(),
        ["type-int96.parquet"] = () => new ParquetFile { IdType = 3, Ids = new byte[36] }.ToBytes(),
        ["type-boolean.parquet"] = () => new ParquetFile { IdType = 0, Ids = [0b101] }.ToBytes(),
        ["type-fixed-without-length.parquet"] = () => new ParquetFile { IdType = 7 }.ToBytes(),
        ["column-missing.parquet"] = () => new ParquetFile { IdName = "key" }.ToBytes(),
        ["column-twice.parquet"] = () => new ParquetFile { NameName = "ID" }.ToBytes(),
        ["column-repeated.parquet"] = () => new ParquetFile { NameRepetition = 2 }.ToBytes(),
        ["text-not-utf-8.parquet"] = () => new ParquetFile { NamePage = [.. ParquetFile.Levels(0b101), .. ParquetFile.Value([0xFF]), .. ParquetFile.Value([0x41, 0])] }.ToBytes(),
        ["text-longer-than-its-page.parquet"] = () => new ParquetFile { NamePage = [.. ParquetFile.Levels(0b001), 200, 0, 0, 0, 0x41] }.ToBytes(),
        ["levels-say-more-values.parquet"] = () => new ParquetFile { NamePage = [.. ParquetFile.Levels(0b111), .. ParquetFile.Value([0x41])] }.ToBytes(),
        ["levels-longer-than-their-page.parquet"] = () => new ParquetFile { NamePage = ParquetFile.Levels(0b101, length: 100) }.ToBytes(),
        ["levels-missing.parquet"] = () => new ParquetFile { NamePage = [0, 0, 0, 0, .. ParquetFile.Value([0x41]), .. ParquetFile.Value([0x42])] }.ToBytes(),
    };

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Fill(char character, int count) => [.. Enumerable.Repeat((byte)character, count)];

    // Enough rows for what comes next to be behind the part that is looked at first.
    private static byte[] Long(int from, int to) => Bytes(string.Concat(Enumerable.Range(from, to - from + 1).Select(i => $"{i},n{i},,\n")));

    private static byte[] Flip(byte[] bytes, Index at)
    {
        bytes[at] ^= 0x10;
        return bytes;
    }

    // Ids of 8 bytes, or a page of names.
    private static byte[] Snappy(int bytes) => Snappier.Snappy.CompressToArray([.. Enumerable.Range(1, bytes / 8).SelectMany(id => BitConverter.GetBytes((long)id))]);

    private static byte[] Snappy(byte[] page) => Snappier.Snappy.CompressToArray(page);

    private static byte[] Zip(byte[] bytes)
    {
        using var result = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(result, System.IO.Compression.CompressionLevel.Fastest)) gzip.Write(bytes);
        return result.ToArray();
    }
}
