using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Amazon.S3.Model;
using DataPlatform.ObjectStores;
using DataPlatform.ObjectStores.S3;
using DataPlatform.Testing;
using ByteRange = DataPlatform.ObjectStores.ByteRange;

namespace DataPlatform.Integration.Tests.ObjectStores;

public sealed class S3ObjectStoreTests : ObjectStoreConformance
{
    private TestBucket _bucket = null!;

    public override async ValueTask DisposeAsync()
    {
        ((IDisposable)Store).Dispose();
        await _bucket.DisposeAsync();
    }

    [Fact]
    public async Task Keeps_to_its_prefix()
    {
        using var other = Open($"s3://{_bucket.Name}/lake");
        using var below = Open($"s3://{_bucket.Name}/lake/prod/deep");
        await PutTextAsync("a.csv", "1");
        await other.PutAsync("b.csv", new MemoryStream([1]), cancellationToken: Cancellation);
        await below.PutAsync("c.csv", new MemoryStream([1]), cancellationToken: Cancellation);

        (await ListAsync("**")).Select(info => info.Key).Should().Equal("a.csv", "deep/c.csv");
        (await other.ListAsync("**", Cancellation).ToListAsync(Cancellation)).Select(info => info.Key).Should().Equal("b.csv", "prod/a.csv", "prod/deep/c.csv");
        (await other.ListAsync("*", Cancellation).ToListAsync(Cancellation)).Select(info => info.Key).Should().Equal("b.csv");
        Store.Location.Should().Be($"s3://{_bucket.Name}/lake/prod");
    }

    [Fact]
    public async Task Does_not_list_what_others_stored_under_names_that_are_not_keys()
    {
        string[] keys = ["lake/prod/", "lake/prod/inbox/", "lake/prod/inbox//a", "lake/prod/../a", "lake/prod/a\u0001b", "lake/prod/fine"];
        foreach (var key in keys) await _bucket.Client.PutObjectAsync(new PutObjectRequest { BucketName = _bucket.Name, Key = key, ContentBody = "x" }, Cancellation);

        var listed = await ListAsync("**");
        foreach (var key in keys) await _bucket.Client.DeleteObjectAsync(_bucket.Name, key, Cancellation);

        listed.Select(info => info.Key).Should().Equal("fine");
    }

    [Fact]
    public async Task Stores_the_content_type_and_a_checksum_of_the_whole_object()
    {
        foreach (var size in new[] { 100, PartSize + 100 })
        {
            await Store.PutAsync("object.csv", new Trickle(Bytes(size, seed: 1)), new ObjectPutOptions { ContentType = "text/csv" }, Cancellation);

            var head = await HeadAsync("object.csv");
            head.Headers.ContentType.Should().Be("text/csv");
            head.ChecksumCRC32.Should().NotBeNullOrEmpty();
            head.ChecksumType.Should().Be(Amazon.S3.ChecksumType.FULL_OBJECT);
        }
    }

    [Theory]
    [InlineData(100)]
    [InlineData(PartSize + 100)]
    public async Task Encrypts_with_a_key_of_kms(int size)
    {
        using var store = Open($"s3://{_bucket.Name}", options =>
        {
            options.ServerSideEncryption = S3ServerSideEncryption.Kms;
            options.KmsKeyId = "testkey-1";
        });
        var content = Bytes(size, seed: 6);

        await store.PutAsync("secret", new MemoryStream(content), cancellationToken: Cancellation);

        var head = await HeadAsync("secret", prefix: "");
        head.ServerSideEncryptionMethod.Should().Be(Amazon.S3.ServerSideEncryptionMethod.AWSKMS);
        head.ServerSideEncryptionKeyManagementServiceKeyId.Should().Be("testkey-1");
        await using var stream = await store.OpenReadAsync("secret", new ByteRange(50), Cancellation);
        using var read = new MemoryStream();
        await stream.CopyToAsync(read, Cancellation);
        read.ToArray().AsSpan().SequenceEqual(content.AsSpan(50)).Should().BeTrue();
    }

