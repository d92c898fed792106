using DataPlatform.DuckDb;
using DataPlatform.ObjectStores;
using DataPlatform.ObjectStores.Folder;
using DataPlatform.ObjectStores.S3;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;

namespace DataPlatform.Crash.Tests;

/// <summary>A lake, a warehouse and a working directory of a job's own.</summary>
internal abstract class JobEnvironment : IAsyncDisposable
{
    private readonly ScratchFolder _folder = new();

    /// <summary>The job's environment variables.</summary>
    public Dictionary<string, string?> Variables { get; } = new(StringComparer.Ordinal)
    {
        ["DOTNET_ENVIRONMENT"] = "Testing",
        ["Demo__Days"] = "6",
        ["Demo__TripsPerDay"] = "300",
        ["DOTNET_TieredPGO"] = "0",
        ["DataPlatform__TerminationLogPath"] = "",
    };

    public string Folder => _folder.Path;

    public static async Task<JobEnvironment> CreateAsync(string system)
    {
        JobEnvironment environment = system == "duckdb" ? new Embedded() : new Servers();
        await environment.InitializeAsync();
        return environment;
    }

    /// <summary>Reads from a folder instead of the lake.</summary>
    public void UseLake(string folder)
    {
        foreach (var setting in Variables.Keys.Where(k => k.StartsWith("DataPlatform__ObjectStores__lake__", StringComparison.Ordinal)).ToList()) Variables.Remove(setting);
        Variables["ConnectionStrings__lake"] = folder;
    }

    public JobProcess Start(string program, params IEnumerable<string> arguments) => JobProcess.Start(program, Variables, Folder, arguments);

    public Task<JobResult> RunAsync(string program, params IEnumerable<string> arguments) => JobProcess.RunAsync(program, Variables, Folder, arguments);

    /// <summary>Has the job, and <see cref="OpenWarehouse"/>, use another PostgreSQL.</summary>
    public virtual void UseServer(string connectionString) => throw new NotSupportedException("The embedded warehouse has no server.");

    public abstract IWarehouse OpenWarehouse();

    public abstract IObjectStore OpenLake();

    public async Task<SortedDictionary<string, string>> HashTablesAsync()
    {
        await using var warehouse = OpenWarehouse();
        return await TableContents.HashAsync(warehouse, "raw", "staging", "marts");
    }

    public async Task<IReadOnlyList<object?[]>> QueryAsync(string sql)
    {
        await using var warehouse = OpenWarehouse();
        await using var transaction = await warehouse.BeginAsync();
        return await transaction.QueryAsync(sql);
    }

    protected abstract Task InitializeAsync();

    public virtual ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private sealed class Embedded : JobEnvironment
    {
        private string ConnectionString => $"DataSource={Path.Combine(Folder, "data", "warehouse.duckdb")}";

        private string Lake => Path.Combine(Folder, "data", "lake");

        public override IWarehouse OpenWarehouse() => new DuckDbWarehouse("warehouse", ConnectionString);

        public override IObjectStore OpenLake() => new FolderObjectStore("lake", Lake);

        protected override Task InitializeAsync()
        {
            Variables["ConnectionStrings__warehouse"] = ConnectionString;
            Variables["ConnectionStrings__lake"] = Lake;
            return Task.CompletedTask;
        }
    }

    private sealed class Servers : JobEnvironment
    {
        private TestDatabase _database = null!;
        private TestBucket _bucket = null!;
        private string _server = "";

        public override void UseServer(string connectionString) => Variables["ConnectionStrings__warehouse"] = _server = connectionString;

        public override IWarehouse OpenWarehouse() => new PostgreSqlWarehouse("warehouse", _server);

        public override IObjectStore OpenLake() => new S3ObjectStore(
            "lake",
            Variables["ConnectionStrings__lake"]!,
            new S3ObjectStoreOptions { Endpoint = TestS3.Endpoint, AccessKeyId = TestS3.AccessKeyId, SecretAccessKey = TestS3.SecretAccessKey });

        protected override async Task InitializeAsync()
        {
            _database = await TestPostgres.CreateDatabaseAsync();
            _bucket = await TestS3.CreateBucketAsync();
            UseServer(_database.ConnectionString);
            foreach (var (key, value) in _bucket.ConfigurationFor("lake")) Variables[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        public override async ValueTask DisposeAsync()
        {
            await _bucket.DisposeAsync();
            await _database.DisposeAsync();
            await base.DisposeAsync();
        }
    }
}
