using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Testing;
using DataPlatform.Warehouses.PostgreSql;
using Npgsql;

namespace DataPlatform.Integration.Tests.Ingestion;

/// <summary>On PostgreSQL the part behind a checkpoint is written while that before it commits. They commit in their order, or not at all.</summary>
public sealed class CheckpointTests : IAsyncLifetime
{
    private const int Rows = 60_000;
    private const int Lock = 4711;

    private TestDatabase _database = null!;
    private PostgreSqlWarehouse _warehouse = null!;
    private RunLedgers _ledgers = null!;
    private NpgsqlConnection _connection = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await TestPostgres.CreateDatabaseAsync(Token);
        _warehouse = new PostgreSqlWarehouse("warehouse", _database.ConnectionString);
        _ledgers = new RunLedgers(_warehouse);

        // Not pooled: when a test fails its lock goes with the connection.
        _connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Pooling = false }.ConnectionString);
        await _connection.OpenAsync(Token);
    }

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        await _ledgers.DisposeAsync();
        await _warehouse.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_part_is_written_while_that_before_it_commits_and_none_is_visible_before_it(bool merges)
    {
        await BeginAsync(merges);
        await OnCommitOf(2, $"PERFORM pg_advisory_xact_lock({Lock})");
        await ExecuteAsync($"SELECT pg_advisory_lock({Lock})");
        var running = RunAsync(Rows, merges);

        await Eventually.UntilAsync(async () => await CountAsync("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = 'COMMIT' AND wait_event = 'advisory'") == 1
            && await CountAsync("SELECT count(*) FROM pg_stat_progress_copy WHERE datname = current_database() AND command = 'COPY FROM' AND tuples_processed > 0") == 1);
        (await CountAsync("SELECT count(DISTINCT _load_id) FROM raw.numbers")).Should().Be(1);
        await ExecuteAsync($"SELECT pg_advisory_unlock({Lock})");

        (await running).Failure.Should().BeNull();
        await AssertCompleteAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_part_whose_commit_fails_takes_those_behind_it_along(bool merges)
    {
        await BeginAsync(merges);
        await OnCommitOf(3, "RAISE EXCEPTION 'not this one'");

        var result = await RunAsync(Rows, merges);

        result.Failure!.Message.Should().Contain("not this one");
        (await CountAsync("SELECT max(load_id) FROM dataplatform.loads")).Should().Be(2);
        (await CountAsync("SELECT count(*) FROM raw.numbers WHERE _load_id > 2")).Should().Be(0);
        (await CountAsync("SELECT max(id) FROM raw.numbers")).Should().Be(await CountAsync("SELECT count(*) FROM raw.numbers"), "what is there is what comes first");

        await ExecuteAsync("DROP TRIGGER on_commit ON dataplatform.loads");
        (await RunAsync(Rows, merges)).Failure.Should().BeNull();
        await AssertCompleteAsync();
    }

    // One row, so that the ledger is there.
    private async Task BeginAsync(bool merges) => (await RunAsync(1, merges)).Failure.Should().BeNull();

    private async Task<StepResult> RunAsync(int rows, bool merges)
    {
        var builder = new PipelineBuilder("demo");
        builder.Ingest("numbers", From.Sql<Number>(_warehouse, $"SELECT g::bigint AS id, repeat('x', 100) AS text FROM generate_series(1, {rows}) AS g").Incremental(number => number.Id))
            .Into(_warehouse, "raw.numbers", load => (merges ? load.Merge(number => number.Id) : load.Append()).Checkpoint(mebibytes: 1));
        return (await new PipelineRunner(_ledgers).RunAsync(builder.Build(), cancellationToken: Token)).Steps[0];
    }

    // A deferred trigger runs when its transaction commits.
    private Task OnCommitOf(int load, string action) => ExecuteAsync(
        $"""
        CREATE FUNCTION on_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {action}; RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER on_commit AFTER INSERT ON dataplatform.loads DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.load_id = {load}) EXECUTE FUNCTION on_commit();
        """);

    private async Task AssertCompleteAsync()
    {
        (await CountAsync("SELECT count(*) FROM raw.numbers")).Should().Be(Rows);
        (await CountAsync("SELECT count(DISTINCT id) FROM raw.numbers")).Should().Be(Rows);
        (await CountAsync("SELECT sum(rows_written)::bigint FROM dataplatform.loads WHERE status = 'committed'")).Should().Be(Rows);
        (await CountAsync("SELECT count(*) FROM (SELECT max(id) OVER (ORDER BY _load_id, id) AS so_far, id FROM raw.numbers) AS n WHERE so_far > id")).Should().Be(0, "parts are in the order of the cursor");
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = new NpgsqlCommand(sql, _connection);
        await command.ExecuteNonQueryAsync(Token);
    }

    private async Task<long> CountAsync(string sql)
    {
        await using var command = new NpgsqlCommand(sql, _connection);
        return (long)(await command.ExecuteScalarAsync(Token))!;
    }

    internal sealed record Number(long Id, string Text);
}
