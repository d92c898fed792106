using System.Buffers;
using System.Runtime.CompilerServices;
using Amazon.S3;
using Amazon.S3.Model;
using Microsoft.Extensions.Logging;

namespace DataPlatform.ObjectStores.S3;

/// <summary>One put of one object: by one request when it fits into one part, else in parts.</summary>
internal sealed class S3Put(
    Lazy<AmazonS3Client> client, S3Location location, S3ObjectStoreOptions settings, S3Errors errors, ILogger logger, string key, ObjectPutOptions options)
{
    private const string IdName = "dataplatform-put";
    private const int MaxParts = 10_000;
    private const int PartsBeforeDoubling = 2_000;
    private static readonly TimeSpan AbortPatience = TimeSpan.FromSeconds(30);

    private readonly string _id = Guid.NewGuid().ToString("N");
    private readonly string _fullKey = location.Prefix + key;

    // TLS protects what is sent already, so that it need not be hashed twice.
    private readonly bool _signsPayload = settings.Endpoint?.StartsWith("http:", StringComparison.OrdinalIgnoreCase) ?? false;

    private bool IsConditional => options.IfAbsent || options.IfMatch is not null;

    private string? IfNoneMatch => options.IfAbsent ? "*" : null;

    private string? IfMatch => options.IfMatch is { } etag ? $"\"{etag}\"" : null;

    /// <summary>The size of a part, by its number from 1.</summary>
    public static int PartSize(int partSizeBytes, int number) => partSizeBytes << ((number - 1) / PartsBeforeDoubling);

    public async Task<ObjectInfo> RunAsync(Stream content, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var parts = ReadPartsAsync(content, stop.Token).GetAsyncEnumerator(CancellationToken.None);
        await parts.MoveNextAsync().ConfigureAwait(false);
        var first = parts.Current;
        if (!await parts.MoveNextAsync().ConfigureAwait(false)) return await PutWholeAsync(first, cancellationToken).ConfigureAwait(false);

        var upload = await BeginAsync(key, cancellationToken).ConfigureAwait(false);
        try
        {
            var (sent, size) = await SendAsync(upload, first, parts, stop, cancellationToken).ConfigureAwait(false);
            return await CompleteAsync(upload, sent, size, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await AbortAsync(upload).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Finds out whether a put would be allowed, and leaves nothing behind.</summary>
    public async Task TryAsync(CancellationToken cancellationToken) => await AbortAsync(await BeginAsync(told: null, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);

    // The last part may be empty only if it is the only one.
    private async IAsyncEnumerable<Part> ReadPartsAsync(Stream content, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var number = 1; ; number++)
        {
            var part = await Part.ReadAsync(content, number, PartSize(settings.PartSizeBytes, number), cancellationToken).ConfigureAwait(false);
            if (part.Length > 0 || number == 1) yield return part;
            if (part.IsLast) yield break;
        }
    }

    private async Task<ObjectInfo> PutWholeAsync(Part part, CancellationToken cancellationToken)
    {
        var request = new PutObjectRequest
        {
            BucketName = location.Bucket,
            Key = _fullKey,
            InputStream = part.Open(),
            DisablePayloadSigning = !_signsPayload,
            ContentType = options.ContentType,
            ServerSideEncryptionMethod = Encryption,
            ServerSideEncryptionKeyManagementServiceKeyId = settings.KmsKeyId,
            IfNoneMatch = IfNoneMatch,
            IfMatch = IfMatch,
        };
        if (IsConditional) request.Metadata.Add(IdName, _id);
        var etag = await DecideAsync(
            async () => (await client.Value.PutObjectAsync(request, cancellationToken).ConfigureAwait(false)).ETag, IsConditional, cancellationToken).ConfigureAwait(false);
        part.Release();
        return Describe(part.Length, etag);
    }

    private Task<string> BeginAsync(string? told, CancellationToken cancellationToken)
    {
        var request = new InitiateMultipartUploadRequest
        {
            BucketName = location.Bucket,
            Key = _fullKey,
            ContentType = options.ContentType,
            ServerSideEncryptionMethod = Encryption,
            ServerSideEncryptionKeyManagementServiceKeyId = settings.KmsKeyId,
            ChecksumAlgorithm = ChecksumAlgorithm.CRC32,
            ChecksumType = ChecksumType.FULL_OBJECT,
        };
        request.Metadata.Add(IdName, _id);
        return errors.GuardAsync(
            "write", told, async () => (await client.Value.InitiateMultipartUploadAsync(request, cancellationToken).ConfigureAwait(false)).UploadId, cancellationToken);
    }

    // Holds the parts on their way and the one being read. Returns when none is on its way any more, whatever happened.
    private async Task<(IReadOnlyList<PartETag> Sent, long Size)> SendAsync(
        string upload, Part first, IAsyncEnumerator<Part> parts, CancellationTokenSource stop, CancellationToken cancellationToken)
    {
        var sending = new List<Task<PartETag>>();
        var size = 0L;
        using var slots = new SemaphoreSlim(settings.Concurrency);
        try
        {
            await StartAsync(first).ConfigureAwait(false);
            do await StartAsync(parts.Current).ConfigureAwait(false);
            while (await parts.MoveNextAsync().ConfigureAwait(false));
            return (await Task.WhenAll(sending).ConfigureAwait(false), size);
        }
        catch (Exception e)
        {
            await stop.CancelAsync().ConfigureAwait(false);
            var failed = await FirstFailureAsync(sending).ConfigureAwait(false);
            if (e is OperationCanceledException && !cancellationToken.IsCancellationRequested && failed is not null) throw failed;
            throw;
        }

        async Task StartAsync(Part part)
        {
            if (part.Number > MaxParts) throw errors.TooLarge(key, size);
            await slots.WaitAsync(stop.Token).ConfigureAwait(false);
            size += part.Length;
            sending.Add(SendPartAsync(upload, part, slots, stop));
        }
    }

    private async Task<PartETag> SendPartAsync(string upload, Part part, SemaphoreSlim slots, CancellationTokenSource stop)
    {
        var request = new UploadPartRequest
        {
            BucketName = location.Bucket,
            Key = _fullKey,
            UploadId = upload,
            PartNumber = part.Number,
            PartSize = part.Length,
            InputStream = part.Open(),
            DisablePayloadSigning = !_signsPayload,
            ChecksumAlgorithm = ChecksumAlgorithm.CRC32,
        };
        try
        {
            var response = await errors.GuardAsync("write", key, () => client.Value.UploadPartAsync(request, stop.Token), stop.Token).ConfigureAwait(false);
            part.Release();
            return new PartETag(response);
        }
        catch (ObjectStoreException)
        {
            await stop.CancelAsync().ConfigureAwait(false);
            throw;
        }
        finally
        {
            slots.Release();
        }
    }

    private static async Task<Exception?> FirstFailureAsync(IEnumerable<Task> tasks)
    {
        Exception? first = null;
        foreach (var task in tasks)
        {
            await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            first ??= task.Exception?.InnerException;
        }

        return first;
    }

    private async Task<ObjectInfo> CompleteAsync(string upload, IReadOnlyList<PartETag> parts, long size, CancellationToken cancellationToken)
    {
        var request = new CompleteMultipartUploadRequest
        {
            BucketName = location.Bucket,
            Key = _fullKey,
            UploadId = upload,
            PartETags = [.. parts],
            IfNoneMatch = IfNoneMatch,
            IfMatch = IfMatch,
        };
        var etag = await DecideAsync(
            async () => (await client.Value.CompleteMultipartUploadAsync(request, cancellationToken).ConfigureAwait(false)).ETag,
            isMarked: true,
            cancellationToken).ConfigureAwait(false);
        return Describe(size, etag);
    }

    // Sends the request that makes the object appear. When the answer is lost and the SDK asks again, it is refused although it took effect;
    // then the id in the object's metadata tells.
    private async Task<string> DecideAsync(Func<Task<string>> send, bool isMarked, CancellationToken cancellationToken)
    {
        try
        {
            return await send().ConfigureAwait(false);
        }
        catch (Exception e) when (S3Errors.IsFailure(e, cancellationToken))
        {
            if (isMarked && await FindOwnETagAsync(cancellationToken).ConfigureAwait(false) is { } etag) return etag;
            throw IsConditional && S3Errors.HasCode(e, "PreconditionFailed", "ConditionalRequestConflict", "ConcurrentModification", "NoSuchKey")
                ? errors.PreconditionFailed(key, options, e)
                : errors.Explain("write", key, e);
        }
    }

    private async Task<string?> FindOwnETagAsync(CancellationToken cancellationToken)
    {
        try
        {
            var present = await client.Value.GetObjectMetadataAsync(location.Bucket, _fullKey, cancellationToken).ConfigureAwait(false);
            return present.Metadata[IdName] == _id ? present.ETag : null;
        }
        catch (Exception e) when (S3Errors.IsFailure(e, cancellationToken))
        {
            logger.LogDebug(e, "Whether {Object} was written is not known", location.ToUri(key));
            return null;
        }
    }

    private async Task AbortAsync(string upload)
    {
        using var patience = new CancellationTokenSource(AbortPatience);
        try
        {
            await client.Value.AbortMultipartUploadAsync(location.Bucket, _fullKey, upload, patience.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            logger.LogWarning(e, "The parts of {Object} sent so far could not be removed; a lifecycle rule of the bucket should", location.ToUri(key));
        }
    }

    private ServerSideEncryptionMethod? Encryption => settings.ServerSideEncryption switch
    {
        S3ServerSideEncryption.S3 => ServerSideEncryptionMethod.AES256,
        S3ServerSideEncryption.Kms => ServerSideEncryptionMethod.AWSKMS,
        _ => null,
    };

    private ObjectInfo Describe(long size, string etag) => new(key, size, etag.Trim('"'), DateTimeOffset.UtcNow);

    /// <summary>A part in memory, the last one if the content ended in it. Its memory is used again only when it was sent whole: a broken request may still hold it.</summary>
    private readonly record struct Part(int Number, byte[] Buffer, int Length, bool IsLast)
    {
        public static async Task<Part> ReadAsync(Stream content, int number, int size, CancellationToken cancellationToken)
        {
            // One byte more than is left, to see the end without a second read and to notice content that grows.
            var capacity = content.CanSeek ? (int)Math.Clamp(content.Length - content.Position + 1, 1, size) : size;
            var buffer = ArrayPool<byte>.Shared.Rent(capacity);
            var length = await FillAsync(content, buffer.AsMemory(0, capacity), cancellationToken).ConfigureAwait(false);
            if (length < capacity || capacity == size) return new Part(number, buffer, length, length < capacity);

            var whole = ArrayPool<byte>.Shared.Rent(size);
            buffer.AsSpan(0, length).CopyTo(whole);
            length += await FillAsync(content, whole.AsMemory(length, size - length), cancellationToken).ConfigureAwait(false);
            return new Part(number, whole, length, length < size);
        }

        public MemoryStream Open() => new(Buffer, 0, Length, writable: false);

        public void Release() => ArrayPool<byte>.Shared.Return(Buffer);

        private static ValueTask<int> FillAsync(Stream content, Memory<byte> memory, CancellationToken cancellationToken) =>
            content.ReadAtLeastAsync(memory, memory.Length, throwOnEndOfStream: false, cancellationToken);
    }
}
