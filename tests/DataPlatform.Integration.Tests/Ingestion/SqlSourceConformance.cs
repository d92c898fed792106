using System.ComponentModel.DataAnnotations;
using System.Globalization;
using CsCheck;
using DataPlatform.Ingestion;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Testing;
using DataPlatform.Warehouses;

namespace DataPlatform.Integration.Tests.Ingestion;

/// <summary>Queries as sources, and how they go on where the last load stopped. Source and target are one database here.</summary>
public abstract class SqlSourceConformance : IAsyncLifetime
{
    private RunLedgers? _ledgers;

    private protected static CancellationToken Token => TestContext.Current.CancellationToken;

    private protected IWarehouse Warehouse { get; set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Warehouse = await StartAsync();
        _ledgers = new RunLedgers(Warehouse);
        await ExecuteAsync("CREATE SCHEMA crm");
        await ExecuteAsync("CREATE TABLE crm.orders (id bigint NOT NULL, note text, amount numeric(12,2), changed timestamp, placed date)");
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_ledgers is not null) await _ledgers.DisposeAsync();
        await Warehouse.DisposeAsync();
        await StopAsync();
    }

    private protected abstract Task<IWarehouse> StartAsync();

    private protected abstract ValueTask StopAsync();

    private protected virtual SqlSource<Order> Orders(string sql = "crm.orders") => From.Sql<Order>(Warehouse, sql);

    /// <summary>Whether the source tells where in a query it found a fault, as warehouses do.</summary>
    private protected virtual bool KnowsWhereTheFaultIs => true;

    private protected virtual SqlSource Untyped(string sql) => From.Sql(Warehouse, sql);

    [Fact]
    public async Task A_query_without_a_record_gives_its_own_columns()
    {
        await ExecuteAsync("INSERT INTO crm.orders VALUES (1, 'it''s -- ü', 1.50, TIMESTAMP '2026-01-31 10:00:00.000001', DATE '2026-01-31'), (2, NULL, NULL, NULL, NULL)");
        await SucceedAsync(Untyped("SELECT id AS \"OrderId\", note, amount, changed, placed FROM crm.orders ORDER BY id; "), load => load.Replace());
        var rows = await QueryAsync("SELECT order_id, note, CAST(amount AS text), CAST(changed AS text), CAST(placed AS text) FROM raw.orders ORDER BY order_id");
        rows.Should().BeEquivalentTo(
            new object?[][] { [1L, "it's -- ü", "1.50", "2026-01-31 10:00:00.000001", "2026-01-31"], [2L, null, null, null, null] }, options => options.WithStrictOrdering());
        await ExecuteAsync("DELETE FROM crm.orders");
        await SucceedAsync(Untyped("SELECT id AS \"OrderId\", note, amount, changed, placed FROM crm.orders"), load => load.Replace());
        (await QueryAsync("SELECT order_id FROM raw.orders")).Should().BeEmpty();
    }

    [Fact]
    public async Task A_rejected_row_moves_the_cursor_and_is_in_quarantine_once()
    {
        await ExecuteAsync("INSERT INTO crm.orders VALUES (1, 'a', 1, NULL, NULL), (2, 'far too long', 2, NULL, NULL)");
        var source = Orders().Incremental(order => order.Id);
        (await SucceedAsync(source, load => load.Append().Quarantine(0.5))).Should().Match<StepResult>(r => r.RowsWritten == 1 && r.RowsRejected == 1);
        (await SucceedAsync(source, load => load.Append().Quarantine(0.5))).Should().Match<StepResult>(r => r.RowsRead == 0 && r.RowsRejected == 0);

        await ExecuteAsync("INSERT INTO crm.orders VALUES (2, 'b', 2, NULL, NULL), (3, 'c', 3, NULL, NULL)");
        (await SucceedAsync(source, load => load.Append().Quarantine(0.5))).Should().Match<StepResult>(r => r.RowsRead == 3 && r.RowsWritten == 2 && r.RowsRejected == 0);
        (await QueryAsync("SELECT id, note FROM raw.orders ORDER BY id")).ShouldEqual([[1L, "a"], [2L, "b"], [3L, "c"]]);
        (await QueryAsync("SELECT reason FROM dataplatform.quarantine")).ShouldEqual([["'far too long' has length 12, not at most 5 long"]]);
    }

    [Fact]
    public async Task Rows_that_break_the_record_are_rejected_with_their_values()
    {
        await ExecuteAsync("INSERT INTO crm.orders VALUES (1, 'a', 5, NULL, NULL), (2, 'b', -7.25, NULL, NULL), (3, 'far too long', 1, NULL, NULL)");
        var result = await SucceedAsync(Orders("SELECT CAST(id AS integer) AS id, note, amount, changed FROM crm.orders ORDER BY id"), load => load.Append().Quarantine(0.9));
        (result.RowsRead, result.RowsWritten, result.RowsRejected).Should().Be((3L, 1L, 2L));
        var rejected = await QueryAsync("SELECT position, column_name, reason, raw FROM dataplatform.quarantine ORDER BY position");
        rejected.Select(row => (row[0], row[1], row[2])).Should().Equal((2L, "amount", "'-7.25' is not at least 0"), (3L, "note", "'far too long' has length 12, not at most 5 long"));
        rejected[0][3].Should().Be("""{"id":"2","note":"b","amount":"-7.25","changed":null}""");
    }

    [Theory]
    [InlineData("SELECT id, note, amount FROM crm.orders", "changed")]
    [InlineData("SELECT id, note, amount, CAST(changed AS date) AS changed FROM crm.orders", "has changed as date, and the contract as timestamp")]
    [InlineData("SELECT nothing FROM crm.orders", "nothing")]
    public async Task What_does_not_fit_fails_before_the_first_row(string sql, string expected)
    {
        var failure = (await RunAsync(Orders(sql).Incremental(o => o.Changed), load => load.Append())).Failure!;
        failure.Class.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain(expected);
    }

    [Fact]
    public async Task A_query_may_be_in_a_file_with_the_runs_date_in_it()
    {
        using var folder = new ScratchFolder();
        var file = folder.Combine("orders.sql");
        await File.WriteAllTextAsync(file, "-- of the day\nSELECT id, note, amount, changed FROM crm.orders\nWHERE placed = @run_date;\n", Token);
        await ExecuteAsync("INSERT INTO crm.orders VALUES (1, 'a', 1, TIMESTAMP '2026-01-31 10:00:00', DATE '2026-01-31'), (2, 'b', 1, TIMESTAMP '2026-01-31 10:00:00', DATE '2026-02-01')");
        foreach (var source in new[] { Orders(file), Orders(file).Incremental(o => o.Changed) })
        {
            await SucceedAsync(source, load => load.Replace(), new DateOnly(2026, 2, 1));
            (await QueryAsync("SELECT id FROM raw.orders")).Select(row => row[0]).Should().Equal(2L);
        }

        await File.WriteAllTextAsync(file, "SELECT id,\n  nothing FROM crm.orders", Token);
        var failure = (await RunAsync(Orders(file), load => load.Append())).Failure!;
        failure.Class.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("nothing");
        if (KnowsWhereTheFaultIs) failure.Message.Should().Contain("orders.sql:2:3: ");
        (await FluentActions.Awaiting(() => Orders("queries/none.sql").CheckAsync(null!, Token)).Should().ThrowAsync<DataPlatformException>()).Which.Message.Should().StartWith("There is no SQL file ");
    }

    [Fact]
    public void A_cursor_that_has_no_order_is_refused_when_it_is_declared() =>
        FluentActions.Invoking(() => Orders().Incremental(o => o.Note)).Should().Throw<DataPlatformException>().Which.FailureClass.Should().Be(FailureClass.Configuration);

    /// <summary>Against a model: rows with few different cursors come between runs, never below what was there, and each is loaded once.</summary>
    [Fact]
    public async Task Rows_at_the_boundary_are_neither_lost_nor_loaded_twice()
    {
        var day = new DateTime(2026, 1, 1);
        var batches = Gen.Int[0, 2].List[0, 6].List[4, 6];
        var nextId = 0L;
        await batches.SampleAsync(
            async steps =>
            {
                await ExecuteAsync("DELETE FROM crm.orders");
                await ExecuteAsync("DROP TABLE IF EXISTS raw.orders");
                var (latest, expected) = (0, new List<object?>());
                foreach (var step in steps)
                {
                    foreach (var ahead in step)
                    {
                        latest += ahead;
                        expected.Add(++nextId);
                        await InsertAsync(nextId, day.AddMinutes(latest));

                        // The same again: rows that are equal are as many in the target as in the source.
                        if (nextId % 3 != 0) continue;
                        expected.Add(nextId);
                        await InsertAsync(nextId, day.AddMinutes(latest));
                    }

                    await SucceedAsync(Orders().Incremental(o => o.Changed), load => load.Append());
                    if (expected.Count > 0) (await QueryAsync("SELECT id FROM raw.orders ORDER BY id")).Select(row => row[0]).Should().Equal(expected);
                }
            },
            iter: 8,
            threads: 1);
    }

    [Fact]
    public async Task A_lag_finds_rows_that_came_late_and_the_merge_takes_each_once()
    {
        var noon = new DateTime(2026, 1, 1, 12, 0, 0);
        var source = Orders().Incremental(o => o.Changed, cursor => cursor.Lag(TimeSpan.FromHours(1)));
        await InsertAsync(1, noon);
        await SucceedAsync(source, load => load.Merge(o => o.Id));
        await InsertAsync(2, noon.AddMinutes(-59));
        await InsertAsync(3, noon.AddMinutes(-61));
        await SucceedAsync(source, load => load.Merge(o => o.Id));
        (await QueryAsync("SELECT id FROM raw.orders ORDER BY id")).Select(row => row[0]).Should().Equal(1L, 2L);
    }

    [Fact]
    public async Task Loads_begin_at_the_start_value_and_a_range_leaves_the_cursor_alone()
    {
        for (var i = 1; i <= 4; i++) await InsertAsync(i, new DateTime(2026, 1, i));
        var source = Orders().Incremental(o => o.Changed, cursor => cursor.StartAt(new DateTime(2026, 1, 3)));
        await SucceedAsync(source, load => load.Append());
        (await QueryAsync("SELECT id FROM raw.orders ORDER BY id")).Select(row => row[0]).Should().Equal(3L, 4L);
        var before = await QueryAsync("SELECT * FROM dataplatform.cursors");

        var range = Orders().Incremental(o => o.Changed, cursor => cursor.Between(run => run.LogicalDate, run => run.LogicalDate.AddDays(1)));
        await SucceedAsync(range, load => load.Append(), new DateOnly(2026, 1, 2));
        (await QueryAsync("SELECT id FROM raw.orders ORDER BY id")).Select(row => row[0]).Should().Equal(2L, 3L, 4L);
        (await QueryAsync("SELECT * FROM dataplatform.cursors")).Should().BeEquivalentTo(before);

        await InsertAsync(5, new DateTime(2026, 1, 5));
        (await SucceedAsync(source, load => load.Append())).RowsWritten.Should().Be(1);
    }

    [Fact]
    public async Task NULL_cursors_raise_or_are_included_or_left_out()
    {
        await InsertAsync(1, new DateTime(2026, 1, 1));
        await ExecuteAsync("INSERT INTO crm.orders VALUES (2, 'x', 1, NULL, NULL)");
        var failure = (await RunAsync(Orders().Incremental(o => o.Changed), load => load.Append())).Failure!;
        failure.Class.Should().Be(FailureClass.Data);
        failure.Message.Should().Contain("whose cursor 'changed' is NULL");
        await SucceedAsync(Orders().Incremental(o => o.Changed, cursor => cursor.OnNull(NullCursors.Exclude)), load => load.Append());
        (await QueryAsync("SELECT id FROM raw.orders ORDER BY id")).Select(row => row[0]).Should().Equal(1L);
        await SucceedAsync(Orders().Incremental(o => o.Changed, cursor => cursor.OnNull(NullCursors.Include)), load => load.Append());
        (await QueryAsync("SELECT id FROM raw.orders ORDER BY id")).Select(row => row[0]).Should().Equal(1L, 2L);
    }

    [Fact]
    public async Task More_rows_at_one_value_than_can_be_told_apart_are_added_once_each()
    {
        // The query's own order is the other way round: what is told apart by order is asked for in it.
        var source = Orders("SELECT * FROM crm.orders ORDER BY id DESC").Incremental(o => o.Changed, cursor => cursor.IdentifyBy(o => o.Id));
        await InsertAsync(1, new DateTime(2025, 12, 31));
        await InsertManyAsync(2, 10_500);
        (await SucceedAsync(source, load => load.Append())).RowsWritten.Should().Be(10_500);
        (await QueryAsync("SELECT value FROM dataplatform.cursors")).Single()[0].As<string>().Length.Should().BeLessThan(200);
        (await SucceedAsync(source, load => load.Append())).RowsRead.Should().Be(0);

        // More with the same value, and with one behind it.
        await InsertManyAsync(10_501, 10_700);
        await InsertAsync(10_701, new DateTime(2026, 1, 2));
        var third = await SucceedAsync(source, load => load.Append());
        (third.RowsRead, third.RowsWritten).Should().Be((10_700L, 201L));
        (await QueryAsync("SELECT count(*), count(DISTINCT id), max(id) FROM raw.orders")).Single().Should().Equal(10_701L, 10_701L, 10_701L);
        (await SucceedAsync(source, load => load.Append())).RowsRead.Should().Be(0);
    }

    [Fact]
    public async Task Where_it_cannot_be_told_which_rows_are_new_nothing_is_added()
    {
        var source = Orders().Incremental(o => o.Changed, cursor => cursor.IdentifyBy(o => o.Id));
        await InsertManyAsync(2, 10_500);
        await SucceedAsync(source, load => load.Append());
        await InsertManyAsync(1, 1);
        await InsertAsync(10_501, new DateTime(2026, 1, 2));
        var failure = (await RunAsync(source, load => load.Append())).Failure!;
        failure.Class.Should().Be(FailureClass.Data);
        failure.Message.Should().Contain("10499 rows were loaded with the cursor 'changed' at 2026-01-01T00:00:00.000000, and the first 10499 with it are others now.");
        (await QueryAsync("SELECT count(*), min(id), max(id) FROM raw.orders")).Single().Should().Equal(10_499L, 2L, 10_500L);

        // Those that went missing are no reason to fail.
        await ExecuteAsync("DELETE FROM crm.orders WHERE id IN (1, 7)");
        (await SucceedAsync(source, load => load.Append())).RowsWritten.Should().Be(1);
        (await QueryAsync("SELECT count(*), max(id) FROM raw.orders")).Single().Should().Equal(10_500L, 10_501L);
    }

    [Fact]
    public async Task A_merge_reads_more_rows_at_one_value_than_can_be_told_apart_again()
    {
        var source = Orders().Incremental(o => o.Changed, cursor => cursor.IdentifyBy(o => o.Id));
        await InsertManyAsync(2, 10_500);
        await SucceedAsync(source, load => load.Merge(o => o.Id));
        await InsertManyAsync(1, 1);
        await SucceedAsync(source, load => load.Merge(o => o.Id));
        (await QueryAsync("SELECT count(*), count(DISTINCT id), min(id) FROM raw.orders")).Single().Should().Equal(10_500L, 10_500L, 1L);
        await InsertAsync(10_501, new DateTime(2026, 1, 2));
        await SucceedAsync(source, load => load.Merge(o => o.Id));
        (await SucceedAsync(source, load => load.Merge(o => o.Id))).RowsRead.Should().Be(0);
        (await QueryAsync("SELECT count(*) FROM raw.orders")).Single().Should().Equal(10_501L);
    }

    [Fact]
    public async Task What_delete_insert_deletes_by_a_key_that_came_again_comes_again()
    {
        var source = Orders().Incremental(o => o.Changed);
        for (var id = 1; id <= 3; id++)
        {
            await InsertAsync(id, new DateTime(2026, 1, 1));
            await SucceedAsync(source, load => load.DeleteInsert(o => o.Changed));
        }

        (await QueryAsync("SELECT id FROM raw.orders ORDER BY id")).Select(row => row[0]).Should().Equal(1L, 2L, 3L);
    }

    private protected async Task ExecuteAsync(string sql)
    {
        await using var transaction = await Warehouse.BeginAsync(Token);
        await transaction.ExecuteAsync(sql, cancellationToken: Token);
        await transaction.CommitAsync(Token);
    }

    private Task InsertAsync(long id, DateTime changed) =>
        ExecuteAsync(string.Create(CultureInfo.InvariantCulture, $"INSERT INTO crm.orders VALUES ({id}, 'x', 1, TIMESTAMP '{changed:yyyy-MM-dd HH:mm:ss}', NULL)"));

    private Task InsertManyAsync(long first, long last) =>
        ExecuteAsync($"INSERT INTO crm.orders SELECT i, 'x', 1, TIMESTAMP '2026-01-01 00:00:00', NULL FROM generate_series({first}, {last}) AS s(i)");

    private async Task<IReadOnlyList<object?[]>> QueryAsync(string sql)
    {
        await using var transaction = await Warehouse.BeginAsync(Token);
        return await transaction.QueryAsync(sql, cancellationToken: Token);
    }

    private async Task<StepResult> SucceedAsync(SqlSource<Order> source, Action<LoadBuilder<Order>> load, DateOnly? date = null) => Succeeded(await RunAsync(source, load, date));

    private async Task<StepResult> SucceedAsync(SqlSource source, Action<LoadBuilder> load)
    {
        var builder = new PipelineBuilder("demo");
        builder.Ingest("orders", (ISource)source).Into(Warehouse, "raw.orders", load);
        return Succeeded((await new PipelineRunner(_ledgers!).RunAsync(builder.Build(), cancellationToken: Token)).Steps[0]);
    }

    private async Task<StepResult> RunAsync(SqlSource<Order> source, Action<LoadBuilder<Order>> load, DateOnly? date = null)
    {
        var builder = new PipelineBuilder("demo");
        builder.Ingest<Order>("orders", source).Into(Warehouse, "raw.orders", load);
        return (await new PipelineRunner(_ledgers!).RunAsync(builder.Build(), new PipelineRunOptions { LogicalDate = date }, Token)).Steps[0];
    }

    private static StepResult Succeeded(StepResult result)
    {
        result.Failure.Should().BeNull();
        return result;
    }

    internal sealed record Order(long Id, [MaxLength(5)] string? Note, [Range(0, double.MaxValue)] decimal? Amount, DateTime? Changed);
}
