namespace DataPlatform.Ingestion;

/// <summary>Cuts a text file into lines, without copying those that the buffer has whole.</summary>
internal sealed class LineReader(TextFileStream stream, SourceFile file, int maxLineBytes)
{
    private const int BufferBytes = 256 * 1024;

    private byte[] _buffer = new byte[BufferBytes];
    private int _start, _end, _searched;
    private bool _begun, _ended;

    /// <summary>The number of the line that <see cref="TryTakeLine"/> gave, from 1.</summary>
    public long LineNumber { get; private set; }

    /// <summary>Gives the next line if the buffer has it, without its line break. It is valid until the next <see cref="FillAsync"/>.</summary>
    public bool TryTakeLine(out ReadOnlySpan<byte> line)
    {
        ReadOnlySpan<byte> unread = _buffer.AsSpan(_start, _end - _start);
        var length = unread[_searched..].IndexOf((byte)'\n');
        if (length >= 0)
        {
            length += _searched;
        }
        else if (_ended && !unread.IsEmpty)
        {
            length = unread.Length;
        }
        else
        {
            _searched = unread.Length;
            line = default;
            return false;
        }

        line = unread[..length];
        if (line.EndsWith("\r"u8)) line = line[..^1];
        _start = Math.Min(_start + length + 1, _end);
        _searched = 0;
        LineNumber++;
        return true;
    }

    /// <summary>Reads on; false when there is no further line.</summary>
    /// <exception cref="DataPlatformException">A line is too long, or the file is not UTF-8.</exception>
    public async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        if (_ended) return false;
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        _end -= _start;
        _start = 0;
        if (_end > maxLineBytes)
            throw file.Invalid($"has more than {maxLineBytes} bytes in line {LineNumber + 1}.", "Rows that are meant to be that long need a larger JsonLinesOptions.MaxLineBytes.");
        if (_end == _buffer.Length) Array.Resize(ref _buffer, _buffer.Length * 2);

        var read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
        _ended = read == 0;
        _end += read;
        if (!_begun && _end >= 3) SkipByteOrderMark();
        return _end > _start;
    }

    private void SkipByteOrderMark()
    {
        _begun = true;
        if (_buffer.AsSpan(0, _end).StartsWith("\uFEFF"u8)) _start = 3;
        if (_buffer[0] >= 0xFE) throw file.Invalid("is UTF-16, not UTF-8.", "JSON Lines are UTF-8; have it written so.");
    }
}
