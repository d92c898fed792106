using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Testing;
using DataPlatform.Warehouses;

namespace DataPlatform.DuckDb.Tests;

/// <summary>Values out of DuckDB, and parameters into it, beyond what every warehouse does.</summary>
public sealed class ReadingTests : DuckDbTest
{
    [Fact]
    public async Task Values_come_as_the_NET_type_of_their_column()
    {
        const string Sql = """
            SELECT true, 1::SMALLINT, 2::INTEGER, 3::BIGINT, 1.5::FLOAT, 2.5::DOUBLE, 12.30::DECIMAL(6,2), 'text', '\x00\xFF'::BLOB, DATE '2026-02-28', TIME '23:59:59.999999',
                TIMESTAMP '2026-01-31 12:34:56.789012', TIMESTAMPTZ '2026-01-31 12:34:56.789012+02', '{"a": 1}'::JSON, '01234567-89ab-cdef-0123-456789abcdef'::UUID, NULL
            """;
        var row = (await QueryAsync(Sql))[0];
        var moment = new DateTime(2026, 1, 31, 12, 34, 56, 789).AddMicroseconds(12);
        new List<object?[]> { row }.ShouldEqual(
        [[
            true, (short)1, 2, 3L, 1.5f, 2.5, 12.30m, "text", new byte[] { 0, 255 }, new DateOnly(2026, 2, 28), new TimeOnly(23, 59, 59, 999, 999),
            moment, new DateTimeOffset(moment, TimeSpan.FromHours(2)).ToUniversalTime(), "{\"a\": 1}", Guid.Parse("01234567-89ab-cdef-0123-456789abcdef"), null,
        ]]);
        row[11].Should().BeOfType<DateTime>().Which.Kind.Should().Be(DateTimeKind.Unspecified);
    }

