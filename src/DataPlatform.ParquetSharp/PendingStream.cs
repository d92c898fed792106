using System.Buffers;

namespace DataPlatform.ParquetSharp;

/// <summary>Takes what the native library writes, which does not wait asynchronously, until it is passed on.</summary>
internal sealed class PendingStream : Stream
{
    // Of one size: a buffer that doubles as it grows leaves as much behind as it holds.
    private const int ChunkBytes = 1 << 20;

    private readonly List<byte[]> _chunks = [];
    private int _used; // of the last chunk
    private long _passedOn;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => Position;

    public override long Position
    {
        get => _passedOn + (_chunks.Count == 0 ? 0 : ((long)(_chunks.Count - 1) * ChunkBytes) + _used);
        set => throw new NotSupportedException();
    }

    public async Task DrainAsync(Stream destination, CancellationToken cancellationToken)
    {
        // Taken out first: what is given back must not be written to again, whatever becomes of the rest.
        _passedOn = Position;
        byte[][] chunks = [.. _chunks];
        _chunks.Clear();
        for (var i = 0; i < chunks.Length; i++)
        {
            await destination.WriteAsync(chunks[i].AsMemory(0, i == chunks.Length - 1 ? _used : ChunkBytes), cancellationToken).ConfigureAwait(false);
            ArrayPool<byte>.Shared.Return(chunks[i]);
        }
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            if (_chunks.Count == 0 || _used == ChunkBytes)
            {
                _chunks.Add(ArrayPool<byte>.Shared.Rent(ChunkBytes));
                _used = 0;
            }

            var taken = buffer[..Math.Min(buffer.Length, ChunkBytes - _used)];
            taken.CopyTo(_chunks[^1].AsSpan(_used));
            _used += taken.Length;
            buffer = buffer[taken.Length..];
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
