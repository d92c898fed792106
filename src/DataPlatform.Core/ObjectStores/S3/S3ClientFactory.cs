using Amazon;
using Amazon.Runtime;
using Amazon.S3;

namespace DataPlatform.ObjectStores.S3;

/// <summary>Makes the AWS SDK's client from the settings of a store. Its own retries stay as they are: standard mode, 2 retries unless AWS_MAX_ATTEMPTS says otherwise.</summary>
internal static class S3ClientFactory
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    // Of one attempt, until the response's headers are there.
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(100);

    // So that a changed DNS entry is seen.
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(5);

    public static AmazonS3Client Create(S3ObjectStoreOptions options)
    {
        var config = new AmazonS3Config
        {
            ForcePathStyle = options.ForcePathStyle ?? options.Endpoint is not null,
            HttpClientFactory = new ClientFactory(),
        };
        if (options.Endpoint is not null)
        {
            config.ServiceURL = options.Endpoint;
            config.AuthenticationRegion = options.Region ?? "us-east-1";
        }
        else if (options.Region is not null)
        {
            config.RegionEndpoint = RegionEndpoint.GetBySystemName(options.Region);
        }

        return options.AccessKeyId is null
            ? new AmazonS3Client(config)
            : new AmazonS3Client(new BasicAWSCredentials(options.AccessKeyId, options.SecretAccessKey), config);
    }

    private sealed class ClientFactory : HttpClientFactory
    {
        public override HttpClient CreateHttpClient(IClientConfig clientConfig) =>
            new(new PlainPutHandler(new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                UseCookies = false,
                ConnectTimeout = ConnectTimeout,
                PooledConnectionLifetime = ConnectionLifetime,
            }))
            {
                Timeout = RequestTimeout,
            };
    }

    // After a put with "Expect: 100-continue" that a server refuses, the next request on the connection now and then gets a bare 400.
    private sealed class PlainPutHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.ExpectContinue = false;
            return base.SendAsync(request, cancellationToken);
        }
    }
}
