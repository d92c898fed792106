using System.Globalization;
using System.Text;
using DataPlatform.Testing;
using Npgsql;

namespace DataPlatform.Crash.Tests;

/// <summary>Loads from S3 into PostgreSQL while everything around them breaks: in the end the tables hold what an undisturbed run leaves.</summary>
public sealed class LoadCrashTests(ITestOutputHelper output)
{
    // So many for each way of writing; CRASH_KILLS=25 is the long run.
    private static readonly int Kills = Environment.GetEnvironmentVariable("CRASH_KILLS") is { } kills ? int.Parse(kills, CultureInfo.InvariantCulture) : 3;

    [Theory]
    [InlineData("append")]
    [InlineData("landed")]
    [InlineData("merge")]
    [InlineData("replace")]
    [InlineData("scd2")]
    public async Task Killed_again_and_again_it_goes_on_from_its_last_commit(string disposition)
    {
        var (expected, duration) = await EventsJob.RunUndisturbedAsync(disposition);
        var seed = Environment.GetEnvironmentVariable("CRASH_SEED") is { } given ? int.Parse(given, CultureInfo.InvariantCulture) : Random.Shared.Next();
        var random = new Random(seed);
        output.WriteLine($"CRASH_SEED={seed}, an undisturbed run takes {duration.TotalSeconds:0.00} s");

        var kills = 0;
        while (kills < Kills)
        {
            await using var job = await EventsJob.CreateAsync(disposition);
            while (kills < Kills && await job.KillAfterAsync(duration * random.NextDouble()) is not null) kills++;

            var last = await job.RunAsync();
            last.ExitCode.Should().Be(0, $"kill {kills} of seed {seed}:\n{last.All}");
            await job.AssertCompleteAsync();
            (await job.Environment.HashTablesAsync()).Should().Equal(expected, $"kill {kills} of seed {seed}");
        }
    }

    [Fact]
    public async Task Killed_in_a_replay_each_row_is_in_the_table_or_in_quarantine()
    {
        await using var job = await EventsJob.CreateAsync("loosened");
        (await job.RunAsync()).ExitCode.Should().Be(0);
        job.Environment.Variables["EVENTS_CONTRACT"] = "any";
        async Task<long> CountAsync(string sql) => (long)(await job.Environment.QueryAsync(sql))[0][0]!;
        async Task<(long Waiting, long Total, long Different)> StateAsync() =>
            (await CountAsync("SELECT count(*) FROM dataplatform.quarantine WHERE replayed_by IS NULL"),
             await CountAsync("SELECT (SELECT count(*) FROM raw.events) + (SELECT count(*) FROM dataplatform.quarantine WHERE replayed_by IS NULL)"),
             await CountAsync("SELECT count(DISTINCT id) FROM (SELECT id FROM raw.events UNION ALL SELECT CAST(split_part(raw, ',', 1) AS bigint) FROM dataplatform.quarantine WHERE replayed_by IS NULL) AS e"));
        var bad = (await StateAsync()).Waiting;
        bad.Should().Be(EventsJob.Rows / 500);

        await using var undisturbed = job.StartReplay();
        var whole = await undisturbed.WaitAsync();
        whole.ExitCode.Should().Be(0, whole.All);
        (await StateAsync()).Should().Be((0L, EventsJob.Rows, EventsJob.Rows));

        var seed = Environment.GetEnvironmentVariable("CRASH_SEED") is { } given ? int.Parse(given, CultureInfo.InvariantCulture) : Random.Shared.Next();
        var random = new Random(seed);
        output.WriteLine($"CRASH_SEED={seed}, an undisturbed replay takes {whole.Duration.TotalSeconds:0.00} s");
        var (kills, before, after) = (0, 0, 0);
        while (kills < Kills)
        {
            if ((await StateAsync()).Waiting == 0)
            {
                var undone = await job.UndoAsync(await CountAsync("SELECT max(load_id) FROM dataplatform.loads WHERE status = 'committed'"));
                undone.ExitCode.Should().Be(0, undone.All);
                (await StateAsync()).Should().Be((bad, EventsJob.Rows, EventsJob.Rows));
            }

            // The first half is the start of the process.
            if (await EventsJob.KillAfterAsync(whole.Duration * (0.5 + (random.NextDouble() / 2)), job.StartReplay()) is null) continue;
            kills++;
            var state = await StateAsync();
            state.Should().BeOneOf([(0L, EventsJob.Rows, EventsJob.Rows), (bad, EventsJob.Rows, EventsJob.Rows)], $"kill {kills} of seed {seed}");
            if (state.Waiting == 0) after++;
            else before++;
        }

        output.WriteLine($"{before} kills before the commit, {after} after it");
        await using var last = job.StartReplay();
        (await last.WaitAsync()).ExitCode.Should().Be(0);
        (await StateAsync()).Should().Be((0L, EventsJob.Rows, EventsJob.Rows));
    }

