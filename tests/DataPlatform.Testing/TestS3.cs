using System.Data.Common;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;

namespace DataPlatform.Testing;

/// <summary>The S3 server of the tests: the one of <c>eng/services.sh</c> unless DATAPLATFORM_TEST_S3 names another.</summary>
public static class TestS3
{
    private static readonly DbConnectionStringBuilder Settings = new()
    {
        ConnectionString = Environment.GetEnvironmentVariable("DATAPLATFORM_TEST_S3")
            ?? "Endpoint=http://127.0.0.1:25490;AccessKeyId=dp;SecretAccessKey=dpsecret12345",
    };

    /// <summary>The server's address.</summary>
    public static string Endpoint { get; } = (string)Settings["Endpoint"];

    /// <summary>The access key's id.</summary>
    public static string AccessKeyId { get; } = (string)Settings["AccessKeyId"];

    /// <summary>The access key's secret.</summary>
    public static string SecretAccessKey { get; } = (string)Settings["SecretAccessKey"];

    /// <summary>Creates an empty bucket of the test's own.</summary>
    public static async Task<TestBucket> CreateBucketAsync(CancellationToken cancellationToken = default)
    {
        var client = new AmazonS3Client(
            new BasicAWSCredentials(AccessKeyId, SecretAccessKey),
            new AmazonS3Config { ServiceURL = Endpoint, ForcePathStyle = true, AuthenticationRegion = "us-east-1", MaxErrorRetry = 0 });
        var bucket = new TestBucket($"test-{Guid.NewGuid():N}", client);
        try
        {
            await client.PutBucketAsync(bucket.Name, cancellationToken);
        }
        catch (Exception e) when (e is HttpRequestException || e.InnerException is HttpRequestException)
        {
            client.Dispose();
            throw new InvalidOperationException($"S3 does not answer on {Endpoint}. Run `eng/services.sh start`.", e);
        }

        return bucket;
    }
}

/// <summary>A bucket that is emptied and deleted at the end.</summary>
public sealed class TestBucket : IAsyncDisposable
{
    internal TestBucket(string name, AmazonS3Client client) => (Name, Client) = (name, client);

    /// <summary>The bucket's name.</summary>
    public string Name { get; }

    /// <summary>Connects as the owner of the bucket, to look at what is in it.</summary>
    public IAmazonS3 Client { get; }

    /// <summary>What a job's configuration holds to use the bucket as the object store of that name.</summary>
    public Dictionary<string, string?> ConfigurationFor(string store) => new()
    {
        [$"ConnectionStrings:{store}"] = $"s3://{Name}",
        [$"DataPlatform:ObjectStores:{store}:Endpoint"] = TestS3.Endpoint,
        [$"DataPlatform:ObjectStores:{store}:AccessKeyId"] = TestS3.AccessKeyId,
        [$"DataPlatform:ObjectStores:{store}:SecretAccessKey"] = TestS3.SecretAccessKey,
    };

    /// <summary>Empties and deletes it.</summary>
    public async ValueTask DisposeAsync()
    {
        var uploads = await Client.ListMultipartUploadsAsync(Name);
        foreach (var upload in uploads.MultipartUploads ?? [])
            await Client.AbortMultipartUploadAsync(Name, upload.Key, upload.UploadId);

        await foreach (var page in Client.Paginators.ListObjectsV2(new ListObjectsV2Request { BucketName = Name }).Responses)
        {
            if (page.S3Objects is { Count: > 0 } objects)
                await Client.DeleteObjectsAsync(new DeleteObjectsRequest { BucketName = Name, Objects = [.. objects.Select(o => new KeyVersion { Key = o.Key })] });
        }

        await Client.DeleteBucketAsync(Name);
        Client.Dispose();
    }
}
