using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Testing;
using DataPlatform.Warehouses;

namespace DataPlatform.DuckDb.Tests;

/// <summary>Transactions side by side.</summary>
public sealed class TransactionTests : DuckDbTest
{
    [Fact]
    public async Task Steps_that_record_what_they_do_and_load_at_the_same_time_do_not_get_into_each_others_way()
    {
        const int Steps = 8, Rounds = 15, BatchRows = 60_000, Batches = 3;
        await ExecuteAsync(
            "CREATE SCHEMA ledger",
            "CREATE TABLE ledger.leases (name TEXT PRIMARY KEY, token BIGINT NOT NULL, expires_at TIMESTAMPTZ NOT NULL)",
            "CREATE TABLE ledger.steps (run TEXT, step TEXT, status TEXT, \"rows\" BIGINT, PRIMARY KEY (run, step))",
            "CREATE TABLE ledger.events (happened TIMESTAMPTZ, step TEXT, what TEXT)",
            "CREATE SEQUENCE ledger.ids",
            $"INSERT INTO ledger.leases SELECT 'step' || i, 1, now() FROM range({Steps}) AS t(i)");

        async Task RecordAsync(string step, int round) => await InTransactionAsync(async transaction =>
        {
            await transaction.ExecuteAsync(
                "INSERT INTO ledger.steps VALUES ('run', $1, 'running', $2) ON CONFLICT (run, step) DO UPDATE SET status = excluded.status, \"rows\" = excluded.\"rows\"",
                [step, round], Cancelled);
            await transaction.ExecuteAsync("INSERT INTO ledger.events VALUES (now(), $1, $2)", [step, $"round {round}"], Cancelled);
        });

        async Task HoldAsync(string step, Task loading)
        {
            for (var round = 1; round <= Rounds || !loading.IsCompleted; round++)
            {
                await RecordAsync(step, round);
                await InTransactionAsync(transaction => transaction.ExecuteAsync("UPDATE ledger.leases SET expires_at = now() WHERE name = $1 AND token = 1", [step], Cancelled));
            }

            await loading;
        }

        // The lease is checked at the end of the load, by an update of another column than the one that is renewed meanwhile.
        async Task LoadAsync(string step, TableName table) => await InTransactionAsync(async transaction =>
        {
            var id = (await transaction.QueryAsync("SELECT nextval('ledger.ids')", null, Cancelled))[0][0];
            await transaction.CreateTableAsync(table, Trips, ["id"], Cancelled);
            for (var batch = 0; batch < Batches; batch++)
                await AppendAsync(transaction, table, Trips, [.. Enumerable.Range(batch * BatchRows, BatchRows).Select(i => (object?[])[(long)i, $"{step} {id}"])]);
            await transaction.ExecuteAsync("INSERT INTO ledger.events VALUES (now(), $1, 'loaded')", [step], Cancelled);
            (await transaction.ExecuteAsync("UPDATE ledger.leases SET token = token WHERE name = $1 AND token = 1", [step], Cancelled)).Should().Be(1);
        });

        await Task.WhenAll(Enumerable.Range(0, Steps).Select(i => Task.Run(
            () => HoldAsync($"step{i}", i < 4 ? LoadAsync($"step{i}", new TableName(i % 2 == 0 ? "raw" : "other", $"table{i}")) : Task.CompletedTask), Cancelled)));

        (await QueryAsync("SELECT step, status, \"rows\" >= $1 FROM ledger.steps ORDER BY step", Rounds))
            .ShouldEqual([.. Enumerable.Range(0, Steps).Select(i => (object?[])[$"step{i}", "running", true])]);
        (await QueryAsync("SELECT step, count(*) FILTER (what = 'loaded'), count(*) FILTER (what <> 'loaded') = (SELECT s.\"rows\" FROM ledger.steps s WHERE s.step = e.step) FROM ledger.events e GROUP BY step ORDER BY step"))
            .ShouldEqual([.. Enumerable.Range(0, Steps).Select(i => (object?[])[$"step{i}", i < 4 ? 1L : 0L, true])]);
        for (var i = 0; i < 4; i++)
        {
            (await QueryAsync($"SELECT count(*), count(DISTINCT id), count(DISTINCT name) FROM {new TableName(i % 2 == 0 ? "raw" : "other", $"table{i}").ToSql()}"))
                .ShouldEqual([[(long)Batches * BatchRows, (long)Batches * BatchRows, 1L]]);
        }
    }

