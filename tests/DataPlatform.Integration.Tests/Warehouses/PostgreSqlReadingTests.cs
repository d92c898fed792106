using System.Globalization;
using Apache.Arrow;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using Npgsql;

namespace DataPlatform.Integration.Tests.Warehouses;

/// <summary>Reading by binary COPY: what the server is sent, and what comes of it.</summary>
public sealed class PostgreSqlReadingTests : PostgreSqlTests
{
    [Fact]
    public async Task Columns_of_one_name_are_read_each_for_itself()
    {
        const string Sql = "SELECT 1 AS a, interval '1 day' AS a, 'x' AS \"q.c0\", NULL::int[] AS a, ROW(NULL, NULL) AS a";
        await foreach (var batch in Warehouse.ReadAsync(Sql, null, Cancelled))
        {
            using (batch)
            {
                batch.Schema.FieldsList.Select(field => field.Name).Should().Equal("a", "a", "q.c0", "a", "a");
                batch.ToRows().ToList().ShouldEqual([[1, "1 day", "x", null, "(,)"]]);
            }
        }
    }

    [Theory]
    [InlineData("SELECT n, n * interval '1 day' FROM generate_series(1, 3) AS t(n) ORDER BY n DESC -- the last first\n ; ")]
    [InlineData("WITH t AS (SELECT n FROM generate_series(1, 3) AS t(n)) SELECT n, n * interval '1 day' FROM t ORDER BY 1 DESC /* ; ) */;;")]
    [InlineData("VALUES (3, interval '3 days'), (2, interval '2 days'), (1, interval '1 day')")]
    [InlineData("(SELECT 3, interval '3 days' UNION ALL SELECT 2, interval '2 days') UNION ALL SELECT 1, interval '1 day'")]
    public async Task Every_form_of_a_query_keeps_its_order(string sql) =>
        (await ReadAsync(sql)).ShouldEqual([[3, "3 days"], [2, "2 days"], [1, "1 day"]]);

    [Fact]
    public async Task A_table_of_no_columns_has_rows_all_the_same()
    {
        await ExecuteAsync("CREATE TABLE bare (); INSERT INTO bare DEFAULT VALUES; INSERT INTO bare DEFAULT VALUES");
        (await ReadAsync("SELECT FROM bare")).ShouldEqual([[], []]);
    }

    [Fact]
    public async Task Parameters_of_every_type_arrive_as_they_are_and_are_never_SQL()
    {
        var moment = new DateTimeOffset(2026, 1, 31, 23, 59, 59, TimeSpan.FromHours(2)).AddTicks(1234560);
        object?[] values =
        [
            "it's \\ \"quoted\" $1 -- ü日👍", (short)-5, -6, long.MinValue, -7.25m, 0.1f, double.MaxValue, true, new DateOnly(1969, 7, 20), new TimeOnly(13, 14, 15, 167),
            new DateTime(2026, 1, 31, 23, 59, 59), moment, Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"), new byte[] { 0, 255 }, null,
        ];
        var row = (await Warehouse.ReadAsync($"SELECT {string.Join(", ", values.Select((_, i) => $"${i + 1}"))}, '$1', $a$$1$a$ AS \"$1\"", values, Cancelled).ToRowsAsync()).Single();
        row.ToList().GetRange(0, 4).Should().Equal(values[..4]);
        ((Int128)row[4]! / (Int128)Math.Pow(10, 16)).Should().Be(-725);
        row[5].Should().Be(0.1f);
        row[6].Should().Be(double.MaxValue);
        row[7].Should().Be(true);
        row[10].Should().Be((new DateTime(2026, 1, 31, 23, 59, 59).Ticks - DateTime.UnixEpoch.Ticks) / 10);
        row[11].Should().Be((moment.UtcTicks - DateTime.UnixEpoch.Ticks) / 10);
        row[12].Should().Be(values[12]);
        ((byte[])row[13]!).Should().Equal(0, 255);
        row[14].Should().BeNull();
        row[15].Should().Be("$1");
        row[16].Should().Be("$1");
    }

    [Fact]
    public async Task A_query_cannot_break_out_of_the_statement_it_is_copied_by()
    {
        await ExecuteAsync("CREATE TABLE kept AS SELECT 1 AS id");
        foreach (var sql in new[] { "SELECT 1) TO STDOUT; DROP TABLE kept; COPY (SELECT 1", "SELECT 1; DROP TABLE kept", "SELECT 1 /*", "SELECT 'a", "DROP TABLE kept" })
            (await FailAsync(() => ReadAsync(sql))).FailureClass.Should().Be(FailureClass.Configuration, sql);
        (await ReadAsync("SELECT id FROM kept")).ShouldEqual([[1]]);
    }

    [Fact]
    public async Task What_is_wrong_with_a_query_is_told_with_its_place()
    {
        var failure = await FailAsync(() => ReadAsync("SELECT id,\n    nme FROM (SELECT 1 AS id, interval '1 day') AS t"));
        failure.Fault!.Offset.Should().Be("SELECT id,\n    ".Length);
        failure.Message.Should().EndWith("At line 2, column 5:     nme FROM (SELECT 1 AS id, interval '1 day') AS t");
    }