    [Theory]
    [InlineData(100)]
    [InlineData(PartSize + 100)]
    public async Task Encrypts_with_keys_of_s3(int size)
    {
        await using var vault = FakeVault.Start();
        using var store = Open($"s3://{_bucket.Name}", options => options.ServerSideEncryption = S3ServerSideEncryption.S3);
        var content = Bytes(size, seed: 7);

        await store.PutAsync("secret", new MemoryStream(content), cancellationToken: Cancellation);

        (await HeadAsync("secret", prefix: "")).ServerSideEncryptionMethod.Should().Be(Amazon.S3.ServerSideEncryptionMethod.AES256);
        await using var stream = await store.OpenReadAsync("secret", cancellationToken: Cancellation);
        using var read = new MemoryStream();
        await stream.CopyToAsync(read, Cancellation);
        read.ToArray().AsSpan().SequenceEqual(content).Should().BeTrue();
    }

    [Fact]
    public async Task An_unknown_kms_key_is_a_fault_of_the_configuration()
    {
        using var store = Open($"s3://{_bucket.Name}", options =>
        {
            options.ServerSideEncryption = S3ServerSideEncryption.Kms;
            options.KmsKeyId = "no-such-key";
        });

        var failure = await FailureOfAsync(() => store.PutAsync("object", new MemoryStream([1]), cancellationToken: Cancellation));

        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("no-such-key").And.Contain($"s3://{_bucket.Name}/object");
        failure.Hint.Should().Contain("DataPlatform:ObjectStores:lake:KmsKeyId");
    }

    public static TheoryData<string> Operations => ["check", "list", "find", "read", "write", "write in parts", "delete"];

