using DataPlatform.Testing;
using static DataPlatform.Testing.Eventually;

namespace DataPlatform.Crash.Tests;

/// <summary>A job that runs the engine's own command, a true process with queries on a true server, and is stopped or killed.</summary>
public sealed class DbtToolTests : IAsyncLifetime
{
    private const string Program = "DataPlatform.Crash.Tests.Job";

    private JobEnvironment _environment = null!;

    public async ValueTask InitializeAsync()
    {
        _environment = await JobEnvironment.CreateAsync("postgresql");
        foreach (var (name, value) in new Dictionary<string, string?>
        {
            ["DBT_PROJECT"] = LiveDbt.Write(Path.Combine(_environment.Folder, "project")),
            ["Dbt__Executable"] = LiveDbt.Executable,
            ["DataPlatform__Resilience__step__MaxRetries"] = "0",
            ["LAB_SLEEP"] = "60",
        }) _environment.Variables[name] = value;
    }

    public ValueTask DisposeAsync() => _environment.DisposeAsync();

    [Fact]
    public async Task After_kill_9_the_same_run_runs_what_was_running_and_what_was_left()
    {
        await using (var job = _environment.Start(Program, "run", "dbt", "--run-id", "night", "--step", "marts"))
        {
            await UntilSlowRunsAsync();
            job.Send(JobSignal.Kill);
            (await job.WaitAsync()).ExitCode.Should().Be(137);
        }

        await UntilAsync(async () => await CountSessionsAsync() == 0);
        var done = await JournalAsync();
        done["model.lab.slow"].Should().Be("running");
        var built = await WhenBuiltAsync();

        _environment.Variables["LAB_SLEEP"] = "0";
        (await _environment.RunAsync(Program, "run", "dbt", "--run-id", "night", "--step", "marts")).ExitCode.Should().Be(65, "the project has tests that fail");

        (await JournalAsync()).Where(node => !node.Key.StartsWith("operation", StringComparison.Ordinal)).ToDictionary().Should().BeEquivalentTo(
            LiveDbt.Outcomes.Where(node => !node.Key.StartsWith("operation", StringComparison.Ordinal)).ToDictionary());
        var rebuilt = await WhenBuiltAsync();
        var isDone = done.Where(node => node.Value == "success").Select(node => node.Key.Split('.')[2]).ToHashSet();
        isDone.Should().Contain(["numbers", "ok_a"]);
        // What was built and not yet written down when the job was killed is built again.
        foreach (var (name, identity) in built.Where(table => isDone.Contains(table.Key))) rebuilt[name].Should().Be(identity, $"{name} was not built again");
        rebuilt.Keys.Should().Contain(["slow", "after_slow"]);
    }

    [Fact]
    public async Task SIGTERM_ends_it_with_143_and_no_query_left()
    {
        await using var job = _environment.Start(Program, "run", "dbt", "--step", "marts");
        await UntilSlowRunsAsync();
        job.Send(JobSignal.Terminate);
        var result = await job.WaitAsync();

        result.ExitCode.Should().Be(143, result.All);
        (await CountSessionsAsync()).Should().Be(0);
        (await JournalAsync())["seed.lab.numbers"].Should().Be("success");
        result.All.Should().NotContain("dp-test-password");
    }

    [Fact]
    public async Task A_timeout_ends_it_as_transient_and_no_query_is_left()
    {
        var result = await _environment.RunAsync(Program, "run", "dbt-timeout");

        result.ExitCode.Should().Be(75, result.All);
        (await CountSessionsAsync()).Should().Be(0);
    }

    // A table that is built again is another one; a view and a seed are told by the journal.
    private async Task<Dictionary<string, long>> WhenBuiltAsync() => (await _environment.QueryAsync(
        "SELECT relname::text, pg_class.oid::bigint FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = 'public' AND relkind IN ('r', 'v')"))
        .ToDictionary(row => (string)row[0]!, row => (long)row[1]!);

    private async Task<Dictionary<string, string>> JournalAsync() => (await _environment.QueryAsync("SELECT unique_id, status FROM dataplatform.dbt_nodes"))
        .ToDictionary(row => LiveDbt.Plain((string)row[0]!), row => (string)row[1]!);

    private async Task<long> CountSessionsAsync() => (long)(await _environment.QueryAsync(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'dataplatform-dbt-%'"))[0][0]!;

    private Task UntilSlowRunsAsync() => UntilAsync(async () =>
        (long)(await _environment.QueryAsync("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()"))[0][0]! > 0
        && (await JournalAsync()).GetValueOrDefault("model.lab.slow") == "running");
}
