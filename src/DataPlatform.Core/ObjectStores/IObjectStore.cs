namespace DataPlatform.ObjectStores;

/// <summary>
/// A flat space of immutable objects under keys such as <c>inbox/trips-2026-01-01.csv</c>: a folder or an S3 bucket with a prefix.
/// See <see cref="ObjectKey"/> for what a key is.
/// </summary>
/// <remarks>
/// Failures are <see cref="ObjectStoreException"/> with the failure class, the store and the key.
/// Implementations are safe for concurrent use.
/// </remarks>
public interface IObjectStore
{
    /// <summary>The name the store was registered under.</summary>
    string Name { get; }

    /// <summary>Where the store is, for people: <c>s3://acme-lake/prod</c> or a folder's full path. Holds no secret.</summary>
    string Location { get; }

    /// <summary>Lists objects whose key matches a glob, in the order of <see cref="ObjectKey.Order"/>.</summary>
    /// <param name="glob"><c>*</c> matches within a segment, <c>**</c> across segments, <c>?</c> one character, <c>{a,b}</c> either. See <see cref="ObjectGlob"/>.</param>
    /// <param name="cancellationToken">Stops the listing.</param>
    IAsyncEnumerable<ObjectInfo> ListAsync(string glob, CancellationToken cancellationToken = default);

    /// <summary>Finds one object, or null when there is none under the key.</summary>
    Task<ObjectInfo?> FindAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>Opens an object, or a range of its bytes, for reading forward.</summary>
    /// <exception cref="ObjectNotFoundException">There is no object under the key.</exception>
    Task<Stream> OpenReadAsync(string key, ByteRange? range = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Stores a stream of any, also unknown, length. Atomic: readers see the old object or the whole new one, and a failure or a crash leaves the old one.
    /// </summary>
    /// <exception cref="ObjectPreconditionException">The condition in <paramref name="options"/> did not hold; nothing was written.</exception>
    Task<ObjectInfo> PutAsync(string key, Stream content, ObjectPutOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Deletes an object; does nothing when there is none.</summary>
    Task DeleteAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>Checks that the store can be reached, listed and written; throws with what to do when not. Used by the preflight and <c>doctor</c>.</summary>
    Task CheckAsync(CancellationToken cancellationToken = default);
}

/// <summary>An object as listed: its key, size and version.</summary>
/// <param name="Key">The key within the store.</param>
/// <param name="Size">Size in bytes.</param>
/// <param name="ETag">Changes when the content changes; unquoted. Opaque: not always a hash of the content.</param>
/// <param name="LastModified">When it was last written.</param>
public sealed record ObjectInfo(string Key, long Size, string ETag, DateTimeOffset LastModified);

/// <summary>A range of an object's bytes.</summary>
/// <param name="Offset">First byte, from 0.</param>
/// <param name="Length">How many bytes, or null for all that follow. Less is returned when the object ends before.</param>
public readonly record struct ByteRange(long Offset, long? Length = null)
{
    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(Offset);
        if (Length is { } length) ArgumentOutOfRangeException.ThrowIfNegative(length);
    }
}

/// <summary>How an object is stored.</summary>
public sealed record ObjectPutOptions
{
    /// <summary>Store only when there is no object under the key.</summary>
    public bool IfAbsent { get; init; }

    /// <summary>Store only when the object under the key has this <see cref="ObjectInfo.ETag"/>.</summary>
    public string? IfMatch { get; init; }

    /// <summary>The media type, such as <c>text/csv</c>; a folder does not keep it.</summary>
    public string? ContentType { get; init; }

    internal void Validate()
    {
        if (IfAbsent && IfMatch is not null)
            throw new ArgumentException($"{nameof(IfAbsent)} and {nameof(IfMatch)} exclude each other: an object cannot be absent and have a version.");
    }
}

/// <summary>An object store failed; says which, on what key, and why.</summary>
public class ObjectStoreException(FailureClass failureClass, string message, string? hint = null, Exception? innerException = null)
    : DataPlatformException(failureClass, message, hint, innerException);

/// <summary>There is no object under the key.</summary>
public sealed class ObjectNotFoundException(string message, string? hint = null, Exception? innerException = null)
    : ObjectStoreException(FailureClass.Data, message, hint, innerException);

/// <summary>A conditional put found another state than it asked for; nothing was written.</summary>
public sealed class ObjectPreconditionException(string message, Exception? innerException = null)
    : ObjectStoreException(FailureClass.Transient, message, hint: null, innerException);
