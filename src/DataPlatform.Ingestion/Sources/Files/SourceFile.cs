using DataPlatform.ObjectStores;

namespace DataPlatform.Ingestion;

/// <summary>One file of a source, while it is read.</summary>
internal sealed class SourceFile(IObjectStore store, ObjectInfo info) : ISourceText
{
    private long _bytesNoted;

    /// <summary>Where it is.</summary>
    public IObjectStore Store => store;

    /// <summary>Its bytes on scratch disk, when they were copied there; then the store is not asked again.</summary>
    public Stream? Copy { get; init; }

    /// <summary>Its key in the store, which rejected rows and messages name it by.</summary>
    public string Key => info.Key;

    string ISourceText.Name => Key;

    /// <summary>Its size in the store.</summary>
    public long Size => info.Size;

    /// <summary>Bytes read from the store so far.</summary>
    public long BytesRead { get; set; }

    /// <summary>Opens it for reading forward: decompressed, in UTF-8, and known not to be of another kind.</summary>
    /// <param name="encoding">What it is in when it has no byte order mark; null for UTF-8.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<TextFileStream> OpenTextAsync(string? encoding, CancellationToken cancellationToken)
    {
        var stored = await store.OpenReadAsync(Key, range: null, cancellationToken).ConfigureAwait(false);
        var stream = new TextFileStream(this, stored, encoding);
        try
        {
            await stream.BeginAsync(cancellationToken).ConfigureAwait(false);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Opens it for reading anywhere.</summary>
    public Stream OpenRandomAccess() => Copy ?? new RandomAccessFileStream(this, store);

    /// <summary>Notes in a batch how many bytes were read since the last.</summary>
    public void NoteBytesRead(BatchBuilder batch)
    {
        batch.AddBytesRead(BytesRead - _bytesNoted);
        _bytesNoted = BytesRead;
    }

    /// <inheritdoc/>
    public DataPlatformException Invalid(string problem, string? hint, Exception? cause = null) =>
        new(FailureClass.Data, $"{store.Name}:{Key} {problem}", hint, cause);
}
