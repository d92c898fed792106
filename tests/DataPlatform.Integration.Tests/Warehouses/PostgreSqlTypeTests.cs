using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using Npgsql;
using NpgsqlTypes;

namespace DataPlatform.Integration.Tests.Warehouses;

public sealed class PostgreSqlTypeTests : PostgreSqlTests
{
    private static readonly TableName Target = "raw.target";

    [Fact]
    public async Task What_binary_copy_wrote_Npgsql_reads_as_the_same_values()
    {
        var schema = new Schema(
        [
            new Field("a", Int16Type.Default, true), new Field("b", Int32Type.Default, true), new Field("c", Int64Type.Default, true),
            new Field("d", FloatType.Default, true), new Field("e", DoubleType.Default, true), new Field("f", new Decimal128Type(28, 7), true),
            new Field("g", StringType.Default, true), new Field("h", BooleanType.Default, true), new Field("i", Date32Type.Default, true),
            new Field("j", ColumnTypes.Time, true), new Field("k", ColumnTypes.Timestamp, true), new Field("l", ColumnTypes.TimestampUtc, true),
            ColumnTypes.Uuid("m"), new Field("n", BinaryType.Default, true), ColumnTypes.Json("o"),
        ], metadata: null);
        var uuid = Guid.Parse("00112233-4455-6677-8899-aabbccddeeff");
        var time = new DateTime(1999, 12, 31, 23, 59, 59, 999, DateTimeKind.Unspecified).AddMicroseconds(999);
        await InTransactionAsync(async transaction =>
        {
            await transaction.CreateTableAsync(Target, schema, [], Cancelled);
            await AppendAsync(transaction, schema,
            [
                [(short)-2, -3, -4L, -0.5f, double.MaxValue, -123456789012345678901.0000007m, "ä日👍", true, new DateOnly(1969, 7, 20), new TimeOnly(13, 14, 15, 167), time, time, uuid, new byte[] { 0, 255 }, "{\"a\": 1}"],
                new object?[15],
            ]);
        });

        await using var connection = (NpgsqlConnection)await Warehouse.OpenConnectionAsync(Cancelled);
        await using var reader = await connection.BeginBinaryExportAsync($"COPY {Target.ToSql()} TO STDOUT (FORMAT binary)", Cancelled);
        (await reader.StartRowAsync(Cancelled)).Should().Be(15);
        reader.Read<short>(NpgsqlDbType.Smallint).Should().Be(-2);
        reader.Read<int>(NpgsqlDbType.Integer).Should().Be(-3);
        reader.Read<long>(NpgsqlDbType.Bigint).Should().Be(-4);
        reader.Read<float>(NpgsqlDbType.Real).Should().Be(-0.5f);
        reader.Read<double>(NpgsqlDbType.Double).Should().Be(double.MaxValue);
        reader.Read<decimal>(NpgsqlDbType.Numeric).Should().Be(-123456789012345678901.0000007m);
        reader.Read<string>(NpgsqlDbType.Text).Should().Be("ä日👍");
        reader.Read<bool>(NpgsqlDbType.Boolean).Should().BeTrue();
        reader.Read<DateOnly>(NpgsqlDbType.Date).Should().Be(new DateOnly(1969, 7, 20));
        reader.Read<TimeOnly>(NpgsqlDbType.Time).Should().Be(new TimeOnly(13, 14, 15, 167));
        reader.Read<DateTime>(NpgsqlDbType.Timestamp).Should().Be(time);
        reader.Read<DateTime>(NpgsqlDbType.TimestampTz).Should().Be(DateTime.SpecifyKind(time, DateTimeKind.Utc));
        reader.Read<Guid>(NpgsqlDbType.Uuid).Should().Be(uuid);
        reader.Read<byte[]>(NpgsqlDbType.Bytea).Should().Equal(0, 255);
        reader.Read<string>(NpgsqlDbType.Jsonb).Should().Be("{\"a\": 1}");
        (await reader.StartRowAsync(Cancelled)).Should().Be(15);
        for (var column = 0; column < 15; column++)
        {
            reader.IsNull.Should().BeTrue("column {0}", column);
            await reader.SkipAsync(Cancelled);
        }

        (await reader.StartRowAsync(Cancelled)).Should().Be(-1);
    }

