using System.Text.RegularExpressions;

namespace DataPlatform.ObjectStores.S3;

/// <summary>A bucket and the prefix within it: <c>s3://bucket/prefix</c>.</summary>
/// <param name="Bucket">The bucket.</param>
/// <param name="Prefix">What all keys begin with in the bucket: empty, or with a slash at its end.</param>
internal sealed partial record S3Location(string Bucket, string Prefix)
{
    public const string Scheme = "s3://";

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\z")]
    private static partial Regex BucketName { get; }

    public static S3Location Parse(string store, string text)
    {
        // The text is not shown: somebody may have written a password into it.
        if (!text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) throw Invalid(store, $"it does not begin with {Scheme}");
        var path = text[Scheme.Length..];
        if (path.Contains('@')) throw Invalid(store, "it holds an '@'; credentials have settings of their own");
        var slash = path.IndexOf('/');
        var (bucket, prefix) = slash < 0 ? (path, "") : (path[..slash], path[(slash + 1)..].TrimEnd('/'));
        if (!BucketName.IsMatch(bucket)) throw Invalid(store, $"'{bucket}' is not a bucket's name: lower-case letters, digits, dots and hyphens, 3 to 63 of them");
        if (prefix.Length > 0 && !ObjectKey.IsValid(prefix)) throw Invalid(store, $"'{prefix}' cannot be the beginning of keys");
        return new S3Location(bucket, prefix.Length == 0 ? "" : prefix + "/");
    }

    public string ToUri(string? key = null) => $"{Scheme}{Bucket}/{Prefix}{key}".TrimEnd('/');

    private static ObjectStoreException Invalid(string store, string fault) => new(
        FailureClass.Configuration, $"The location of object store '{store}' cannot be read: {fault}.", $"Write ConnectionStrings:{store} like s3://acme-lake/prod.");
}
