using System.Runtime.ExceptionServices;
using DataPlatform.ObjectStores;

namespace DataPlatform.Ingestion;

/// <summary>An object of a store read anywhere, a block at a time: reads are in ranges, and those that follow each other share a request.</summary>
internal sealed class RandomAccessFileStream(SourceFile file, IObjectStore store) : Stream
{
    private const int BlockBytes = 4 << 20;

    private readonly byte[] _block = new byte[(int)Math.Clamp(file.Size, 1, BlockBytes)];
    private long _blockStart;
    private int _blockLength;
    private long _position;

    /// <summary>What the store failed with, so that it is not taken for a fault of the file by who reads it.</summary>
    public ExceptionDispatchInfo? StoreFailure { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => file.Size;

    public override long Position
    {
        get => _position;
        set => _position = value >= 0 ? value : throw new IOException("A position before the beginning of the file.");
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_position >= file.Size || buffer.IsEmpty) return 0;
        if (_position < _blockStart || _position >= _blockStart + _blockLength)
        {
            if (buffer.Length >= BlockBytes) return Advance(await ReadStoreAsync(_position, buffer, cancellationToken).ConfigureAwait(false));
            _blockStart = Math.Min(_position, Math.Max(0, file.Size - _block.Length));
            _blockLength = await ReadStoreAsync(_blockStart, _block, cancellationToken).ConfigureAwait(false);
        }

        var from = (int)(_position - _blockStart);
        var count = Math.Min(buffer.Length, _blockLength - from);
        if (count <= 0) return 0;
        _block.AsMemory(from, count).CopyTo(buffer);
        return Advance(count);
    }

    private int Advance(int count)
    {
        _position += count;
        return count;
    }

    private async Task<int> ReadStoreAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            var length = (int)Math.Min(buffer.Length, file.Size - offset);
            return await ReadRangeAsync(offset, buffer[..length], cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            StoreFailure = ExceptionDispatchInfo.Capture(exception);
            throw;
        }
    }

    private async Task<int> ReadRangeAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var content = await store.OpenReadAsync(file.Key, new ByteRange(offset, buffer.Length), cancellationToken).ConfigureAwait(false);
        await using (content.ConfigureAwait(false))
        {
            var read = await content.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
            file.BytesRead += read;
            return read;
        }
    }

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => _position + offset,
        _ => file.Size + offset,
    };

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    // The Parquet library reads small pieces, such as the length of the footer, without waiting asynchronously.
    public override int Read(byte[] buffer, int offset, int count) => ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