    [Fact]
    public async Task Decimals_of_every_length_arrive_digit_for_digit()
    {
        var rows = new List<object?[]>();
        for (var digits = 1; digits <= 38; digits++)
        {
            var value = Int128.Parse("12345678901234567890123456789012345678"[..digits], null);
            rows.Add([(Int128)digits, value]);
            rows.Add([(Int128)digits, -value]);
            rows.Add([(Int128)digits, Int128.Parse("1" + new string('0', digits - 1), null)]);
        }

        foreach (var scale in new[] { 0, 1, 2, 3, 4, 5, 18, 37, 38 })
        {
            var schema = new Schema([new Field("digits", new Decimal128Type(2, 0), false), new Field("v", new Decimal128Type(38, scale), false)], null);
            var table = new TableName("raw", $"scale{scale}");
            await InTransactionAsync(async transaction =>
            {
                await transaction.CreateTableAsync(table, schema, [], Cancelled);
                await AppendAsync(transaction, schema, rows, table);
            });

            // What the server understood, in its own words.
            var texts = await QueryAsync($"SELECT CAST(v * CAST('1e{scale}' AS numeric) AS numeric(38,0))::text FROM {table.ToSql()}");
            texts.Select(row => (string)row[0]!).Should().Equal(rows.Select(row => row[1]!.ToString()));
            (await ReadAsync($"SELECT * FROM {table.ToSql()}")).ShouldEqual(rows);
        }
    }

    [Fact]
    public async Task Values_longer_than_the_buffer_are_written_and_read()
    {
        var schema = new Schema([new Field("t", StringType.Default, true), new Field("b", BinaryType.Default, true)], null);
        var rows = new[] { 1, 255_000, 262_144, 262_145, 3_000_000, 20_000_000, 0, 7 }
            .Select(length => (object?[])[new string('ü', length), Enumerable.Range(0, length).Select(i => (byte)i).ToArray()]).ToList();
        await InTransactionAsync(async transaction =>
        {
            await transaction.CreateTableAsync(Target, schema, [], Cancelled);
            await AppendAsync(transaction, schema, rows);
        });
        (await ReadAsync($"SELECT t, b FROM {Target.ToSql()}")).ShouldEqual(rows);
    }

    [Fact]
    public async Task Text_goes_into_every_column_that_takes_it()
    {
        await ExecuteAsync("""
            CREATE EXTENSION citext;
            CREATE SCHEMA raw;
            CREATE TYPE raw.mood AS ENUM ('sad', 'happy');
            CREATE DOMAIN raw.code AS varchar(5) CHECK (value <> 'bad');
            CREATE TABLE raw.target (a varchar(5), b char(5), c name, d json, e jsonb, f raw.mood, g citext, h raw.code);
            """);
        var schema = new Schema("abcdefgh".Select(name => new Field(name.ToString(), StringType.Default, true)), null);
        await InTransactionAsync(transaction => AppendAsync(transaction, schema, [["a", "b", "c", "{\"d\":1}", "{\"e\":1}", "happy", "Gg", "h"]]));
        (await ReadAsync("SELECT * FROM raw.target")).ShouldEqual([["a", "b    ", "c", "{\"d\":1}", "{\"e\": 1}", "happy", "Gg", "h"]]);
    }

    [Theory]
    [InlineData("text COLLATE raw.no_case", "Zug", "ZUG")]
    [InlineData("citext", "Zug", "ZUG")]
    [InlineData("char(5)", "Zug", "Zug  ")]
    [InlineData("double precision", 0.0, -0.0)]
    [InlineData("timestamp(0)", 1_000_000L, 1_000_001L)]
    [InlineData("text", "Zug", "Zug")]
    public async Task A_merge_takes_keys_for_the_same_that_the_column_takes_for_the_same(string type, object key, object other)
    {
        await ExecuteAsync($"""
            CREATE EXTENSION citext;
            CREATE SCHEMA raw;
            CREATE COLLATION raw.no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
            CREATE TABLE raw.target (id bigint, k {type}, n bigint, PRIMARY KEY (id, k));
            """);
        var field = new Field("k", key switch { double => DoubleType.Default, long => ColumnTypes.Timestamp, _ => StringType.Default }, false);
        var schema = new Schema([new Field("id", Int64Type.Default, false), field, new Field("n", Int64Type.Default, true)], null);

        await InTransactionAsync(async transaction =>
        {
            await using var writer = await transaction.BeginMergeAsync(Target, schema, new MergeOptions("id", "k"), Cancelled);
            using var first = RecordBatches.Create(schema, [[1L, key, 10L], [2L, key, 20L]]);
            await writer.WriteAsync(first, Cancelled);
            using var second = RecordBatches.Create(schema, [[1L, other, 11L]]);
            await writer.WriteAsync(second, Cancelled);
            (await writer.CompleteAsync(Cancelled)).Should().Be(new BulkWriteResult(2, 1));
        });

        (await ReadAsync("SELECT id, n FROM raw.target ORDER BY 1")).ShouldEqual([[1L, 11L], [2L, 20L]]);
    }

