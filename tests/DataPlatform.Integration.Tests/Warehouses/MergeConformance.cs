using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using CsCheck;
using DataPlatform.Testing;
using DataPlatform.Warehouses;

namespace DataPlatform.Integration.Tests.Warehouses;

/// <summary>What each merge strategy promises, on whatever warehouse: the same as a simple model in memory.</summary>
public abstract class MergeConformance(string system) : IAsyncLifetime
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly Schema Columns = new(
    [
        new Field("day", Date32Type.Default, nullable: false),
        new Field("City \"name\"", StringType.Default, nullable: false),
        new Field("n", Int64Type.Default, nullable: true),
        new Field("ratio", DoubleType.Default, nullable: true),
        ColumnTypes.Json("tags"),
        new Field("gone", BooleanType.Default, nullable: true),
        new Field("gone_at", StringType.Default, nullable: true),
        new Field("rank", Int32Type.Default, nullable: true),
        new Field("_load_id", Int64Type.Default, nullable: false),
    ], metadata: null);

    private OpenedWarehouse _opened = null!;
    private int _tables;

    private IWarehouse Warehouse => _opened.Warehouse;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _opened = await OpenedWarehouse.OpenAsync(system);

    public async ValueTask DisposeAsync()
    {
        await _opened.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public Task An_upsert_does_what_the_model_does() => CompareAsync(MergeStrategy.Upsert);

    [Fact]
    public Task A_delete_insert_does_what_the_model_does() => CompareAsync(MergeStrategy.DeleteInsert);

    [Fact]
    public Task An_insert_only_merge_does_what_the_model_does() => CompareAsync(MergeStrategy.InsertOnly);

    [Fact]
    public Task Versions_are_kept_as_the_model_keeps_them() => CompareAsync(MergeStrategy.Scd2);

    [Fact]
    public async Task A_row_that_comes_again_makes_no_version_and_one_that_changed_closes_the_one_before()
    {
        TableName table = "raw.customers";
        var schema = new Schema([new Field("id", Int64Type.Default, false), new Field("city", StringType.Default, true), new Field("_load_id", Int64Type.Default, false)], null);
        Task<BulkWriteResult> LoadAsync(int day, params object?[][] rows) =>
            MergeAsync(table, schema, new MergeOptions("id") { Strategy = MergeStrategy.Scd2, BoundaryTimestamp = Start.AddDays(day), IsFullSnapshot = day == 4 }, rows);

        (await LoadAsync(1, [1L, "Basel", 1L], [2L, null, 1L])).Should().Be(new BulkWriteResult(2));
        (await LoadAsync(2, [1L, "Basel", 2L], [2L, null, 2L])).Should().Be(new BulkWriteResult(0, 0, 2), "only the load is another");
        (await LoadAsync(3, [1L, null, 3L], [3L, "Bern", 3L], [3L, "Biel", 3L])).Should().Be(new BulkWriteResult(2, 1));
        (await LoadAsync(4, [2L, null, 4L], [3L, "Biel", 4L])).Should().Be(new BulkWriteResult(0, 0, 2), "the key that is absent from a full snapshot is closed");
        (await LoadAsync(5, [1L, null, 5L])).Should().Be(new BulkWriteResult(1), "a key that was closed comes again");

        (await ShowAsync(table, "id, city, _load_id, _valid_from, _valid_to", "id, _valid_from")).Should().Equal(
            "1 Basel 1 2026-01-02 2026-01-04", "1 NULL 3 2026-01-04 2026-01-05", "1 NULL 5 2026-01-06 NULL", "2 NULL 1 2026-01-02 NULL", "3 Biel 3 2026-01-04 NULL");
    }

    [Fact]
    public async Task A_version_cannot_be_closed_before_it_began()
    {
        var schema = new Schema([new Field("id", Int64Type.Default, false), new Field("n", Int64Type.Default, true)], null);
        Task<BulkWriteResult> LoadAsync(int hour, bool snapshot, params object?[][] rows) => MergeAsync(
            "raw.clocks", schema, new MergeOptions("id") { Strategy = MergeStrategy.Scd2, BoundaryTimestamp = Start.AddHours(hour), IsFullSnapshot = snapshot }, rows);

        await LoadAsync(2, false, [1L, 1L], [2L, 1L]);
        foreach (var (hour, snapshot, row) in new[] { (1, false, new object?[] { 1L, 2L }), (2, false, [1L, 2L]), (1, true, [1L, 1L]) })
        {
            var failure = (await FluentActions.Awaiting(() => LoadAsync(hour, snapshot, row)).Should().ThrowAsync<WarehouseException>()).Which;
            failure.FailureClass.Should().Be(FailureClass.Transient);
            failure.Message.Should().Be($"The load into raw.clocks is of 2026-01-01T0{hour}:00:00.0000000Z, but versions that it changes began at 2026-01-01T02:00:00.0000000Z.");
        }

        (await LoadAsync(1, false, [1L, 1L])).Should().Be(new BulkWriteResult(0, 0, 1), "what did not change does not need the time");
        (await ShowAsync("raw.clocks", "id, n, _valid_from, _valid_to", "id")).Should().Equal("1 1 2026-01-01T02 NULL", "2 1 2026-01-01T02 NULL");
    }

    [Fact]
    public async Task Under_delete_insert_a_key_may_have_any_number_of_rows()
    {
        var schema = new Schema([new Field("day", Int32Type.Default, false), new Field("n", Int64Type.Default, true)], null);
        var options = new MergeOptions("day") { Strategy = MergeStrategy.DeleteInsert };
        await MergeAsync("raw.days", schema, options, [[1, 1L], [1, 1L], [2, 5L]]);
        (await MergeAsync("raw.days", schema, options, [[1, 7L], [3, 8L], [3, 9L]])).Should().Be(new BulkWriteResult(3));
        (await ShowAsync("raw.days", "day, n", "day, n")).Should().Equal("1 7", "2 5", "3 8", "3 9");
    }

    [Theory]
    [InlineData(MergeStrategy.Upsert, "1 a True|2 b True|3 NULL False|4 NULL False")]
    [InlineData(MergeStrategy.DeleteInsert, "1 a True|2 b True|3 NULL False|4 NULL False")]
    [InlineData(MergeStrategy.Scd2, "1 a True|3 NULL False|4 NULL False|9 z True")]
    public async Task What_a_merge_replaces_or_deletes_can_be_kept_as_it_was(MergeStrategy strategy, string images)
    {
        var schema = new Schema([new Field("id", Int64Type.Default, false), new Field("name", StringType.Default, true), new Field("gone", BooleanType.Default, true)], null);
        await MergeAsync("raw.kept", schema, new MergeOptions("id") { Strategy = strategy, BoundaryTimestamp = Start }, [[1L, "a", null], [2L, "b", null], [9L, "z", null]]);
        await MergeAsync(
            "raw.kept", schema,
            new MergeOptions("id")
            {
                Strategy = strategy,
                BoundaryTimestamp = Start.AddHours(1),
                HardDeleteColumn = "gone",
                IsFullSnapshot = strategy == MergeStrategy.Scd2,
                BeforeImages = new TableName("raw", "images"),
            },
            [[1L, "A", null], [2L, "b", null], [3L, "c", null], [4L, "d", true]]);
        (await ShowAsync("raw.images", $"id, name, {MergeOptions.ExistedColumn}", "id")).Should().Equal(images.Split('|'));
    }

    [Fact]
    public async Task Many_rows_go_through_every_strategy()
    {
        // More rows than a batch of either system, half of them with keys that the table has.
        const int Count = 130_000;
        var schema = new Schema([new Field("id", Int64Type.Default, false), new Field("n", Int64Type.Default, true), new Field("_load_id", Int64Type.Default, false)], null);
        static object?[][] Rows(int from, long load) => [.. Enumerable.Range(from, Count).Select(i => (object?[])[(long)i, i % 7 == 0 ? null : i / 10 * load % 3, load])];
        foreach (var strategy in Enum.GetValues<MergeStrategy>())
        {
            var table = NextTable();
            var options = new MergeOptions("id") { Strategy = strategy, BoundaryTimestamp = Start };
            (await MergeAsync(table, schema, options, Rows(0, 1))).Should().Be(new BulkWriteResult(Count));
            var second = await MergeAsync(table, schema, new MergeOptions("id") { Strategy = strategy, BoundaryTimestamp = Start.AddHours(1) }, Rows(Count / 2, 2));
            var changed = Rows(Count / 2, 2).Take(Count / 2).Zip(Rows(Count / 2, 1)).Count(pair => !Equals(pair.First[1], pair.Second[1]));
            var expected = strategy switch
            {
                MergeStrategy.InsertOnly => new BulkWriteResult(Count / 2, 0, Count / 2),
                MergeStrategy.Scd2 => new BulkWriteResult((Count / 2) + changed, 0, (Count / 2) - changed),
                _ => new BulkWriteResult(Count),
            };
            second.Should().Be(expected, $"the strategy is {strategy}");
            var current = strategy == MergeStrategy.Scd2 ? " WHERE _valid_to IS NULL" : "";
            (await ShowAsync(table, $"count(*), count(DISTINCT id), sum(CASE WHEN _load_id = 2 THEN 1 ELSE 0 END)", "1", current))
                .Should().Equal($"{Count * 3 / 2} {Count * 3 / 2} {expected.RowsWritten}");
        }
    }

    [Theory]
    [InlineData("nothing", "The merge into raw.wrong has the key 'nothing', which the data does not have.")]
    [InlineData("hard delete", "The merge into raw.wrong has the hard-delete column 'gone', which the data does not have.")]
    [InlineData("sort", "The merge into raw.wrong has the dedup sort column 'at', which the data does not have.")]
    [InlineData("insert-only and hard delete", "The merge into raw.wrong only inserts, so it cannot delete rows by 'n'.")]
    [InlineData("delete-insert and sort", "The merge into raw.wrong keeps all rows of a key, so it cannot choose one by 'n'.")]
    [InlineData("snapshot without versions", "The merge into raw.wrong is of a full snapshot, but keeps no versions that could be closed.")]
    [InlineData("column in the data", "the data has a column 'n', which raw.wrong needs to say when a version of a row holds.")]
    [InlineData("one column for both", "The merge into raw.wrong has one column 'at' for both ends of a version.")]
    [InlineData("no key", "The merge into raw.wrong needs a key.")]
    public async Task Options_that_cannot_be_are_refused_with_the_reason(string what, string message)
    {
        var schema = new Schema([new Field("id", Int64Type.Default, false), new Field("n", Int64Type.Default, true)], null);
        var options = what switch
        {
            "nothing" => new MergeOptions("id", "nothing"),
            "hard delete" => new MergeOptions("id") { HardDeleteColumn = "gone" },
            "sort" => new MergeOptions("id") { DedupSortColumn = "at" },
            "insert-only and hard delete" => new MergeOptions("id") { Strategy = MergeStrategy.InsertOnly, HardDeleteColumn = "n" },
            "delete-insert and sort" => new MergeOptions("id") { Strategy = MergeStrategy.DeleteInsert, DedupSortColumn = "n" },
            "snapshot without versions" => new MergeOptions("id") { IsFullSnapshot = true },
            "column in the data" => new MergeOptions("id") { Strategy = MergeStrategy.Scd2, ValidToColumn = "n" },
            "one column for both" => new MergeOptions("id") { Strategy = MergeStrategy.Scd2, ValidFromColumn = "at", ValidToColumn = "at" },
            _ => new MergeOptions(),
        };
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        var failure = (await FluentActions.Awaiting(() => transaction.BeginMergeAsync("raw.wrong", schema, options, Cancelled)).Should().ThrowAsync<WarehouseException>()).Which;
        failure.Message.Should().Be(message);
        failure.FailureClass.Should().Be(FailureClass.Configuration);
    }

    private async Task CompareAsync(MergeStrategy strategy) => await Gen.Select(Batches, Settings(strategy)).SampleAsync(
        async (batches, settings) =>
        {
            var table = NextTable();
            var model = new MergeModel(settings(Start));
            for (var i = 0; i < batches.Count; i++)
            {
                var options = settings(Start.AddHours(i));
                var rows = batches[i].Select(row => (object?[])[.. row, (long)i]).ToList();

                var expected = model.Merge(rows, options);
                (await MergeAsync(table, Columns, options, rows)).Should().Be(expected);
                (expected.RowsWritten + expected.RowsDeduplicated + expected.RowsFiltered).Should().Be(rows.Count);
                (await ReadAsync(table, options)).Should().Equal(model.Show());
            }
        },
        iter: 60, threads: 1);

    private async Task<List<string>> ReadAsync(TableName table, MergeOptions options)
    {
        var columns = string.Join(", ", options.ToTableSchema(Columns).FieldsList.Select(field => TableName.Quote(field.Name)));
        var rows = await Warehouse.ReadAsync($"SELECT {columns} FROM {table.ToSql()}", null, Cancelled).ToRowsAsync();
        return [.. rows.Select(row => string.Join(' ', row.Select(MergeModel.Show))).Order(StringComparer.Ordinal)];
    }

    private async Task<BulkWriteResult> MergeAsync(TableName table, Schema schema, MergeOptions options, params IReadOnlyList<object?[]> rows)
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        await transaction.CreateTableAsync(table, options.ToTableSchema(schema), options.RowKey, Cancelled);
        await using var writer = await transaction.BeginMergeAsync(table, schema, options, Cancelled);
        foreach (var chunk in rows.Chunk(50_000))
        {
            using var batch = RecordBatches.Create(schema, chunk);
            await writer.WriteAsync(batch, Cancelled);
        }

        var result = await writer.CompleteAsync(Cancelled);
        await transaction.CommitAsync(Cancelled);
        return result;
    }

    private async Task<List<string>> ShowAsync(TableName table, string columns, string order, string where = "")
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        return [.. (await transaction.QueryAsync($"SELECT {columns} FROM {table.ToSql()}{where} ORDER BY {order}", null, Cancelled)).Select(row => string.Join(' ', row.Select(Show)))];

        static string Show(object? value) => value switch
        {
            null => "NULL",
            DateTimeOffset { TimeOfDay.Ticks: 0 } date => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            DateTimeOffset moment => moment.ToString("yyyy-MM-dd'T'HH", CultureInfo.InvariantCulture),
            _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
        };
    }

    private TableName NextTable() => new("merges", $"table {Interlocked.Increment(ref _tables)}");

    private static Gen<List<List<object?[]>>> Batches { get; } = Gen
        .Select(Gen.Int[0, 2], Gen.OneOf("", "Zürich"), Gen.Int[0, 3], Gen.OneOf<double?>(null, double.NaN, 0.5), Gen.OneOf<string?>(null, "{\"a\": 1}"), Gen.Int[0, 5], Gen.Int[0, 3])
        .Select((day, city, n, ratio, tags, mark, rank) => (object?[])
            [day, city, n == 0 ? null : (long)n, ratio, tags, mark switch { 0 => true, 1 => false, _ => null }, mark is 0 or 2 ? "yes" : null, rank == 0 ? null : rank])
        .List[0, 12].List[1, 5];

    private static Gen<Func<DateTimeOffset, MergeOptions>> Settings(MergeStrategy strategy) =>
        Gen.Select(Gen.OneOf<string?>(null, "gone", "gone_at"), Gen.OneOf<string?>(null, "rank"), Gen.Bool, Gen.Bool).Select<(string? Mark, string? Sort, bool Lowest, bool Snapshot), Func<DateTimeOffset, MergeOptions>>(
            chosen => boundary => new MergeOptions("City \"name\"", "day")
            {
                Strategy = strategy,
                HardDeleteColumn = strategy == MergeStrategy.InsertOnly ? null : chosen.Mark,
                DedupSortColumn = strategy == MergeStrategy.DeleteInsert ? null : chosen.Sort,
                DedupKeepsLowest = chosen.Lowest,
                IsFullSnapshot = strategy == MergeStrategy.Scd2 && chosen.Snapshot,
                BoundaryTimestamp = boundary,
            });
}

