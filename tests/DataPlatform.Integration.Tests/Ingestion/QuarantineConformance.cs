using System.ComponentModel.DataAnnotations;
using System.ComponentModel.DataAnnotations.Schema;
using System.Globalization;
using System.Text;
using CsCheck;
using DataPlatform.Ingestion;
using DataPlatform.Integration.Tests.Warehouses;
using DataPlatform.Ledger;
using DataPlatform.ObjectStores.Folder;
using DataPlatform.Pipelines;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace DataPlatform.Integration.Tests.Ingestion;

/// <summary>Rejected rows wait, are loaded again once they keep the contract, and are never lost or there twice, whatever the warehouse.</summary>
public abstract class QuarantineConformance(string system) : IAsyncLifetime
{
    private readonly ScratchFolder _folder = new();
    private FolderObjectStore _store = null!;
    private OpenedWarehouse _opened = null!;
    private RunLedgers _ledgers = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private IWarehouse Warehouse => _opened.Warehouse;

    private IRunLedger Ledger => _ledgers.Primary;

    public async ValueTask InitializeAsync()
    {
        _opened = await OpenedWarehouse.OpenAsync(system);
        _store = new FolderObjectStore("lake", Directory.CreateDirectory(_folder.Combine("lake")).FullName);
        _ledgers = new RunLedgers(Warehouse);
    }

