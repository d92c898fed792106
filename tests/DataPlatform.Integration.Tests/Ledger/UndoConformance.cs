using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using CsCheck;
using DataPlatform.Integration.Tests.Warehouses;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Testing;
using DataPlatform.Warehouses;

namespace DataPlatform.Integration.Tests.Ledger;

/// <summary>Loads that are taken back leave what was there before them, on whatever warehouse.</summary>
public abstract class UndoConformance(string system) : IAsyncLifetime
{
    private static readonly RunInfo Run = new("20260101-000000-00000001", "demo", "Test", new DateOnly(2026, 1, 1), null, null);
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly Schema Columns = new(
        [new Field("id", Int32Type.Default, false), new Field("n", Int64Type.Default, true), new Field("gone", BooleanType.Default, true)], metadata: null);

    private OpenedWarehouse _opened = null!;
    private int _tables, _loads;

    private IWarehouse Warehouse => _opened.Warehouse;

    private RunLedger Ledger { get; set; } = null!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _opened = await OpenedWarehouse.OpenAsync(system);
        Ledger = new RunLedger(Warehouse);
    }

    public async ValueTask DisposeAsync()
    {
        await Ledger.DisposeAsync();
        await _opened.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Theory]
    [InlineData(MergeStrategy.Upsert)]
    [InlineData(MergeStrategy.DeleteInsert)]
    [InlineData(MergeStrategy.InsertOnly)]
    [InlineData(MergeStrategy.Scd2)]
    public async Task Undone_one_after_the_other_loads_leave_what_was_there_before_each(MergeStrategy strategy) => await Gen.Select(Loads, Gen.Bool).SampleAsync(
        async (loads, snapshot) =>
        {
            var table = NextTable();
            var states = new Stack<(long Load, List<string> Before, string? Cursor, string Objects)>();
            foreach (var rows in loads)
            {
                var before = (await ReadAsync(table), await CursorAsync(table), await ObjectsAsync(table));
                states.Push((await MergeAsync(table, strategy, rows, snapshot), before.Item1, before.Item2, before.Item3));
            }

            while (states.TryPop(out var state))
            {
                await Ledger.UndoLoadAsync(state.Load, TimeSpan.Zero, Cancelled);
                (await ReadAsync(table)).Should().Equal(state.Before);
                (await CursorAsync(table)).Should().Be(state.Cursor);
                (await ObjectsAsync(table)).Should().Be(state.Objects);
            }

            (await QueryAsync($"SELECT count(*) FROM dataplatform.before_images WHERE table_name = '{table}'"))[0][0].Should().Be(0L);
        },
        iter: 12, threads: 1);

    [Fact]
    public async Task An_appended_load_goes_and_the_others_stay()
    {
        var table = NextTable();
        var first = await AppendAsync(table, 1, 2);
        var second = await AppendAsync(table, 3);
        var undone = await Ledger.UndoLoadAsync(second, TimeSpan.Zero, Cancelled);
        (undone.RowsRemoved, undone.RowsRestored, undone.Load.Status).Should().Be((1L, 0L, "undone"));
        (await QueryAsync($"SELECT id, _load_id FROM {table.ToSql()} ORDER BY id")).Select(row => (row[0], row[1])).Should().Equal((1, first), (2, first));
        (await QueryAsync($"SELECT status FROM dataplatform.loads WHERE table_name = '{table}' ORDER BY load_id")).Select(row => row[0]).Should().Equal("committed", "undone");
        (await QueryAsync("SELECT subject, detail FROM dataplatform.audit_events WHERE action = 'load.undo'")).Select(row => (row[0], row[1]))
            .Should().Equal(($"{table}", $"load {second}: 1 rows removed, 0 put back"));
        (await FailAsync(second)).Should().Be($"Load {second} into {table} cannot be undone: it is undone already.");
    }

    [Fact]
    public async Task A_load_is_not_undone_below_one_that_changed_the_same_keys()
    {
        var table = NextTable();
        object?[] Row(int id, long n, bool? gone = null) => [id, n, gone];
        var first = await MergeAsync(table, MergeStrategy.Upsert, [Row(1, 1), Row(2, 1)], cursor: false);
        var second = await MergeAsync(table, MergeStrategy.Upsert, [Row(3, 1)], cursor: false);
        var third = await MergeAsync(table, MergeStrategy.Upsert, [Row(2, 2)], cursor: false);
        var before = await ReadAsync(table);
        (await FailAsync(first)).Should().Be($"Load {first} into {table} cannot be undone: load {third} has changed some of the same keys since.");
        (await ReadAsync(table)).Should().Equal(before, "what is refused changes nothing");

        await Ledger.UndoLoadAsync(second, TimeSpan.Zero, Cancelled);
        (await ReadAsync(table)).Should().HaveCount(2, "keys of others do not stand in the way");
        var fourth = await MergeAsync(table, MergeStrategy.Upsert, [Row(1, 0, true)], cursor: false);
        await Ledger.UndoLoadAsync(third, TimeSpan.Zero, Cancelled);
        (await FailAsync(first)).Should().Be($"Load {first} into {table} cannot be undone: of the 2 rows that it wrote 1 are in {table} as it left them.");
        await Ledger.UndoLoadAsync(fourth, TimeSpan.Zero, Cancelled);
        await Ledger.UndoLoadAsync(first, TimeSpan.Zero, Cancelled);
        (await ReadAsync(table)).Should().BeEmpty();
    }

    [Fact]
    public async Task A_load_below_one_that_read_on_is_not_undone()
    {
        var table = NextTable();
        var first = await MergeAsync(table, MergeStrategy.InsertOnly, [[1, 1L, null]]);
        var second = await MergeAsync(table, MergeStrategy.InsertOnly, [[2, 1L, null]]);
        (await FailAsync(first)).Should().Be($"Load {first} into {table} cannot be undone: load {second} has gone on reading behind it.");
    }

    [Fact]
    public async Task What_cannot_be_undone_says_why()
    {
        var table = NextTable();
        var merged = await MergeAsync(table, MergeStrategy.Upsert, [[1, 1L, null]], cursor: false, keep: false);
        (await FailAsync(merged)).Should().StartWith($"Load {merged} into {table} cannot be undone: the rows that it replaced were not kept");
        var replaced = await LoadAsync(table, "replace", (load, rows) => load.ReplaceRowsAsync(table, Columns, rows, Cancelled), [[1, 1L, null]], cursor: false);
        (await FailAsync(replaced)).Should().Be($"Load {replaced} into {table} cannot be undone: it replaced all that was there before.");
        (await FailAsync(99)).Should().Be("There is no load 99 in warehouse 'warehouse'.");
        (await QueryAsync($"SELECT count(*) FROM {table.ToSql()}"))[0][0].Should().Be(1L);
    }

    [Fact]
    public async Task The_ten_latest_loads_of_a_table_keep_their_images()
    {
        var table = NextTable();
        var loads = new List<long>();
        for (var i = 0; i < 12; i++) loads.Add(await MergeAsync(table, MergeStrategy.Upsert, [[1, (long)i, null]], cursor: false));
        (await QueryAsync("SELECT load_id FROM dataplatform.before_images ORDER BY load_id")).Select(row => row[0]).Should().Equal(loads.Skip(2).Cast<object>());
        (await QueryAsync("SELECT count(*) FROM information_schema.tables WHERE table_name LIKE 'before_image_%' AND table_name <> 'before_images'"))[0][0].Should().Be(10L);
    }

    private Task<long> AppendAsync(TableName table, params int[] ids) => LoadAsync(
        table, "append", (load, rows) => load.AppendRowsAsync(table, Columns, rows, Cancelled), [.. ids.Select(id => (object?[])[id, 1L, null])], cursor: false);

    private Task<long> MergeAsync(TableName table, MergeStrategy strategy, IReadOnlyList<object?[]> rows, bool snapshot = false, bool cursor = true, bool keep = true)
    {
        var options = new MergeOptions("id")
        {
            Strategy = strategy,
            HardDeleteColumn = strategy == MergeStrategy.InsertOnly ? null : "gone",
            IsFullSnapshot = snapshot && strategy == MergeStrategy.Scd2,
            BoundaryTimestamp = Start.AddHours(_loads + 1),
        };
        var name = strategy == MergeStrategy.InsertOnly ? "insert-only" : "merge";
        return LoadAsync(
            table, name, (load, batches) => load.MergeRowsAsync(table, Columns, options with { BeforeImages = keep && strategy != MergeStrategy.InsertOnly ? load.BeforeImagesTable : default(TableName?) }, batches, Cancelled),
            rows, cursor);
    }

    private async Task<long> LoadAsync(
        TableName table, string disposition, Func<LoadTransaction, IAsyncEnumerable<RecordBatch>, Task<BulkWriteResult>> write, IReadOnlyList<object?[]> rows, bool cursor)
    {
        var number = ++_loads;
        await using var lease = await Ledger.AcquireLeaseAsync($"demo/{table.Name}", Run, TimeSpan.Zero, Cancelled);
        await using var load = await Ledger.BeginLoadAsync(Run, table.Name, table, disposition, lease, Cancelled);
        using var batch = RecordBatches.Create(Columns, rows);
        var written = await write(load, new[] { batch }.ToAsyncEnumerable());
        load.AddObject($"file-{number}", "etag", rows.Count);
        if (cursor) load.SetCursor("at", $"{number}");
        await load.CommitAsync(new RowBalance(rows.Count, written.RowsWritten, 0, written.RowsDeduplicated, written.RowsFiltered), Cancelled);
        return load.LoadId;
    }

    private async Task<string> FailAsync(long load)
    {
        var failure = (await FluentActions.Awaiting(() => Ledger.UndoLoadAsync(load, TimeSpan.Zero, Cancelled)).Should().ThrowAsync<DataPlatformException>()).Which;
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Hint.Should().NotBeNullOrEmpty();
        return failure.Message;
    }

    private async Task<List<string>> ReadAsync(TableName table)
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        if (await transaction.DescribeAsync(table, Cancelled) is null) return [];
        return
        [
            .. (await transaction.QueryAsync($"SELECT * FROM {table.ToSql()}", null, Cancelled))
                .Select(row => string.Join(' ', row.Select(value => value is null ? "NULL" : Convert.ToString(value, CultureInfo.InvariantCulture)))).Order(StringComparer.Ordinal),
        ];
    }

    private Task<string?> CursorAsync(TableName table) => Ledger.FindCursorAsync("demo", table.Name, "at", Cancelled);

    private async Task<string> ObjectsAsync(TableName table) =>
        string.Join(' ', (await Ledger.ListLoadedObjectsAsync("demo", table.Name, Cancelled)).Select(found => found.Path).Order(StringComparer.Ordinal));

    private async Task<IReadOnlyList<object?[]>> QueryAsync(string sql)
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        return await transaction.QueryAsync(sql, null, Cancelled);
    }

    private TableName NextTable() => new("undo", $"table_{Interlocked.Increment(ref _tables)}");

    private static Gen<List<List<object?[]>>> Loads { get; } = Gen
        .Select(Gen.Int[1, 6], Gen.Int[0, 3], Gen.Int[0, 4], (id, n, mark) => (object?[])[id, n == 0 ? null : (long)n, mark == 0 ? true : null])
        .List[1, 6].List[1, 5];
}

public sealed class DuckDbUndoConformance() : UndoConformance("duckdb");

public sealed class PostgreSqlUndoConformance() : UndoConformance("postgresql");