/// <summary>A merge in memory, written as its documentation says it.</summary>
internal sealed class MergeModel(MergeOptions settings)
{
    private const int Gone = 5, GoneAt = 6, Rank = 7, LoadId = 8, To = 10;

    private List<object?[]> _rows = [];

    public BulkWriteResult Merge(IReadOnlyList<object?[]> batch, MergeOptions options)
    {
        var chosen = settings.Strategy == MergeStrategy.DeleteInsert ? batch : [.. batch.GroupBy(Key).Select(group => Choose([.. group]))];
        var deduplicated = batch.Count - chosen.Count;
        var keys = chosen.Select(Key).ToHashSet();
        var added = chosen.Where(row => !IsMarked(row)).ToList();
        if (settings.Strategy == MergeStrategy.InsertOnly)
        {
            var there = _rows.Select(Key).ToHashSet();
            added.RemoveAll(row => there.Contains(Key(row)));
        }
        else if (settings.Strategy == MergeStrategy.Scd2)
        {
            var current = _rows.Where(row => row[To] is null).ToDictionary(Key);
            added.RemoveAll(row => current.TryGetValue(Key(row), out var before) && Compared(row).SequenceEqual(Compared(before)));
            var replaced = added.Concat(chosen.Where(IsMarked)).Select(Key).ToHashSet();
            foreach (var (key, row) in current.Where(entry => replaced.Contains(entry.Key) || (settings.IsFullSnapshot && !keys.Contains(entry.Key))))
                row[To] = Microseconds(options.BoundaryTimestamp);
        }
        else
        {
            _rows = [.. _rows.Where(row => !keys.Contains(Key(row)))];
        }

        _rows.AddRange(added.Select(row => settings.Strategy == MergeStrategy.Scd2 ? (object?[])[.. row, Microseconds(options.BoundaryTimestamp), null] : row));
        return new BulkWriteResult(added.Count, deduplicated, chosen.Count - added.Count);
    }

