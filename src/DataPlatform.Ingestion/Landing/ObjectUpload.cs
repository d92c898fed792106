using System.IO.Pipelines;
using System.Security.Cryptography;
using DataPlatform.ObjectStores;

namespace DataPlatform.Ingestion;

/// <summary>
/// An object that is stored while it is written, and hashed on the way. It is there once it was completed, and not before: what is given up leaves nothing.
/// </summary>
internal sealed class ObjectUpload : Stream
{
    // How far the writer may be ahead of the store: about half a row group, so that who encodes the next one does not wait for it.
    private const int BytesAhead = 4 << 20;

    private readonly Pipe _pipe = new(new PipeOptions(pauseWriterThreshold: BytesAhead, resumeWriterThreshold: BytesAhead / 2, minimumSegmentSize: 64 << 10, useSynchronizationContext: false));
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly Task _put;
    private long _position;
    private bool _ended;

    public ObjectUpload(IObjectStore store, string key, string contentType, CancellationToken cancellationToken)
    {
        Key = key;
        _put = PutAsync(store, contentType, cancellationToken);
    }

    public string Key { get; }

    /// <summary>How many bytes were written.</summary>
    public override long Length => Position;

    public override long Position
    {
        get => _position;
        set => throw new NotSupportedException();
    }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _position += buffer.Length;
        var result = await _pipe.Writer.WriteAsync(buffer, cancellationToken).ConfigureAwait(false);

        // The store reads no more: it says why.
        if (result.IsCompleted) await _put.ConfigureAwait(false);
    }

    /// <summary>Ends the object and waits until it is stored. Returns the SHA-256 of its bytes, in hexadecimal.</summary>
    public async Task<string> CompleteAsync()
    {
        _ended = true;
        await _pipe.Writer.CompleteAsync().ConfigureAwait(false);
        await _put.ConfigureAwait(false);
        return Convert.ToHexStringLower(_hash.GetHashAndReset());
    }

    /// <summary>Gives up what was not completed.</summary>
    public override async ValueTask DisposeAsync()
    {
        if (!_ended)
        {
            _ended = true;
            await _pipe.Writer.CompleteAsync(new OperationCanceledException("The object was given up.")).ConfigureAwait(false);
            await ((Task)_put.ContinueWith(put => _ = put.Exception, TaskScheduler.Default)).ConfigureAwait(false);
        }

        _hash.Dispose();
        await base.DisposeAsync().ConfigureAwait(false);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private async Task PutAsync(IObjectStore store, string contentType, CancellationToken cancellationToken)
    {
        // Storing reads what is written afterwards: it must not begin on the writer's turn.
        await Task.Yield();
        try
        {
            var content = new HashedStream(_pipe.Reader.AsStream(leaveOpen: true), _hash);
            await store.PutAsync(Key, content, new ObjectPutOptions { ContentType = contentType }, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await _pipe.Reader.CompleteAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Hashes what the store reads, on its turn and not on the writer's.</summary>
    private sealed class HashedStream(Stream inner, IncrementalHash hash) : ForwardStream
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
            hash.AppendData(buffer.Span[..read]);
            return read;
        }
    }
}
