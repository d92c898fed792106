using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using DataPlatform.Testing;
using Npgsql;

namespace DataPlatform.Crash.Tests;

/// <summary>A job that loads files of events from S3 into PostgreSQL, with everything that can be known of how it ends when nothing disturbs it.</summary>
internal sealed class EventsJob : IAsyncDisposable
{
    public const int Rows = Files * RowsInFile;

    private const int Files = 5;
    private const int RowsInFile = 20_000;

    // A row has 58 bytes of columns at least: a bigint, an integer, a decimal, a timestamp, and 18 letters with where they end.
    private const int RowsInCheckpoint = (1 << 20) / 58;
    private const string Program = "DataPlatform.Crash.Tests.Job";

    private static readonly (string Key, byte[] Content)[] Inbox = [.. Enumerable.Range(0, Files).Select(file => ($"events-{file}.csv", CreateFile(file)))];

    private static readonly ConcurrentDictionary<string, Lazy<Task<(SortedDictionary<string, string> Tables, TimeSpan Duration)>>> Undisturbed = [];

    private readonly string _disposition;

    private EventsJob(string disposition, JobEnvironment environment) => (_disposition, Environment) = (disposition, environment);

    public JobEnvironment Environment { get; }

    public static async Task<EventsJob> CreateAsync(string disposition)
    {
        var job = new EventsJob(disposition, await JobEnvironment.CreateAsync("postgresql"));
        var lake = job.Environment.OpenLake();
        foreach (var (key, content) in Inbox) await lake.PutAsync(key, new MemoryStream(content));
        return job;
    }

    /// <summary>What the tables hold, and how long it takes, when nothing happens.</summary>
    public static Task<(SortedDictionary<string, string> Tables, TimeSpan Duration)> RunUndisturbedAsync(string disposition) =>
        Undisturbed.GetOrAdd(disposition, name => new(() => RunOnceAsync(name))).Value;

    private static async Task<(SortedDictionary<string, string> Tables, TimeSpan Duration)> RunOnceAsync(string disposition)
    {
        await using var job = await CreateAsync(disposition);
        var result = await job.RunAsync();
        result.ExitCode.Should().Be(0, result.All);
        await job.AssertCompleteAsync();
        return (await job.Environment.HashTablesAsync(), result.Duration);
    }

    public JobProcess Start() => Environment.Start(Program, "run", $"events-{_disposition}");

    public Task<JobResult> RunAsync() => Environment.RunAsync(Program, "run", $"events-{_disposition}");

    /// <summary>Starts it and kills it after a time; null when it had ended well by then.</summary>
    public Task<JobResult?> KillAfterAsync(TimeSpan moment) => KillAfterAsync(moment, Start());

    /// <summary>Loads rejected rows again.</summary>
    public JobProcess StartReplay() => Environment.Start(Program, "quarantine", "replay", "--pipeline", $"events-{_disposition}");

    /// <summary>Takes a load back.</summary>
    public Task<JobResult> UndoAsync(long loadId) => Environment.RunAsync(Program, "loads", "undo", loadId.ToString(CultureInfo.InvariantCulture));

    /// <inheritdoc cref="KillAfterAsync(TimeSpan)"/>
    public static async Task<JobResult?> KillAfterAsync(TimeSpan moment, JobProcess started)
    {
        await using var job = started;
        var end = job.WaitAsync();

        // The moment is what is random here; nothing is waited for.
        await Task.WhenAny(Task.Delay(moment), end);
        job.Send(JobSignal.Kill);
        var result = await end;
        if (result.ExitCode == 128 + (int)JobSignal.Kill) return result;
        result.ExitCode.Should().Be(0, result.All);
        return null;
    }

