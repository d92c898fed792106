using System.Text.Json;
using DataPlatform.Integration.Tests.ObjectStores;
using DataPlatform.Testing;

namespace DataPlatform.Integration.Tests.Aot;

/// <summary>What a program that was compiled by Native AOT does is what any other does.</summary>
public sealed class AotTests(AotJob job) : IClassFixture<AotJob>, IAsyncLifetime
{
    private readonly ScratchFolder _folder = new();
    private readonly Dictionary<string, string?> _environment = new() { ["ConnectionStrings__shop"] = "http://127.0.0.1:1" };
    private TestDatabase? _database;
    private TestBucket? _bucket;

    public ValueTask InitializeAsync()
    {
        Directory.CreateDirectory(_folder.Combine("lake", "inbox"));
        return default;
    }

    public async ValueTask DisposeAsync()
    {
        if (_database is not null) await _database.DisposeAsync();
        if (_bucket is not null) await _bucket.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("duckdb")]
    [InlineData("postgresql")]
    public async Task Records_of_every_type_go_to_the_warehouse_to_the_lake_and_back(string system)
    {
        await UseAsync(system);
        var run = await RunAsync("run", "types", "--output", "json");

        run.ExitCode.Should().Be(0, run.All);
        var steps = JsonDocument.Parse(run.Output).RootElement.GetProperty("steps").EnumerateArray().ToDictionary(step => step.GetProperty("name").GetString()!, step => step.GetProperty("rowsRead").GetInt64());
        steps.Should().Equal(new Dictionary<string, long> { ["made"] = 2, ["compared"] = 2, ["landed"] = 2, ["back"] = 2, ["compared-again"] = 2 });
    }

    [Theory]
    [InlineData("duckdb")]
    [InlineData("postgresql")]
    public async Task Files_and_web_APIs_are_read_by_their_contracts_and_bad_rows_are_replayed(string system)
    {
        await UseAsync(system);
        await PutAsync("inbox/trips-1.csv", "trip_id,kilometers,vehicle,day\n1,2.5,Bike,2026-01-31\n2,101,Tram,\n3,1,car,\n4,1,Tram,\n");
        await PutAsync("inbox/cities-1.jsonl", "{\"name\":\"Berlin\",\"people\":3700000}\n");
        await using var shop = ScriptedServer.Start(request => Task.FromResult((200, request.QueryString["page"] is null
            ? "{\"items\":[{\"id\":1,\"total\":9.99,\"buyer\":{\"name\":\"Ada\"}}],\"next\":\"orders?page=2\"}"
            : "{\"items\":[{\"id\":2,\"total\":1}]}")));
        _environment["ConnectionStrings__shop"] = shop.Endpoint;
        _environment["DataPlatform__Http__shop__RequestsPerSecond"] = "1000";

        (await RunAsync("doctor", "--output", "json")).Should().Match<JobResult>(doctor => doctor.ExitCode == 0);
        foreach (var (trips, orders) in new[] { (2, 2), (0, 0) })
        {
            var run = await RunAsync("run", "sources", "--output", "json");
            run.ExitCode.Should().Be(0, run.All);
            var written = JsonDocument.Parse(run.Output).RootElement.GetProperty("steps").EnumerateArray().ToDictionary(step => step.GetProperty("name").GetString()!, step => step.GetProperty("rowsWritten").GetInt32());
            written["trips"].Should().Be(trips);
            written["orders"].Should().Be(orders);
        }

        var shown = JsonDocument.Parse((await RunAsync("quarantine", "show", "--step", "trips", "--output", "json")).Output).RootElement.GetProperty("rows");
        shown.EnumerateArray().Select(row => row.GetProperty("column").GetString()).Should().Equal("kilometers", "vehicle");
        (await RunAsync("quarantine", "replay", "--step", "trips", "--output", "json")).ExitCode.Should().Be(0);
        (await RunAsync("quarantine", "list", "--output", "json")).Output.Should().Contain("trips");
        (await RunAsync("contracts", "show", "--table", "raw.trips", "--output", "json")).Output.Should().Contain("kilometers");
        (await RunAsync("lineage", "list", "--output", "json")).Output.Should().Contain("raw.trips");
        (await RunAsync("runs", "--output", "json")).Output.Should().Contain("succeeded");

        var loads = JsonDocument.Parse((await RunAsync("loads", "list", "--table", "raw.cities", "--output", "json")).Output).RootElement.GetProperty("loads");
        var undone = await RunAsync("loads", "undo", loads[0].GetProperty("loadId").GetRawText(), "--output", "json");
        undone.ExitCode.Should().Be(0, undone.All);
    }

    [Theory]
    [InlineData("DataPlatform__ObjectStores__lake__Concurrencyy", "8", "Concurrencyy")]
    [InlineData("DataPlatform__Http__shop__RequestsPerSecnd", "8", "RequestsPerSecnd")]
    [InlineData("DataPlatform__Warehouses__warehouse__Threads", "0", "Threads")]
    [InlineData("LISTS_OF_ENUMS", "1", "PublishAot")]
    public async Task What_is_configured_wrongly_is_said(string name, string value, string said)
    {
        await UseAsync("duckdb");
        if (name.Contains("lake", StringComparison.Ordinal)) await UseBucketAsync();
        _environment[name] = value;

        var doctor = await RunAsync("doctor");

        doctor.ExitCode.Should().Be(78, doctor.All);
        doctor.All.Should().Contain(said);
    }

    private async Task UseAsync(string system)
    {
        if (system == "postgresql")
        {
            _database = await TestPostgres.CreateDatabaseAsync(TestContext.Current.CancellationToken);
            _environment["ConnectionStrings__warehouse"] = _database.ConnectionString;
            await UseBucketAsync();
        }
        else
        {
            _environment["ConnectionStrings__warehouse"] = $"DataSource={_folder.Combine("warehouse.duckdb")}";
            _environment["ConnectionStrings__lake"] = _folder.Combine("lake");
        }
    }

    private async Task UseBucketAsync()
    {
        _bucket = await TestS3.CreateBucketAsync(TestContext.Current.CancellationToken);
        foreach (var (name, value) in _bucket.ConfigurationFor("lake")) _environment[name.Replace(":", "__", StringComparison.Ordinal)] = value;
    }

    private async Task PutAsync(string key, string text)
    {
        if (_bucket is null) await File.WriteAllTextAsync(_folder.Combine("lake", key), text, TestContext.Current.CancellationToken);
        else await _bucket.Client.PutObjectAsync(new() { BucketName = _bucket.Name, Key = key, ContentBody = text }, TestContext.Current.CancellationToken);
    }

    private Task<JobResult> RunAsync(params string[] arguments) => job.RunAsync(_environment, _folder.Path, arguments);
}
