using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;
using DataPlatform.Dbt.Run;
using DataPlatform.DuckDb;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;
using Npgsql;

namespace DataPlatform.Dbt.Engine;

/// <summary>A dbt project in a scratch folder, and a DuckDB or a database of PostgreSQL to run it on.</summary>
internal sealed class EngineFixture : IAsyncDisposable, IDbtObserver
{
    private readonly ScratchFolder _folder = new();

    private readonly TestDatabase? _database;

    public EngineFixture(string? project = "name: shop\n", TestDatabase? database = null, string? searchPath = null)
    {
        _database = database;
        Warehouse = database is null
            ? new DuckDbWarehouse("warehouse", $"DataSource={_folder.Combine("wh.duckdb")}")
            : new PostgreSqlWarehouse("warehouse", new NpgsqlConnectionStringBuilder(database.ConnectionString) { SearchPath = searchPath }.ConnectionString);
        if (project is not null) Write("dbt_project.yml", project);
    }

    public IWarehouse Warehouse { get; }

    public List<string> Lines { get; } = [];

    public string Target => _folder.Combine("project", "target");

    public DbtOptions Options { get; set; } = new() { ProjectFolder = "", Environment = _ => null };

    /// <summary>The name of the database.</summary>
    public string Database => _database?.Name ?? "wh";

    /// <summary>A project on a warehouse: duckdb or postgres. The schema of both is called main, but on PostgreSQL with another search path.</summary>
    public static async Task<EngineFixture> OnAsync(string system, string project = "name: shop\n", string? searchPath = "main") =>
        new(project, system == "postgres" ? await PooledPostgres.TakeAsync(TestContext.Current.CancellationToken) : null, searchPath);

    public EngineFixture Write(string path, string content)
    {
        var file = _folder.Combine("project", path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, content);
        return this;
    }

    public Task<DbtEngine> OpenAsync() =>
        DbtEngine.OpenAsync(Warehouse, Options with { ProjectFolder = _folder.Combine("project") }, this, TestContext.Current.CancellationToken);

    public async Task<DbtRunResult> RunAsync(DbtCommand command = DbtCommand.Build) => await (await OpenAsync()).RunAsync(command, TestContext.Current.CancellationToken);

    /// <summary>Runs a command that steps do not have.</summary>
    public async Task<DbtRunResult> RunAsync(EngineCommand command) => await (await OpenAsync()).RunAsync(command, TestContext.Current.CancellationToken);

    /// <summary>Runs a build in which everything succeeds.</summary>
    public async Task BuildAsync() =>
        (await RunAsync()).Results.Where(result => result.Status is not ("success" or "pass" or "no-op")).Select(result => $"{result.Node.UniqueId} {result.Status}: {result.Message}").Should().BeEmpty();

    /// <summary>The error that the project stops with.</summary>
    public async Task<string> FailAsync()
    {
        var error = (await FluentActions.Awaiting(OpenAsync).Should().ThrowAsync<DataPlatformException>()).Which;
        return $"{error.Message} | {error.Hint}";
    }

    public Task<string[]> QueryAsync(string sql) => ResultRows.QueryAsync(Warehouse, sql);

    public async Task ExecuteAsync(string sql)
    {
        await using var transaction = await Warehouse.BeginAsync(TestContext.Current.CancellationToken);
        await transaction.ExecuteAsync(sql);
        await transaction.CommitAsync();
    }

    /// <summary>The SQL of a model without white space that means nothing.</summary>
    public async Task<string> CompileAsync(string model, string code)
    {
        Write($"models/{model}.sql", code);
        var result = (await RunAsync(DbtCommand.Compile)).Results.Single(result => result.Node.Name == model);
        return Words(result.CompiledCode ?? result.Message!);
    }

    /// <summary>SQL without white space that means nothing.</summary>
    public static string Words(string sql) => string.Join(' ', sql.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    public void Log(string level, string message) => Lines.Add($"{level}: {message}");

    public void Started(DbtNode node, int index, int total)
    {
    }

    public void Ended(NodeResult result, int index, int total)
    {
    }

    public async ValueTask DisposeAsync()
    {
        await Warehouse.DisposeAsync();
        if (_database is not null) PooledPostgres.Return(_database);
        _folder.Dispose();
    }

    public static PythonDict Dict(params (string Key, object? Value)[] items) => new(items.Select(item => new KeyValuePair<string, object?>(item.Key, item.Value)));
}
