using DataPlatform.ObjectStores;

namespace DataPlatform.Ingestion;

/// <summary>One file of a source, while it is read.</summary>
internal sealed class SourceFile(IObjectStore store, ObjectInfo info)
{
    private long _bytesNoted;

    /// <summary>Its key in the store, which rejected rows and messages name it by.</summary>
    public string Key => info.Key;

    /// <summary>Its size in the store.</summary>
    public long Size => info.Size;

    /// <summary>Bytes read from the store so far.</summary>
    public long BytesRead { get; set; }

    /// <summary>Opens it for reading forward: decompressed, and known not to be of another kind.</summary>
    public async Task<TextFileStream> OpenTextAsync(CancellationToken cancellationToken)
    {
        var stored = await store.OpenReadAsync(Key, range: null, cancellationToken).ConfigureAwait(false);
        var stream = new TextFileStream(this, stored);
        try
        {
            await stream.CheckIsTextAsync(cancellationToken).ConfigureAwait(false);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Opens it for reading anywhere.</summary>
    public RandomAccessFileStream OpenRandomAccess() => new RandomAccessFileStream(this, store);

    /// <summary>Notes in a batch how many bytes were read since the last.</summary>
    public void NoteBytesRead(BatchBuilder batch)
    {
        batch.AddBytesRead(BytesRead - _bytesNoted);
        _bytesNoted = BytesRead;
    }

    /// <summary>The file is not what it should be.</summary>
    public DataPlatformException Invalid(string problem, string? hint, Exception? cause = null) =>
        new(FailureClass.Data, $"{store.Name}:{Key} {problem}", hint, cause);
}
