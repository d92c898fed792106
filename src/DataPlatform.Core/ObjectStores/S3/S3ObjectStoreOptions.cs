namespace DataPlatform.ObjectStores.S3;

/// <summary>The settings of an S3 bucket: section <c>DataPlatform:ObjectStores:{name}</c>. AWS needs none of them.</summary>
public sealed class S3ObjectStoreOptions
{
    private const int MiB = 1 << 20;
    private const int SmallestPart = 5 * MiB; // S3 takes no smaller ones
    private const int LargestPart = 64 * MiB; // of which the growth of parts makes 1 GiB at most

    /// <summary>The address of an S3-compatible server, such as <c>https://s3.internal:9000</c>; null for AWS.</summary>
    public string? Endpoint { get; set; }

    /// <summary>The region; null for what <c>AWS_REGION</c>, the profile or the machine says, and <c>us-east-1</c> when <see cref="Endpoint"/> is set.</summary>
    public string? Region { get; set; }

    /// <summary>Whether the bucket is named in the path and not in the host name; null for yes when <see cref="Endpoint"/> is set, and no when not.</summary>
    public bool? ForcePathStyle { get; set; }

    /// <summary>The access key's id; null for the credentials of the environment: variables, profile, web identity (IRSA), container or instance role.</summary>
    public string? AccessKeyId { get; set; }

    /// <summary>The access key's secret, together with <see cref="AccessKeyId"/>.</summary>
    public string? SecretAccessKey { get; set; }

    /// <summary>How what is put is encrypted at rest.</summary>
    public S3ServerSideEncryption ServerSideEncryption { get; set; }

    /// <summary>The id or ARN of the key for <see cref="S3ServerSideEncryption.Kms"/>; null for the account's default key.</summary>
    public string? KmsKeyId { get; set; }

    /// <summary>
    /// What is longer is put in parts of this many bytes, 5 MiB to 64 MiB. From part 2,000 on parts double every 2,000 parts, so that an object can have 484 GiB at 8 MiB.
    /// </summary>
    public int PartSizeBytes { get; set; } = 8 * MiB;

    /// <summary>How many parts of an object are sent at once, 1 to 64. A put holds this many and one more in memory.</summary>
    public int Concurrency { get; set; } = 4;

    /// <summary>Whether to refuse puts and deletes, for a bucket that the job only reads.</summary>
    public bool ReadOnly { get; set; }

    /// <summary>Throws all that is wrong with the settings at once.</summary>
    internal S3ObjectStoreOptions Validate(string store)
    {
        string[] faults = [.. FindFaults()];
        return faults.Length == 0
            ? this
            : throw new ObjectStoreException(
                FailureClass.Configuration,
                $"The settings of object store '{store}' are wrong: {string.Join("; ", faults)}.",
                $"Correct them in {ObjectStoreOpener.SettingsSection(store)}.");
    }

    private IEnumerable<string> FindFaults()
    {
        if (Endpoint is not null && !(Uri.TryCreate(Endpoint, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"))
            yield return $"{nameof(Endpoint)} '{Endpoint}' is not an address like https://s3.internal:9000";
        if (AccessKeyId is null != SecretAccessKey is null)
            yield return $"{(AccessKeyId is null ? nameof(AccessKeyId) : nameof(SecretAccessKey))} is missing, {(AccessKeyId is null ? nameof(SecretAccessKey) : nameof(AccessKeyId))} is set";
        if (!Enum.IsDefined(ServerSideEncryption))
            yield return $"{nameof(ServerSideEncryption)} {ServerSideEncryption} is not one of {string.Join(", ", Enum.GetNames<S3ServerSideEncryption>())}";
        if (KmsKeyId is not null && ServerSideEncryption != S3ServerSideEncryption.Kms)
            yield return $"{nameof(KmsKeyId)} is set and {nameof(ServerSideEncryption)} is {ServerSideEncryption}, not {nameof(S3ServerSideEncryption.Kms)}";
        if (PartSizeBytes is < SmallestPart or > LargestPart)
            yield return $"{nameof(PartSizeBytes)} is {PartSizeBytes}, not between {SmallestPart} and {LargestPart}";
        if (Concurrency is < 1 or > 64)
            yield return $"{nameof(Concurrency)} is {Concurrency}, not between 1 and 64";
    }
}

/// <summary>How S3 encrypts an object at rest.</summary>
public enum S3ServerSideEncryption
{
    /// <summary>As the bucket's default says; on AWS at least SSE-S3.</summary>
    None,

    /// <summary>With keys that S3 keeps (SSE-S3, AES-256).</summary>
    S3,

    /// <summary>With a key in KMS (SSE-KMS).</summary>
    Kms,
}