    [Fact]
    public async Task Types_that_Arrow_lacks_are_read_as_the_server_writes_them()
    {
        const string Sql = "SELECT ARRAY[inet '10.0.0.0/8'] AS a, interval '1 day 2 hours' AS b, inet '10.0.0.1' AS c, int4range(1, 5) AS d, ROW(1, 'x') AS e, NULL::interval AS f";
        (await ReadAsync(Sql)).ShouldEqual([["{10.0.0.0/8}", "1 day 02:00:00", "10.0.0.1", "[1,5)", "(1,x)", null]]);
        await ExecuteAsync("CREATE TABLE odd AS " + Sql[..Sql.IndexOf(", ROW", StringComparison.Ordinal)]);
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        var described = await transaction.DescribeAsync("public.odd", Cancelled);
        described!.FieldsList.Should().OnlyContain(field => field.DataType.TypeId == ArrowTypeId.String);
        (await FailAsync(() => transaction.BeginAppendAsync("public.odd", new Schema([new Field("b", StringType.Default, true)], null), Cancelled)))
            .Message.Should().Contain("'b'").And.Contain("interval");
    }

    [Theory]
    [InlineData("1::numeric / 3", "333333333333333333")]
    [InlineData("-2::numeric / 3", "-666666666666666667")]
    [InlineData("0.0000000000000000005", "1")]
    [InlineData("0.00000000000000000049", "0")]
    [InlineData("0.00000000000000000000000000001", "0")]
    [InlineData("99999999999999999999.999999999999999999", "99999999999999999999999999999999999999")]
    [InlineData("12345678901234567890", "12345678901234567890000000000000000000")]
    [InlineData("sum(v) FROM (VALUES (9223372036854775807), (1)) AS t(v)", "9223372036854775808000000000000000000")]
    [InlineData("CAST(1.5 AS numeric(50,10))", "1500000000000000000")]
    public async Task A_numeric_without_precision_is_read_with_18_places(string expression, string unscaled)
    {
        await foreach (var batch in Warehouse.ReadAsync($"SELECT {expression}", null, Cancelled))
        {
            using (batch)
            {
                batch.Schema.GetFieldByIndex(0).DataType.Should().BeEquivalentTo(new Decimal128Type(38, 18));
                batch.ToRows().ToList().ShouldEqual([[Int128.Parse(unscaled, null)]]);
            }
        }
    }

    [Theory]
    [InlineData("CAST(12345 AS numeric(3,-2))", 5, 0, 12300)]
    [InlineData("CAST(0.00012 AS numeric(2,5))", 5, 5, 12)]
    public async Task Scales_that_Arrow_lacks_are_widened(string expression, int precision, int scale, int unscaled)
    {
        await ExecuteAsync($"CREATE TABLE odd AS SELECT {expression} AS n");
        await foreach (var batch in Warehouse.ReadAsync("SELECT n FROM odd", null, Cancelled))
        {
            using (batch)
            {
                batch.Schema.GetFieldByIndex(0).DataType.Should().BeEquivalentTo(new Decimal128Type(precision, scale));
                batch.ToRows().ToList().ShouldEqual([[(Int128)unscaled]]);
            }
        }

        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        (await transaction.DescribeAsync("public.odd", Cancelled))!.GetFieldByIndex(0).DataType.Should().BeEquivalentTo(new Decimal128Type(precision, scale));
    }