    [Theory]
    [MemberData(nameof(Operations))]
    public async Task A_missing_bucket_is_named(string operation)
    {
        using var store = Open("s3://no-such-bucket-here/prod");

        var failure = await FailureOfAsync(() => RunAsync(store, operation));

        failure.FailureClass.Should().Be(operation is "check" or "write" or "write in parts" or "delete" ? FailureClass.CannotWrite : FailureClass.Configuration);
        failure.Message.Should().Contain("'lake'").And.Contain("s3://no-such-bucket-here/prod").And.Contain("there is no bucket 'no-such-bucket-here'");
        failure.Hint.Should().Contain("ConnectionStrings:lake");
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public async Task A_wrong_secret_is_told_as_such(string operation)
    {
        using var store = Open($"s3://{_bucket.Name}", options => options.SecretAccessKey = "wrong-secret-1");

        var failure = await FailureOfAsync(() => RunAsync(store, operation));

        failure.FailureClass.Should().Be(FailureClass.NotAuthorized);
        failure.Message.Should().Contain(_bucket.Name).And.Contain("SignatureDoesNotMatch");
        failure.Hint.Should().Contain("DataPlatform:ObjectStores:lake:SecretAccessKey");
        failure.ToString().Should().NotContain("wrong-secret-1");
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public async Task An_unknown_access_key_is_told_as_such(string operation)
    {
        using var store = Open($"s3://{_bucket.Name}", options => options.AccessKeyId = "nobody");

        var failure = await FailureOfAsync(() => RunAsync(store, operation));

        failure.FailureClass.Should().Be(FailureClass.NotAuthorized);
        failure.Message.Should().Contain("InvalidAccessKeyId");
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public async Task Missing_permissions_are_named(string operation)
    {
        await using var theirs = await TestS3.CreateBucketAsync(Cancellation);
        await theirs.Client.PutBucketPolicyAsync(theirs.Name, $$"""
            {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Resource": ["arn:aws:s3:::{{theirs.Name}}", "arn:aws:s3:::{{theirs.Name}}/*"],
              "Action": ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"]}]}
            """, Cancellation);
        using var store = Open($"s3://{theirs.Name}");

        var failure = await FailureOfAsync(() => RunAsync(store, operation));
        await theirs.Client.DeleteBucketPolicyAsync(theirs.Name, Cancellation);

        failure.FailureClass.Should().Be(FailureClass.NotAuthorized);
        failure.Message.Should().Contain("access is denied").And.Contain(theirs.Name);
        failure.Hint.Should().Contain(operation switch
        {
            "list" => "s3:ListBucket",
            "find" or "read" => "s3:GetObject",
            "delete" => "s3:DeleteObject",
            _ => "s3:PutObject",
        });
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public async Task A_server_that_is_not_there_is_unavailable(string operation)
    {
        using var deaf = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp); // Bound, so that nobody else is, and not listening.
        deaf.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var endpoint = $"http://127.0.0.1:{((IPEndPoint)deaf.LocalEndPoint!).Port}";
        using var store = Open($"s3://{_bucket.Name}", options => options.Endpoint = endpoint);

        var failure = await FailureOfAsync(() => RunAsync(store, operation));

        failure.FailureClass.Should().Be(FailureClass.Unavailable);
        failure.Message.Should().Contain(endpoint).And.Contain("cannot be reached").And.Contain(_bucket.Name);
    }

    [Fact]
    public async Task A_host_that_does_not_exist_is_unavailable()
    {
        using var store = Open($"s3://{_bucket.Name}", options => options.Endpoint = "http://s3.invalid");

        var failure = await FailureOfAsync(() => store.CheckAsync(Cancellation));

        failure.FailureClass.Should().Be(FailureClass.Unavailable);
        failure.Message.Should().Contain("http://s3.invalid cannot be reached");
    }

    [Fact]
    public async Task A_server_that_does_not_speak_tls_is_a_fault_of_the_configuration()
    {
        using var store = Open($"s3://{_bucket.Name}", options => options.Endpoint = TestS3.Endpoint.Replace("http:", "https:", StringComparison.Ordinal));

        var failure = await FailureOfAsync(() => store.CheckAsync(Cancellation));

        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("no secure connection to https://");
    }

    [Theory]
    [InlineData(503, "SlowDown", FailureClass.Transient, "fewer requests")]
    [InlineData(503, "ServiceUnavailable", FailureClass.Transient, "busy")]
    [InlineData(500, "InternalError", FailureClass.Unavailable, "failed (InternalError)")]
    [InlineData(409, "OperationAborted", FailureClass.Transient, "another write")]
    [InlineData(400, "BadDigest", FailureClass.Transient, "not what was sent")]
    [InlineData(403, "ExpiredToken", FailureClass.NotAuthorized, "not valid any more")]
    [InlineData(403, "AccessDenied", FailureClass.NotAuthorized, "access is denied")]
    [InlineData(403, "QuotaExceeded", FailureClass.CannotWrite, "quota")]
    [InlineData(507, "InsufficientStorage", FailureClass.CannotWrite, "full")]
    [InlineData(403, "RequestTimeTooSkewed", FailureClass.Configuration, "clocks")]
    [InlineData(400, "AuthorizationHeaderMalformed", FailureClass.Configuration, "another region")]
    [InlineData(301, "PermanentRedirect", FailureClass.Configuration, "another region")]
    [InlineData(400, "KMS.DisabledException", FailureClass.Configuration, "KMS key")]
    [InlineData(501, "NotImplemented", FailureClass.Configuration, "cannot do that: No such header")]
    [InlineData(403, "InvalidObjectState", FailureClass.Data, "archived")]
    [InlineData(400, "MalformedXML", FailureClass.Bug, "refused the request (MalformedXML, 400)")]
    public async Task Errors_of_the_server_are_told_by_their_code(int status, string code, FailureClass failureClass, string message)
    {
        await using var server = ScriptedServer.StartFailing(status, code, "No such header");
        using var store = Open("s3://acme-lake/prod", options => options.Endpoint = server.Endpoint);

        var failure = await FailureOfAsync(() => store.PutAsync("inbox/a.csv", new MemoryStream([1]), cancellationToken: Cancellation));

        failure.FailureClass.Should().Be(failureClass);
        failure.Message.Should().StartWith("Object store 'lake' cannot write s3://acme-lake/prod/inbox/a.csv: ").And.Contain(message);
    }

    [Theory]
    [InlineData(1_000_000)]
    [InlineData((2 * PartSize) + 1_000)]
    public async Task A_read_that_is_cut_off_fails(int size)
    {
        await Store.PutAsync("object", new MemoryStream(Bytes(size, seed: 8)), cancellationToken: Cancellation);
        await using var connection = FaultyConnection.To(TestS3.Endpoint, line => line.StartsWith("GET", StringComparison.Ordinal) ? new Fault(size / 2, Cuts: true) : null);
        using var store = OpenAt(connection);

        var failure = await FailureOfAsync(() => ReadAllAsync(store));

        failure.FailureClass.Should().Be(FailureClass.Unavailable);
        failure.Message.Should().MatchRegex($"cannot read s3://{_bucket.Name}/lake/prod/object: it ended after [1-9][0-9]* of {size} bytes");
    }

    [Theory]
    [InlineData(1_000_000)]
    [InlineData((2 * PartSize) + 1_000)]
    public async Task A_read_of_other_bytes_than_were_put_fails(int size)
    {
        await Store.PutAsync("object", new MemoryStream(Bytes(size, seed: 9)), cancellationToken: Cancellation);
        await using var connection = FaultyConnection.To(TestS3.Endpoint, line => line.StartsWith("GET", StringComparison.Ordinal) ? new Fault(size / 2, Cuts: false) : null);
        using var store = OpenAt(connection);

        var failure = await FailureOfAsync(() => ReadAllAsync(store));
        var exactly = await FailureOfAsync(async () =>
        {
            await using var stream = await store.OpenReadAsync("object", cancellationToken: Cancellation);
            await stream.ReadExactlyAsync(new byte[size], Cancellation);
        });

        exactly.Message.Should().Be(failure.Message);
        failure.FailureClass.Should().Be(FailureClass.Transient);
        failure.Message.Should().Contain($"s3://{_bucket.Name}/lake/prod/object").And.Contain("checksum");
    }

    [Theory]
    [InlineData(1_000, "PUT", true)]
    [InlineData(PartSize + 1_000, "POST", true)]
    [InlineData(PartSize + 1_000, "POST", false)]
    [InlineData(PartSize + 1_000, "partNumber=2", true)]
    public async Task A_put_whose_answer_is_lost_is_done_once(int size, string request, bool ifAbsent)
    {
        var lost = 0;
        await using var connection = FaultyConnection.To(
            TestS3.Endpoint,
            line => line.Contains(request, StringComparison.Ordinal) && !line.Contains("uploads", StringComparison.Ordinal) && Interlocked.Increment(ref lost) == 1 ? Fault.Lost : null);
        using var store = OpenAt(connection);
        var content = Bytes(size, seed: 10);

        var put = await store.PutAsync("object", new MemoryStream(content), new ObjectPutOptions { IfAbsent = ifAbsent }, Cancellation);

        lost.Should().BeGreaterThan(1);
        (await ReadAsync("object")).AsSpan().SequenceEqual(content).Should().BeTrue();
        put.ETag.Should().Be((await Store.FindAsync("object", Cancellation))!.ETag);
        await store.Invoking(s => s.PutAsync("object", new MemoryStream(content), new ObjectPutOptions { IfAbsent = true }, Cancellation))
            .Should().ThrowAsync<ObjectPreconditionException>();
        await NothingIsLeftBehindAsync();
    }

    [Fact]
    public async Task A_put_in_parts_that_cannot_be_sent_fails_and_removes_its_parts()
    {
        await using var connection = FaultyConnection.To(TestS3.Endpoint, line => line.Contains("partNumber=3", StringComparison.Ordinal) ? Fault.Lost : null);
        using var store = OpenAt(connection);

        var failure = await FailureOfAsync(() => store.PutAsync("object", new Trickle(Bytes(8 * PartSize, seed: 11)), cancellationToken: Cancellation));

        failure.FailureClass.Should().Be(FailureClass.Unavailable);
        (await Store.FindAsync("object", Cancellation)).Should().BeNull();
        await NothingIsLeftBehindAsync();
    }

    [Fact]
    public async Task A_put_reads_no_further_ahead_than_its_parts_in_memory()
    {
        const int Concurrency = 2, Parts = 12;
        var sent = new ConcurrentDictionary<string, bool>();
        await using var server = ScriptedServer.Start(async request =>
        {
            if (request.HttpMethod != "PUT") return (200, "<Result><UploadId>1</UploadId><ETag>etag</ETag></Result>");
            await request.InputStream.CopyToAsync(Stream.Null);
            sent.TryAdd(request.QueryString["partNumber"]!, true);
            return (200, "");
        });
        using var store = Open("s3://acme-lake", options => (options.Endpoint, options.Concurrency) = (server.Endpoint, Concurrency));
        var content = new Watched(Parts * (long)PartSize, position => (position - (sent.Count * (long)PartSize)).Should().BeLessThanOrEqualTo((Concurrency + 1) * PartSize));

        (await store.PutAsync("object", content, cancellationToken: Cancellation)).Size.Should().Be(Parts * (long)PartSize);

        sent.Should().HaveCount(Parts);
    }

    // Later requests go over the connections that refused puts used.
    [Fact]
    public async Task Refused_puts_leave_the_connections_usable()
    {
        await PutTextAsync("object", "old");
        for (var i = 0; i < 100; i++)
        {
            await Store.Invoking(store => store.PutAsync("object", new MemoryStream(Bytes(100_000, i)), new ObjectPutOptions { IfAbsent = true }, Cancellation))
                .Should().ThrowAsync<ObjectPreconditionException>();
            (await ReadTextAsync("object")).Should().Be("old");
        }
    }

    protected override async ValueTask<IObjectStore> OpenAsync()
    {
        _bucket = await TestS3.CreateBucketAsync(Cancellation);
        return Open($"s3://{_bucket.Name}/lake/prod");
    }

    protected override ValueTask<IObjectStore> OpenReadOnlyAsync() =>
        ValueTask.FromResult<IObjectStore>(Open($"s3://{_bucket.Name}/lake/prod", options => options.ReadOnly = true));

    protected override async Task NothingIsLeftBehindAsync()
    {
        (await _bucket.Client.ListMultipartUploadsAsync(_bucket.Name, Cancellation)).MultipartUploads.Should().BeNullOrEmpty();
        var page = await _bucket.Client.ListObjectsV2Async(new ListObjectsV2Request { BucketName = _bucket.Name, Prefix = "lake/prod/.dataplatform" }, Cancellation);
        page.S3Objects.Should().BeNullOrEmpty();
    }

    private static S3ObjectStore Open(string location, Action<S3ObjectStoreOptions>? configure = null)
    {
        var options = new S3ObjectStoreOptions
        {
            Endpoint = TestS3.Endpoint,
            AccessKeyId = TestS3.AccessKeyId,
            SecretAccessKey = TestS3.SecretAccessKey,
            PartSizeBytes = PartSize,
        };
        configure?.Invoke(options);
        return new S3ObjectStore("lake", location, options);
    }

    private S3ObjectStore OpenAt(FaultyConnection connection) => Open($"s3://{_bucket.Name}/lake/prod", options => options.Endpoint = connection.Endpoint);

    private static async Task ReadAllAsync(S3ObjectStore store)
    {
        await using var stream = await store.OpenReadAsync("object", cancellationToken: Cancellation);
        await stream.CopyToAsync(Stream.Null, Cancellation);
    }

    private static async Task RunAsync(S3ObjectStore store, string operation)
    {
        switch (operation)
        {
            case "check":
                await store.CheckAsync(Cancellation);
                break;
            case "list":
                await store.ListAsync("inbox/*.csv", Cancellation).ToListAsync(Cancellation);
                break;
            case "find":
                await store.FindAsync("inbox/a.csv", Cancellation);
                break;
            case "read":
                await store.OpenReadAsync("inbox/a.csv", cancellationToken: Cancellation);
                break;
            case "delete":
                await store.DeleteAsync("inbox/a.csv", Cancellation);
                break;
            default:
                await store.PutAsync("inbox/a.csv", new MemoryStream(new byte[operation == "write" ? PartSize - 1 : PartSize + 1]), cancellationToken: Cancellation);
                break;
        }
    }

    private static async Task<ObjectStoreException> FailureOfAsync(Func<Task> call) => (await call.Should().ThrowAsync<ObjectStoreException>()).Which;

    private Task<GetObjectMetadataResponse> HeadAsync(string key, string prefix = "lake/prod/") => _bucket.Client.GetObjectMetadataAsync(
        new GetObjectMetadataRequest { BucketName = _bucket.Name, Key = prefix + key, ChecksumMode = Amazon.S3.ChecksumMode.ENABLED }, Cancellation);
}
