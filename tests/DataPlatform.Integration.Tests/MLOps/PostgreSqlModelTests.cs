using DataPlatform.ObjectStores;
using DataPlatform.ObjectStores.S3;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;

namespace DataPlatform.Integration.Tests.MLOps;

public sealed class PostgreSqlModelTests : ModelConformance
{
    private TestDatabase _database = null!;
    private TestBucket _bucket = null!;

    protected override async Task<IWarehouse> OpenWarehouseAsync()
    {
        _database = await TestPostgres.CreateDatabaseAsync();
        return new PostgreSqlWarehouse("warehouse", _database.ConnectionString);
    }

    protected override async Task<IObjectStore> OpenObjectStoreAsync()
    {
        _bucket = await TestS3.CreateBucketAsync();
        return new S3ObjectStore("lake", $"s3://{_bucket.Name}/prod", new S3ObjectStoreOptions
        {
            Endpoint = TestS3.Endpoint,
            AccessKeyId = TestS3.AccessKeyId,
            SecretAccessKey = TestS3.SecretAccessKey,
        });
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _database.DisposeAsync();
        await _bucket.DisposeAsync();
    }
}
