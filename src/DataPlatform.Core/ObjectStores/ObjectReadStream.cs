namespace DataPlatform.ObjectStores;

/// <summary>
/// Reads exactly as many bytes of an object as were announced. A source that ends before fails the read, so that nobody takes the part for the whole;
/// what the source throws is told as a failure of the store. The source is read to its end before the last bytes are handed out, because that is
/// where it verifies a checksum.
/// </summary>
/// <param name="source">Delivers the bytes; disposed of with this stream.</param>
/// <param name="length">How many bytes there are.</param>
/// <param name="fail">Makes the failure of an exception, or of null for a source that ended too early, and the number of bytes read so far.</param>
/// <param name="patience">How long a read may wait for the next bytes.</param>
internal sealed class ObjectReadStream(Stream source, long length, Func<Exception?, long, ObjectStoreException> fail, TimeSpan patience) : Stream
{
    private long _read;
    private bool _failed;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => _read;
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        buffer = buffer[..(int)Math.Min(buffer.Length, length - _read)];
        if (buffer.IsEmpty) return 0;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(patience);
        try
        {
            var read = Count(await source.ReadAsync(buffer, deadline.Token).ConfigureAwait(false));
            if (_read == length) await source.ReadAsync(new byte[1], deadline.Token).ConfigureAwait(false);
            return read;
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            throw Fail(e is OperationCanceledException ? new TimeoutException($"No byte came for {patience.TotalSeconds:0.##} s.", e) : e);
        }
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override async ValueTask DisposeAsync()
    {
        try
        {
            await source.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception) when (_failed)
        {
            // It was told already.
        }

        await base.DisposeAsync().ConfigureAwait(false);
    }

    protected override void Dispose(bool disposing)
    {
        try
        {
            if (disposing) source.Dispose();
        }
        catch (Exception) when (_failed)
        {
            // It was told already.
        }

        base.Dispose(disposing);
    }

    private int Count(int read)
    {
        if (read == 0) throw fail(null, _read);
        _read += read;
        return read;
    }

    private ObjectStoreException Fail(Exception exception)
    {
        _failed = true;
        return exception as ObjectStoreException ?? fail(exception, _read);
    }
}
