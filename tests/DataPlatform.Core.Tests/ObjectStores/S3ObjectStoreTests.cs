using DataPlatform.ObjectStores;
using DataPlatform.ObjectStores.S3;

namespace DataPlatform.Core.Tests.ObjectStores;

/// <summary>What needs no server. The rest is in the integration tests.</summary>
public sealed class S3ObjectStoreTests
{
    [Theory]
    [InlineData("s3://acme-lake", "s3://acme-lake")]
    [InlineData("s3://acme-lake/", "s3://acme-lake")]
    [InlineData("S3://acme.lake/prod/a//", "s3://acme.lake/prod/a")]
    public void Reads_its_location(string location, string expected) => new S3ObjectStore("lake", location).Location.Should().Be(expected);

    [Theory]
    [InlineData("s3://", "'' is not a bucket's name")]
    [InlineData("s3:///prod", "'' is not a bucket's name")]
    [InlineData("s3://Acme_Lake", "'Acme_Lake' is not a bucket's name")]
    [InlineData("s3://acme-lake/../x", "'../x' cannot be the beginning of keys")]
    [InlineData("s3://key:secret-1@acme-lake", "credentials have settings of their own")]
    [InlineData("Host=x;Password=secret-1", "does not begin with s3://")]
    public void Says_what_is_wrong_with_its_location_and_no_secret(string location, string fault)
    {
        var failure = FluentActions.Invoking(() => new S3ObjectStore("lake", location)).Should().Throw<ObjectStoreException>().Which;

        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().StartWith("The location of object store 'lake' cannot be read: ").And.Contain(fault).And.NotContain("secret-1");
        failure.Hint.Should().Contain("ConnectionStrings:lake");
    }

    [Fact]
    public void Says_all_that_is_wrong_with_its_settings_at_once()
    {
        var options = new S3ObjectStoreOptions
        {
            Endpoint = "minio:9000",
            AccessKeyId = "key",
            KmsKeyId = "alias/lake",
            ServerSideEncryption = S3ServerSideEncryption.S3,
            PartSizeBytes = 5,
            Concurrency = 0,
        };

        var failure = FluentActions.Invoking(() => new S3ObjectStore("lake", "s3://acme-lake", options)).Should().Throw<ObjectStoreException>().Which;

        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Be(
            "The settings of object store 'lake' are wrong: Endpoint 'minio:9000' is not an address like https://s3.internal:9000; "
            + "SecretAccessKey is missing, AccessKeyId is set; KmsKeyId is set and ServerSideEncryption is S3, not Kms; "
            + "PartSizeBytes is 5, not between 5242880 and 67108864; Concurrency is 0, not between 1 and 64.");
        failure.Hint.Should().Be("Correct them in DataPlatform:ObjectStores:lake.");
    }

    [Fact]
    public void Parts_grow_so_that_ten_thousand_hold_large_objects()
    {
        const int Size = 8 << 20;

        new[] { 1, 2_000, 2_001, 4_000, 4_001, 10_000 }.Select(number => S3Put.PartSize(Size, number)).Should()
            .Equal(Size, Size, 2 * Size, 2 * Size, 4 * Size, 16 * Size);
        Enumerable.Range(1, 10_000).Sum(number => (long)S3Put.PartSize(Size, number)).Should().BeGreaterThan(484L << 30);
        S3Put.PartSize(64 << 20, 10_000).Should().Be(1 << 30);
    }

    [Fact]
    public async Task Missing_credentials_and_region_are_faults_of_the_configuration()
    {
        using var environment = new AwsEnvironment();
        var noCredentials = new S3ObjectStore("lake", "s3://acme-lake", new S3ObjectStoreOptions { Region = "eu-west-1" });
        var noRegion = new S3ObjectStore("lake", "s3://acme-lake", new S3ObjectStoreOptions { AccessKeyId = "key", SecretAccessKey = "secret" });

        foreach (var (store, reason, hint) in new[] { (noCredentials, "there are no AWS credentials here", "AccessKeyId"), (noRegion, "its region is not known", "AWS_REGION") })
        {
            using (store)
            {
                var failure = (await store.Invoking(s => s.FindAsync("a", TestContext.Current.CancellationToken)).Should().ThrowAsync<ObjectStoreException>()).Which;
                failure.FailureClass.Should().Be(FailureClass.Configuration);
                failure.Message.Should().Contain("s3://acme-lake/a").And.Contain(reason);
                failure.Hint.Should().Contain(hint);
            }
        }
    }

    /// <summary>Hides what this machine has of AWS.</summary>
    private sealed class AwsEnvironment : IDisposable
    {
        private static readonly Dictionary<string, string?> Hidden = new()
        {
            ["AWS_ACCESS_KEY_ID"] = null,
            ["AWS_SECRET_ACCESS_KEY"] = null,
            ["AWS_REGION"] = null,
            ["AWS_DEFAULT_REGION"] = null,
            ["AWS_PROFILE"] = null,
            ["AWS_WEB_IDENTITY_TOKEN_FILE"] = null,
            ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = null,
            ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = null,
            ["AWS_EC2_METADATA_DISABLED"] = "true",
            ["AWS_SHARED_CREDENTIALS_FILE"] = "/dev/null",
            ["AWS_CONFIG_FILE"] = "/dev/null",
        };

        private readonly Dictionary<string, string?> _before = Hidden.Keys.ToDictionary(name => name, Environment.GetEnvironmentVariable);

        public AwsEnvironment() => Set(Hidden);

        public void Dispose() => Set(_before);

        private static void Set(Dictionary<string, string?> variables)
        {
            foreach (var (name, value) in variables) Environment.SetEnvironmentVariable(name, value);
        }
    }
}
