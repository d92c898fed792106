using DataPlatform.Testing;

namespace DataPlatform.Crash.Tests;

/// <summary>The reference pipeline, killed at any moment and run again, ends as if nothing had happened.</summary>
public abstract class KillTests(string system, ITestOutputHelper output)
{
    private const string Program = "ReferencePipeline";
    private const int KillsInARow = 3; // the run that goes on after a kill is killed too

    // CRASH_KILLS=30 is the long run.
    private static readonly int Kills = Environment.GetEnvironmentVariable("CRASH_KILLS") is { } kills ? int.Parse(kills, System.Globalization.CultureInfo.InvariantCulture) : 9;

    [Fact]
    public async Task After_kill_9_at_a_random_moment_the_next_run_ends_as_an_undisturbed_one()
    {
        var (expected, duration) = await RunUndisturbedAsync(system);
        var seed = Environment.GetEnvironmentVariable("CRASH_SEED") is { } given ? int.Parse(given, System.Globalization.CultureInfo.InvariantCulture) : Random.Shared.Next();
        var random = new Random(seed);
        output.WriteLine($"CRASH_SEED={seed}, an undisturbed run takes {duration.TotalSeconds:0.00} s");

        for (var kills = 0; kills < Kills;)
        {
            await using var environment = await JobEnvironment.CreateAsync(system);
            for (var again = 0; again < KillsInARow && kills < Kills; again++)
            {
                var killed = await KillAfterAsync(environment, duration * random.NextDouble());
                if (killed.ExitCode == 128 + (int)JobSignal.Kill)
                {
                    kills++;
                    continue;
                }

                // It ended before: nothing was tried. Later moments come within the shorter time, if it was a whole run.
                killed.ExitCode.Should().Be(0, killed.All);
                if (again == 0) duration = killed.Duration < duration ? killed.Duration : duration * 0.9;
                break;
            }

            var next = await environment.RunAsync(Program, "run");
            next.ExitCode.Should().Be(0, $"kill {kills} of seed {seed}:\n{next.All}");
            (await environment.HashTablesAsync()).Should().Equal(expected, $"kill {kills} of seed {seed}");
            await AssertBalancedAsync(environment);
        }
    }

    [Fact]
    public async Task Two_jobs_at_once_double_nothing()
    {
        var (expected, _) = await RunUndisturbedAsync(system);
        await using var environment = await JobEnvironment.CreateAsync(system);
        var results = await Task.WhenAll(environment.RunAsync(Program, "run"), environment.RunAsync(Program, "run"));

        results.Should().OnlyContain(r => r.ExitCode == 0 || r.ExitCode == (int)FailureClass.Transient);
        results.Should().Contain(r => r.ExitCode == 0, string.Join("\n----\n", results.Select(r => r.All)));
        (await environment.HashTablesAsync()).Should().Equal(expected);
        await AssertBalancedAsync(environment);
    }

    [Fact]
    public async Task A_second_run_loads_nothing_twice_and_says_so()
    {
        await using var environment = await JobEnvironment.CreateAsync(system);
        var earlier = await environment.RunAsync(Program, "run");
        earlier.ExitCode.Should().Be(0, earlier.All);
        var first = await environment.HashTablesAsync();
        var loads = await environment.QueryAsync("SELECT count(*) FROM dataplatform.load_objects");

        var second = await environment.RunAsync(Program, "run");

        second.ExitCode.Should().Be(0, second.All);
        second.Output.Should().Contain("already loaded");
        (await environment.HashTablesAsync()).Should().Equal(first);
        (await environment.QueryAsync("SELECT count(*) FROM dataplatform.load_objects")).Should().BeEquivalentTo(loads);
    }

    private protected static async Task<(SortedDictionary<string, string> Tables, TimeSpan Duration)> RunUndisturbedAsync(string system)
    {
        await using var environment = await JobEnvironment.CreateAsync(system);
        var result = await environment.RunAsync(Program, "run");
        result.ExitCode.Should().Be(0, result.All);
        return (await environment.HashTablesAsync(), result.Duration);
    }

    private static async Task<JobResult> KillAfterAsync(JobEnvironment environment, TimeSpan moment)
    {
        await using var job = environment.Start(Program, "run");
        var end = job.WaitAsync();

        // The moment is what is random here; nothing is waited for.
        await Task.WhenAny(Task.Delay(moment), end);
        job.Send(JobSignal.Kill);
        return await end;
    }

    private static async Task AssertBalancedAsync(JobEnvironment environment)
    {
        (await environment.QueryAsync(
            "SELECT count(*) FROM dataplatform.loads WHERE status = 'committed' AND rows_read <> rows_written + rows_rejected + rows_deduplicated + rows_filtered"))
            .Should().BeEquivalentTo(new object[][] { [0L] });
        (await environment.QueryAsync("SELECT path, count(*) FROM dataplatform.load_objects GROUP BY path HAVING count(*) > 1")).Should().BeEmpty();
    }
}

/// <inheritdoc/>
public sealed class EmbeddedKillTests(ITestOutputHelper output) : KillTests("duckdb", output);

/// <inheritdoc/>
public sealed class ServerKillTests(ITestOutputHelper output) : KillTests("postgresql", output)
{
    [Fact]
    public async Task Tables_are_the_same_on_duckdb_with_a_folder_and_on_postgresql_with_s3()
    {
        var (embedded, _) = await RunUndisturbedAsync("duckdb");
        var (servers, _) = await RunUndisturbedAsync("postgresql");

        servers.Should().Equal(embedded);
        embedded.Should().ContainKeys("raw.trips", "raw.weather", "raw.stations", "marts.hourly_demand", "marts.demand_forecast");
    }
}
