using System.Data.Common;
using Apache.Arrow;
using Apache.Arrow.Types;
using CsCheck;
using DataPlatform.Testing;
using DataPlatform.Warehouses;

namespace DataPlatform.Integration.Tests.Warehouses;

/// <summary>What a warehouse promises, whatever the system.</summary>
public abstract class WarehouseConformance : IAsyncLifetime
{
    private static readonly TableName Target = new("raw", "Trips of \"2026\"");

    private static readonly Schema Trips = new(
    [
        new Field("id", Int64Type.Default, nullable: false),
        new Field("Name", StringType.Default, nullable: true),
        new Field("amount", new Decimal128Type(10, 2), nullable: true),
    ], metadata: null);

    private int _tables;

    /// <summary>An empty warehouse.</summary>
    protected IWarehouse Warehouse { get; private set; } = null!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    /// <summary>Opens an empty warehouse.</summary>
    protected abstract Task<IWarehouse> OpenAsync();

    /// <summary>Whether a view goes on working when a column it uses gets another type. Where it does not, the change is refused.</summary>
    protected abstract bool ViewsFollowTheirColumns { get; }

    /// <summary>Whether an append to a table with a key is refused when the table has the key already; a merge keeps keys unique in any case.</summary>
    protected virtual bool EnforcesKeys => true;

    /// <summary>Opens the same database as another process would, or null when only one process can have it open.</summary>
    protected abstract Task<IWarehouse?> OpenFromElsewhereAsync();

    public async ValueTask InitializeAsync() => Warehouse = await OpenAsync();

    public virtual async ValueTask DisposeAsync()
    {
        await Warehouse.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Every_type_round_trips() => await EveryType.Rows(0, 60).SampleAsync(
        async rows =>
        {
            var table = NextTable();
            await AppendAsync(table, EveryType.Schema, rows);
            (await ReadTableAsync(table)).ShouldEqual(rows);
        },
        iter: 60, threads: 1);

    [Fact]
    public async Task A_transaction_sees_what_others_commit_meanwhile_where_loads_are_written_side_by_side()
    {
        var table = NextTable();
        await AppendAsync(table, EveryType.Schema, []);
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        await transaction.CreateTableAsync(NextTable(), EveryType.Schema, [], Cancelled); // it may begin with what it writes first
        async Task<object?> CountAsync() => (await transaction.QueryAsync($"SELECT count(*) FROM {table.ToSql()}", cancellationToken: Cancelled))[0][0];
        (await CountAsync()).Should().Be(0L);
        await AppendAsync(table, EveryType.Schema, EveryType.Rows(1, 1).Single());

        (await CountAsync()).Should().Be(await Warehouse.TakesRowsSideBySideAsync(table, merge: null, Cancelled) ? 1L : 0L);
    }

    [Fact]
    public async Task Many_rows_of_every_type_round_trip_through_batches_of_any_cut()
    {
        const int Count = 40_000;
        var pool = EveryType.Rows(5_000, 5_000).Single();
        var rows = Enumerable.Range(0, Count).Select(i => (object?[])[(long)i, .. pool[i * 7 % pool.Count][1..]]).ToList();
        var table = NextTable();
        await using (var transaction = await Warehouse.BeginAsync(Cancelled))
        {
            await transaction.CreateTableAsync(table, EveryType.Schema, [], Cancelled);
            await using var writer = await transaction.BeginAppendAsync(table, EveryType.Schema, Cancelled);
            for (var start = 0; start < Count; start += 20_000)
            {
                using var batch = RecordBatches.Create(EveryType.Schema, rows[start..(start + 20_000)]);
                foreach (var (offset, length) in new[] { (0, 1), (1, 12_345), (12_346, 0), (12_346, 7_654) })
                {
                    using var slice = batch.SliceShared(offset, length);
                    await writer.WriteAsync(slice, Cancelled);
                }
            }

            (await writer.CompleteAsync(Cancelled)).Should().Be(new BulkWriteResult(Count, 0));
            await transaction.CommitAsync(Cancelled);
        }

        (await ReadTableAsync(table)).ShouldEqual(rows);
    }

    [Fact]
    public async Task Lists_of_every_type_round_trip_with_null_empty_and_null_elements()
    {
        var scalars = EveryType.Schema.FieldsList.Where(field => field.IsNullable && field.DataType is not ListType).ToList();
        var schema = new Schema([new Field("id", Int64Type.Default, nullable: false), .. scalars.Select(field => ColumnTypes.List(field.Name, field))], metadata: null);
        var pool = EveryType.Rows(40, 40).Single();
        object?[] Lists(int id, Func<int, object?[]?> elementsOf) => [(long)id, .. scalars.Select(field => elementsOf(EveryType.Schema.GetFieldIndex(field.Name)))];
        List<object?[]> rows =
        [
            Lists(0, i => [.. pool.Select(row => row[i])]),
            Lists(1, _ => null),
            Lists(2, _ => []),
            Lists(3, _ => [null]),
            Lists(4, i => [pool[0][i], null, pool[1][i]]),
            .. Enumerable.Range(5, 4_000).Select(id => Lists(id, i => id % 7 == 0 ? null : [.. pool.Skip(id % 37).Take(id % 4).Select(row => row[i] is string { Length: > 100 } ? "long" : row[i])])),
        ];
        var table = NextTable();
        await InTransactionAsync(async transaction =>
        {
            await transaction.CreateTableAsync(table, schema, [], Cancelled);
            (await transaction.DescribeAsync(table, Cancelled))!.FieldsList.Select(Show).Should().Equal(schema.FieldsList.Select(Show));
            await using var writer = await transaction.BeginAppendAsync(table, schema, Cancelled);
            using var batch = RecordBatches.Create(schema, rows);
            foreach (var (offset, length) in new[] { (0, 3), (3, 1_500), (1_503, 2_502) })
            {
                using var slice = batch.SliceShared(offset, length);
                await writer.WriteAsync(slice, Cancelled);
            }

            await writer.CompleteAsync(Cancelled);
        });

        (await ReadTableAsync(table)).ShouldEqual(rows);
        (await QueryAsync($"SELECT \"an int32\", \"Text\" FROM {table.ToSql()} WHERE id IN (1, 2, 4) ORDER BY id"))
            .ShouldEqual([[null, null], [System.Array.Empty<object?>(), System.Array.Empty<object?>()], [rows[4][3], rows[4][10]]]);
    }

    [Fact]
    public async Task Lists_widen_as_their_elements_do_and_merge_as_other_columns()
    {
        Schema Of(IArrowType type) => new([new Field("id", Int64Type.Default, nullable: false), ColumnTypes.List("n", new Field("n", type, true))], metadata: null);
        await AppendAsync(Target, Of(Int32Type.Default), [[1L, new object?[] { 1, null }], [2L, null]], "id");
        (await FailAsync(() => AppendAsync(Target, Of(Int64Type.Default), [[3L, new object?[] { 3L }]]))).Message.Should().MatchRegex("(?i)column 'n' of .* is integer\\[\\] and cannot take bigint\\[\\] without loss");

        await InTransactionAsync(transaction => transaction.AlterTableAsync(Target, Of(Int64Type.Default), Cancelled));
        (await MergeAsync(Target, Of(Int32Type.Default), ["id"], [[2L, new object?[] { 2 }], [3L, System.Array.Empty<object?>()]])).RowsWritten.Should().Be(2);
        (await ReadAsync($"SELECT * FROM {Target.ToSql()} ORDER BY id"))
            .ShouldEqual([[1L, new object?[] { 1L, null }], [2L, new object?[] { 2L }], [3L, System.Array.Empty<object?>()]]);
    }

    [Fact]
    public async Task Lists_of_lists_are_refused_by_name()
    {
        var column = new Field("matrix", new ListType(new Field("item", new ListType(Int32Type.Default), true)), true);
        (await FailAsync(() => InTransactionAsync(transaction => transaction.CreateTableAsync(Target, new Schema([column], metadata: null), [], Cancelled))))
            .Message.Should().MatchRegex("(?i)column 'matrix' .*has the Arrow type list");
    }

    [Fact]
    public async Task A_created_table_is_described_as_it_was_given()
    {
        var table = NextTable();
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        await transaction.CreateTableAsync(table, EveryType.Schema, ["id"], Cancelled);
        var described = await transaction.DescribeAsync(table, Cancelled);
        described!.FieldsList.Select(Show).Should().Equal(EveryType.Schema.FieldsList.Select(Show));
    }

    [Fact]
    public async Task What_does_not_exist_is_described_as_null()
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        (await transaction.DescribeAsync("raw.absent", Cancelled)).Should().BeNull();
    }