    [Theory]
    [InlineData("'NaN'::numeric")]
    [InlineData("'Infinity'::numeric")]
    [InlineData("1e20::numeric")]
    [InlineData("1e1000::numeric")]
    [InlineData("'infinity'::date")]
    [InlineData("'-infinity'::date")]
    [InlineData("'infinity'::timestamp")]
    [InlineData("'-infinity'::timestamptz")]
    [InlineData("timestamp '294276-12-31'")]
    public async Task A_value_that_Arrow_lacks_is_refused_by_column(string expression)
    {
        var failure = await FailAsync(() => ReadAsync($"SELECT {expression} AS strange"));
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().Contain("'strange'");
        failure.Hint.Should().Contain("\"strange\"::text");
        (await ReadAsync("SELECT 1")).ShouldEqual([[1]]);
    }

    [Theory]
    [InlineData("'{{1,2},{3,4}}'::int[]", "2 dimensions")]
    [InlineData("ARRAY['infinity'::date]", "a date that is infinity")]
    public async Task An_array_that_Arrow_lacks_is_refused_by_column(string expression, string problem)
    {
        var failure = await FailAsync(() => ReadAsync($"SELECT {expression} AS m"));
        (failure.FailureClass, failure.Message).Should().Be((FailureClass.Data, $"Column 'm' has {(problem.StartsWith('2') ? "an array of " : "")}{problem}, which cannot be read into columns."));
        failure.Hint.Should().Contain("\"m\"::text");
    }

    [Fact]
    public async Task Arrays_of_declared_decimals_and_of_varying_text_keep_their_type_and_others_are_text()
    {
        await InTransactionAsync(transaction => transaction.ExecuteAsync($"CREATE SCHEMA demo; CREATE TABLE demo.arrays (d numeric(8,3)[], v varchar(9)[], j json[], i inet[])", cancellationToken: Cancelled));
        var schema = new Schema(
            [ColumnTypes.List("d", new Field("d", new Decimal128Type(8, 3), true)), ColumnTypes.List("v", new Field("v", StringType.Default, true)), ColumnTypes.List("j", ColumnTypes.Json("j"))], metadata: null);
        await InTransactionAsync(transaction => AppendAsync(transaction, schema, [[new object?[] { (Int128)1500, null }, new object?[] { "a,b" }, new object?[] { "{}" }]], new TableName("demo", "arrays")));
        await InTransactionAsync(transaction => transaction.ExecuteAsync("UPDATE demo.arrays SET i = '{10.0.0.0/8}'", cancellationToken: Cancelled));
        (await ReadAsync("SELECT * FROM demo.arrays")).ShouldEqual([[new object?[] { (Int128)1500, null }, new object?[] { "a,b" }, new object?[] { "{}" }, "{10.0.0.0/8}"]]);
    }

    [Fact]
    public async Task An_element_that_cannot_be_stored_is_refused_by_column_and_row()
    {
        var schema = new Schema([ColumnTypes.List("tags", new Field("tags", StringType.Default, true)), ColumnTypes.List("days", new Field("days", Date32Type.Default, true))], metadata: null);
        List<object?[]> rows = [[new object?[] { "a", "b" }, null], [null, null], [new object?[] { "c", "\0" }, null]];
        (await FailAsync(() => CreateAndAppendAsync(schema, rows))).Message.Should().StartWith("Column 'tags', row 3: the text contains the character U+0000");
        rows[2] = [null, new object?[] { 1, int.MinValue }];
        (await FailAsync(() => CreateAndAppendAsync(schema, rows))).Message.Should().StartWith("Column 'days', row 3: the value -2147483648 is outside");
    }

    [Fact]
    public async Task Text_with_U0000_is_refused_by_column_and_row()
    {
        var schema = new Schema([new Field("id", Int64Type.Default, false), new Field("note", StringType.Default, true)], null);
        var failure = await FailAsync(() => InTransactionAsync(async transaction =>
        {
            await transaction.CreateTableAsync(Target, schema, [], Cancelled);
            await using var writer = await transaction.BeginAppendAsync(Target, schema, Cancelled);
            foreach (var text in new[] { "fine", "with\0in" })
            {
                using var batch = RecordBatches.Create(schema, [[1L, null], [2L, text]]);
                await writer.WriteAsync(batch, Cancelled);
            }
        }));
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().Contain("'note'").And.Contain("row 4").And.Contain("U+0000");
    }

    [Theory]
    [InlineData(int.MinValue)]
    [InlineData(int.MaxValue)]
    [InlineData(-2_440_589)]
    public async Task A_date_that_PostgreSQL_lacks_is_refused(int days)
    {
        var schema = new Schema([new Field("day", Date32Type.Default, true)], null);
        var failure = await FailAsync(() => CreateAndAppendAsync(schema, [[days]]));
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().Contain("day");
    }

