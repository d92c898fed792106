using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace DataPlatform.ObjectStores.S3;

/// <summary>Opens S3 buckets: <c>s3://bucket/prefix</c>.</summary>
internal sealed class S3ObjectStoreProvider(ILoggerFactory loggerFactory) : IObjectStoreProvider
{
    public string Example => "s3://bucket/prefix";

    public bool Recognizes(string connectionString) => connectionString.StartsWith(S3Location.Scheme, StringComparison.OrdinalIgnoreCase);

    public IObjectStore Open(string name, string connectionString, IConfiguration settings) =>
        new S3ObjectStore(name, connectionString, ObjectStoreSettings.Read(name, () => settings.Get<S3ObjectStoreOptions>(ObjectStoreSettings.Strictly)), loggerFactory);
}