    [Fact]
    public async Task A_view_is_described_too()
    {
        await AppendAsync(Target, Trips, [[1L, "a", 1.50m]]);
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        await transaction.ReplaceViewAsync("mart.names", $"SELECT \"Name\", id FROM {Target.ToSql()}", Cancelled);
        var described = await transaction.DescribeAsync("mart.names", Cancelled);
        described!.FieldsList.Select(field => (field.Name, field.DataType.TypeId)).Should().Equal(("Name", ArrowTypeId.String), ("id", ArrowTypeId.Int64));
    }

    [Fact]
    public async Task Creating_a_table_that_exists_leaves_it_as_it_is()
    {
        await AppendAsync(Target, Trips, [[1L, "a", null]]);
        await InTransactionAsync(transaction => transaction.CreateTableAsync(Target, EveryType.Schema, [], Cancelled));
        (await ReadTableAsync(Target)).ShouldEqual([[1L, "a", null]]);
    }

    [Fact]
    public async Task Several_may_create_the_same_table_at_once()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(
            () => InTransactionAsync(transaction => transaction.CreateTableAsync(Target, Trips, ["id"], Cancelled)), Cancelled)));
        (await ReadTableAsync(Target)).Should().BeEmpty();
    }

    [Fact]
    public async Task Columns_are_matched_by_name_and_those_not_given_stay_null_or_default()
    {
        await InTransactionAsync(async transaction =>
        {
            await transaction.CreateTableAsync(Target, Trips, [], Cancelled);
            await transaction.ExecuteAsync($"ALTER TABLE {Target.ToSql()} ADD COLUMN origin text DEFAULT 'file'", null, Cancelled);
            await AppendAsync(transaction, Target, new Schema([Trips.GetFieldByName("Name"), Trips.GetFieldByName("id")], null), [["b", 2L], [null, 3L]]);
        });
        (await ReadTableAsync(Target)).ShouldEqual([[2L, "b", null, "file"], [3L, null, null, "file"]]);
    }

    [Fact]
    public async Task Nothing_is_seen_before_the_commit_and_all_after_it()
    {
        await InTransactionAsync(transaction => transaction.CreateTableAsync(Target, Trips, ["id"], Cancelled));
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        await AppendAsync(transaction, Target, Trips, [[1L, "a", null]]);
        (await transaction.QueryAsync($"SELECT id FROM {Target.ToSql()}", null, Cancelled)).Should().ContainSingle("the transaction sees its own rows");
        (await ReadTableAsync(Target)).Should().BeEmpty();
        await transaction.CommitAsync(Cancelled);
        (await ReadTableAsync(Target)).ShouldEqual([[1L, "a", null]]);
    }

    [Fact]
    public async Task A_snapshot_sees_one_state_throughout()
    {
        await AppendAsync(Target, Trips, [[1L, "a", null]]);
        await using var snapshot = await Warehouse.BeginSnapshotAsync(Cancelled);
        var sql = $"SELECT id FROM {Target.ToSql()} ORDER BY id";
        (await snapshot.QueryAsync(sql, null, Cancelled)).ShouldEqual([[1L]]);
        await AppendAsync(Target, Trips, [[2L, "b", null]]);
        (await snapshot.QueryAsync(sql, null, Cancelled)).ShouldEqual([[1L]]);
        (await QueryAsync(sql)).ShouldEqual([[1L], [2L]]);
    }

    [Fact]
    public async Task Disposing_of_a_transaction_rolls_it_back()
    {
        await using (var transaction = await Warehouse.BeginAsync(Cancelled))
        {
            await transaction.CreateTableAsync(Target, Trips, ["id"], Cancelled);
            await AppendAsync(transaction, Target, Trips, [[1L, "a", null]]);
        }

        await using var after = await Warehouse.BeginAsync(Cancelled);
        (await after.DescribeAsync(Target, Cancelled)).Should().BeNull();
    }

    [Fact]
    public async Task A_transaction_in_which_a_statement_failed_does_not_commit()
    {
        await InTransactionAsync(transaction => transaction.CreateTableAsync(Target, Trips, ["id"], Cancelled));
        await using (var transaction = await Warehouse.BeginAsync(Cancelled))
        {
            await AppendAsync(transaction, Target, Trips, [[1L, "a", null]]);
            await transaction.Invoking(t => t.ExecuteAsync("SELECT nothing FROM nowhere", null, Cancelled)).Should().ThrowAsync<WarehouseException>();
            await transaction.Invoking(t => t.CommitAsync(Cancelled)).Should().ThrowAsync<WarehouseException>();
        }

        (await ReadTableAsync(Target)).Should().BeEmpty();
    }

    [Fact]
    public async Task A_write_that_is_not_completed_leaves_nothing()
    {
        await InTransactionAsync(transaction => transaction.CreateTableAsync(Target, Trips, ["id"], Cancelled));
        await using (var transaction = await Warehouse.BeginAsync(Cancelled))
        {
            await using (var writer = await transaction.BeginAppendAsync(Target, Trips, Cancelled))
            {
                using var batch = RecordBatches.Create(Trips, [.. Enumerable.Range(0, 100_000).Select(i => (object?[])[(long)i, "name", 1m])]);
                await writer.WriteAsync(batch, Cancelled);
            }

            await transaction.Invoking(t => t.CommitAsync(Cancelled)).Should().ThrowAsync<WarehouseException>("half a write must not be taken for a whole one");
        }

        (await ReadTableAsync(Target)).Should().BeEmpty();
    }

    [Fact]
    public async Task The_connection_of_a_transaction_takes_part_in_it()
    {
        await using (var transaction = await Warehouse.BeginAsync(Cancelled))
        {
            await using var command = transaction.Connection.CreateCommand();
            command.CommandText = "CREATE TABLE leftover (n integer)";
            await command.ExecuteNonQueryAsync(Cancelled);
        }

        await Warehouse.Awaiting(w => w.ReadAsync("SELECT n FROM leftover", null, Cancelled).ToRowsAsync()).Should().ThrowAsync<WarehouseException>();
    }

    [Fact]
    public async Task Connections_of_your_own_can_be_opened()
    {
        await AppendAsync(Target, Trips, [[1L, "a", null]]);
        await using var connection = await Warehouse.OpenConnectionAsync(Cancelled);
        (await ScalarAsync(connection, $"SELECT \"Name\" FROM {Target.ToSql()}")).Should().Be("a");
    }

    [Fact]
    public async Task A_merge_does_what_a_dictionary_does() => await MergeBatches.SampleAsync(
        async batches =>
        {
            var table = NextTable();
            await InTransactionAsync(transaction => transaction.CreateTableAsync(table, MergeSchema, ["day", "city"], Cancelled));
            var model = new SortedDictionary<(int Day, string City), object?>();
            foreach (var rows in batches)
            {
                var result = await MergeAsync(table, MergeSchema, ["day", "city"], rows);
                var distinct = rows.Select(row => ((int)row[0]!, (string)row[1]!)).Distinct().Count();
                result.Should().Be(new BulkWriteResult(distinct, rows.Count - distinct));
                foreach (var row in rows) model[((int)row[0]!, (string)row[1]!)] = row[2];
            }

            (await QueryAsync($"SELECT \"day\", \"city\", \"n\" FROM {table.ToSql()}"))
                .OrderBy(row => ((int)row[0]!, (string)row[1]!)).ToList()
                .ShouldEqual([.. model.Select(entry => (object?[])[entry.Key.Day, entry.Key.City, entry.Value])]);
        },
        iter: 40, threads: 1);

    [Fact]
    public async Task Of_many_rows_with_one_key_a_merge_keeps_the_last_of_all_batches()
    {
        await InTransactionAsync(transaction => transaction.CreateTableAsync(Target, Trips, ["id"], Cancelled));
        await using (var transaction = await Warehouse.BeginAsync(Cancelled))
        {
            await using var writer = await transaction.BeginMergeAsync(Target, Trips, new MergeOptions("id"), Cancelled);
            for (var batchNumber = 0; batchNumber < 3; batchNumber++)
            {
                // Wide rows among narrow ones, so that a system that fills gaps would lose their order.
                using var batch = RecordBatches.Create(
                    Trips, [.. Enumerable.Range(0, 50_000).Select(i => (object?[])[(long)(i % 20_000), i % 100 == 0 ? new string('x', 3_000) : $"{batchNumber}-{i}", (decimal)i])]);
                await writer.WriteAsync(batch, Cancelled);
            }

            (await writer.CompleteAsync(Cancelled)).Should().Be(new BulkWriteResult(20_000, 130_000));
            await transaction.CommitAsync(Cancelled);
        }

        (await QueryAsync($"SELECT id, amount FROM {Target.ToSql()} ORDER BY id"))
            .ShouldEqual([.. Enumerable.Range(0, 20_000).Select(id => (object?[])[(long)id, (decimal)(id < 10_000 ? id + 40_000 : id + 20_000)])]);
    }

    [Fact]
    public async Task A_merge_leaves_columns_that_it_is_not_given()
    {
        await AppendAsync(Target, Trips, [[1L, "a", 1.25m], [2L, "b", 2.25m]], "id");
        await MergeAsync(Target, new Schema([Trips.GetFieldByName("id"), Trips.GetFieldByName("Name")], null), ["id"], [[2L, "B"], [3L, "C"]]);
        (await ReadTableAsync(Target)).ShouldEqual([[1L, "a", (Int128)125], [2L, "B", (Int128)225], [3L, "C", null]]);
    }

    [Fact]
    public async Task A_merge_of_key_columns_alone_adds_what_is_missing()
    {
        await AppendAsync(Target, Trips, [[1L, "a", null]], "id");
        var result = await MergeAsync(Target, new Schema([Trips.GetFieldByName("id")], null), ["id"], [[1L], [2L], [2L]]);
        result.Should().Be(new BulkWriteResult(2, 1));
        (await ReadTableAsync(Target)).ShouldEqual([[1L, "a", null], [2L, null, null]]);
    }

    [Fact]
    public async Task A_merge_refuses_rows_without_a_key_and_says_which()
    {
        var nullable = new Schema([new Field("id", Int64Type.Default, nullable: true)], null);
        await InTransactionAsync(transaction => transaction.CreateTableAsync(Target, Trips, ["id"], Cancelled));
        var failure = await FailAsync(() => MergeAsync(Target, nullable, ["id"], [[1L], [2L], [null]]));
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().Contain("Row 3").And.Contain("'id'");
    }

    [Fact]
    public async Task A_merge_key_must_be_in_the_data()
    {
        await InTransactionAsync(transaction => transaction.CreateTableAsync(Target, Trips, ["id"], Cancelled));
        var failure = await FailAsync(() => MergeAsync(Target, Trips, ["trip_id"], [[1L, "a", null]]));
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("trip_id");
    }

    [Fact]
    public async Task Columns_are_added_and_widened_and_rows_go_into_them_in_the_same_transaction()
    {
        var table = NextTable();
        await InTransactionAsync(transaction => transaction.CreateTableAsync(table, Columns(("small", Int16Type.Default), ("number", Int32Type.Default), ("real", FloatType.Default),
            ("money", new Decimal128Type(6, 2)), ("mixed", Int64Type.Default), ("other", StringType.Default)), [], Cancelled));
        await AppendAsync(table, (await DescribeAsync(table))!, [[(short)-7, 1 << 30, 0.5f, 1234.56m, long.MinValue, "kept"]]);

        var wide = Columns(("small", Int64Type.Default), ("number", new Decimal128Type(14, 4)), ("real", DoubleType.Default), ("money", new Decimal128Type(20, 5)), ("mixed", StringType.Default),
            ("New one", ColumnTypes.TimestampUtc));
        await InTransactionAsync(async transaction =>
        {
            await transaction.AlterTableAsync(table, wide, Cancelled);
            await transaction.AlterTableAsync(table, wide, Cancelled);
            await AppendAsync(transaction, table, wide, [[1L, 2.0001m, 0.1, 3.00001m, "x", DateTime.UnixEpoch]]);
            (await Warehouse.ReadAsync("SELECT 1", null, Cancelled).ToRowsAsync()).Should().ContainSingle();
        });

        ShouldHaveColumns(await DescribeAsync(table), ("small", Int64Type.Default), ("number", new Decimal128Type(14, 4)), ("real", DoubleType.Default), ("money", new Decimal128Type(20, 5)),
            ("mixed", StringType.Default), ("other", StringType.Default), ("New one", ColumnTypes.TimestampUtc));
        (await QueryAsync($"SELECT small, number, real, money, mixed, other, \"New one\" FROM {table.ToSql()} ORDER BY small")).Should().BeEquivalentTo(
            new object?[][] { [-7L, 1073741824m, 0.5, 1234.56m, "-9223372036854775808", "kept", null], [1L, 2.0001m, 0.1, 3.00001m, "x", null, DateTimeOffset.UnixEpoch] },
            options => options.WithStrictOrdering());
    }

    [Fact]
    public async Task Keys_widen_too_and_what_is_rolled_back_was_never_changed()
    {
        var table = NextTable();
        await InTransactionAsync(transaction => transaction.CreateTableAsync(table, new Schema([new Field("id", Int32Type.Default, false)], null), ["id"], Cancelled));
        await AppendAsync(table, (await DescribeAsync(table))!, [[1]]);
        await using (var transaction = await Warehouse.BeginAsync(Cancelled)) await transaction.AlterTableAsync(table, Columns(("id", Int64Type.Default), ("more", BooleanType.Default)), Cancelled);
        ShouldHaveColumns(await DescribeAsync(table), ("id", Int32Type.Default));

        await InTransactionAsync(transaction => transaction.AlterTableAsync(table, Columns(("id", Int64Type.Default)), Cancelled));
        await MergeAsync(table, new Schema([new Field("id", Int64Type.Default, false)], null), ["id"], [[1L], [1L << 40]]);
        (await QueryAsync($"SELECT id FROM {table.ToSql()} ORDER BY id")).Select(row => row[0]).Should().Equal(1L, 1L << 40);
    }

    [Fact]
    public async Task Views_go_on_working_when_columns_change_or_are_named_as_what_is_in_the_way()
    {
        var (table, view) = (NextTable(), NextTable());
        await AppendAsync(table, Columns(("id", Int32Type.Default), ("note", StringType.Default)), [[1, "a"]]);
        await InTransactionAsync(transaction => transaction.ReplaceViewAsync(view, $"SELECT id FROM {table.ToSql()}", Cancelled));

        Task Widen() => InTransactionAsync(transaction => transaction.AlterTableAsync(table, Columns(("id", Int64Type.Default)), Cancelled));
        if (ViewsFollowTheirColumns)
        {
            await Widen();
            (await QueryAsync($"SELECT * FROM {view.ToSql()}")).Should().ContainSingle().Which.Should().Equal(1L);
        }
        else
        {
            var failure = await FailAsync(Widen);
            failure.FailureClass.Should().Be(FailureClass.Configuration);
            failure.Message.Should().Contain(table.Name).And.Contain(view.Name);
            failure.Hint.Should().Contain("these views");
            (await QueryAsync($"SELECT * FROM {view.ToSql()}")).Should().ContainSingle().Which.Should().Equal(1);
        }

        await InTransactionAsync(transaction => transaction.AlterTableAsync(table, Columns(("more", Int64Type.Default)), Cancelled));
        (await QueryAsync($"SELECT * FROM {view.ToSql()}")).Should().ContainSingle();
        (await FailAsync(() => InTransactionAsync(transaction => transaction.AlterTableAsync(view, Columns(("id", Int64Type.Default)), Cancelled)))).Message.Should().Contain($"no table {view}");
    }

    [Fact]
    public async Task A_table_is_replaced_by_a_query_with_its_columns()
    {
        await AppendAsync(Target, Trips, [[1L, "a", 1.25m], [2L, "b", 2.25m]]);
        (await ReplaceTableAsync("mart.names", $"SELECT id FROM {Target.ToSql()}")).Should().Be(2);
        (await ReplaceTableAsync("mart.names", $"SELECT \"Name\" AS name, amount FROM {Target.ToSql()} WHERE id = 2 -- the second\n;")).Should().Be(1);
        (await ReadAsync("SELECT * FROM mart.names")).ShouldEqual([["b", (Int128)225]]);
    }

    [Fact]
    public async Task A_table_can_be_replaced_by_a_query_on_itself()
    {
        await AppendAsync(Target, Trips, [[1L, "a", null], [2L, "b", null]]);
        await ReplaceTableAsync(Target, $"SELECT id + 10 AS id, \"Name\", amount FROM {Target.ToSql()}");
        (await ReadTableAsync(Target)).ShouldEqual([[11L, "a", null], [12L, "b", null]]);
    }

    [Fact]
    public async Task Views_go_on_working_when_their_table_is_replaced_by_one_with_the_same_columns()
    {
        await ReplaceTableAsync("mart.numbers", "SELECT 1 AS n");
        await InTransactionAsync(transaction => transaction.ReplaceViewAsync("mart.doubled", "SELECT n * 2 AS n FROM mart.numbers", Cancelled));
        (await ReplaceTableAsync("mart.numbers", "SELECT 4 AS n UNION ALL SELECT 5")).Should().Be(2);
        (await QueryAsync("SELECT n FROM mart.doubled ORDER BY n")).ShouldEqual([[8], [10]]);
    }

    [Fact]
    public async Task Nothing_of_a_replacement_is_seen_when_it_is_rolled_back()
    {
        await ReplaceTableAsync("mart.numbers", "SELECT 1 AS n");
        await using (var transaction = await Warehouse.BeginAsync(Cancelled))
            await transaction.ReplaceTableAsync("mart.numbers", "SELECT 'x' AS other", Cancelled);
        (await QueryAsync("SELECT n FROM mart.numbers")).ShouldEqual([[1]]);
    }

    [Theory]
    [InlineData("SELECT {0} AS version, n FROM generate_series(1, 5000) AS t(n)")]
    [InlineData("SELECT {0} AS version, n, 'x' AS c{0} FROM generate_series(1, 5000) AS t(n)")]
    public async Task Who_reads_while_a_table_is_replaced_sees_the_old_or_the_new_rows(string select)
    {
        string Version(int version) => string.Format(System.Globalization.CultureInfo.InvariantCulture, select, version);
        await ReplaceTableAsync("mart.numbers", Version(0));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        var replaced = 0;
        var reading = Task.Run(
            async () =>
            {
                var seen = new List<(int Version, long Rows, int Before, int After)>();
                while (!stop.IsCancellationRequested)
                {
                    var before = Volatile.Read(ref replaced);
                    var rows = await QueryAsync("SELECT min(version), max(version), count(*) FROM mart.numbers");
                    rows[0][0].Should().Be(rows[0][1], "two versions must not mix");
                    seen.Add(((int)rows[0][0]!, (long)rows[0][2]!, before, Volatile.Read(ref replaced)));
                }

                return seen;
            },
            Cancelled);
        for (var version = 1; version <= 15; version++)
        {
            await ReplaceTableAsync("mart.numbers", Version(version));
            Volatile.Write(ref replaced, version);
        }

        await stop.CancelAsync();
        var seen = await reading;
        seen.Should().NotBeEmpty().And.OnlyContain(read => read.Rows == 5000 && read.Version >= read.Before && read.Version <= read.After + 1);
        (await QueryAsync("SELECT max(version) FROM mart.numbers")).ShouldEqual([[15]]);
    }

    [Fact]
    public async Task A_view_is_replaced_by_one_with_other_columns_and_a_table_by_a_view_and_back()
    {
        await InTransactionAsync(transaction => transaction.ReplaceViewAsync("mart.it", "SELECT 1 AS a, 'x' AS b", Cancelled));
        await InTransactionAsync(transaction => transaction.ReplaceViewAsync("mart.it", "SELECT 'y' AS c", Cancelled));
        (await QueryAsync("SELECT * FROM mart.it")).ShouldEqual([["y"]]);
        await ReplaceTableAsync("mart.it", "SELECT 3 AS d");
        (await QueryAsync("SELECT d FROM mart.it")).ShouldEqual([[3]]);
        await InTransactionAsync(transaction => transaction.ReplaceViewAsync("mart.it", "SELECT 4 AS e", Cancelled));
        (await QueryAsync("SELECT e FROM mart.it")).ShouldEqual([[4]]);
    }

    [Fact]
    public async Task Parameters_of_every_type_arrive_as_they_were_given()
    {
        var moment = new DateTimeOffset(2026, 1, 31, 23, 59, 58, 765, TimeSpan.FromHours(2)).AddMicroseconds(432);
        var bytes = new byte[] { 0, 1, 255 };
        var guid = Guid.NewGuid();
        var rows = await QueryAsync(
            """
            SELECT CAST($1 AS text), CAST($2 AS bigint), CAST($3 AS integer), CAST($4 AS smallint), CAST($5 AS boolean), CAST($6 AS double precision),
                CAST($7 AS numeric(20,4)), CAST($8 AS bytea), CAST($9 AS uuid), CAST($10 AS date), CAST($11 AS timestamptz), CAST($12 AS timestamptz), CAST($13 AS text)
            """,
            "it's 日本 $1", long.MinValue, int.MaxValue, short.MinValue, true, double.Epsilon, 12345.6789m, bytes, guid, new DateOnly(2026, 2, 28),
            moment, moment.UtcDateTime, null);
        rows.ShouldEqual([["it's 日本 $1", long.MinValue, int.MaxValue, short.MinValue, true, double.Epsilon, 12345.6789m, bytes, guid, new DateOnly(2026, 2, 28),
            moment.ToUniversalTime(), moment.ToUniversalTime(), null]]);
        ((DateTimeOffset)rows[0][10]!).Offset.Should().Be(TimeSpan.Zero);
    }

    [Fact]
    public async Task A_parameter_can_be_used_twice_and_in_any_order()
    {
        (await QueryAsync("SELECT CAST($2 AS text), CAST($1 AS text), CAST($2 AS text)", "a", "b")).ShouldEqual([["b", "a", "b"]]);
    }

    [Fact]
    public async Task Statements_tell_how_many_rows_they_changed()
    {
        await AppendAsync(Target, Trips, [[1L, "a", null], [2L, "b", null], [3L, "c", null]]);
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        (await transaction.ExecuteAsync($"UPDATE {Target.ToSql()} SET \"Name\" = $2 WHERE id > $1", [1L, "z"], Cancelled)).Should().Be(2);
        (await transaction.ExecuteAsync($"DELETE FROM {Target.ToSql()} WHERE \"Name\" = $1", ["z"], Cancelled)).Should().Be(2);
        (await transaction.ExecuteAsync($"INSERT INTO {Target.ToSql()} (id) VALUES ($1), ($2)", [8L, 9L], Cancelled)).Should().Be(2);
        (await transaction.ExecuteAsync("CREATE TABLE raw.other (n integer)", null, Cancelled)).Should().Be(0);
    }

    [Fact]
    public async Task Statements_that_are_sent_together_run_in_order_and_all_or_none()
    {
        await AppendAsync(Target, Columns(("n", Int64Type.Default), ("text", StringType.Default)), [[1L, "a"], [2L, "b"]]);
        await InTransactionAsync(async transaction => (await transaction.ExecuteAsync(
            [new($"UPDATE {Target.ToSql()} SET n = n + $1", [10L]), new($"DELETE FROM {Target.ToSql()} WHERE n = $1", [12L]), new($"INSERT INTO {Target.ToSql()} VALUES ($1, $2)", [3L, null])],
            Cancelled)).Should().Equal(2, 1, 1));
        (await QueryAsync($"SELECT * FROM {Target.ToSql()} ORDER BY n")).ShouldEqual([[3L, null], [11L, "a"]]);

        await using var failed = await Warehouse.BeginAsync(Cancelled);
        await FailAsync(() => failed.ExecuteAsync([new($"DELETE FROM {Target.ToSql()}", []), new("SELECT nothing", [])], Cancelled));
        await FailAsync(() => failed.CommitAsync(Cancelled));
        (await QueryAsync($"SELECT count(*) FROM {Target.ToSql()}")).ShouldEqual([[2L]]);
    }

    [Fact]
    public async Task Rows_are_read_with_parameters()
    {
        await AppendAsync(Target, Trips, [[1L, "a", 1.25m], [2L, "b", null]]);
        (await Warehouse.ReadAsync($"SELECT amount, \"Name\" FROM {Target.ToSql()} WHERE id = $1", [1L], Cancelled).ToRowsAsync()).ShouldEqual([[(Int128)125, "a"]]);
    }

    [Fact]
    public async Task An_empty_result_is_one_empty_batch_that_has_the_columns()
    {
        await InTransactionAsync(transaction => transaction.CreateTableAsync(Target, Trips, [], Cancelled));
        var batches = new List<RecordBatch>();
        await foreach (var batch in Warehouse.ReadAsync($"SELECT * FROM {Target.ToSql()}", null, Cancelled)) batches.Add(batch);
        var only = batches.Should().ContainSingle().Subject;
        only.Length.Should().Be(0);
        only.Schema.FieldsList.Select(field => field.Name).Should().Equal("id", "Name", "amount");
        only.Dispose();
    }

    [Fact]
    public async Task Large_results_come_in_batches_of_a_few_MiB_that_share_a_schema()
    {
        var (rows, bytes, schemas) = (0, new List<int>(), new HashSet<Schema>(ReferenceEqualityComparer.Instance));
        await foreach (var batch in Warehouse.ReadAsync("SELECT n, repeat('x', 1000) AS filler FROM generate_series(1, 40000) AS t(n)", null, Cancelled))
        {
            using (batch)
            {
                rows += batch.Length;
                bytes.Add(((StringArray)batch.Column(1)).ValueOffsets[^1]);
                schemas.Add(batch.Schema);
            }
        }

        rows.Should().Be(40_000);
        bytes.Should().HaveCountGreaterThan(2).And.OnlyContain(size => size < 17 * 1024 * 1024);
        schemas.Should().ContainSingle();
    }

    [Fact]
    public async Task Reading_can_stop_early_and_the_warehouse_goes_on()
    {
        await foreach (var batch in Warehouse.ReadAsync("SELECT repeat('x', 1000) FROM generate_series(1, 10000000) AS t(n)", null, Cancelled))
        {
            batch.Length.Should().BePositive();
            batch.Dispose();
            break;
        }

        (await QueryAsync("SELECT 1")).ShouldEqual([[1]]);
    }

    [Fact]
    public async Task Cancelling_stops_a_query_that_would_take_hours()
    {
        const string Endless = "SELECT count(*) FROM generate_series(1, 1000000) AS a(n), generate_series(1, 1000000) AS b(m) WHERE n + m < 0";
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        cancellation.CancelAfter(TimeSpan.FromSeconds(1));
        await Warehouse.Awaiting(w => w.ReadAsync(Endless, null, cancellation.Token).ToRowsAsync()).Should().ThrowAsync<OperationCanceledException>();

        using var again = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        again.CancelAfter(TimeSpan.FromSeconds(1));
        await using (var transaction = await Warehouse.BeginAsync(Cancelled))
            await transaction.Awaiting(t => t.QueryAsync(Endless, null, again.Token)).Should().ThrowAsync<OperationCanceledException>();
        (await QueryAsync("SELECT 1")).ShouldEqual([[1]]);
    }

    [Fact]
    public async Task The_own_session_is_alive_and_one_that_never_was_is_not()
    {
        Warehouse.SessionName.Should().NotBeNullOrWhiteSpace();
        (await Warehouse.IsSessionAliveAsync(Warehouse.SessionName, Cancelled)).Should().BeTrue();
        (await Warehouse.IsSessionAliveAsync("dataplatform-of-nobody", Cancelled)).Should().BeFalse();
        await Warehouse.EndSessionsAsync("dataplatform-of-nobody", Cancelled);
    }

    [Fact]
    public async Task Sessions_of_another_process_are_seen_and_can_be_ended_with_what_they_did()
    {
        await InTransactionAsync(transaction => transaction.CreateTableAsync(Target, Trips, ["id"], Cancelled));
        if (await OpenFromElsewhereAsync() is not { } other)
        {
            (await Warehouse.IsSessionAliveAsync("dataplatform-elsewhere", Cancelled)).Should().BeFalse("nobody else can be there");
            return;
        }

        await using (other)
        {
            other.SessionName.Should().NotBe(Warehouse.SessionName);
            (await Warehouse.IsSessionAliveAsync(other.SessionName, Cancelled)).Should().BeFalse("it has not connected yet");
            await using (var transaction = await other.BeginAsync(Cancelled))
            {
                await AppendAsync(transaction, Target, Trips, [[1L, "a", null]]);
                (await Warehouse.IsSessionAliveAsync(other.SessionName, Cancelled)).Should().BeTrue();
                await Warehouse.EndSessionsAsync(other.SessionName, Cancelled);
                (await Warehouse.IsSessionAliveAsync(other.SessionName, Cancelled)).Should().BeFalse();
                await transaction.Awaiting(t => t.CommitAsync(Cancelled)).Should().ThrowAsync<WarehouseException>();
            }

            (await ReadTableAsync(Target)).Should().BeEmpty();
        }
    }

    [Fact]
    public async Task A_warehouse_that_can_be_used_passes_its_check() => await Warehouse.Awaiting(w => w.CheckAsync(Cancelled)).Should().NotThrowAsync();

    [Fact]
    public async Task Checks_at_the_same_time_do_not_disturb_each_other() =>
        await Warehouse.Awaiting(w => Task.WhenAll(Enumerable.Range(0, 8).Select(_ => w.CheckAsync(Cancelled)))).Should().NotThrowAsync();

    [Fact]
    public async Task Writing_to_a_table_that_does_not_exist_names_it()
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        var failure = await FailAsync(() => transaction.BeginAppendAsync("raw.absent", Trips, Cancelled));
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("raw.absent").And.Contain($"'{Warehouse.Name}'");
    }

    [Fact]
    public async Task Writing_to_a_column_that_does_not_exist_names_it()
    {
        await InTransactionAsync(transaction => transaction.CreateTableAsync(Target, Trips, [], Cancelled));
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        var failure = await FailAsync(() => transaction.BeginAppendAsync(Target, new Schema([new Field("price", Int64Type.Default, true)], null), Cancelled));
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().Contain("'price'").And.Contain(Target.ToString());
    }

    [Fact]
    public async Task Writing_values_into_a_column_of_another_type_names_column_and_types()
    {
        await InTransactionAsync(transaction => transaction.CreateTableAsync(Target, Trips, [], Cancelled));
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        var failure = await FailAsync(() => transaction.BeginAppendAsync(Target, new Schema([new Field("id", StringType.Default, true)], null), Cancelled));
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().Contain("'id'").And.ContainEquivalentOf("bigint");
    }

    [Fact]
    public async Task Narrow_numbers_fit_into_wide_columns_and_not_the_other_way()
    {
        var wide = new Schema(
        [
            new Field("a", Int32Type.Default, true), new Field("b", Int64Type.Default, true), new Field("c", DoubleType.Default, true), new Field("d", new Decimal128Type(20, 4), true),
        ], null);
        var narrow = new Schema(
        [
            new Field("a", Int16Type.Default, true), new Field("b", Int32Type.Default, true), new Field("c", FloatType.Default, true), new Field("d", new Decimal128Type(10, 2), true),
        ], null);
        await InTransactionAsync(async transaction =>
        {
            await transaction.CreateTableAsync("raw.wide", wide, [], Cancelled);
            await transaction.CreateTableAsync("raw.narrow", narrow, [], Cancelled);
            await AppendAsync(transaction, "raw.wide", narrow, [[short.MinValue, int.MinValue, 0.5f, 1.25m], [null, null, null, null]]);
        });
        (await ReadAsync("SELECT * FROM raw.wide ORDER BY a")).ShouldEqual([[-32768, -2147483648L, 0.5, (Int128)12500], [null, null, null, null]]);
        foreach (var field in wide.FieldsList)
        {
            await using var transaction = await Warehouse.BeginAsync(Cancelled);
            (await FailAsync(() => transaction.BeginAppendAsync("raw.narrow", new Schema([field], null), Cancelled))).FailureClass.Should().Be(FailureClass.Data, "column {0}", field.Name);
        }
    }

    [Fact]
    public async Task Rows_that_break_a_constraint_are_a_data_failure()
    {
        await AppendAsync(Target, Trips, [[1L, "a", null]], "id");
        if (EnforcesKeys) (await FailAsync(() => AppendAsync(Target, Trips, [[1L, "again", null]], "id"))).FailureClass.Should().Be(FailureClass.Data);
        var withoutId = new Schema([Trips.GetFieldByName("Name")], null);
        (await FailAsync(() => InTransactionAsync(transaction => AppendAsync(transaction, Target, withoutId, [["nobody"]])))).FailureClass.Should().Be(FailureClass.Data);
    }

    [Fact]
    public async Task A_batch_with_other_columns_than_announced_is_refused()
    {
        await InTransactionAsync(transaction => transaction.CreateTableAsync(Target, Trips, [], Cancelled));
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        await using var writer = await transaction.BeginAppendAsync(Target, Trips, Cancelled);
        using var batch = RecordBatches.Create(new Schema([new Field("id", Int32Type.Default, false), Trips.GetFieldByName("Name"), Trips.GetFieldByName("amount")], null), [[1, "a", null]]);
        (await FailAsync(() => writer.WriteAsync(batch, Cancelled))).FailureClass.Should().Be(FailureClass.Bug);
    }

    [Fact]
    public async Task Wrong_SQL_is_a_configuration_failure_that_shows_the_place()
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        var failure = await FailAsync(() => transaction.ExecuteAsync("SELECT 1,\n  2 FROMM nowhere", null, Cancelled));
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("2 FROMM nowhere").And.ContainEquivalentOf("line 2");
    }

    [Fact]
    public async Task Wrong_SQL_of_a_replacement_shows_the_place_in_what_its_author_wrote()
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        var failure = await FailAsync(() => transaction.ReplaceTableAsync("mart.numbers", "SELECT 1 AS n\nFROM nowhere_at_all", Cancelled));
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("FROM nowhere_at_all").And.ContainEquivalentOf("line 2");
    }

    /// <summary>Creates the table when missing and appends rows to it, in a transaction.</summary>
    protected Task AppendAsync(TableName table, Schema schema, IReadOnlyList<object?[]> rows, params string[] key) => InTransactionAsync(async transaction =>
    {
        await transaction.CreateTableAsync(table, schema, key, Cancelled);
        await AppendAsync(transaction, table, schema, rows);
    });

    /// <summary>Appends rows in a transaction of the caller's.</summary>
    protected static async Task AppendAsync(IWarehouseTransaction transaction, TableName table, Schema schema, IReadOnlyList<object?[]> rows)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        await using var writer = await transaction.BeginAppendAsync(table, schema, Cancelled);
        using var batch = RecordBatches.Create(schema, rows);
        await writer.WriteAsync(batch, Cancelled);
        (await writer.CompleteAsync(Cancelled)).Should().Be(new BulkWriteResult(rows.Count, 0));
    }

    /// <summary>Merges rows, in a transaction.</summary>
    protected async Task<BulkWriteResult> MergeAsync(TableName table, Schema schema, IReadOnlyList<string> key, IReadOnlyList<object?[]> rows)
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        await using var writer = await transaction.BeginMergeAsync(table, schema, new MergeOptions(key), Cancelled);
        using var batch = RecordBatches.Create(schema, rows);
        await writer.WriteAsync(batch, Cancelled);
        var result = await writer.CompleteAsync(Cancelled);
        await transaction.CommitAsync(Cancelled);
        return result;
    }

    /// <summary>Replaces a table, in a transaction.</summary>
    protected async Task<long> ReplaceTableAsync(TableName table, string selectSql)
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        var rows = await transaction.ReplaceTableAsync(table, selectSql, Cancelled);
        await transaction.CommitAsync(Cancelled);
        return rows;
    }

    /// <summary>Does something in a transaction and commits.</summary>
    protected async Task InTransactionAsync(Func<IWarehouseTransaction, Task> action)
    {
        ArgumentNullException.ThrowIfNull(action);
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        await action(transaction);
        await transaction.CommitAsync(Cancelled);
    }

    /// <summary>The rows of a query, as plain values.</summary>
    protected async Task<IReadOnlyList<object?[]>> QueryAsync(string sql, params object?[] parameters)
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        return await transaction.QueryAsync(sql, parameters, Cancelled);
    }

    /// <summary>The rows of a query, read as record batches.</summary>
    protected Task<List<object?[]>> ReadAsync(string sql) => Warehouse.ReadAsync(sql, null, Cancelled).ToRowsAsync();

    /// <summary>The failure of an action that must fail.</summary>
    protected static async Task<WarehouseException> FailAsync(Func<Task> action) => (await action.Should().ThrowAsync<WarehouseException>()).Which;

    private Task<List<object?[]>> ReadTableAsync(TableName table) => ReadAsync($"SELECT * FROM {table.ToSql()} ORDER BY \"id\"");

    private TableName NextTable() => new("every type", $"table {Interlocked.Increment(ref _tables)}");

    private async Task<Schema?> DescribeAsync(TableName table)
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        return await transaction.DescribeAsync(table, Cancelled);
    }

    private static Schema Columns(params (string Name, IArrowType Type)[] columns) => new(columns.Select(column => new Field(column.Name, column.Type, nullable: true)), metadata: null);

    private static void ShouldHaveColumns(Schema? schema, params (string Name, IArrowType Type)[] columns) =>
        schema!.FieldsList.Select(Describe).Should().Equal(Columns(columns).FieldsList.Select(Describe));

    private static string Describe(Field field) => field.DataType is Decimal128Type type ? $"{field.Name} decimal({type.Precision},{type.Scale})" : $"{field.Name} {field.DataType.Name}";

    private static async Task<object?> ScalarAsync(DbConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return await command.ExecuteScalarAsync(Cancelled);
    }

    private static string Show(Field field) => ColumnTypes.ElementOf(field) is { } element ? $"{Show(element)} list {field.IsNullable}" :
        $"{field.Name} {(ColumnTypes.IsUuid(field) ? "uuid" : ColumnTypes.IsJson(field) ? "json" : field.DataType)} "
        + $"{(field.DataType is Decimal128Type type ? (type.Precision, type.Scale) : "")}{(field.DataType as TimestampType)?.Timezone} {field.IsNullable}";

    private static Schema MergeSchema { get; } = new(
        [new Field("day", Int32Type.Default, false), new Field("city", StringType.Default, false), new Field("n", Int64Type.Default, true)], metadata: null);

    private static Gen<List<List<object?[]>>> MergeBatches { get; } = Gen
        .Select(Gen.Int[1, 4], Gen.OneOf("", "Basel", "Zürich"), Gen.Long, (day, city, n) => (object?[])[day, city, n % 5 == 0 ? null : n])
        .List[0, 20].List[1, 4];
}