    [Fact]
    public async Task A_failure_in_the_middle_comes_after_the_rows_before_it()
    {
        var rows = 0;
        var failure = await FailAsync(async () =>
        {
            await foreach (var batch in Warehouse.ReadAsync("SELECT n, 1 / (n - 500000), repeat('x', 100) FROM generate_series(1, 1000000) AS t(n)", null, Cancelled))
            {
                rows += batch.Length;
                batch.Dispose();
            }
        });
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().Contain("division by zero");
        rows.Should().BeInRange(1, 499_999);
        (await ReadAsync("SELECT 1")).ShouldEqual([[1]]);
    }

    [Fact]
    public async Task Many_rows_with_and_without_values_come_as_they_are()
    {
        const int Rows = 300_000;
        const string Sql = """
            SELECT n, CASE WHEN n % 3 = 0 THEN n::bigint * 4000000000 END, CASE WHEN n > 200000 THEN NULL ELSE (n % 7)::text END, n % 2 = 0, timestamp '1970-01-01' + n * interval '1 second',
                (CASE WHEN n % 5 > 0 THEN n / 8.0 END)::numeric(20,3)
            FROM generate_series(1, 300000) AS t(n)
            """;
        var n = 0;
        await foreach (var batch in Warehouse.ReadAsync(Sql, null, Cancelled))
        {
            using (batch)
            {
                foreach (var row in batch.ToRows())
                {
                    n++;
                    object?[] expected =
                    [
                        n, n % 3 == 0 ? n * 4000000000L : null, n > 200_000 ? null : (n % 7).ToString(CultureInfo.InvariantCulture), n % 2 == 0, n * 1_000_000L,
                        n % 5 > 0 ? (Int128)(n * 125L) : null,
                    ];
                    if (!row.SequenceEqual(expected)) row.Should().Equal(expected, "row {0}", n);
                }
            }
        }

        n.Should().Be(Rows);
    }

    // A batch is full after 838,861 rows of ten bytes: the rest comes with the server's last bytes, or just before them.
    [Theory]
    [InlineData(838_800)]
    [InlineData(840_000)]
    [InlineData(850_000)]
    [InlineData(865_000)]
    [InlineData(1_700_000)]
    public async Task No_row_is_lost_where_a_batch_ends_near_the_end(int rows)
    {
        var (count, last) = (0, 0);
        await foreach (var batch in Warehouse.ReadAsync($"SELECT n FROM generate_series(1, {rows}) AS t(n)", null, Cancelled))
        {
            using (batch)
            {
                foreach (var n in ((Int32Array)batch.Column(0)).Values)
                {
                    if (n != last + 1) n.Should().Be(last + 1);
                    (count, last) = (count + 1, n);
                }
            }
        }

        count.Should().Be(rows);
    }

    [Fact]
    public async Task Stopping_and_cancelling_end_the_query_on_the_server()
    {
        await using (var reading = Warehouse.ReadAsync("SELECT repeat('x', 1000), generate_series(1, 2000000000)", null, Cancelled).GetAsyncEnumerator(Cancelled))
        {
            (await reading.MoveNextAsync()).Should().BeTrue();
            reading.Current.Dispose();
        }

        await UntilNothingRunsAsync();

        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        var endless = Task.Run(() => Warehouse.ReadAsync("SELECT pg_sleep(600)", null, cancellation.Token).ToRowsAsync(), Cancelled);
        while ((await RunningAsync()).Count == 0) await Task.Yield();
        await cancellation.CancelAsync();
        await endless.Awaiting(task => task).Should().ThrowAsync<OperationCanceledException>();
        await UntilNothingRunsAsync();
        (await ReadAsync("SELECT 1")).ShouldEqual([[1]]);
    }

    [Fact]
    public async Task What_a_query_changes_is_kept_when_it_was_read_to_its_end()
    {
        await ExecuteAsync("""
            CREATE TABLE seen (id int);
            CREATE FUNCTION note(id int) RETURNS int LANGUAGE sql AS 'INSERT INTO seen VALUES (id) RETURNING id';
            """);
        (await ReadAsync("SELECT note(7)")).ShouldEqual([[7]]);
        (await ReadAsync("SELECT id FROM seen")).ShouldEqual([[7]]);
    }

    // The server hears of a lost connection a moment later; these queries would run for minutes.
    private async Task UntilNothingRunsAsync()
    {
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        soon.CancelAfter(TimeSpan.FromSeconds(30));
        while ((await RunningAsync()).Count > 0) soon.Token.ThrowIfCancellationRequested();
    }

    // Asked on a connection of its own: whoever looks is not among those that are seen.
    private async Task<IReadOnlyList<string>> RunningAsync()
    {
        await using var connection = new NpgsqlConnection(Database.ConnectionString);
        await connection.OpenAsync(Cancelled);
        await using var command = new NpgsqlCommand("SELECT query FROM pg_stat_activity WHERE application_name = $1 AND state <> 'idle' AND query LIKE 'COPY%'", connection);
        command.Parameters.Add(new NpgsqlParameter { Value = Warehouse.SessionName });
        await using var reader = await command.ExecuteReaderAsync(Cancelled);
        var queries = new List<string>();
        while (await reader.ReadAsync(Cancelled)) queries.Add(reader.GetString(0));
        return queries;
    }
}