    [Theory]
    [InlineData(long.MinValue)]
    [InlineData(-210_866_803_200_000_001)]
    public async Task A_moment_that_PostgreSQL_lacks_is_refused(long microseconds)
    {
        var schema = new Schema([new Field("at", ColumnTypes.TimestampUtc, true)], null);
        var failure = await FailAsync(() => CreateAndAppendAsync(schema, [[microseconds]]));
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().Contain("at");
    }

    [Fact]
    public async Task The_greatest_moment_of_64_bits_round_trips()
    {
        var schema = new Schema([new Field("at", ColumnTypes.TimestampUtc, true)], null);
        await CreateAndAppendAsync(schema, [[long.MaxValue]]);
        (await ReadAsync($"SELECT at FROM {Target.ToSql()}")).ShouldEqual([[long.MaxValue]]);
    }

    [Fact]
    public async Task What_the_server_refuses_is_told_with_line_and_column()
    {
        await ExecuteAsync("CREATE SCHEMA raw; CREATE TABLE raw.target (code varchar(3), j jsonb)");
        var schema = new Schema([new Field("code", StringType.Default, true), ColumnTypes.Json("j")], null);
        var tooLong = await FailAsync(() => InTransactionAsync(transaction => AppendAsync(transaction, schema, [["abc", null], ["abcd", null]])));
        tooLong.FailureClass.Should().Be(FailureClass.Data);
        tooLong.Message.Should().Contain("character varying(3)").And.Contain("COPY target, line 2, column code");
        var notJson = await FailAsync(() => InTransactionAsync(transaction => AppendAsync(transaction, schema, [["abc", "{oops"]])));
        notJson.FailureClass.Should().Be(FailureClass.Data);
        notJson.Message.Should().Contain("json").And.Contain("oops");
    }

    [Fact]
    public async Task Names_that_PostgreSQL_would_cut_off_are_refused()
    {
        var name = new string('n', 64);
        var schema = new Schema([new Field("id", Int64Type.Default, false)], null);
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        foreach (var action in new Func<Task>[]
        {
            () => transaction.CreateTableAsync(new TableName("raw", name), schema, [], Cancelled),
            () => transaction.CreateTableAsync(new TableName(name, "t"), schema, [], Cancelled),
            () => transaction.CreateTableAsync(Target, new Schema([new Field(name, Int64Type.Default, false)], null), [], Cancelled),
            () => transaction.ReplaceTableAsync(new TableName("raw", name), "SELECT 1 AS n", Cancelled),
            () => transaction.ReplaceViewAsync(new TableName("raw", name), "SELECT 1 AS n", Cancelled),
        })
        {
            var failure = await FailAsync(action);
            failure.FailureClass.Should().Be(FailureClass.Configuration);
            failure.Message.Should().Contain(name).And.Contain("63 bytes");
        }

        var longest = new TableName(new string('s', 63), new string('ü', 31));
        await InTransactionAsync(t => t.CreateTableAsync(longest, schema, ["id"], Cancelled));
        await InTransactionAsync(t => t.ReplaceTableAsync(longest, "SELECT 1::bigint AS id", Cancelled));
        (await ReadAsync($"SELECT id FROM {longest.ToSql()}")).ShouldEqual([[1L]]);
    }

    [Fact]
    public async Task Types_without_a_column_type_are_refused_by_name()
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        var failure = await FailAsync(() => transaction.CreateTableAsync(Target, new Schema([new Field("d", DurationType.Microsecond, true)], null), [], Cancelled));
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("'d'").And.Contain("duration");
    }

    private Task CreateAndAppendAsync(Schema schema, IReadOnlyList<object?[]> rows) => InTransactionAsync(async transaction =>
    {
        await transaction.CreateTableAsync(Target, schema, [], Cancelled);
        await AppendAsync(transaction, schema, rows);
    });

    private static async Task AppendAsync(IWarehouseTransaction transaction, Schema schema, IReadOnlyList<object?[]> rows, TableName? table = null)
    {
        await using var writer = await transaction.BeginAppendAsync(table ?? Target, schema, Cancelled);
        using var batch = RecordBatches.Create(schema, rows);
        await writer.WriteAsync(batch, Cancelled);
        await writer.CompleteAsync(Cancelled);
    }
}
