using System.Text.Json;
using DataPlatform.DuckDb;
using DataPlatform.Testing;

namespace DataPlatform.Dbt.Tool;

/// <summary>A project on DuckDB in a scratch folder, and the tool called in this process.</summary>
internal sealed class ToolFixture : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public ToolFixture(string project = "name: shop\nprofile: shop\n")
    {
        Write("dbt_project.yml", project);
        Write("profiles.yml", "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb}\n    prod: {type: duckdb, path: shop.duckdb, schema: prod}\n");
    }

    public string this[string path] => File.ReadAllText(_folder.Combine(path));

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
        await using var warehouse = new DuckDbWarehouse("warehouse", $"DataSource={_folder.Combine("shop.duckdb")}");
        await using var transaction = await warehouse.BeginAsync(TestContext.Current.CancellationToken);
        var rows = await transaction.QueryAsync(sql);
        await transaction.CommitAsync();
        return [.. rows.Select(row => string.Join("|", row.Select(value => value is null ? "null" : Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture))))];
    }

    public void Dispose() => _folder.Dispose();
}
