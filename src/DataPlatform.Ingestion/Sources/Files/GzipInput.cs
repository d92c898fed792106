namespace DataPlatform.Ingestion;

/// <summary>
/// The bytes of a gzip file, followed by some that are none. <see cref="System.IO.Compression.GZipStream"/> takes the end of its input for the
/// end of the data, so a file that was cut off would pass for a short one. With something behind it the two differ: after a whole file
/// it is ignored, as the format wants it, and after a part of one it is decompressed, into nonsense or an error.
/// </summary>
internal sealed class GzipInput(Stream inner) : ForwardStream
{
    // Ones end every kind of block in an error at the latest after the 64 KiB that a stored one may have; zeros end a name in the header.
    private const int Ones = 128 * 1024;
    private const int Zeros = 64;

    private int _behind;

    /// <summary>Whether the file was read to its end, so that nothing more may come out of it.</summary>
    public bool IsAtEnd => _behind > 0;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_behind == 0 && await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false) is > 0 and var read) return read;
        var count = Math.Min(buffer.Length, _behind < Ones ? Ones - _behind : Ones + Zeros - _behind);
        buffer.Span[..count].Fill(_behind < Ones ? (byte)0xFF : (byte)0);
        _behind += count;
        return count;
    }
}
