using System.Net;
using System.Runtime.CompilerServices;
using Amazon.S3;
using Amazon.S3.Model;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DataPlatform.ObjectStores.S3;

/// <summary>Keeps objects in an S3 bucket, under a prefix.</summary>
/// <remarks>
/// <para>
/// What fits into one part is put by one request. What is longer, or of unknown length, is put in parts that appear as one object in the end; a
/// failure removes the parts. A killed process leaves them behind, unseen: give the bucket a lifecycle rule that aborts incomplete uploads.
/// Each part carries a checksum that S3 verifies, and a read of a whole object verifies it again.
/// </para>
/// <para>
/// Conditional puts, and puts in parts, mark the object with an id of the put in its metadata (<c>x-amz-meta-dataplatform-put</c>). When the answer
/// to such a put is lost, that tells whether it took effect. <see cref="ObjectInfo.LastModified"/> of a put is this machine's time; S3 does not tell its own.
/// </para>
/// </remarks>
public sealed class S3ObjectStore : IObjectStore, IDisposable
{
    private static readonly TimeSpan ReadPatience = TimeSpan.FromSeconds(60);

    private readonly S3ObjectStoreOptions _options;
    private readonly S3Location _location;
    private readonly S3Errors _errors;
    private readonly ILogger _logger;
    private readonly Lazy<AmazonS3Client> _client;
    private volatile bool _bucketSeen;

