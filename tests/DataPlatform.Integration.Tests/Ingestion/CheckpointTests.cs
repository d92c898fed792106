using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;
using Npgsql;

namespace DataPlatform.Integration.Tests.Ingestion;

/// <summary>On PostgreSQL the part behind a checkpoint is written while that before it is. They commit in their order, or not at all.</summary>
public sealed class CheckpointTests : IAsyncLifetime
{
    private const int Rows = 60_000;
    private const int Lock = 4711;

    // Its number and its text, with where that ends.
    private const int RowBytes = 8 + 100 + 4;

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
        await OnCommitOf(3, $"PERFORM pg_advisory_xact_lock({Lock})");
        await ExecuteAsync($"SELECT pg_advisory_lock({Lock})");
        var running = RunAsync(Rows, merges);

        await Eventually.UntilAsync(async () => await CountAsync("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = 'COMMIT' AND wait_event = 'advisory'") == 1
            && await CountAsync("SELECT count(*) FROM pg_stat_progress_copy WHERE datname = current_database() AND command = 'COPY FROM' AND tuples_processed > 0") == 1);
        (await CountAsync("SELECT count(DISTINCT _load_id) FROM raw.numbers")).Should().Be(2, "the first part of a run makes or changes the table, alone");
        await ExecuteAsync($"SELECT pg_advisory_unlock({Lock})");

        (await running).Failure.Should().BeNull();
        await AssertCompleteAsync();
    }

    [Fact]
    public async Task Two_parts_are_written_at_once()
    {
        await BeginAsync(merges: false);
        await ExecuteAsync(
            $"""
            CREATE FUNCTION waits(id bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN IF id = 10000 THEN PERFORM pg_advisory_xact_lock({Lock}); END IF; RETURN true; END $$;
            ALTER TABLE raw.numbers ADD CHECK (waits(id));
            """);
        await ExecuteAsync($"SELECT pg_advisory_lock({Lock})");
        var running = RunAsync(Rows, merges: false);

        await Eventually.UntilAsync(async () => await CountAsync("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%' AND wait_event = 'advisory'") == 1
            && await CountAsync("SELECT count(*) FROM pg_stat_progress_copy WHERE datname = current_database() AND command = 'COPY FROM' AND tuples_processed > 0") == 2);
        (await CountAsync("SELECT count(DISTINCT _load_id) FROM raw.numbers")).Should().Be(2);
        await ExecuteAsync($"SELECT pg_advisory_unlock({Lock})");

        (await running).Failure.Should().BeNull();
        await AssertCompleteAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_a_crash_can_cost_is_not_more_than_a_checkpoint(bool merges)
    {
        await BeginAsync(merges);
        await ExecuteAsync(
            """
            CREATE TABLE at_risk (rows bigint);
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                INSERT INTO at_risk SELECT NEW.rows_read + coalesce(sum(tuples_processed), 0) FROM pg_stat_progress_copy WHERE datname = current_database() AND command = 'COPY FROM';
                RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER note AFTER INSERT ON dataplatform.loads DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note();
            """);
        (await RunAsync(Rows, merges)).Failure.Should().BeNull();

        const int RowsInCheckpoint = (1 << 20) / RowBytes;
        (await CountAsync("SELECT max(rows) FROM at_risk")).Should().BeInRange(RowsInCheckpoint * 3 / 4, RowsInCheckpoint);
        (await CountAsync("SELECT count(*) FROM dataplatform.loads")).Should().BeLessThan(2 + (Rows / (RowsInCheckpoint / 2)), "the parts are not much smaller than that");
    }

    [Theory]
    [InlineData("SELECT 1", true)]
    [InlineData("CREATE INDEX ON raw.numbers (id)", true)]
    [InlineData("CREATE UNIQUE INDEX ON raw.numbers (id)", false)]
    [InlineData("ALTER TABLE raw.numbers ADD EXCLUDE USING btree (id WITH =)", false)]
    [InlineData("CREATE TRIGGER t BEFORE INSERT ON raw.numbers FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()", false)]
    [InlineData("DROP TABLE raw.numbers; CREATE TABLE raw.numbers (id bigint, text text, _load_id bigint) PARTITION BY RANGE (id); CREATE TABLE raw.part PARTITION OF raw.numbers DEFAULT", true)]
    [InlineData("DROP TABLE raw.numbers; CREATE TABLE raw.numbers (id bigint, text text, _load_id bigint) PARTITION BY RANGE (id); CREATE TABLE raw.part PARTITION OF raw.numbers (PRIMARY KEY (id)) DEFAULT", false)]
    public async Task Where_a_row_could_wait_for_one_of_the_other_part_they_are_written_one_after_the_other(string sql, bool isSideBySide)
    {
        await BeginAsync(merges: false);
        await ExecuteAsync(sql);
        var table = TableName.Parse("raw.numbers");

        (await _warehouse.TakesRowsSideBySideAsync(table, merge: null, Token)).Should().Be(isSideBySide);
        (await _warehouse.TakesRowsSideBySideAsync(table, new MergeOptions { Key = ["id"] }, Token)).Should().BeTrue("what is merged waits in a table of its own");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_part_whose_commit_fails_takes_those_behind_it_along(bool merges)
    {
        await BeginAsync(merges);
        await OnCommitOf(4, "RAISE EXCEPTION 'not this one'");

        var result = await RunAsync(Rows, merges);

        result.Failure!.Message.Should().Contain("not this one");
        (await CountAsync("SELECT max(load_id) FROM dataplatform.loads")).Should().Be(3);
        (await CountAsync("SELECT count(*) FROM raw.numbers WHERE _load_id > 3")).Should().Be(0);
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