    /// <summary>Every row is read by one committed load, all loads balance, the bad rows are kept once, and no load is larger than a checkpoint lets it be.</summary>
    public async Task AssertCompleteAsync()
    {
        await AssertSoundAsync();
        (await Environment.QueryAsync("SELECT count(*) FROM dataplatform.load_objects")).Should().BeEquivalentTo(new object[][] { [(long)Files] });
        var (read, largest) = ((decimal)await ScalarAsync("SELECT sum(rows_read) FROM dataplatform.loads WHERE status = 'committed'"), await ScalarAsync("SELECT max(rows_read) FROM dataplatform.loads"));
        read.Should().Be(Rows, "no part is committed twice");
        if (_disposition != "replace") ((long)largest).Should().BeLessThanOrEqualTo(RowsInCheckpoint, "no load is larger than a checkpoint");
        (await ScalarAsync("SELECT count(*) FROM dataplatform.quarantine")).Should().Be((long)Enumerable.Range(0, Rows).Count(IsBad));
        (await ScalarAsync("SELECT count(*) FROM (SELECT DISTINCT source, position FROM dataplatform.quarantine) AS q")).Should().Be((long)Enumerable.Range(0, Rows).Count(IsBad));
    }

    /// <summary>What holds at any moment, also after a crash.</summary>
    public async Task AssertSoundAsync()
    {
        (await Environment.QueryAsync(
            "SELECT load_id FROM dataplatform.loads WHERE status = 'committed' AND rows_read <> rows_written + rows_rejected + rows_deduplicated + rows_filtered")).Should().BeEmpty();
        (await Environment.QueryAsync("SELECT id FROM raw.events GROUP BY id HAVING count(*) > 1 LIMIT 1")).Should().BeEmpty();
        (await Environment.QueryAsync("SELECT e.id FROM raw.events AS e LEFT JOIN dataplatform.loads AS l ON l.load_id = e._load_id AND l.status = 'committed' WHERE l.load_id IS NULL LIMIT 1")).Should().BeEmpty();
        if (_disposition == "landed") await AssertLandedAsync();
        if (_disposition != "scd2") return;
        (await Environment.QueryAsync("SELECT device FROM raw.events GROUP BY device HAVING count(*) FILTER (WHERE _valid_to IS NULL) <> 1 LIMIT 1")).Should().BeEmpty("each key has one current version");
        (await Environment.QueryAsync(
            """
            SELECT device FROM (SELECT device, _valid_from, _valid_to, lead(_valid_from) OVER (PARTITION BY device ORDER BY _valid_from) AS next FROM raw.events) AS v
            WHERE _valid_to IS DISTINCT FROM next OR _valid_to <= _valid_from LIMIT 1
            """)).Should().BeEmpty("a version ends when the next begins");
    }

    /// <summary>Has the job reach PostgreSQL through a proxy.</summary>
    public FlakyProxy PutBeforePostgres(Func<int, ConnectionPlan> planOf)
    {
        var server = new NpgsqlConnectionStringBuilder(Environment.Variables["ConnectionStrings__warehouse"]);
        var proxy = FlakyProxy.Start(server.Host!, server.Port, planOf);
        (server.Host, server.Port) = ("127.0.0.1", proxy.Port);
        Environment.Variables["ConnectionStrings__warehouse"] = server.ConnectionString;
        return proxy;
    }

    /// <summary>Has the job reach S3 through a proxy.</summary>
    public FlakyProxy PutBeforeS3(Func<int, ConnectionPlan> planOf)
    {
        var endpoint = new Uri(TestS3.Endpoint);
        var proxy = FlakyProxy.Start(endpoint.Host, endpoint.Port, planOf);
        Environment.Variables["DataPlatform__ObjectStores__lake__Endpoint"] = $"http://127.0.0.1:{proxy.Port}";
        return proxy;
    }

    public ValueTask DisposeAsync() => Environment.DisposeAsync();

    // What the warehouse has of a committed load is in the lake too, whole.
    private async Task AssertLandedAsync()
    {
        var reconciled = await Environment.RunAsync(Program, "reconcile", $"events-{_disposition}");
        reconciled.ExitCode.Should().Be(0, reconciled.All);
    }

    private async Task<object> ScalarAsync(string sql) => (await Environment.QueryAsync(sql))[0][0]!;

    private static bool IsBad(int id) => id % 500 == 499;

    private static byte[] CreateFile(int file)
    {
        var text = new StringBuilder("id,device,amount,at,note\n");
        for (var id = file * RowsInFile; id < (file + 1) * RowsInFile; id++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{id},{id * 7919L % 30_000},{id % 1000}.{id % 100:00},2026-01-{1 + (id % 28):00} {id % 24:00}:00:00,");
            text.Append(IsBad(id) ? new string('x', 61) : $"note {id * 31L % 10_007} of a device").Append('\n');
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
