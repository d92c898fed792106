using System.Globalization;
using System.Text.Json;
using DataPlatform.DuckDb;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;
using Npgsql;

namespace DataPlatform.Dbt.Tool;

/// <summary>A project in a scratch folder, a DuckDB or a database of PostgreSQL for it with the targets dev and prod, and the tool called in this process.</summary>
internal sealed class ToolFixture : IDisposable
{
    private readonly ScratchFolder _folder = new();

    private readonly TestDatabase? _database;

    public ToolFixture(string project = "name: shop\nprofile: shop\n", TestDatabase? database = null)
    {
        _database = database;
        var server = database is null ? null : new NpgsqlConnectionStringBuilder(database.ConnectionString);
        var place = server is null
            ? "type: duckdb, path: shop.duckdb"
            : string.Create(CultureInfo.InvariantCulture, $"type: postgres, host: {server.Host}, port: {server.Port}, user: {server.Username}, password: {server.Password}, dbname: {server.Database}");
        Write("dbt_project.yml", project);
        Write("profiles.yml", $"shop:\n  target: dev\n  outputs:\n    dev: {{{place}, schema: main}}\n    prod: {{{place}, schema: prod}}\n");
    }

    /// <summary>The name of the database.</summary>
    public string Database => _database?.Name ?? "shop";

    public string this[string path] => File.ReadAllText(_folder.Combine(path));

    /// <summary>A project on a warehouse: duckdb or postgres.</summary>
    public static async Task<ToolFixture> OnAsync(string system) =>
        new(database: system == "postgres" ? await PooledPostgres.TakeAsync(TestContext.Current.CancellationToken) : null);

    public ToolFixture Write(string path, string content)
    {
        var file = _folder.Combine(path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, content);
        return this;
    }

    public void Delete(string path) => File.Delete(_folder.Combine(path));

    public bool Exists(string path) => Path.Exists(_folder.Combine(path));

    public void Copy(string from, string to)
    {
        Directory.CreateDirectory(_folder.Combine(to));
        foreach (var file in Directory.EnumerateFiles(_folder.Combine(from))) File.Copy(file, _folder.Combine(to, Path.GetFileName(file)), overwrite: true);
    }

    /// <summary>Calls the tool with words between spaces.</summary>
    /// <param name="arguments">The words.</param>
    /// <param name="more">Words that have spaces.</param>
    public async Task<(int ExitCode, string Output)> CallAsync(string arguments, params string[] more)
    {
        using var output = new StringWriter();
        var host = new ToolHost(new Dictionary<string, string> { ["DBT_LOG_LEVEL_FILE"] = "none", ["HOME"] = _folder.Path }, _folder.Path, output, output);
        return (await new ToolCommandLine(host).RunAsync([.. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries), .. more]), output.ToString());
    }

    /// <summary>The names of the nodes that a selection lists, in their order.</summary>
    public async Task<string> ListAsync(string selection)
    {
        var (exitCode, output) = await CallAsync($"ls -q --output name {selection}");
        exitCode.Should().Be(0, output);
        return string.Join(' ', output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    /// <summary>The nodes of the last run and their statuses.</summary>
    public Dictionary<string, string> Results()
    {
        using var document = JsonDocument.Parse(this["target/run_results.json"]);
        return document.RootElement.GetProperty("results").EnumerateArray().ToDictionary(result => LiveDbt.Plain(result.GetProperty("unique_id").GetString()!).Split('.')[^1], result => result.GetProperty("status").GetString()!);
    }

    public async Task<string[]> QueryAsync(string sql)
    {
        await using IWarehouse warehouse = _database is null ? new DuckDbWarehouse("warehouse", $"DataSource={_folder.Combine("shop.duckdb")}") : new PostgreSqlWarehouse("warehouse", _database.ConnectionString);
        return await ResultRows.QueryAsync(warehouse, sql);
    }

    public void Dispose()
    {
        if (_database is not null) PooledPostgres.Return(_database);
        _folder.Dispose();
    }
}
