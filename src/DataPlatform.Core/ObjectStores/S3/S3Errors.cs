using System.Net;
using System.Net.Sockets;
using Amazon.Runtime;

namespace DataPlatform.ObjectStores.S3;

/// <summary>Tells what failed at S3, and what to do. S3's own messages are often empty, so they are made here from its codes.</summary>
internal sealed class S3Errors(string store, S3Location location, S3ObjectStoreOptions options)
{
    private string Section => ObjectStoreOpener.SettingsSection(store);

    private string Server => options.Endpoint ?? "S3";

    public async Task<T> GuardAsync<T>(string verb, string? key, Func<Task<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await call().ConfigureAwait(false);
        }
        catch (Exception e) when (IsFailure(e, cancellationToken))
        {
            throw Explain(verb, key, e);
        }
    }

    /// <summary>Whether the exception has yet to be explained: it is neither the caller's cancellation nor ours.</summary>
    public static bool IsFailure(Exception exception, CancellationToken cancellationToken) =>
        exception is not DataPlatformException && !(exception is OperationCanceledException && cancellationToken.IsCancellationRequested);

    public static bool HasCode(Exception exception, params ReadOnlySpan<string> codes) =>
        exception is AmazonServiceException { ErrorCode: { } code } && codes.Contains(code);

    public ObjectNotFoundException NotFound(string key, Exception? cause = null) =>
        new($"Object store '{store}' has no object {location.ToUri(key)}.", hint: null, cause);

    public ObjectPreconditionException PreconditionFailed(string key, ObjectPutOptions asked, Exception cause) => new(
        $"{Subject("write", key)}: " + (asked.IfMatch is { } expected
            ? $"it was to replace version {expected}, and the object has another version or is gone."
            : "there is an object already, and it was to be stored only if there was none."),
        cause);

    public ObjectStoreException ReadOnly(string verb, string key) =>
        new(FailureClass.Configuration, $"{Subject(verb, key)}: the store is read-only.", $"Use another store, or remove {Section}:ReadOnly.");

    public ObjectStoreException TooLarge(string key, long bytes) => new(
        FailureClass.Configuration,
        $"{Subject("write", key)}: it is longer than the {bytes} bytes that 10,000 parts can hold.",
        $"Set {Section}:PartSizeBytes to more than {options.PartSizeBytes}.");

    public ObjectStoreException Broken(string key, long read, long length, Exception? cause) => cause is AmazonClientException
        ? Explain("read", key, cause)
        : new ObjectStoreException(
            FailureClass.Unavailable,
            $"{Subject("read", key)}: it ended after {read} of {length} bytes{(cause is null ? "" : $": {cause.Message}")}",
            "The connection broke. Try again.",
            cause);

    public ObjectStoreException Explain(string verb, string? key, Exception exception)
    {
        var (failureClass, reason, hint) = Cause(exception) switch
        {
            AmazonServiceException service => ExplainCode(verb, service),
            AmazonClientException client => ExplainClient(client),
            HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } e => (
                FailureClass.Configuration,
                $"no secure connection to {Server} can be made: {(e.InnerException ?? e).Message}",
                "Check the server's certificate; name one of your own authority in SSL_CERT_FILE."),
            var e => (
                FailureClass.Unavailable,
                $"{Server} cannot be reached: {e.Message}",
                $"Check that it is up, that {Section}:Endpoint or Region is right, and that the network lets the job there."),
        };
        return new ObjectStoreException(failureClass, $"{Subject(verb, key)}: {reason}", hint, exception);
    }

    // What S3 or the network said, below what the SDK wraps around it.
    private static Exception Cause(Exception exception)
    {
        for (Exception? e = exception; e is not null; e = e.InnerException)
        {
            if (e is AmazonServiceException or HttpRequestException or SocketException or IOException) return e;
        }

        return exception;
    }

    private static (FailureClass, string, string?) Transient(string reason) => (FailureClass.Transient, reason, "Try again later.");

    private (FailureClass, string, string?) ExplainClient(AmazonClientException exception)
    {
        if (exception.Message.Contains("credentials", StringComparison.OrdinalIgnoreCase))
        {
            return (
                FailureClass.Configuration,
                "there are no AWS credentials here.",
                $"Set {Section}:AccessKeyId and SecretAccessKey, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the job a role.");
        }

        if (exception.Message.Contains("RegionEndpoint", StringComparison.Ordinal))
            return (FailureClass.Configuration, "its region is not known.", $"Set {Section}:Region or AWS_REGION, or {Section}:Endpoint for a server that is not AWS.");
        return exception.Message.Contains("hash", StringComparison.OrdinalIgnoreCase)
            ? Transient("what arrived does not have the checksum that S3 keeps of the object.")
            : (FailureClass.Bug, exception.Message, null);
    }

    private (FailureClass, string, string?) ExplainCode(string verb, AmazonServiceException exception)
    {
        var code = exception.ErrorCode ?? "";
        var writes = verb is "write" or "delete";
        return code switch
        {
            "NoSuchBucket" => (
                writes ? FailureClass.CannotWrite : FailureClass.Configuration,
                $"there is no bucket '{location.Bucket}' at {Server}.",
                $"Create the bucket, or correct ConnectionStrings:{store}."),
            "KeyTooLongError" => (FailureClass.Configuration, "the key and the prefix together are too long.", "Use a shorter prefix or key."),
            "InvalidBucketName" => (FailureClass.Configuration, $"{Server} does not take '{location.Bucket}' for a bucket's name.", $"Correct ConnectionStrings:{store}."),
            "InvalidAccessKeyId" => (
                FailureClass.NotAuthorized, $"{Server} does not know the access key (InvalidAccessKeyId).", $"Correct {Section}:AccessKeyId, or the credentials of the environment."),
            "SignatureDoesNotMatch" => (
                FailureClass.NotAuthorized,
                "the secret does not belong to the access key (SignatureDoesNotMatch).",
                $"Correct {Section}:SecretAccessKey, or the credentials of the environment."),
            "ExpiredToken" or "ExpiredTokenException" or "InvalidToken" or "TokenRefreshRequired" or "InvalidIdentityToken" => (
                FailureClass.NotAuthorized, $"the credentials are not valid any more ({code}).", "Renew the credentials of the environment."),
            "RequestTimeTooSkewed" => (FailureClass.Configuration, $"the clocks of this machine and {Server} differ too much.", "Set this machine's clock."),
            "PermanentRedirect" or "TemporaryRedirect" or "AuthorizationHeaderMalformed" or "IllegalLocationConstraintException" => (
                FailureClass.Configuration, $"bucket '{location.Bucket}' is in another region ({code}).", $"Set {Section}:Region to the bucket's region."),
            "InvalidObjectState" => (FailureClass.Data, "the object is archived.", "Restore it from its storage class first."),
            "QuotaExceeded" => (FailureClass.CannotWrite, "the quota is used up.", "Free space, or have the quota raised."),
            "BadDigest" or "IncompleteBody" or "XAmzContentSHA256Mismatch" => Transient($"what arrived at {Server} is not what was sent ({code})."),
            "SlowDown" or "RequestTimeout" or "RequestLimitExceeded" or "TooManyRequests" => Transient($"{Server} asks for fewer requests or gave up on one ({code})."),
            _ when code.StartsWith("Throttl", StringComparison.Ordinal) => Transient($"{Server} asks for fewer requests ({code})."),
            _ when code.StartsWith("KMS.", StringComparison.Ordinal) || (code == "InvalidArgument" && writes && options.KmsKeyId is not null) => (
                FailureClass.Configuration, $"the KMS key '{options.KmsKeyId}' cannot be used ({code}): {exception.Message}", $"Correct {Section}:KmsKeyId, or the key's state and policy."),
            _ => ExplainStatus(verb, exception),
        };
    }

    private (FailureClass, string, string?) ExplainStatus(string verb, AmazonServiceException exception) => (int)exception.StatusCode switch
    {
        (int)HttpStatusCode.Unauthorized or (int)HttpStatusCode.Forbidden => (
            FailureClass.NotAuthorized, $"access is denied ({exception.ErrorCode}).", $"Allow the credentials {NeededPermissions(verb)} on {location.ToUri()}."),
        (int)HttpStatusCode.Conflict => Transient($"another write to it happened at the same time ({exception.ErrorCode})."),
        (int)HttpStatusCode.ServiceUnavailable => Transient($"{Server} is busy ({exception.ErrorCode})."),
        (int)HttpStatusCode.NotImplemented => (FailureClass.Configuration, $"{Server} cannot do that: {exception.Message}", null),
        (int)HttpStatusCode.InsufficientStorage => (FailureClass.CannotWrite, $"{Server} is full.", "Free space."),
        >= 500 => (FailureClass.Unavailable, $"{Server} failed ({exception.ErrorCode}). {exception.Message}".TrimEnd(), "Try again later."),
        var status => (FailureClass.Bug, $"{Server} refused the request ({exception.ErrorCode}, {status}). {exception.Message}".TrimEnd(), null),
    };

    private string NeededPermissions(string verb) => verb switch
    {
        "list" => "s3:ListBucket",
        "read" when options.ServerSideEncryption == S3ServerSideEncryption.Kms => "s3:GetObject, s3:ListBucket and kms:Decrypt",
        "read" => "s3:GetObject and s3:ListBucket",
        "delete" => "s3:DeleteObject",
        _ when options.ServerSideEncryption == S3ServerSideEncryption.Kms => "s3:PutObject, s3:AbortMultipartUpload, kms:GenerateDataKey and kms:Decrypt",
        _ => "s3:PutObject and s3:AbortMultipartUpload",
    };

    private string Subject(string verb, string? key) =>
        $"Object store '{store}' cannot {verb} {(string.IsNullOrEmpty(key) ? "in " : "")}{location.ToUri(key)}";
}
