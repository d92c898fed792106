using System.Text.RegularExpressions;
using DataPlatform.Testing;
using static DataPlatform.Testing.Eventually;

namespace DataPlatform.Crash.Tests;

/// <summary>The built-in dbt engine, taken because there is no dbt, in a job that is stopped or killed: no query goes on, and the next attempt takes up what is left.</summary>
public sealed partial class BuiltInDbtTests : IAsyncLifetime
{
    private const string Program = "DataPlatform.Crash.Tests.Job";

    private JobEnvironment _environment = null!;

    private string Project => Path.Combine(_environment.Folder, "shop");

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _environment.DisposeAsync();

    [Theory]
    [InlineData("postgresql")]
    [InlineData("duckdb")]
    public async Task After_kill_9_nothing_goes_on_and_the_same_run_takes_up_what_is_left(string system)
    {
        await PrepareAsync(system);
        await using (var job = _environment.Start(Program, "run", "dbt", "--run-id", "night"))
        {
            await job.WaitForAsync("START sql table model shop.slow");
            if (system == "postgresql") await UntilAsync(async () => await CountQueriesAsync() == 1 && await JournaledAsync("model.shop.slow") == "running");
            job.Send(JobSignal.Kill);
            (await job.WaitAsync()).ExitCode.Should().Be(137);
        }

        if (system == "postgresql") await UntilAsync(async () => await CountQueriesAsync() == 0);
        var done = (await _environment.QueryAsync("SELECT unique_id FROM dataplatform.dbt_nodes WHERE status IN ('success', 'pass')")).Select(row => ((string)row[0]!).Split('.')[2]).ToHashSet();
        if (system == "postgresql") done.Should().BeEquivalentTo("stamp", "not_null_stamp_built");
        var stamp = (await _environment.QueryAsync("SELECT built FROM shop.stamp"))[0][0];

        _environment.Variables.Remove("SHOP_HANGS");
        var resumed = await _environment.RunAsync(Program, "run", "dbt", "--run-id", "night");

        resumed.ExitCode.Should().Be(0, resumed.All);
        Started(resumed).Should().BeEquivalentTo(new[] { "stamp", "not_null_stamp_built", "slow", "last" }.Except(done));
        (await _environment.QueryAsync("SELECT id FROM shop.last"))[0][0].Should().Be(1);
        if (done.Contains("stamp")) (await _environment.QueryAsync("SELECT built FROM shop.stamp"))[0][0].Should().Be(stamp);
        (await _environment.QueryAsync("SELECT DISTINCT status FROM dataplatform.dbt_nodes")).Select(row => (string)row[0]!).Should().BeEquivalentTo("success", "pass");
    }

    [Fact]
    public async Task A_retry_takes_up_what_failed_or_was_skipped_in_the_latest_run()
    {
        await PrepareAsync("duckdb");
        _environment.Variables["SHOP_HANGS"] = "fails";
        var failed = await _environment.RunAsync(Program, "run", "dbt", "--step", "marts");
        failed.ExitCode.Should().Be(65, failed.All);
        failed.All.Should().Contain("1 of 4 dbt nodes failed").And.Contain("Database Error in model slow (models/slow.sql)");

        _environment.Variables.Remove("SHOP_HANGS");
        var retried = await _environment.RunAsync(Program, "run", "dbt", "--step", "retry");

        retried.ExitCode.Should().Be(0, retried.All);
        Started(retried).Should().Equal("slow", "last");
    }

    [Fact]
    public async Task SIGTERM_ends_it_with_143_and_no_query_left()
    {
        await PrepareAsync("postgresql");
        await using var job = _environment.Start(Program, "run", "dbt");
        await UntilAsync(async () => await CountQueriesAsync() == 1);
        job.Send(JobSignal.Terminate);
        var result = await job.WaitAsync();

        result.ExitCode.Should().Be(143, result.All);
        (await CountQueriesAsync()).Should().Be(0);
        (await JournaledAsync("model.shop.stamp")).Should().Be("success");
    }

    [Fact]
    public async Task A_timeout_ends_it_as_transient_and_no_query_is_left()
    {
        await PrepareAsync("postgresql");
        var result = await _environment.RunAsync(Program, "run", "dbt-timeout");

        result.ExitCode.Should().Be(75, result.All);
        (await CountQueriesAsync()).Should().Be(0);
        (await JournaledAsync("model.shop.stamp")).Should().Be("success");
    }

    private async Task PrepareAsync(string system)
    {
        _environment = await JobEnvironment.CreateAsync(system);
        foreach (var (path, content) in new[]
        {
            ("dbt_project.yml", "name: shop\nmodels: {shop: {+materialized: table, +schema: shop}}\n"),
            ("macros/generate_schema_name.sql", "{% macro generate_schema_name(custom_schema_name, node) %}{{ custom_schema_name or target.schema }}{% endmacro %}"),
            ("models/stamp.sql", "select cast(current_timestamp as timestamp) as built"),
            ("models/slow.sql", """
                -- depends_on: {{ ref('stamp') }}
                {% set hangs = env_var('SHOP_HANGS', 'no') %}
                select {% if hangs == 'fails' %} cast('one' as int) {% else %} 1 {% endif %} as id
                {% if hangs == 'yes' and target.type == 'postgres' %} from pg_sleep(600)
                {% elif hangs == 'yes' %} from range(10000000) a, range(10000000) b where a.range + b.range = 3 {% endif %}
                """),
            ("models/last.sql", "select id from {{ ref('slow') }}"),
            ("models/schema.yml", "models: [{name: stamp, columns: [{name: built, data_tests: [not_null]}]}]"),
        })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(Project, path))!);
            await File.WriteAllTextAsync(Path.Combine(Project, path), content);
        }

        foreach (var (name, value) in new Dictionary<string, string?>
        {
            ["DBT_PROJECT"] = Project,
            ["Dbt__Executable"] = "no-such-dbt",
            ["SHOP_HANGS"] = "yes",
            ["DataPlatform__Resilience__step__MaxRetries"] = "0",
        }) _environment.Variables[name] = value;
    }

    private static IEnumerable<string> Started(JobResult result) => StartLine().Matches(result.All).Select(match => match.Groups[1].Value);

    private async Task<string?> JournaledAsync(string node) =>
        (await _environment.QueryAsync($"SELECT status FROM dataplatform.dbt_nodes WHERE unique_id = '{node}'")) is [[string status]] ? status : null;

    private async Task<long> CountQueriesAsync() => (long)(await _environment.QueryAsync(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(600)%' AND state = 'active' AND pid <> pg_backend_pid()"))[0][0]!;

    [GeneratedRegex(@"""message"":""\d+ of \d+ START (?:sql table model shop\.|test )(\w+)")]
    private static partial Regex StartLine();
}
