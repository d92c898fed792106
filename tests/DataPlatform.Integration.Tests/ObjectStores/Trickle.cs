namespace DataPlatform.Integration.Tests.ObjectStores;

/// <summary>A stream of unknown length that delivers odd amounts, as a network does, and then does something or ends.</summary>
internal sealed class Trickle(byte[] content, Action? atEnd = null) : ForwardStream
{
    private int _position;

    public override int Read(byte[] buffer, int offset, int count)
    {
        if (_position == content.Length) atEnd?.Invoke();
        var read = Math.Min(Math.Min(count, 77_777), content.Length - _position);
        content.AsSpan(_position, read).CopyTo(buffer.AsSpan(offset));
        _position += read;
        return read;
    }
}

/// <summary>A stream of zeros that tells how far it was read.</summary>
internal sealed class Watched(long length, Action<long> readTo) : ForwardStream
{
    private long _position;

    public override int Read(byte[] buffer, int offset, int count)
    {
        var read = (int)Math.Min(count, length - _position);
        _position += read;
        readTo(_position);
        return read;
    }
}

/// <summary>A stream that can be read once, and no more.</summary>
internal abstract class ForwardStream : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
