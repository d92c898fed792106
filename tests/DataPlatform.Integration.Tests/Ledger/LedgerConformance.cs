using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.Integration.Tests.Ledger;

/// <summary>What a ledger promises, on whatever warehouse it is in.</summary>
public abstract class LedgerConformance : IAsyncLifetime
{
    private static readonly RunInfo Run = new("20260101-000000-00000001", "demo", "Test", new DateOnly(2026, 1, 1), "abc123", null);
    private static readonly TableName Target = new("raw", "numbers");

    private static readonly Schema Numbers = new Schema.Builder()
        .Field(new Field("n", Int64Type.Default, false))
        .Field(new Field(LoadTransaction.LoadIdColumn, Int64Type.Default, false))
        .Build();

    protected IWarehouse Warehouse { get; private set; } = null!;

    private RunLedger Ledger { get; set; } = null!;

    protected abstract Task<IWarehouse> OpenWarehouseAsync();

    public async ValueTask InitializeAsync()
    {
        Warehouse = await OpenWarehouseAsync();
        Ledger = new RunLedger(Warehouse);
    }

    public virtual async ValueTask DisposeAsync()
    {
        await Ledger.DisposeAsync();
        await Warehouse.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Runs_and_steps_read_back_as_recorded()
    {
        await Ledger.StartRunAsync(Run);
        var started = new DateTimeOffset(2026, 1, 1, 3, 4, 5, 678, TimeSpan.Zero);
        var step = new StepRunRecord(
            Run.RunId, "trips", RunStatus.Succeeded, 2, started, started.AddSeconds(7), 10, 8, 2, FailureClass.None, null,
            new Dictionary<string, string> { ["model"] = """{"version":3}""" });
        await Ledger.RecordStepAsync(step with { Status = RunStatus.Running, FinishedAt = null, Outputs = new Dictionary<string, string>() });
        await Ledger.RecordStepAsync(step);
        await Ledger.FinishRunAsync(Run.RunId, RunStatus.Failed, FailureClass.Data, "three rows are wrong");

        var run = await Ledger.FindRunAsync(Run.RunId);
        run!.Run.Should().Be(Run);
        run.Should().BeEquivalentTo(new { Status = RunStatus.Failed, FailureClass = FailureClass.Data, Error = "three rows are wrong" });
        run.FinishedAt.Should().BeOnOrAfter(run.StartedAt);
        (await Ledger.ListStepsAsync(Run.RunId)).Should().ContainSingle().Which.Should().BeEquivalentTo(step);
        (await Ledger.ListRunsAsync("demo")).Should().ContainSingle().Which.Should().Be(run);
        (await Ledger.ListRunsAsync("other")).Should().BeEmpty();
    }

    [Fact]
    public async Task A_resumed_run_is_running_again_and_keeps_its_start()
    {
        await Ledger.StartRunAsync(Run);
        var first = await Ledger.FindRunAsync(Run.RunId);
        await Ledger.FinishRunAsync(Run.RunId, RunStatus.Failed, FailureClass.Unavailable, "down");
        await Ledger.StartRunAsync(Run);

        var resumed = await Ledger.FindRunAsync(Run.RunId);
        resumed.Should().Be(first! with { Status = RunStatus.Running });
    }

    [Fact]
    public async Task Outputs_come_from_this_run_else_from_the_latest_that_succeeded()
    {
        async Task RecordAsync(string runId, RunStatus status, int hour, string value)
        {
            await Ledger.StartRunAsync(Run with { RunId = runId });
            var at = new DateTimeOffset(2026, 1, 1, hour, 0, 0, TimeSpan.Zero);
            await Ledger.RecordStepAsync(new StepRunRecord(
                runId, "train", status, 1, at, at, 0, 0, 0, FailureClass.None, null, new Dictionary<string, string> { ["model"] = value }));
        }

        await RecordAsync("run-1", RunStatus.Succeeded, 1, "1");
        await RecordAsync("run-2", RunStatus.Succeeded, 2, "2");
        await RecordAsync("run-3", RunStatus.Failed, 3, "3");

        (await Ledger.FindOutputAsync(Run with { RunId = "run-1" }, "train", "model")).Should().Be("1");
        (await Ledger.FindOutputAsync(Run with { RunId = "run-9" }, "train", "model")).Should().Be("2");
        (await Ledger.FindOutputAsync(Run with { Environment = "Production" }, "train", "model")).Should().BeNull();
        (await Ledger.FindOutputAsync(Run, "train", "other")).Should().BeNull();
    }

    [Fact]
    public async Task A_load_commits_rows_record_objects_cursor_quarantine_and_audit_together()
    {
        await using var lease = await Ledger.AcquireLeaseAsync("demo/trips", Run, TimeSpan.Zero);
        long loadId;
        await using (var load = await Ledger.BeginLoadAsync(Run, "trips", Target, "append", lease))
        {
            loadId = load.LoadId;
            await AppendAsync(load, 1, 2, 3);
            load.AddObject("inbox/a.csv", "etag-a", 4);
            load.SetCursor("updated_at", "2026-01-01");
            load.Reject(new RejectedRow("inbox/a.csv", 3, "x,y", "n", "'x' is not an int64", "v1"));
            await load.CommitAsync(new RowBalance(Read: 4, Written: 3, Rejected: 1));
        }

        (await QueryAsync("SELECT n, _load_id FROM raw.numbers ORDER BY n")).Should().BeEquivalentTo(new object[][] { [1L, loadId], [2L, loadId], [3L, loadId] });
        (await Ledger.ListLoadedObjectsAsync("demo", "trips")).Should().BeEquivalentTo([("inbox/a.csv", "etag-a")]);
        (await Ledger.ListLoadedObjectsAsync("demo", "other")).Should().BeEmpty();
        (await Ledger.FindCursorAsync("demo", "trips", "updated_at")).Should().Be("2026-01-01");
        (await Ledger.ListLoadsAsync("demo")).Should().ContainSingle().Which.Should().BeEquivalentTo(
            new { LoadId = loadId, Run.RunId, Step = "trips", Table = Target, Disposition = "append", Status = "committed", Rows = new RowBalance(4, 3, 1) });
        (await QueryAsync("SELECT load_id, source, position, raw, column_name, reason, contract_version FROM dataplatform.quarantine"))
            .Should().BeEquivalentTo(new object[][] { [loadId, "inbox/a.csv", 3L, "x,y", "n", "'x' is not an int64", "v1"] });
        (await QueryAsync("SELECT action, subject, run_id FROM dataplatform.audit_events"))
            .Should().BeEquivalentTo(new object[][] { ["load.commit", "raw.numbers", Run.RunId] });
    }

    [Fact]
    public async Task A_load_that_is_not_committed_leaves_nothing()
    {
        await using var lease = await Ledger.AcquireLeaseAsync("demo/trips", Run, TimeSpan.Zero);
        await using (var load = await Ledger.BeginLoadAsync(Run, "trips", Target, "append", lease))
        {
            await AppendAsync(load, 1, 2, 3);
            load.AddObject("inbox/a.csv", "etag-a", 3);
        }

        await AssertNothingLoadedAsync();
    }

    [Theory]
    [InlineData(4, 3, 0, 0)]
    [InlineData(3, 3, 1, 1)]
    [InlineData(4, 3, 1, 0)]
    public async Task A_load_that_does_not_balance_commits_nothing(long read, long written, long rejected, int quarantined)
    {
        await using var lease = await Ledger.AcquireLeaseAsync("demo/trips", Run, TimeSpan.Zero);
        await using (var load = await Ledger.BeginLoadAsync(Run, "trips", Target, "append", lease))
        {
            await AppendAsync(load, 1, 2, 3);
            for (var i = 0; i < quarantined; i++) load.Reject(new RejectedRow("a", 1, "", null, "bad"));
            var failure = (await load.Invoking(l => l.CommitAsync(new RowBalance(read, written, rejected))).Should().ThrowAsync<DataPlatformException>()).Which;
            failure.FailureClass.Should().Be(FailureClass.Bug);
            failure.Message.Should().Contain("does not balance").And.Contain("raw.numbers");
        }

        await AssertNothingLoadedAsync();
    }

    [Fact]
    public async Task An_abandoned_load_keeps_its_evidence_and_replaces_that_of_the_one_before()
    {
        await using var lease = await Ledger.AcquireLeaseAsync("demo/trips", Run, TimeSpan.Zero);
        foreach (var raw in new[] { "first", "second" })
        {
            await using var load = await Ledger.BeginLoadAsync(Run, "trips", Target, "append", lease);
            await AppendAsync(load, 1);
            load.AddObject("inbox/a.csv", "etag-a", 2);
            load.Reject(new RejectedRow("inbox/a.csv", 2, raw, null, "bad"));
            await load.AbandonAsync(new RowBalance(2, 0, 1), "half of the rows are bad");
        }

        (await QueryAsync("SELECT raw FROM dataplatform.quarantine")).Should().BeEquivalentTo(new object[][] { ["second"] });
        (await QueryAsync("SELECT status, reason FROM dataplatform.loads ORDER BY load_id"))
            .Should().BeEquivalentTo(new object[][] { ["failed", "half of the rows are bad"], ["failed", "half of the rows are bad"] });
        (await Ledger.ListLoadedObjectsAsync("demo", "trips")).Should().BeEmpty();
    }

    [Fact]
    public async Task More_rejected_rows_than_memory_is_given_are_kept_in_order()
    {
        const int Rejected = 30_000;
        var raw = new string('r', 400);
        await using var lease = await Ledger.AcquireLeaseAsync("demo/trips", Run, TimeSpan.Zero);
        await using (var load = await Ledger.BeginLoadAsync(Run, "trips", Target, "append", lease))
        {
            for (var i = 1; i <= Rejected; i++) load.Reject(new RejectedRow("a.csv", i, $"{i}{raw}", null, "bad"));
            await load.CommitAsync(new RowBalance(Rejected, 0, Rejected));
        }

        (await QueryAsync("SELECT count(*), min(position), max(position), sum(length(raw) - 400) FROM dataplatform.quarantine"))[0]
            .Select(v => Convert.ToInt64(v, System.Globalization.CultureInfo.InvariantCulture))
            .Should().Equal(Rejected, 1, Rejected, Enumerable.Range(1, Rejected).Sum(i => $"{i}".Length));
    }

    [Fact]
    public async Task An_object_cannot_be_loaded_twice()
    {
        await using var lease = await Ledger.AcquireLeaseAsync("demo/trips", Run, TimeSpan.Zero);
        async Task LoadAsync(int n)
        {
            await using var load = await Ledger.BeginLoadAsync(Run, "trips", Target, "append", lease);
            await AppendAsync(load, n);
            load.AddObject("inbox/a.csv", "etag-a", 1);
            await load.CommitAsync(new RowBalance(1, 1));
        }

        await LoadAsync(1);
        await FluentActions.Awaiting(() => LoadAsync(2)).Should().ThrowAsync<Exception>();

        (await QueryAsync("SELECT n FROM raw.numbers")).Should().BeEquivalentTo(new object[][] { [1L] });
    }

    [Fact]
    public async Task A_held_lease_is_refused_with_who_holds_it_and_given_once_released()
    {
        long first;
        await using (var lease = await Ledger.AcquireLeaseAsync("demo/trips", Run, TimeSpan.Zero))
        {
            first = lease.Token;
            var failure = (await Ledger.Awaiting(l => l.AcquireLeaseAsync("demo/trips", Run, TimeSpan.FromMilliseconds(300)))
                .Should().ThrowAsync<DataPlatformException>()).Which;
            failure.FailureClass.Should().Be(FailureClass.Transient);
            failure.Message.Should().Contain("demo/trips").And.Contain(Run.RunId).And.Contain(Environment.MachineName);
            await using var other = await Ledger.AcquireLeaseAsync("demo/weather", Run, TimeSpan.Zero);
        }

        await using var second = await Ledger.AcquireLeaseAsync("demo/trips", Run, TimeSpan.Zero);
        second.Token.Should().Be(first + 1);
    }

    [Fact]
    public async Task A_waiting_job_gets_the_lease_when_it_is_released()
    {
        var lease = await Ledger.AcquireLeaseAsync("demo/trips", Run, TimeSpan.Zero);
        var waiting = Ledger.AcquireLeaseAsync("demo/trips", Run, TimeSpan.FromSeconds(20));
        await lease.DisposeAsync();

        await using var next = await waiting;
        next.Token.Should().Be(lease.Token + 1);
    }

    [Fact]
    public async Task A_load_cannot_commit_once_its_lease_has_changed_hands()
    {
        await using var lease = await Ledger.AcquireLeaseAsync("demo/trips", Run, TimeSpan.Zero);
        await using (var load = await Ledger.BeginLoadAsync(Run, "trips", Target, "append", lease))
        {
            await AppendAsync(load, 1);
            await ExecuteAsync("UPDATE dataplatform.leases SET token = token + 1 WHERE name = 'demo/trips'");
            var failure = (await load.Invoking(l => l.CommitAsync(new RowBalance(1, 1))).Should().ThrowAsync<DataPlatformException>()).Which;
            failure.FailureClass.Should().Be(FailureClass.Transient);
        }

        await AssertNothingLoadedAsync();
    }

    [Fact]
    public async Task Ledgers_opened_at_the_same_time_all_find_the_tables()
    {
        var ledgers = Enumerable.Range(0, 8).Select(_ => new RunLedger(Warehouse)).ToList();
        await Task.WhenAll(ledgers.Select(l => Task.Run(() => l.MigrateAsync())));

        (await QueryAsync("SELECT module, version FROM dataplatform.migrations")).Should().BeEquivalentTo(new object[][] { ["ledger", 1], ["ledger", 2] });
        foreach (var ledger in ledgers) await ledger.DisposeAsync();
    }

    [Fact]
    public async Task A_database_that_a_newer_program_migrated_is_refused()
    {
        await Ledger.MigrateAsync();
        await ExecuteAsync("INSERT INTO dataplatform.migrations (module, version, applied_at) VALUES ('ledger', 99, now())");

        await using var older = new RunLedger(Warehouse);
        var failure = (await older.Awaiting(l => l.MigrateAsync()).Should().ThrowAsync<DataPlatformException>()).Which;
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("version 99");
    }

    private static async Task AppendAsync(LoadTransaction load, params long[] numbers)
    {
        await load.Warehouse.CreateTableAsync(Target, Numbers, []);
        await using var writer = await load.Warehouse.BeginAppendAsync(Target, Numbers);
        using var batch = new RecordBatch(
            Numbers,
            [new Int64Array.Builder().AppendRange(numbers).Build(), new Int64Array.Builder().AppendRange(numbers.Select(_ => load.LoadId)).Build()],
            numbers.Length);
        await writer.WriteAsync(batch);
        (await writer.CompleteAsync()).RowsWritten.Should().Be(numbers.Length);
    }

    private async Task AssertNothingLoadedAsync()
    {
        await using var transaction = await Warehouse.BeginAsync();
        (await transaction.DescribeAsync(Target)).Should().BeNull("the table was created in the transaction that did not commit");
        foreach (var table in new[] { "loads", "load_objects", "cursors", "quarantine", "audit_events" })
            (await transaction.QueryAsync($"SELECT * FROM dataplatform.{table}")).Should().BeEmpty();
    }

    private async Task<IReadOnlyList<object?[]>> QueryAsync(string sql)
    {
        await using var transaction = await Warehouse.BeginAsync();
        return await transaction.QueryAsync(sql);
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var transaction = await Warehouse.BeginAsync();
        await transaction.ExecuteAsync(sql);
        await transaction.CommitAsync();
    }
}