    public async ValueTask DisposeAsync()
    {
        await _ledgers.DisposeAsync();
        await _opened.DisposeAsync();
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Rows_that_keep_the_contract_of_today_are_loaded_and_the_others_stay_with_the_new_reason()
    {
        Put("a.csv", "Start Time,id,fare\n2026-01-31,1,5\n2026-01-31,2,-1\nyesterday,3,-2\n2026-02-01,4,\"-3\"\n");
        await LoadAsync(From.Csv<Strict>(_store, "*.csv"));
        (await RowsAsync()).Should().Equal("1 5.00");

        (await ReplayAsync(From.Csv<Loose>(_store, "*.csv"))).Should().Match<ReplayedStep>(r => r.RowsRead == 3 && r.RowsWritten == 2 && r.RowsRejected == 1);

        (await RowsAsync()).Should().Equal("1 5.00", "2 -1.00", "4 -3.00");
        var waiting = (await WaitingAsync()).Should().ContainSingle().Subject;
        waiting.Row.Should().BeEquivalentTo(
            new RejectedRow("a.csv", 4, "yesterday,3,-2", "start_time", "'yesterday' is not a date like 2026-01-31", Contract.Of<Loose>().Version) { FieldNames = ["Start Time", "id", "fare"] });
        var loads = await Ledger.ListLoadsAsync(cancellationToken: Token);
        loads.Select(load => (load.Status, load.Rows)).Should().Equal(("committed", new RowBalance(3, 2, 1)), ("committed", new RowBalance(4, 1, 3)));
        waiting.LoadId.Should().Be(loads[0].LoadId);
        loads.Select(load => load.Reason).Should().Equal("replay of 3 rows from quarantine", null);

        // Nothing has changed since, and what was loaded is not loaded twice.
        (await ReplayAsync(From.Csv<Loose>(_store, "*.csv"))).Should().Match<ReplayedStep>(r => r.RowsRead == 1 && r.RowsWritten == 0 && r.RowsRejected == 1);
        (await RowsAsync()).Should().Equal("1 5.00", "2 -1.00", "4 -3.00");
        (await LoadAsync(From.Csv<Loose>(_store, "*.csv"))).RowsRead.Should().Be(0);
    }

    [Fact]
    public async Task A_replay_that_is_undone_leaves_its_rows_in_quarantine()
    {
        Put("a.csv", "id,fare\n1,5\n2,-1\n");
        await LoadAsync(From.Csv<Strict>(_store, "*.csv"));
        await ReplayAsync(From.Csv<Loose>(_store, "*.csv"));
        var loads = await Ledger.ListLoadsAsync(cancellationToken: Token);

        var refused = await Assert.ThrowsAsync<DataPlatformException>(() => Ledger.UndoLoadAsync(loads[1].LoadId, TimeSpan.Zero, Token));
        refused.Message.Should().EndWith($"cannot be undone: load {loads[0].LoadId} has replayed rows that it rejected.");
        (await Ledger.UndoLoadAsync(loads[0].LoadId, TimeSpan.Zero, Token)).Should().Match<UndoneLoad>(u => u.RowsRemoved == 1 && u.RowsInQuarantine == 1);

        (await RowsAsync()).Should().Equal("1 5.00");
        (await WaitingAsync()).Should().ContainSingle().Which.Row.Raw.Should().Be("2,-1");
        (await ReplayAsync(From.Csv<Loose>(_store, "*.csv")))!.RowsWritten.Should().Be(1);
        (await RowsAsync()).Should().Equal("1 5.00", "2 -1.00");
    }

    [Fact]
    public async Task Rows_of_a_load_that_failed_are_not_replayed_for_its_source_is_read_again()
    {
        Put("a.csv", "id,fare\n1,5\n2,-1\n");
        (await LoadAsync(From.Csv<Strict>(_store, "*.csv"), load => load.Quarantine(0.1))).Status.Should().Be(RunStatus.Failed);
        (await WaitingAsync()).Should().ContainSingle();
        (await ReplayAsync(From.Csv<Loose>(_store, "*.csv"))).Should().BeNull();
        (await LoadAsync(From.Csv<Loose>(_store, "*.csv"))).RowsWritten.Should().Be(2);
    }

    [Fact]
    public async Task Rows_whose_text_could_not_be_kept_as_it_was_stay()
    {
        File.WriteAllBytes(Path.Combine(_folder.Path, "lake", "a.csv"), [.. "id,note\n1,ok\n2,"u8, 0xFF, .. "\nx,"u8, .. Enumerable.Repeat((byte)'y', 1 << 20), .. "\nz,last\n"u8]);
        (await LoadAsync(From.Csv<Noted>(_store, "*.csv"))).Failure.Should().BeNull();
        (await WaitingAsync()).Select(row => (row.Row.Position, row.Row.IsExact)).Should().BeEquivalentTo([(3L, false), (4L, false), (5L, true)]);

        (await ReplayAsync(From.Csv<AnyNoted>(_store, "*.csv"))).Should().Match<ReplayedStep>(r => r.RowsRead == 1);
        (await WaitingAsync()).Should().HaveCount(3);
    }

    [Fact]
    public async Task Lists_wait_as_json_arrays_and_rules_hold_for_their_length_or_each_element()
    {
        static DateTime Day(int day) => new(2026, 1, day, 0, 0, 0, DateTimeKind.Unspecified);
        StrictLists[] rows = [new(1, [1, 9], [Day(1)]), new(2, [1, 10], [Day(2), null]), new(3, [1, 2, 3, 4], null), new(4, [], [])];
        await LoadAsync(From.Rows("rows", (_, _) => rows.ToAsyncEnumerable()));
        (await WaitingAsync()).Select(row => (row.Row.Raw, row.Row.Reason)).Should().Equal(
            ("""{"Id":"2","Numbers":[1,10],"Days":["2026-01-02T00:00:00",null]}""", "element 2: '10' is not between 0 and 9"),
            ("""{"Id":"3","Numbers":[1,2,3,4],"Days":null}""", "the list is 4 long, not at most 3 long"));

        (await ReplayAsync(From.Rows("rows", (_, _) => AsyncEnumerable.Empty<LooseLists>())))!.RowsWritten.Should().Be(2);
        (await QueryAsync("SELECT id, numbers, days FROM raw.trips ORDER BY id")).ShouldEqual(
        [
            [1L, new object?[] { 1, 9 }, new object?[] { Day(1) }], [2L, new object?[] { 1, 10 }, new object?[] { Day(2), null }],
            [3L, new object?[] { 1, 2, 3, 4 }, null], [4L, System.Array.Empty<object?>(), System.Array.Empty<object?>()],
        ]);
    }

    [Theory]
    [InlineData("jsonl")]
    [InlineData("json")]
    [InlineData("parquet")]
    [InlineData("sql")]
    [InlineData("rows")]
    [InlineData("headerless")]
    public async Task Rows_of_every_kind_of_source_can_be_replayed(string kind)
    {
        const string Json = """{"Start Time":"2026-01-31","id":2,"fare":-1.5,"note":"a \"b\"\n✓"}""";
        Put("a.jsonl", Json + "\n");
        Put("b.json", $$"""{"items":[{{Json}}]}""");
        Put("c.txt", "2026-01-31,2,-1.5,\"a \"\"b\"\"\n✓\"\n");
        await using (var transaction = await Warehouse.BeginAsync(Token))
        {
            await transaction.ExecuteAsync("CREATE SCHEMA IF NOT EXISTS src", cancellationToken: Token);
            await transaction.ExecuteAsync("""CREATE TABLE src.trips AS SELECT DATE '2026-01-31' AS "Start Time", CAST(2 AS bigint) AS id, CAST(-1.5 AS decimal(6,2)) AS fare, CAST($1 AS text) AS note""", ["a \"b\"\n✓"], Token);
            await transaction.CommitAsync(Token);
        }

        await using (var file = File.Create(Path.Combine(_folder.Path, "lake", "d.parquet")))
        {
            await foreach (var batch in Warehouse.ReadAsync("SELECT * FROM src.trips", cancellationToken: Token))
            {
                await using var parquet = new ParquetWriterFactory().Create(file, batch.Schema, new ParquetWriterOptions());
                await parquet.WriteAsync(batch, Token);
                await parquet.CompleteAsync(Token);
                batch.Dispose();
            }
        }

        ISource<T> Source<T>(Func<T> row) where T : class => kind switch
        {
            "jsonl" => From.JsonLines<T>(_store, "*.jsonl"),
            "json" => From.Json<T>(_store, "*.json", records: "$.items"),
            "parquet" => From.Parquet<T>(_store, "*.parquet"),
            "sql" => From.Sql<T>(Warehouse, "SELECT * FROM src.trips"),
            "headerless" => From.Csv<T>(_store, "*.txt", new CsvOptions { HasHeader = false }),
            _ => From.Rows("rows", (_, _) => new[] { row() }.ToAsyncEnumerable()),
        };
        await LoadAsync(Source(() => new StrictNoted(new DateOnly(2026, 1, 31), 2, -1.5m, "a \"b\"\n✓")));
        (await WaitingAsync()).Should().ContainSingle();
        (await ReplayAsync(Source(() => new LooseNoted(null, 9, null, null))))!.RowsWritten.Should().Be(1);
        (await QueryAsync("SELECT CAST(start_time AS text), id, fare, note FROM raw.trips")).Should().ContainSingle().Which.Should().Equal("2026-01-31", 2L, -1.5m, "a \"b\"\n✓");
    }

    [Fact]
    public async Task Fields_without_names_do_not_move_into_columns_that_are_not_theirs()
    {
        await ExecuteAsync("CREATE SCHEMA IF NOT EXISTS raw", "CREATE TABLE raw.trips (column_1 bigint, column_3 bigint, _load_id bigint)");
        Put("a.csv", "1,2,3\n");
        var builder = new PipelineBuilder("demo");
        builder.Ingest("trips", From.Csv(_store, "*.csv", new CsvOptions { HasHeader = false })).Into(Warehouse, "raw.trips");
        var failure = (await new PipelineRunner(_ledgers).RunAsync(builder.Build(), cancellationToken: Token)).Steps[0].Failure!;
        failure.Class.Should().Be(FailureClass.Data);
        failure.Message.Should().EndWith("a.csv has no header, so its fields are for columns by their places, and field 2 would go into column_3: the columns of the table are not the fields of the file.");
        (await QueryAsync("SELECT count(*) FROM raw.trips"))[0][0].Should().Be(0L);
    }

    [Fact]
    public async Task A_load_that_replaces_its_table_replaces_what_it_rejected_and_a_replay_adds_to_it()
    {
        Put("a.csv", "id,fare\n1,5\n2,-1\n");
        await LoadAsync(From.Csv<Strict>(_store, "*.csv"), load => load.Replace().Quarantine(1));
        Put("b.csv", "id,fare\n3,5\n");
        await LoadAsync(From.Csv<Strict>(_store, "*.csv"), load => load.Replace().Quarantine(1));
        (await WaitingAsync()).Should().ContainSingle();
        await ReplayAsync(From.Csv<Loose>(_store, "*.csv"), load => load.Replace());
        (await RowsAsync()).Should().Equal("1 5.00", "2 -1.00", "3 5.00");
    }

    [Fact]
    public async Task A_replay_of_a_merge_keeps_the_other_rows_of_the_key_where_they_belong_together()
    {
        Put("a.csv", "id,fare\n1,5\n1,6\n1,-1\n2,7\n");
        await LoadAsync(From.Csv<Strict>(_store, "*.csv"), load => load.DeleteInsert("id").Quarantine(1));
        await ReplayAsync(From.Csv<Loose>(_store, "*.csv"), load => load.DeleteInsert("id"));
        (await RowsAsync()).Should().Equal("1 -1.00", "1 5.00", "1 6.00", "2 7.00");
    }

    [Fact]
    public async Task A_replay_of_a_snapshot_closes_no_other_key()
    {
        Put("a.csv", "id,fare\n1,5\n2,-1\n");
        await LoadAsync(From.Csv<Strict>(_store, "*.csv"), load => load.Scd2("id").FullSnapshot().Quarantine(1));
        await ReplayAsync(From.Csv<Loose>(_store, "*.csv"), load => load.Scd2("id").FullSnapshot());
        (await QueryAsync("SELECT count(*) FROM raw.trips WHERE _valid_to IS NULL"))[0][0].Should().Be(2L);
    }

    [Fact]
    public async Task Rows_that_somebody_else_takes_meanwhile_make_the_replay_begin_again()
    {
        Put("a.csv", "id,fare\n1,5\n2,-1\n3,-2\n");
        await LoadAsync(From.Csv<Strict>(_store, "*.csv"));
        var load = (await Ledger.ListLoadsAsync(cancellationToken: Token))[0].LoadId;
        await using (var lease = await Ledger.AcquireLeaseAsync("demo/trips", Run, TimeSpan.Zero, Token))
        await using (var replay = await Ledger.BeginLoadAsync(Run, "trips", "raw.trips", "append", lease, Token))
        {
            var refused = await Assert.ThrowsAsync<DataPlatformException>(() => replay.ReplayAsync([load], 1, Token));
            refused.FailureClass.Should().Be(FailureClass.Transient);
        }

        (await WaitingAsync()).Should().HaveCount(2);

        // A replay that ends before its commit has taken nothing.
        await using (var lease = await Ledger.AcquireLeaseAsync("demo/trips", Run, TimeSpan.Zero, Token))
        await using (var replay = await Ledger.BeginLoadAsync(Run, "trips", "raw.trips", "append", lease, Token)) await replay.ReplayAsync([load], 2, Token);
        (await WaitingAsync()).Should().HaveCount(2);
    }

    [Fact]
    public async Task A_replay_reads_what_waits_once_it_has_the_lease()
    {
        Put("a.csv", "id,fare\n1,5\n2,-1\n3,-2\n");
        await LoadAsync(From.Csv<Strict>(_store, "*.csv"));
        await ExecuteAsync("UPDATE dataplatform.quarantine SET replayed_by = 99 WHERE raw = '3,-2'");
        Task<ReplayedStep?> replay;
        await using (await Ledger.AcquireLeaseAsync("demo/trips", Run, TimeSpan.Zero, Token))
        {
            replay = ReplayAsync(From.Csv<Loose>(_store, "*.csv"));
            while (!replay.IsCompleted && (await Ledger.ListRunsAsync("demo", cancellationToken: Token)).All(run => run.Status != RunStatus.Running)) await Task.Yield();

            // As many rows as before, but others: one is discarded, and one comes back from a replay that is undone.
            await ExecuteAsync("DELETE FROM dataplatform.quarantine WHERE raw = '2,-1'", "UPDATE dataplatform.quarantine SET replayed_by = NULL");
        }

        (await replay)!.RowsWritten.Should().Be(1);
        (await RowsAsync()).Should().Equal("1 5.00", "3 -2.00");
        (await WaitingAsync()).Should().BeEmpty();
    }

    [Fact]
    public async Task Discarded_rows_are_gone_and_the_audit_says_who_and_why()
    {
        Put("a.csv", "id,fare\n1,5\n2,-1\nx,1\n");
        await LoadAsync(From.Csv<Strict>(_store, "*.csv"));
        (await Ledger.ListQuarantineAsync(new QuarantineFilter(), Token)).Select(g => (g.Step, g.Column, g.Rows)).Should().BeEquivalentTo([("trips", "fare", 1L), ("trips", "id", 1L)]);
        (await Ledger.DiscardQuarantineAsync(new QuarantineFilter { Step = "other" }, "no", Token)).Should().Be(0);
        (await Ledger.DiscardQuarantineAsync(new QuarantineFilter { Step = "trips" }, "test rides", Token)).Should().Be(2);
        (await WaitingAsync()).Should().BeEmpty();
        (await QueryAsync("SELECT subject, detail FROM dataplatform.audit_events WHERE action = 'quarantine.discard'")).Should().ContainSingle().Which.Should().Equal("step trips", "2 rows: test rides");
    }

    [Fact]
    public async Task Loaded_and_replayed_a_table_holds_what_it_would_hold_had_the_contract_always_been_that()
    {
        var cell = Gen.Int[-50, 60].Select(i => i <= 50 ? i.ToString(CultureInfo.InvariantCulture) : Odd[i % Odd.Length]);
        var row = Gen.Select(cell, cell, (id, fare) => $"{id},{fare}");
        await Gen.Select(row.List[0, 12], row.List[0, 12]).SampleAsync(
            async files =>
            {
                await ExecuteAsync("DROP TABLE IF EXISTS raw.trips", "DELETE FROM dataplatform.quarantine", "DELETE FROM dataplatform.load_objects");
                Put("a.csv", $"id,fare\n1,1\n{string.Join('\n', files.Item1)}");
                Put("b.csv", $"id,fare\n{string.Join('\n', files.Item2)}\n1,2");
                var first = await LoadAsync(From.Csv<Strict>(_store, "*.csv"));
                first.Failure.Should().BeNull();
                await ReplayAsync(From.Csv<Loose>(_store, "*.csv"));
                var replayed = (Table: await RowsAsync(), Waiting: await PlacesAsync());

                await ExecuteAsync("DROP TABLE raw.trips", "DELETE FROM dataplatform.quarantine", "DELETE FROM dataplatform.load_objects");
                (await LoadAsync(From.Csv<Loose>(_store, "*.csv"))).Failure.Should().BeNull();
                replayed.Table.Should().Equal(await RowsAsync());
                replayed.Waiting.Should().Equal(await PlacesAsync());
            },
            iter: 25,
            threads: 1);
    }

    [Fact]
    public async Task The_commands_of_a_job_list_show_replay_and_discard()
    {
        Put("a.csv", "id,fare\n1,5\n2,-1\nx,1\n");
        async Task<int> RunJobAsync<T>(params string[] arguments) where T : class
        {
            var builder = Host.CreateApplicationBuilder();
            builder.Configuration["ConnectionStrings:lake"] = _folder.Combine("lake");
            builder.Configuration["ConnectionStrings:warehouse"] = _opened.ConnectionString;
            builder.AddDataPlatform();
            builder.AddDuckDb();
            builder.AddObjectStore("lake");
            builder.AddWarehouse("warehouse");
            builder.AddPipeline("demo", p => p.Ingest<T>("trips", From.Csv<T>("lake", "*.csv")).Into("warehouse", "raw.trips", load => load.Quarantine(1)));
            return await builder.Build().RunJobAsync(arguments);
        }

        (await RunJobAsync<Strict>("run")).Should().Be(0);
        (await RunJobAsync<Strict>("quarantine", "list")).Should().Be(0);
        (await RunJobAsync<Strict>("contracts", "list", "--table", "raw.trips")).Should().Be(0);
        (await RunJobAsync<Strict>("contracts", "show")).Should().Be(0);
        (await RunJobAsync<Strict>("quarantine", "show", "--step", "trips", "--output", "json")).Should().Be(0);
        (await RunJobAsync<Loose>("quarantine", "replay", "--table", "raw.trips")).Should().Be(0);
        (await RowsAsync()).Should().Equal("1 5.00", "2 -1.00");
        (await WaitingAsync()).Should().ContainSingle().Which.Row.Raw.Should().Be("x,1");
        (await RunJobAsync<Loose>("quarantine", "discard", "--reason", "without saying which")).Should().Be((int)FailureClass.Configuration);
        (await WaitingAsync()).Should().HaveCount(1);
        (await RunJobAsync<Loose>("quarantine", "discard", "--all", "--reason", "test")).Should().Be(0);
        (await WaitingAsync()).Should().BeEmpty();
    }

    [Fact]
    public async Task Each_version_of_a_contract_is_kept_with_its_first_load()
    {
        Put("a.csv", "id,fare\n1,5\n");
        await LoadAsync(From.Csv<Strict>(_store, "*.csv"));
        Put("b.csv", "id,fare\n2,6\n");
        await LoadAsync(From.Csv<Strict>(_store, "*.csv"));
        Put("c.csv", "id,fare\n3,-7\n");
        await LoadAsync(From.Csv<Loose>(_store, "*.csv"));

        var loads = (await Ledger.ListLoadsAsync(cancellationToken: Token)).Select(load => load.LoadId).Reverse().ToList();
        var versions = await Ledger.ListContractsAsync("raw.trips", Token);
        versions.Select(v => (v.Version, v.FirstLoadId, v.Loads)).Should().Equal((Contract.Of<Loose>().Version, loads[2], 1L), (Contract.Of<Strict>().Version, loads[0], 2L));
        versions[0].Columns.Should().Equal(Contract.Of<Loose>().ToString().Split('\n'));
        versions[1].Columns.Except(versions[0].Columns).Should().ContainSingle().Which.Should().Contain("fare").And.Contain("100");
        (await Ledger.ListContractsAsync("raw.others", Token)).Should().BeEmpty();
    }

    [Theory]
    [InlineData(2, RunStatus.Succeeded)]
    [InlineData(1, RunStatus.Failed)]
    public async Task More_rows_than_are_allowed_fail_the_step_whatever_share_they_are(long limit, RunStatus status)
    {
        Put("a.csv", $"id,fare\nx,1\ny,1\n{string.Concat(Enumerable.Range(0, 100).Select(i => $"{i},1\n"))}");
        var result = await LoadAsync(From.Csv<Strict>(_store, "*.csv"), load => load.Quarantine(0.5, maxRejectedRows: limit));
        result.Status.Should().Be(status);
        if (status == RunStatus.Failed) result.Failure!.Message.Should().Contain("2 of 102 rows").And.Contain("1 are allowed");
    }

    [Fact]
    public void Rows_that_are_read_twice_are_not_appended_and_a_name_that_is_no_table_is_told()
    {
        var lagging = From.Sql<Noted>(Warehouse, "src.trips").Incremental(row => row.Id, cursor => cursor.Lag(5));
        var twice = Assert.Throws<DataPlatformException>(() => new PipelineBuilder("demo").Ingest("trips", lagging).Into(Warehouse, "raw.trips"));
        (twice.FailureClass, twice.Message).Should().Be((FailureClass.Configuration, "Step 'trips' reads warehouse:src.trips with a lag, that is rows again that it has loaded, and appends them to raw.trips, where they would be twice."));
        var nameless = Assert.Throws<DataPlatformException>(() => From.Sql<Noted>(Warehouse, "trips"));
        (nameless.FailureClass, nameless.Message).Should().Be((FailureClass.Configuration, "From.Sql of warehouse: 'trips' is neither a SELECT nor the name of a table."));
    }

    private static string[] Odd { get; } = ["", "x", "\"1\"", "1e2", "é✓", "\"a\nb\"", "NaN", "\"", "1,1"];

    private static RunInfo Run { get; } = new("run-1", "demo", "test", new DateOnly(2026, 1, 31), null, null);

    private async Task<StepResult> LoadAsync<T>(ISource<T> source, Action<LoadBuilder>? configure = null) where T : class
    {
        var builder = new PipelineBuilder("demo");
        builder.Ingest("trips", (ISource)source).Into(Warehouse, "raw.trips", configure ?? (load => load.Quarantine(1)));
        return (await new PipelineRunner(_ledgers).RunAsync(builder.Build(), cancellationToken: Token)).Steps[0];
    }

    private async Task<ReplayedStep?> ReplayAsync<T>(ISource<T> source, Action<LoadBuilder>? configure = null) where T : class
    {
        var builder = new PipelineBuilder("demo");
        builder.Ingest("trips", (ISource)source).Into(Warehouse, "raw.trips", configure);
        var services = new ServiceCollection().AddSingleton(_ledgers).BuildServiceProvider();
        var runner = new PipelineRunner(_ledgers, services);
        return await builder.Build().Steps[0].Commands.OfType<QuarantineCommand>().Single().ReplayAsync("demo", new QuarantineFilter(), runner, services, Token);
    }

    private async Task<List<QuarantinedRow>> WaitingAsync() => await Ledger.ReadQuarantineAsync(new QuarantineFilter(), Token).ToListAsync(Token);

    private async Task<List<string>> PlacesAsync() => [.. (await WaitingAsync()).Select(w => $"{w.Row.Source}:{w.Row.Position} {w.Row.Column} {w.Row.Reason} {w.Row.Raw}").Order(StringComparer.Ordinal)];

    private async Task<List<string>> RowsAsync() =>
        [.. (await QueryAsync("SELECT id, fare FROM raw.trips")).Select(row => string.Create(CultureInfo.InvariantCulture, $"{row[0]} {row[1]}")).Order(StringComparer.Ordinal)];

    private async Task<IReadOnlyList<object?[]>> QueryAsync(string sql)
    {
        await using var transaction = await Warehouse.BeginAsync(Token);
        return await transaction.QueryAsync(sql, cancellationToken: Token);
    }

    private async Task ExecuteAsync(params string[] statements)
    {
        await Ledger.MigrateAsync(Token);
        await using var transaction = await Warehouse.BeginAsync(Token);
        foreach (var statement in statements) await transaction.ExecuteAsync(statement, cancellationToken: Token);
        await transaction.CommitAsync(Token);
    }

    private void Put(string name, string content) => File.WriteAllText(Path.Combine(_folder.Path, "lake", name), content, new UTF8Encoding(false));

    private sealed record Strict(long Id, [property: Range(0, 100), Precision(6, 2)] decimal Fare, [property: Column("Start Time")] DateOnly? StartTime);

    private sealed record Loose(long Id, [property: Precision(6, 2)] decimal Fare, [property: Column("Start Time")] DateOnly? StartTime);

    private sealed record StrictLists(long Id, [property: Range(0, 9), MaxLength(3)] int[] Numbers, IReadOnlyList<DateTime?>? Days);

    private sealed record LooseLists(long Id, int[] Numbers, IReadOnlyList<DateTime?>? Days);

    private sealed record Noted(long Id, string Note);

    private sealed record AnyNoted(long? Id, string? Note);

    private sealed record StrictNoted([property: Column("Start Time")] DateOnly? StartTime, long Id, [property: Range(0, 100), Precision(6, 2)] decimal Fare, string? Note);

    private sealed record LooseNoted([property: Column("Start Time")] DateOnly? StartTime, long Id, [property: Precision(6, 2)] decimal? Fare, string? Note);
}

public sealed class DuckDbQuarantineTests() : QuarantineConformance("duckdb");

public sealed class PostgreSqlQuarantineTests() : QuarantineConformance("postgresql");
