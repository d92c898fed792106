using System.Text.Json;
using DataPlatform.DuckDb;
using DataPlatform.Testing;
using DataPlatform.Warehouses.PostgreSql;

namespace DataPlatform.Samples.Tests;

/// <summary>The reference pipeline as its README has it run, for a small city.</summary>
public sealed class ReferencePipelineTests
{
    private static readonly string[] Tables =
    [
        "marts.daily_summary", "marts.demand_features", "marts.demand_forecast", "marts.hourly_demand", "raw.stations", "raw.trips", "raw.weather",
        "staging.stg_stations", "staging.stg_trips", "staging.stg_weather", "staging.trips", "staging.weekdays",
    ];

    [Fact]
    public async Task A_first_run_fills_the_tables_and_draws_the_report()
    {
        using var folder = new ScratchFolder();

        var run = await RunAsync(folder, []);

        run.Steps.Should().OnlyContain(step => step.Status == "succeeded");
        run["stations"].Should().Be((10, 10, 0));
        run["weather"].Read.Should().Be(7 * 48);
        run["trips"].Read.Should().Be(Lines(folder, "trips-*.csv"));
        run["trips"].Rejected.Should().BePositive();
        (await HashAsync(folder)).Keys.Should().Equal(Tables);
        var report = await File.ReadAllTextAsync(folder.Combine("data", "lake", "reports", "bike-demand-2026-04-30.html"));
        report.Should().Contain("Demand for Friday, 1 May").And.Contain(run.RunId).And.Contain("demand-model", Exactly.Times(0)).And.Contain("trips: ");
    }

    [Fact]
    public async Task A_second_run_loads_nothing_and_trains_nothing()
    {
        using var folder = new ScratchFolder();
        await RunAsync(folder, []);
        var before = await HashAsync(folder);

        var second = await RunAsync(folder, []);

        foreach (var step in new[] { "trips", "weather", "stations" }) second[step].Should().Be((0, 0, 0), step);
        second.Log.Should().Contain("7 files already loaded, 0 new");
        (await HashAsync(folder)).Should().Equal(before);
        (await QueryAsync(folder, "select count(*) from dataplatform.model_versions"))[0][0].Should().Be(1L);
        (await QueryAsync(folder, "select count(*), count(dbt_valid_to) from history.station_history"))[0].Should().Equal([10L, 0L], "no station has changed");
    }

    [Fact]
    public async Task The_next_day_loads_the_files_of_that_day_alone_and_comes_to_what_a_fresh_run_comes_to()
    {
        using var folder = new ScratchFolder();
        using var fresh = new ScratchFolder();
        await RunAsync(folder, []);

        var next = await RunAsync(folder, [], "--date", "2026-05-01");
        await RunAsync(fresh, [], "--date", "2026-05-01");

        next["trips"].Read.Should().Be(Lines(folder, "trips-2026-05-01.csv"));
        next["weather"].Read.Should().Be(48);
        next["stations"].Read.Should().Be(0);
        var (continued, atOnce) = (await HashAsync(folder), await HashAsync(fresh));
        continued.Remove("marts.demand_forecast");
        atOnce.Remove("marts.demand_forecast");
        continued.Should().Equal(atOnce);
    }

    [Fact]
    public async Task A_trip_that_comes_again_is_there_once_as_it_came_last()
    {
        using var folder = new ScratchFolder();
        await RunAsync(folder, []);

        (await QueryAsync(folder, "select count(*) - count(distinct trip_id) from raw.trips"))[0][0].Should().Be(0L);
        var corrected = (await QueryAsync(folder, "select count(*) from dataplatform.loads where table_name = 'raw.trips' and rows_deduplicated > 0"))[0][0];
        corrected.Should().Be(1L, "all files came in one load, and some trips came twice in it");
    }

    [Fact]
    public async Task PostgreSQL_and_S3_hold_the_same_as_DuckDB_and_a_folder()
    {
        using var folder = new ScratchFolder();
        using var elsewhere = new ScratchFolder();
        await using var staging = await StagingAsync();

        var embedded = await RunAsync(folder, []);
        var real = await RunAsync(elsewhere, staging.Variables);

        real.Steps.Select(step => step with { Seconds = 0 }).Should().Equal(embedded.Steps.Select(step => step with { Seconds = 0 }));
        (await staging.HashAsync()).Should().Equal(await HashAsync(folder));
        Directory.EnumerateFileSystemEntries(elsewhere.Path).Should().BeEmpty("nothing on the pod's disk matters");
        real.Log.Should().NotContain(TestS3.SecretAccessKey);
    }