    [Fact]
    public async Task Who_changes_a_value_that_another_has_changed_fails_as_transient()
    {
        await ExecuteAsync("CREATE TABLE leases (name TEXT, token INTEGER)", "INSERT INTO leases VALUES ('a', 1)", "CREATE TABLE log (n INTEGER)");
        await using var first = await Warehouse.BeginAsync(Cancelled);
        await first.ExecuteAsync("INSERT INTO log VALUES (1)", null, Cancelled);
        await ExecuteAsync("UPDATE leases SET token = 2");

        var failure = await FailAsync(() => first.ExecuteAsync("UPDATE leases SET token = token WHERE name = 'a' AND token = 1", null, Cancelled));
        failure.FailureClass.Should().Be(FailureClass.Transient);
        failure.Hint.Should().Contain("Run again");
        (await FailAsync(() => first.CommitAsync(Cancelled))).FailureClass.Should().Be(FailureClass.Transient, "the commit tells why nothing was committed");
        (await QueryAsync("SELECT (SELECT token FROM leases), (SELECT count(*) FROM log)")).ShouldEqual([[2, 0L]]);
    }

    [Fact]
    public async Task Until_it_writes_a_transaction_sees_what_others_commit()
    {
        await ExecuteAsync("CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1)");
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        (await transaction.QueryAsync("SELECT n FROM t", null, Cancelled)).ShouldEqual([[1]]);
        await ExecuteAsync("UPDATE t SET n = 2");
        (await transaction.QueryAsync("SELECT n FROM t", null, Cancelled)).ShouldEqual([[2]]);
        (await transaction.ExecuteAsync("UPDATE t SET n = n + 10", null, Cancelled)).Should().Be(1);
        await transaction.CommitAsync(Cancelled);
        (await QueryAsync("SELECT n FROM t")).ShouldEqual([[12]]);
    }

    [Fact]
    public async Task A_query_that_writes_is_part_of_the_transaction()
    {
        await ExecuteAsync("CREATE TABLE t (n INTEGER)");
        await using (var transaction = await Warehouse.BeginAsync(Cancelled))
            (await transaction.QueryAsync("INSERT INTO t VALUES ($1) RETURNING n + 1", [1], Cancelled)).ShouldEqual([[2]]);
        (await QueryAsync("SELECT count(*) FROM t")).ShouldEqual([[0L]]);
    }

    [Fact]
    public async Task A_command_of_the_callers_that_failed_keeps_the_transaction_from_committing()
    {
        await ExecuteAsync("CREATE TABLE t (n INTEGER PRIMARY KEY)");
        await using (var transaction = await Warehouse.BeginAsync(Cancelled))
        {
            await transaction.ExecuteAsync("INSERT INTO t VALUES (1)", null, Cancelled);
            await using var command = transaction.Connection.CreateCommand();
            command.CommandText = "INSERT INTO t VALUES (1)";
            await command.Invoking(c => c.ExecuteNonQueryAsync(Cancelled)).Should().ThrowAsync<global::DuckDB.NET.Data.DuckDBException>();
            await FailAsync(() => transaction.CommitAsync(Cancelled));
        }

        (await QueryAsync("SELECT count(*) FROM t")).ShouldEqual([[0L]]);
    }