    [Theory]
    [InlineData("landed", 2)]
    [InlineData("merge", 5)]
    [InlineData("scd2", 3)]
    public async Task Jobs_at_once_load_everything_once(string disposition, int jobs)
    {
        var (expected, _) = await EventsJob.RunUndisturbedAsync(disposition);
        await using var job = await EventsJob.CreateAsync(disposition);

        var results = await Task.WhenAll(Enumerable.Range(0, jobs).Select(_ => job.RunAsync()));

        results.Should().OnlyContain(r => r.ExitCode == 0 || r.ExitCode == (int)FailureClass.Transient, string.Join("\n----\n", results.Select(r => r.All)));
        results.Should().Contain(r => r.ExitCode == 0);
        await job.AssertCompleteAsync();
        (await job.Environment.HashTablesAsync()).Should().Equal(expected);
    }

    [Fact]
    public async Task The_server_goes_down_in_the_middle_of_a_copy_and_the_step_tries_again()
    {
        var (expected, _) = await EventsJob.RunUndisturbedAsync("append");
        await using var server = await ScratchPostgres.StartAsync();
        await using var job = await EventsJob.CreateAsync("append");
        job.Environment.UseServer(server.ConnectionString);

        // Rows come slowly, so that the COPY is there to be hit.
        await using var lake = job.PutBeforeS3(_ => new ConnectionPlan { BytesPerMillisecond = 4096 });
        await using var running = job.Start();
        var end = running.WaitAsync();
        await UntilAsync(server.ConnectionString, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY \"raw\".\"events\"%' AND state = 'active'", end);
        await server.RestartAsync();
        var result = await end;

        result.ExitCode.Should().BeOneOf([0, (int)FailureClass.Unavailable], result.All);
        if (result.ExitCode != 0) (await job.RunAsync()).ExitCode.Should().Be(0);
        await job.AssertCompleteAsync();
        (await job.Environment.HashTablesAsync()).Should().Equal(expected);
    }

    [Theory]
    [InlineData("landed")]
    [InlineData("merge")]
    [InlineData("replace")]
    [InlineData("scd2")]
    public async Task Connections_to_the_server_are_cut_and_the_step_tries_again(string disposition)
    {
        var (expected, _) = await EventsJob.RunUndisturbedAsync(disposition);
        await using var job = await EventsJob.CreateAsync(disposition);
        var random = new Random(7);

        // Half of the connections break after up to 3 MB, which is in the middle of a load for those that carry rows.
        await using var proxy = job.PutBeforePostgres(i => i % 2 == 1 && i < 12 ? new ConnectionPlan { CutAfter = random.Next(3_000_000) } : new ConnectionPlan());
        var result = await job.RunAsync();

        proxy.Connections.Should().BeGreaterThan(2);
        result.ExitCode.Should().BeOneOf([0, (int)FailureClass.Unavailable], result.All);
        if (result.ExitCode != 0) (await job.RunAsync()).ExitCode.Should().Be(0);
        await job.AssertCompleteAsync();
        (await job.Environment.HashTablesAsync()).Should().Equal(expected);
    }

    // What is read goes on where a connection broke; what is written needs one that holds.
    [Theory]
    [InlineData("append", 3)]
    [InlineData("landed", 5)]
    public async Task S3_is_busy_slow_and_cut_off_and_the_load_comes_through(string disposition, int everySoManyConnections)
    {
        var (expected, _) = await EventsJob.RunUndisturbedAsync(disposition);
        await using var job = await EventsJob.CreateAsync(disposition);
        const string Body = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>";
        var busy = Encoding.ASCII.GetBytes($"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nContent-Length: {Body.Length}\r\nConnection: close\r\n\r\n{Body}");

        await using var proxy = job.PutBeforeS3(i => (i % everySoManyConnections) switch
        {
            0 => new ConnectionPlan { Answer = busy },
            1 => new ConnectionPlan { BytesPerMillisecond = 16 * 1024, CutAfter = 2_000 },
            2 => new ConnectionPlan { CutAfter = 900 },
            _ => new ConnectionPlan { BytesPerMillisecond = 16 * 1024 },
        });
        var result = await job.RunAsync();

        proxy.Connections.Should().BeGreaterThan(3);
        result.ExitCode.Should().Be(0, result.All);
        await job.AssertCompleteAsync();
        (await job.Environment.HashTablesAsync()).Should().Equal(expected);
    }

    [Fact]
    public async Task On_a_full_disk_the_job_says_so_and_goes_on_once_there_is_room()
    {
        var (expected, _) = await EventsJob.RunUndisturbedAsync("append");
        await using var disk = await SmallDisk.MountAsync(megabytes: 24);
        await using var job = await EventsJob.CreateAsync("append");
        await using var database = await disk.CreateDatabaseAsync();
        job.Environment.UseServer(database.ConnectionString);
        await disk.FillAsync(leaveMegabytes: 4);

        var full = await job.RunAsync();
        full.ExitCode.Should().Be((int)FailureClass.CannotWrite, full.All);
        full.All.Should().MatchRegex("No space left on device|could not write init file");

        disk.Free();
        await job.AssertSoundAsync();
        var result = await job.RunAsync();
        result.ExitCode.Should().Be(0, result.All);
        await job.AssertCompleteAsync();
        (await job.Environment.HashTablesAsync()).Should().Equal(expected);
    }

    private static async Task UntilAsync(string connectionString, string countSql, Task<JobResult> job)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(countSql, connection);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while ((long)(await command.ExecuteScalarAsync())! == 0)
        {
            if (job.IsCompleted) throw new InvalidOperationException($"The job ended before:\n{(await job).All}");
            await timer.WaitForNextTickAsync();
        }
    }
}
