using System.Buffers;

namespace DataPlatform.Ingestion;

/// <summary>The text of a CSV file, cut into blocks that end where a row seems to, or read on from wherever that was left off.</summary>
/// <param name="text">The text, from its beginning.</param>
/// <param name="quote">What fields with line breaks are put in.</param>
/// <param name="blockBytes">About how long a block is.</param>
internal sealed class CsvText(Stream text, char quote, int blockBytes) : ForwardStream
{
    private readonly LinkedList<CsvBlock> _putBack = [];
    private byte[] _buffer = []; // until something is to be cut
    private int _length; // of what the buffer has
    private int _read; // of what was put back, or the buffer
    private bool _isUncut;

    private static ReadOnlySpan<byte> ByteOrderMark => "\uFEFF"u8;

    /// <summary>
    /// The next block; null when what follows is shorter than one, or has no place to cut it. A line break ends a row unless it is within quotes, which is so when an odd number of them comes before:
    /// as long as these are only where RFC 4180 has them. Who reads the block finds out.
    /// </summary>
    public async ValueTask<CsvBlock?> CutAsync(CancellationToken cancellationToken)
    {
        if (_buffer.Length == 0) _buffer = ArrayPool<byte>.Shared.Rent(blockBytes);
        while (!_isUncut && _length < blockBytes)
        {
            var read = await text.ReadAsync(_buffer.AsMemory(_length, blockBytes - _length), cancellationToken).ConfigureAwait(false);
            _length += read;
            _isUncut = read == 0;
        }

        if (_isUncut || FindRowEnd(_buffer.AsSpan(0, _length)) is not (> 0 and var end))
        {
            _isUncut = true;
            return null;
        }

        var block = new CsvBlock(_buffer, end);
        _buffer = ArrayPool<byte>.Shared.Rent(blockBytes);
        block.Buffer.AsSpan(end, _length - end).CopyTo(_buffer);
        block.Buffer[end] = (byte)'\n';
        _length -= end;
        return block;
    }

    /// <summary>Has a block's text read again, behind what was put back before, and ahead of all that follows.</summary>
    public void PutBack(CsvBlock block) => _putBack.AddLast(block);

    /// <summary>Reads what was put back, and all that was not cut.</summary>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _isUncut = true;
        if (_putBack.First?.Value is { } block)
        {
            var count = Copy(block.Buffer.AsSpan(0, block.Length), buffer.Span);
            if (_read < block.Length) return new(count);
            block.Dispose();
            _putBack.RemoveFirst();
            _read = 0;
            return new(count);
        }

        return _read < _length ? new(Copy(_buffer.AsSpan(0, _length), buffer.Span)) : text.ReadAsync(buffer, cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var block in _putBack) block.Dispose();
            _putBack.Clear();
            ArrayPool<byte>.Shared.Return(Interlocked.Exchange(ref _buffer, []));
        }

        base.Dispose(disposing);
    }

    private int Copy(ReadOnlySpan<byte> from, Span<byte> to)
    {
        var count = Math.Min(from.Length - _read, to.Length);
        from.Slice(_read, count).CopyTo(to);
        _read += count;
        return count;
    }

    private int FindRowEnd(ReadOnlySpan<byte> block)
    {
        // What comes next is not to begin with what would be taken for the mark of a file's beginning.
        var last = block[..Math.Max(block.Length - ByteOrderMark.Length, 0)].LastIndexOf((byte)'\n') + 1;
        var isWithinQuotes = IsOdd(block[..last]);
        for (var end = last; end > block.Length / 2;)
        {
            if (!isWithinQuotes && !block[end..].StartsWith(ByteOrderMark)) return end;
            var before = block[..(end - 1)].LastIndexOf((byte)'\n') + 1;
            isWithinQuotes ^= IsOdd(block[before..end]);
            end = before;
        }

        return last > block.Length / 2 && !block[last..].StartsWith(ByteOrderMark) ? last : 0;
    }

    private bool IsOdd(ReadOnlySpan<byte> text) => (text.Count((byte)quote) & 1) != 0;
}

/// <summary>Some rows of a file, as text.</summary>
/// <param name="buffer">What they are in, rented.</param>
/// <param name="length">How many bytes they take.</param>
internal sealed class CsvBlock(byte[] buffer, int length) : IDisposable
{
    public byte[] Buffer => buffer;

    public int Length => length;

    /// <summary>Opens it with an empty line at its end, which the reader counts: of a row at the end it tells where it begins and not how many lines it has.</summary>
    public Stream Open() => new MemoryStream(buffer, 0, length + 1, writable: false);

    public void Dispose() => ArrayPool<byte>.Shared.Return(buffer);
}