    [Fact]
    public async Task A_cancelled_statement_keeps_the_transaction_from_committing()
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        await transaction.ExecuteAsync("CREATE TABLE t AS SELECT 1 AS n", null, Cancelled);
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        cancellation.CancelAfter(TimeSpan.FromMilliseconds(200));
        await transaction.Awaiting(t => t.ExecuteAsync("CREATE TABLE u AS SELECT count(*) FROM range(1000000) a(i), range(1000000) b(j) WHERE i + j < 0", null, cancellation.Token))
            .Should().ThrowAsync<OperationCanceledException>();
        await FailAsync(() => transaction.CommitAsync(Cancelled));
    }

    [Fact]
    public async Task An_ended_transaction_cannot_be_used()
    {
        var transaction = await Warehouse.BeginAsync(Cancelled);
        await transaction.CommitAsync(Cancelled);
        await transaction.Awaiting(t => t.ExecuteAsync("CREATE TABLE t (n INTEGER)", null, Cancelled)).Should().ThrowAsync<ObjectDisposedException>();
        await transaction.DisposeAsync();
    }

    [Fact]
    public async Task Two_that_replace_a_table_do_so_one_after_the_other()
    {
        await using var first = await Warehouse.BeginAsync(Cancelled);
        await first.ReplaceTableAsync("mart.t", "SELECT 1 AS n", Cancelled);
        await using var second = await Warehouse.BeginAsync(Cancelled);
        var replacing = second.ReplaceTableAsync("mart.t", "SELECT 2 AS n", Cancelled);
        await first.CommitAsync(Cancelled);
        (await replacing).Should().Be(1);
        await second.CommitAsync(Cancelled);
        (await QueryAsync("SELECT n FROM mart.t")).ShouldEqual([[2]]);
    }

    [Fact]
    public async Task Two_that_wait_for_each_other_do_not_wait_forever()
    {
        await using var warehouse = new DuckDbWarehouse("warehouse", File, new DuckDbWarehouseOptions { LockTimeout = TimeSpan.FromMilliseconds(300) });
        await using var first = await warehouse.BeginAsync(Cancelled);
        await first.CreateTableAsync("raw.a", Trips, [], Cancelled);
        await using var second = await warehouse.BeginAsync(Cancelled);
        var failure = await FailAsync(() => second.CreateTableAsync("raw.a", Trips, [], Cancelled));
        failure.FailureClass.Should().Be(FailureClass.Transient);
        failure.Message.Should().Contain("raw.a");
    }

    [Fact]
    public async Task A_table_is_not_replaced_by_one_that_views_cannot_use()
    {
        await ExecuteAsync(
            "CREATE SCHEMA mart", "CREATE TABLE mart.t AS SELECT 1 AS n, 'x' AS c", "CREATE VIEW mart.v AS SELECT n FROM mart.t", "CREATE VIEW mart.of_c AS SELECT c FROM mart.t",
            "CREATE TABLE mart.gone AS SELECT 1 AS n", "CREATE VIEW mart.broken AS SELECT n FROM mart.gone", "DROP TABLE mart.gone");
        await using (var transaction = await Warehouse.BeginAsync(Cancelled))
        {
            var failure = await FailAsync(() => transaction.ReplaceTableAsync("mart.t", "SELECT 2 AS n", Cancelled));
            failure.FailureClass.Should().Be(FailureClass.Configuration);
            failure.Message.Should().Contain("mart.of_c").And.NotContain("mart.v").And.NotContain("mart.broken");
            await FailAsync(() => transaction.CommitAsync(Cancelled));
        }

        (await QueryAsync("SELECT c FROM mart.of_c")).ShouldEqual([["x"]]);
        await InTransactionAsync(transaction => transaction.ReplaceTableAsync("mart.t", "SELECT 'z' AS c, 3 AS n, 4 AS more", Cancelled));
        (await QueryAsync("SELECT (SELECT n FROM mart.v), (SELECT c FROM mart.of_c)")).ShouldEqual([[3, "z"]]);
    }

    [Fact]
    public async Task A_schema_may_be_created_in_a_transaction_that_has_written()
    {
        await using (var transaction = await Warehouse.BeginAsync(Cancelled))
        {
            await transaction.ExecuteAsync("CREATE TABLE main.t (n INTEGER)", null, Cancelled);
            await transaction.CreateTableAsync("raw.trips", Trips, [], Cancelled);
            (await transaction.DescribeAsync("raw.trips", Cancelled))!.FieldsList.Should().HaveCount(2);
        }

        (await QueryAsync("SELECT count(*) FROM information_schema.schemata WHERE schema_name = 'raw'")).ShouldEqual([[0L]]);
    }

    [Fact]
    public async Task A_merge_takes_columns_of_any_name_and_leaves_no_temporary_tables()
    {
        var schema = new Schema(
            [new Field("rowid", Int64Type.Default, false), new Field("c0", StringType.Default, true), new Field("Last \"one\"", StringType.Default, true)], metadata: null);
        await InTransactionAsync(async transaction =>
        {
            await transaction.CreateTableAsync("raw.odd", schema, ["rowid"], Cancelled);
            await transaction.ExecuteAsync("ALTER TABLE raw.odd ADD COLUMN s INTEGER DEFAULT 7", null, Cancelled);
            for (var i = 0; i < 3; i++)
            {
                await using var writer = await transaction.BeginMergeAsync("raw.odd", schema, new MergeOptions("rowid"), Cancelled);
                using var batch = RecordBatches.Create(schema, [[1L, "first", "x"], [9L - i, $"{i}", null], [1L, "last", $"{i}"]]);
                await writer.WriteAsync(batch, Cancelled);
                (await writer.CompleteAsync(Cancelled)).Should().Be(new BulkWriteResult(2, 1));
                await transaction.ExecuteAsync("UPDATE raw.odd SET s = s + 1 WHERE rowid = 1", null, Cancelled);
            }

            (await transaction.QueryAsync("SELECT count(*) FROM duckdb_tables() WHERE temporary", null, Cancelled)).ShouldEqual([[0L]]);
        });
        (await QueryAsync("SELECT * FROM raw.odd ORDER BY rowid")).ShouldEqual([[1L, "last", "2", 10], [7L, "2", null, 7], [8L, "1", null, 7], [9L, "0", null, 7]]);
    }
}