    /// <summary>Opens a bucket without connecting yet.</summary>
    /// <param name="name">The store's name.</param>
    /// <param name="location">The bucket and the prefix in it: <c>s3://acme-lake/prod</c>.</param>
    /// <param name="options">Its settings; null for AWS with the credentials and region of the environment.</param>
    /// <param name="loggerFactory">Makes its logger.</param>
    /// <exception cref="ObjectStoreException">The location or a setting is wrong.</exception>
    public S3ObjectStore(string name, string location, S3ObjectStoreOptions? options = null, ILoggerFactory? loggerFactory = null)
    {
        ArgumentNullException.ThrowIfNull(location);
        Name = EntityName.Validate(name, "object store");
        _options = (options ?? new S3ObjectStoreOptions()).Validate(name);
        _location = S3Location.Parse(name, location);
        _errors = new S3Errors(name, _location, _options);
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<S3ObjectStore>();
        _client = new Lazy<AmazonS3Client>(() => S3ClientFactory.Create(_options));
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string Location => _location.ToUri();

    /// <inheritdoc/>
    public IAsyncEnumerable<ObjectInfo> ListAsync(string glob, CancellationToken cancellationToken = default) =>
        ListAsync(ObjectGlob.Parse(glob), cancellationToken);

    /// <inheritdoc/>
    public async Task<ObjectInfo?> FindAsync(string key, CancellationToken cancellationToken = default)
    {
        ObjectKey.Validate(key);
        try
        {
            var found = await _client.Value.GetObjectMetadataAsync(
                new GetObjectMetadataRequest { BucketName = _location.Bucket, Key = _location.Prefix + key }, cancellationToken).ConfigureAwait(false);
            _bucketSeen = true;
            return Describe(key, found.ContentLength, found.ETag, found.LastModified);
        }
        catch (AmazonS3Exception e) when (S3Errors.HasCode(e, "NotFound") && _bucketSeen)
        {
            return null;
        }
        catch (AmazonS3Exception e) when (S3Errors.HasCode(e, "NotFound", "Forbidden"))
        {
            return await FindByReadingAsync(key, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (S3Errors.IsFailure(e, cancellationToken))
        {
            throw _errors.Explain("read", key, e);
        }
    }

    /// <inheritdoc/>
    public async Task<Stream> OpenReadAsync(string key, ByteRange? range = null, CancellationToken cancellationToken = default)
    {
        ObjectKey.Validate(key);
        range?.Validate();
        if (range is { Length: 0 }) return await FindAsync(key, cancellationToken).ConfigureAwait(false) is null ? throw _errors.NotFound(key) : Stream.Null;

        var response = await GetAsync(key, range, cancellationToken).ConfigureAwait(false);
        return response is null
            ? Stream.Null
            : new ObjectReadStream(
                response.ResponseStream, response.ContentLength, (cause, read) => _errors.Broken(key, read, response.ContentLength, cause), ReadPatience);
    }

    /// <inheritdoc/>
    public async Task<ObjectInfo> PutAsync(string key, Stream content, ObjectPutOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(content);
        ObjectKey.Validate(key);
        options ??= new ObjectPutOptions();
        options.Validate();
        if (_options.ReadOnly) throw _errors.ReadOnly("write", key);
        return await NewPut(key, options).RunAsync(content, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task DeleteAsync(string key, CancellationToken cancellationToken = default)
    {
        ObjectKey.Validate(key);
        if (_options.ReadOnly) throw _errors.ReadOnly("delete", key);
        await _errors.GuardAsync(
            "delete",
            key,
            () => _client.Value.DeleteObjectAsync(_location.Bucket, _location.Prefix + key, cancellationToken),
            cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    /// <remarks>Writing is tried by beginning an upload in parts and aborting it, which leaves nothing behind, also in a bucket with versions.</remarks>
    public async Task CheckAsync(CancellationToken cancellationToken = default)
    {
        if (!_options.ReadOnly) await NewPut(ObjectKey.Reserved + "/check", new ObjectPutOptions()).TryAsync(cancellationToken).ConfigureAwait(false);
        await _errors.GuardAsync(
            "list",
            key: null,
            () => _client.Value.ListObjectsV2Async(
                new ListObjectsV2Request { BucketName = _location.Bucket, Prefix = _location.Prefix, MaxKeys = 1 }, cancellationToken),
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Closes the connections.</summary>
    public void Dispose()
    {
        if (_client.IsValueCreated) _client.Value.Dispose();
    }

    private static ObjectInfo Describe(string key, long size, string etag, DateTime? lastModified) =>
        new(key, size, etag.Trim('"'), new DateTimeOffset(lastModified ?? DateTime.UnixEpoch));

    // Asked for so that keys with characters that XML cannot hold do not break the listing; the SDK leaves the decoding to its caller.
    private static string Decode(string key, EncodingType? encoding) => encoding == EncodingType.Url ? WebUtility.UrlDecode(key) : key;

    private static long? LastByte(ByteRange range) => range.Length > long.MaxValue - range.Offset ? null : range.Offset + range.Length - 1;

    private S3Put NewPut(string key, ObjectPutOptions options) => new(_client, _location, _options, _errors, _logger, key, options);

    private async IAsyncEnumerable<ObjectInfo> ListAsync(ObjectGlob glob, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var request = new ListObjectsV2Request
        {
            BucketName = _location.Bucket,
            Prefix = _location.Prefix + glob.LiteralPrefix,
            Delimiter = glob.StaysInFolder ? "/" : null,
            Encoding = EncodingType.Url,
        };
        do
        {
            var page = await _errors.GuardAsync(
                "list", glob.LiteralPrefix, () => _client.Value.ListObjectsV2Async(request, cancellationToken), cancellationToken).ConfigureAwait(false);
            foreach (var found in page.S3Objects ?? [])
            {
                cancellationToken.ThrowIfCancellationRequested();
                var key = Decode(found.Key, page.Encoding)[_location.Prefix.Length..];
                if (ObjectKey.IsValid(key) && glob.IsMatch(key)) yield return Describe(key, found.Size ?? 0, found.ETag, found.LastModified);
            }

            request.ContinuationToken = page.NextContinuationToken;
        }
        while (request.ContinuationToken is not null);
    }

    // The answer to HEAD has no body, so that a missing object looks like a missing bucket and a wrong secret like a missing permission. GET tells.
    private async Task<ObjectInfo?> FindByReadingAsync(string key, CancellationToken cancellationToken)
    {
        try
        {
            using var found = (await GetAsync(key, range: null, cancellationToken).ConfigureAwait(false))!;
            return Describe(key, found.ContentLength, found.ETag, found.LastModified);
        }
        catch (ObjectNotFoundException)
        {
            return null;
        }
    }

    // Null when the range begins behind the object's end.
    private async Task<GetObjectResponse?> GetAsync(string key, ByteRange? range, CancellationToken cancellationToken)
    {
        var request = new GetObjectRequest { BucketName = _location.Bucket, Key = _location.Prefix + key };
        if (range is { } part) request.ByteRange = new Amazon.S3.Model.ByteRange($"bytes={part.Offset}-{LastByte(part)}");
        try
        {
            return await _client.Value.GetObjectAsync(request, cancellationToken).ConfigureAwait(false);
        }
        catch (AmazonS3Exception e) when (S3Errors.HasCode(e, "NoSuchKey"))
        {
            _bucketSeen = true;
            throw _errors.NotFound(key, e);
        }
        catch (AmazonS3Exception e) when (S3Errors.HasCode(e, "InvalidRange"))
        {
            return null;
        }
        catch (Exception e) when (S3Errors.IsFailure(e, cancellationToken))
        {
            throw _errors.Explain("read", key, e);
        }
    }
}