    public List<string> Show() => [.. _rows.Select(row => string.Join(' ', row.Select(Show))).Order(StringComparer.Ordinal)];

    public static string Show(object? value) => value is null ? "NULL" : Convert.ToString(value, CultureInfo.InvariantCulture)!;

    private object?[] Choose(List<object?[]> rows)
    {
        if (settings.DedupSortColumn is null) return settings.Strategy == MergeStrategy.InsertOnly ? rows[0] : rows[^1];
        var ranked = rows.Where(row => row[Rank] is not null).ToList();
        if (ranked.Count == 0) return rows[^1];
        var best = settings.DedupKeepsLowest ? ranked.Min(row => (int)row[Rank]!) : ranked.Max(row => (int)row[Rank]!);
        return ranked.Last(row => (int)row[Rank]! == best);
    }

    private bool IsMarked(object?[] row) => settings.HardDeleteColumn switch
    {
        null => false,
        "gone" => row[Gone] is true,
        _ => row[GoneAt] is not null,
    };

    private IEnumerable<object?> Compared(object?[] row) =>
        Enumerable.Range(2, LoadId - 2).Where(i => settings.HardDeleteColumn is null || i != (settings.HardDeleteColumn == "gone" ? Gone : GoneAt)).Select(i => row[i]);

    private static (int Day, string City) Key(object?[] row) => ((int)row[0]!, (string)row[1]!);

    private static long Microseconds(DateTimeOffset moment) => (moment - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
}

public sealed class DuckDbMergeConformance() : MergeConformance("duckdb");

public sealed class PostgreSqlMergeConformance() : MergeConformance("postgresql");