    [Fact]
    public async Task Types_that_Arrow_lacks_are_widened_or_come_as_text()
    {
        const string Sql = """
            SELECT 255::UTINYINT, (-128)::TINYINT, 65535::USMALLINT, 4294967295::UINTEGER, 18446744073709551615::UBIGINT, sum(n), TIMESTAMP_NS '2026-01-31 12:34:56.789012345',
                TIMESTAMP_S '2026-01-31 12:34:56', INTERVAL 90 MINUTE, [1, NULL], {'a': 1}, MAP {'k': 'v'}, 'x'::ENUM ('x', 'y'), '101'::BIT, TIMETZ '10:11:12+02', min(n) AS "a b", max(n) AS "a b"
            FROM range(3) AS t(n)
            """;
        (await QueryAsync(Sql)).ShouldEqual(
        [[
            (short)255, (short)-128, 65535, 4294967295L, 18446744073709551615m, 3m, new DateTime(2026, 1, 31, 12, 34, 56, 789).AddMicroseconds(12),
            new DateTime(2026, 1, 31, 12, 34, 56), "01:30:00", new object?[] { 1, null }, "{'a': 1}", "{k=v}", "x", "101", "10:11:12+02", 0L, 2L,
        ]]);
        await ExecuteAsync($"CREATE TABLE main.odd AS {Sql.Replace("min(n) AS \"a b\", max(n) AS \"a b\"", "min(n) AS \"a b\"", StringComparison.Ordinal)}");
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        var described = (await transaction.DescribeAsync("main.odd", Cancelled))!;
        await foreach (var batch in Warehouse.ReadAsync("SELECT * FROM main.odd", null, Cancelled))
        {
            batch.Schema.FieldsList.Select(field => (field.Name, field.DataType.Name)).Should().Equal(described.FieldsList.Select(field => (field.Name, field.DataType.Name)));
            batch.Dispose();
        }
    }

    [Fact]
    public async Task A_sum_of_integers_is_a_decimal_with_38_digits()
    {
        await foreach (var batch in Warehouse.ReadAsync("SELECT sum(n) AS total FROM range(5) AS t(n)", null, Cancelled))
        {
            batch.Schema.GetFieldByIndex(0).DataType.Should().BeOfType<Decimal128Type>().Which.Should().BeEquivalentTo(new { Precision = 38, Scale = 0 });
            batch.ToRows().ToList().ShouldEqual([[(Int128)10]]);
            batch.Dispose();
        }
    }

    [Theory]
    [InlineData("DATE 'infinity'")]
    [InlineData("DATE '-infinity'")]
    [InlineData("TIMESTAMP 'infinity'")]
    [InlineData("TIMESTAMPTZ '-infinity'")]
    [InlineData("170141183460469231731687303715884105727::HUGEINT")]
    public async Task A_value_that_Arrow_cannot_hold_is_a_data_failure_that_names_the_column(string value)
    {
        var failure = await FailAsync(() => Warehouse.ReadAsync($"SELECT CASE WHEN n = 2000 THEN {value} END AS odd FROM range(5000) AS t(n)", null, Cancelled).ToRowsAsync());
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().Contain("'odd'");
        failure.Hint.Should().Contain("\"odd\"::text");
        (await Warehouse.ReadAsync($"SELECT CASE WHEN n = 2000 THEN {value} END::text AS odd FROM range(5000) AS t(n)", null, Cancelled).ToRowsAsync()).Should().HaveCount(5000);
    }

    [Fact]
    public async Task A_number_that_NET_cannot_hold_is_a_data_failure()
    {
        var failure = await FailAsync(() => QueryAsync("SELECT 99999999999999999999999999999999999999::DECIMAL(38,0) AS big"));
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().Contain("'big'");
    }

    [Fact]
    public async Task A_query_that_fails_after_many_rows_fails_and_does_not_end_early()
    {
        var rows = 0;
        var failure = await FailAsync(async () =>
        {
            await foreach (var batch in Warehouse.ReadAsync("SELECT CASE WHEN n < 3000000 THEN n ELSE CAST('oops' || n AS BIGINT) END FROM range(4000000) AS t(n)", null, Cancelled))
            {
                rows += batch.Length;
                batch.Dispose();
            }
        });
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().Contain("oops");
        rows.Should().BeLessThanOrEqualTo(3_000_000);
    }

    [Fact]
    public async Task Order_is_kept_also_when_columns_are_cast()
    {
        var rows = await Warehouse.ReadAsync("SELECT n, INTERVAL (n) DAY FROM range(100000) AS t(n) ORDER BY n DESC -- the last first\n ;", null, Cancelled).ToRowsAsync();
        rows.Select(row => (long)row[0]!).Should().Equal(Enumerable.Range(0, 100_000).Select(i => 99_999L - i));
        rows[0][1].Should().Be("99999 days");
    }

    [Fact]
    public async Task Parameters_have_their_own_type_where_the_SQL_leaves_it_open()
    {
        object?[] values =
        [
            true, (short)-1, int.MinValue, long.MaxValue, 0.5f, double.MinValue, -79228162514264337593543950335m, 0.00m, 0.0000000000000000000000000001m, "", "a\0b", new byte[] { 0 }, System.Array.Empty<byte>(),
            DateOnly.MinValue, DateOnly.MaxValue, TimeOnly.MinValue, new TimeOnly(23, 59, 59, 999, 999), new DateTime(1, 1, 1, 0, 0, 0, DateTimeKind.Unspecified), Guid.Empty,
            Guid.Parse("ffffffff-ffff-ffff-ffff-ffffffffffff"), null,
        ];
        (await QueryAsync($"SELECT {string.Join(", ", values.Select((_, i) => $"${i + 1}"))}", values)).ShouldEqual([values]);
        (await QueryAsync("SELECT $1, $2, $3", (byte)200, (uint)4_000_000_000, ulong.MaxValue)).ShouldEqual([[(short)200, 4_000_000_000L, 18446744073709551615m]]);
    }

    [Theory]
    [InlineData("SELECT $1, $2", 1)]
    [InlineData("SELECT $1", 2)]
    [InlineData("SELECT 1", 1)]
    public async Task Parameters_are_counted(string sql, int given)
    {
        var failure = await FailAsync(() => QueryAsync(sql, [.. Enumerable.Repeat<object?>(1, given)]));
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain($"{given} values were given");
    }

    [Fact]
    public async Task A_parameter_without_a_column_type_is_refused()
    {
        var failure = await FailAsync(() => QueryAsync("SELECT $1", new StringBuilder()));
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("$1").And.Contain("StringBuilder");
    }

    [Fact]
    public async Task Division_and_the_order_of_NULLs_are_as_in_PostgreSQL()
    {
        (await QueryAsync("SELECT 7 / 2, 7 / 2.0, -7 / 2")).ShouldEqual([[3, 3.5, -3]]);
        (await QueryAsync("SELECT n FROM (VALUES (1), (NULL), (2)) AS t(n) ORDER BY n DESC")).ShouldEqual([[null], [2], [1]]);
        (await QueryAsync("SELECT n FROM (VALUES (1), (NULL), (2)) AS t(n) ORDER BY n")).ShouldEqual([[1], [2], [null]]);
    }

    [Fact]
    public async Task Moments_are_in_UTC_on_every_connection()
    {
        await using var connection = await Warehouse.OpenConnectionAsync(Cancelled);
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT CAST(TIMESTAMPTZ '2026-07-01 12:00:00+02' AS VARCHAR)";
        (await command.ExecuteScalarAsync(Cancelled)).Should().Be("2026-07-01 10:00:00+00");
    }

    [Fact]
    public async Task Malformed_JSON_is_refused_and_named()
    {
        var schema = new Schema([ColumnTypes.Json("payload")], metadata: null);
        await InTransactionAsync(transaction => transaction.CreateTableAsync("raw.json", schema, [], Cancelled));
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        var failure = await FailAsync(() => AppendAsync(transaction, "raw.json", schema, [["{}"], ["{\"a\": nope}"]]));
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().Contain("payload").And.Contain("nope");
    }

    [Fact]
    public async Task Large_values_do_not_make_large_batches()
    {
        var (rows, largest) = (0, 0);
        await foreach (var batch in Warehouse.ReadAsync("SELECT repeat('x', 100000) FROM range(600) AS t(n)", null, Cancelled))
        {
            rows += batch.Length;
            largest = Math.Max(largest, ((StringArray)batch.Column(0)).ValueBuffer.Length);
            batch.Dispose();
        }

        rows.Should().Be(600);
        largest.Should().BeLessThan(60_000_000);
    }
}