    // The command is the engine's own: dbt itself is not to be had here. What is shown is that the tables do not depend on the way from the job to the engine.
    [Fact]
    public async Task A_dbt_command_makes_the_tables_that_the_engine_makes_in_the_process()
    {
        using var folder = new ScratchFolder();
        using var elsewhere = new ScratchFolder();
        await using var staging = await StagingAsync();

        var inProcess = await RunAsync(folder, []);
        var command = await RunAsync(elsewhere, staging.Variables.Append(new("Dbt__Runner", "Cli")).Append(new("Dbt__Executable", LiveDbt.Executable)).ToDictionary());

        command.Log.Should().Contain("Running with dbt=");
        inProcess.Log.Should().NotContain("Running with dbt=");
        command.Steps.Select(step => step with { Seconds = 0 }).Should().Equal(inProcess.Steps.Select(step => step with { Seconds = 0 }));
        (await staging.HashAsync()).Should().Equal(await HashAsync(folder));
    }

    private static async Task<Staging> StagingAsync() => new(await TestPostgres.CreateDatabaseAsync(), await TestS3.CreateBucketAsync());

    private static async Task<Run> RunAsync(ScratchFolder folder, Dictionary<string, string?> environment, params string[] arguments)
    {
        environment = new Dictionary<string, string?>(environment) { ["Demo__FirstDay"] = "2026-04-24", ["Demo__TripsPerDay"] = "250" };
        var result = await JobProcess.RunAsync("ReferencePipeline", environment, folder.Path, ["run", "--output", "json", .. arguments]);
        result.ExitCode.Should().Be(0, result.All);
        var summary = JsonSerializer.Deserialize<Summary>(result.Output, JsonSerializerOptions.Web)!;
        return new Run(
            summary.RunId, result.Error,
            [.. summary.Steps.Select(step => new Step(step.Name, step.Status, (step.RowsRead, step.RowsWritten, step.RowsRejected), step.DurationSeconds))]);
    }

    private static async Task<SortedDictionary<string, string>> HashAsync(ScratchFolder folder)
    {
        await using var warehouse = Open(folder);
        return await TableContents.HashAsync(warehouse, "raw", "staging", "marts");
    }

    private static async Task<IReadOnlyList<object?[]>> QueryAsync(ScratchFolder folder, string sql)
    {
        await using var warehouse = Open(folder);
        await using var transaction = await warehouse.BeginAsync();
        return await transaction.QueryAsync(sql);
    }

    private static DuckDbWarehouse Open(ScratchFolder folder) => new("warehouse", $"DataSource={folder.Combine("data", "warehouse.duckdb")}");

    private static long Lines(ScratchFolder folder, string files) =>
        Directory.EnumerateFiles(folder.Combine("data", "lake", "inbox"), files).Sum(file => File.ReadLines(file).Count() - 1);

    private sealed record Run(string RunId, string Log, IReadOnlyList<Step> Steps)
    {
        public (long Read, long Written, long Rejected) this[string step] => Steps.Single(s => s.Name == step).Rows;
    }

    private sealed record Step(string Name, string Status, (long Read, long Written, long Rejected) Rows, double Seconds);

    private sealed record Summary(string RunId, IReadOnlyList<SummaryStep> Steps);

    // PostgreSQL and S3 of the test's own, as appsettings.Staging.json has them.
    private sealed class Staging(TestDatabase database, TestBucket bucket) : IAsyncDisposable
    {
        public Dictionary<string, string?> Variables { get; } = new()
        {
            ["DOTNET_ENVIRONMENT"] = "Staging",
            ["ConnectionStrings__lake"] = $"s3://{bucket.Name}/bikes",
            ["ConnectionStrings__warehouse"] = database.ConnectionString,
            ["DataPlatform__ObjectStores__lake__Endpoint"] = TestS3.Endpoint,
            ["WAREHOUSE_PASSWORD"] = "not used: the connection string is the test's",
            ["LAKE_ACCESS_KEY_ID"] = TestS3.AccessKeyId,
            ["LAKE_SECRET_ACCESS_KEY"] = TestS3.SecretAccessKey,
        };

        public async Task<SortedDictionary<string, string>> HashAsync()
        {
            await using var warehouse = new PostgreSqlWarehouse("warehouse", database.ConnectionString);
            return await TableContents.HashAsync(warehouse, "raw", "staging", "marts");
        }

        public async ValueTask DisposeAsync()
        {
            await bucket.DisposeAsync();
            await database.DisposeAsync();
        }
    }

    private sealed record SummaryStep(string Name, string Status, long RowsRead, long RowsWritten, long RowsRejected, double DurationSeconds);
}
