using System.Buffers;
using Snappier;
using ZstdSharp;

namespace DataPlatform.Ingestion;

/// <summary>How pages are compressed. For one thread.</summary>
internal abstract class ParquetCodec : IDisposable
{
    /// <summary>The codec's number in the format.</summary>
    public abstract int Id { get; }

    public static ParquetCodec Create(ParquetCompression compression) => compression switch
    {
        ParquetCompression.None => new Stored(),
        ParquetCompression.Snappy => new SnappyCodec(),
        ParquetCompression.Zstandard => new ZstandardCodec(),
        _ => throw new ArgumentOutOfRangeException(nameof(compression), compression, null),
    };

    /// <summary>The most that a page of some length can take.</summary>
    public abstract int MaxLength(int length);

    public abstract int Compress(ReadOnlySpan<byte> page, Span<byte> destination);

    public virtual void Dispose()
    {
    }

    private sealed class Stored : ParquetCodec
    {
        public override int Id => 0;

        public override int MaxLength(int length) => length;

        public override int Compress(ReadOnlySpan<byte> page, Span<byte> destination)
        {
            page.CopyTo(destination);
            return page.Length;
        }
    }

    private sealed class SnappyCodec : ParquetCodec
    {
        public override int Id => 1;

        public override int MaxLength(int length) => Snappy.GetMaxCompressedLength(length);

        public override int Compress(ReadOnlySpan<byte> page, Span<byte> destination) => Snappy.Compress(page, destination);
    }

    private sealed class ZstandardCodec : ParquetCodec
    {
        private readonly Compressor _compressor = new(level: 1);

        public override int Id => 6;

        public override int MaxLength(int length) => Compressor.GetCompressBound(length);

        public override int Compress(ReadOnlySpan<byte> page, Span<byte> destination) => _compressor.Wrap(page, destination);

        public override void Dispose()
        {
            base.Dispose();
            _compressor.Dispose();
        }
    }
}

/// <summary>The pages of a column chunk, compressed and with their headers, as they go into the file.</summary>
internal sealed class ParquetPages(ParquetCodec codec) : IDisposable
{
    private const int DataPage = 0, DictionaryPage = 2;

    private readonly RentedBuffer _output = new();

    /// <summary>Bytes of the pages with their headers.</summary>
    public int Length => _output.WrittenCount;

    /// <summary>What <see cref="Length"/> would be without compression.</summary>
    public long UncompressedLength { get; private set; }

    public ReadOnlyMemory<byte> Bytes => _output.WrittenMemory;

    public void AddData(ReadOnlySpan<byte> page, int rows, int encoding) => Add(page, DataPage, header => header
        .BeginStruct(5).I32(1, rows).I32(2, encoding).I32(3, ParquetEncoding.Rle).I32(4, ParquetEncoding.Rle).End());

    public void AddDictionary(ReadOnlySpan<byte> page, int values) => Add(page, DictionaryPage, header => header
        .BeginStruct(7).I32(1, values).I32(2, ParquetEncoding.Plain).End());

    public void Clear()
    {
        _output.Clear();
        UncompressedLength = 0;
    }

    public void Dispose() => _output.Dispose();

    private void Add(ReadOnlySpan<byte> page, int kind, Action<ThriftWriter> describe)
    {
        var compressed = ArrayPool<byte>.Shared.Rent(codec.MaxLength(page.Length));
        try
        {
            var length = codec.Compress(page, compressed);
            var before = _output.WrittenCount;
            var header = new ThriftWriter(_output).Begin().I32(1, kind).I32(2, page.Length).I32(3, length);
            describe(header);
            header.End();
            UncompressedLength += _output.WrittenCount - before + page.Length;
            _output.Write(compressed.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(compressed);
        }
    }
}
