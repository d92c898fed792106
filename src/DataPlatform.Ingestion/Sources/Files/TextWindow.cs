namespace DataPlatform.Ingestion;

/// <summary>The part of a stream that is looked at: moves forward over it, and grows to what has to be seen at once.</summary>
internal sealed class TextWindow(Stream stream, int bufferBytes = TextWindow.FileBufferBytes)
{
    private const int FileBufferBytes = 256 * 1024;

    private byte[] _buffer = new byte[bufferBytes];
    private int _start, _end;

    /// <summary>What was read and not yet passed. Valid until the next <see cref="FillAsync"/>.</summary>
    public ReadOnlySpan<byte> Unread => _buffer.AsSpan(_start, _end - _start);

    /// <summary>Where <see cref="Unread"/> begins in the stream.</summary>
    public long Position { get; private set; }

    /// <summary>Whether the stream has no more than is in <see cref="Unread"/>.</summary>
    public bool IsAtEnd { get; private set; }

    /// <summary>Passes what was dealt with.</summary>
    public void Advance(int count)
    {
        _start += count;
        Position += count;
    }

    /// <summary>Reads on, behind what is there.</summary>
    public async ValueTask FillAsync(CancellationToken cancellationToken)
    {
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        _end -= _start;
        _start = 0;
        if (_end == _buffer.Length) Array.Resize(ref _buffer, _buffer.Length * 2);

        var read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
        IsAtEnd = read == 0;
        _end += read;
    }
}
