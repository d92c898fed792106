using System.Buffers;

namespace DataPlatform.ParquetSharp;

/// <summary>Takes what the native library writes, which does not wait asynchronously, until it is passed on.</summary>
internal sealed class PendingStream : Stream
{
    private readonly ArrayBufferWriter<byte> _pending = new();
    private long _passedOn;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => Position;

    public override long Position
    {
        get => _passedOn + _pending.WrittenCount;
        set => throw new NotSupportedException();
    }

    public async Task DrainAsync(Stream destination, CancellationToken cancellationToken)
    {
        await destination.WriteAsync(_pending.WrittenMemory, cancellationToken).ConfigureAwait(false);
        _passedOn += _pending.WrittenCount;
        _pending.ResetWrittenCount();
    }

    public override void Write(ReadOnlySpan<byte> buffer) => _pending.Write(buffer);

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
