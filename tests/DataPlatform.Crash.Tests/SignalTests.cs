using DataPlatform.Testing;
using static DataPlatform.Testing.Eventually;

namespace DataPlatform.Crash.Tests;

/// <summary>What signals do to a job, and what paused jobs cannot do.</summary>
public sealed class SignalTests
{
    private const string Program = "DataPlatform.Crash.Tests.Job";

    [Theory]
    [InlineData("duckdb")]
    [InlineData("postgresql")]
    public async Task SIGTERM_in_a_load_ends_it_with_143_and_nothing_half_written(string system)
    {
        await using var environment = await JobEnvironment.CreateAsync(system);
        environment.Variables["GATE"] = Path.Combine(environment.Folder, "never");
        await using var job = environment.Start(Program, "run", "hold");
        await job.WaitForAsync("The row is written and not committed");
        var clock = System.Diagnostics.Stopwatch.StartNew();
        job.Send(JobSignal.Terminate);
        var result = await job.WaitAsync();

        result.ExitCode.Should().Be(143, result.All);
        clock.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(5));
        await AssertReleasedAsync(environment);
        (await environment.QueryAsync("SELECT count(*) FROM information_schema.tables WHERE table_name = 'held'")).Should().BeEquivalentTo(new object[][] { [0L] });
        (await environment.QueryAsync("SELECT status FROM dataplatform.runs")).Should().BeEquivalentTo(new object[][] { ["terminated"] });
    }

    [Fact]
    public async Task SIGTERM_cancels_the_query_on_the_server()
    {
        await using var environment = await JobEnvironment.CreateAsync("postgresql");
        await using var job = environment.Start(Program, "run", "query");
        await job.WaitForAsync("The query begins");
        await UntilAsync(async () => await CountSleepingAsync(environment) == 1);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        job.Send(JobSignal.Terminate);
        var result = await job.WaitAsync();

        result.ExitCode.Should().Be(143, result.All);
        clock.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(5));
        (await CountSleepingAsync(environment)).Should().Be(0);
        await AssertReleasedAsync(environment);
    }

    [Fact]
    public async Task After_kill_9_the_query_on_the_server_ends_too()
    {
        await using var environment = await JobEnvironment.CreateAsync("postgresql");
        await using var job = environment.Start(Program, "run", "query");
        await job.WaitForAsync("The query begins");
        await UntilAsync(async () => await CountSleepingAsync(environment) == 1);
        job.Send(JobSignal.Kill);
        (await job.WaitAsync()).ExitCode.Should().Be(137);

        await UntilAsync(async () => await CountSleepingAsync(environment) == 0);
    }

    [Fact]
    public async Task A_paused_job_whose_lease_was_taken_cannot_commit_when_it_wakes()
    {
        await using var environment = await JobEnvironment.CreateAsync("postgresql");
        environment.Variables["DataPlatform__LeaseDuration"] = "00:00:02";
        environment.Variables["DataPlatform__Resilience__step__MaxRetries"] = "0";
        var gate = Path.Combine(environment.Folder, "gate");

        environment.Variables["GATE"] = gate;
        await using var paused = environment.Start(Program, "run", "hold", "--run-id", "paused");
        await paused.WaitForAsync("The row is written and not committed");
        paused.Send(JobSignal.Stop);

        environment.Variables["GATE"] = "/dev/null";
        var other = await environment.RunAsync(Program, "run", "hold", "--run-id", "other");
        other.ExitCode.Should().Be(0, other.All);

        await File.WriteAllTextAsync(gate, "");
        paused.Send(JobSignal.Continue);
        var woken = await paused.WaitAsync();

        woken.ExitCode.Should().BeOneOf([(int)FailureClass.Transient, (int)FailureClass.Unavailable], woken.All);
        (await environment.QueryAsync("SELECT run_id FROM raw.held")).Should().BeEquivalentTo(new object[][] { ["other"] });
        (await environment.QueryAsync("SELECT run_id FROM dataplatform.loads")).Should().BeEquivalentTo(new object[][] { ["other"] });
        (await environment.QueryAsync("SELECT action FROM dataplatform.audit_events WHERE action = 'lease.overtake'")).Should().HaveCount(1);
    }

    [Theory]
    [InlineData("duckdb")]
    [InlineData("postgresql")]
    public async Task A_second_job_that_may_not_wait_says_who_is_in_its_way(string system)
    {
        await using var environment = await JobEnvironment.CreateAsync(system);
        environment.Variables["GATE"] = Path.Combine(environment.Folder, "never");
        environment.Variables["DataPlatform__Resilience__step__MaxRetries"] = "0";
        environment.Variables["DataPlatform__LeaseWait"] = "00:00:01";
        await using var first = environment.Start(Program, "run", "hold", "--run-id", "first");
        await first.WaitForAsync("The row is written and not committed");

        var second = await environment.RunAsync(Program, "run", "hold", "--run-id", "second");

        second.ExitCode.Should().Be((int)FailureClass.Transient, second.All);
        second.All.Should().Contain(system == "duckdb" ? $"PID {first.Id}" : "run first");
    }

    private static async Task AssertReleasedAsync(JobEnvironment environment) =>
        (await environment.QueryAsync("SELECT session_name FROM dataplatform.leases")).Should().BeEquivalentTo(new object?[][] { [null] });

    private static async Task<long> CountSleepingAsync(JobEnvironment environment) =>
        (long)(await environment.QueryAsync(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%pg_sleep(600)%' AND state = 'active'"))[0][0]!;
}
