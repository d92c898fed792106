using System.ComponentModel.DataAnnotations;
using System.Globalization;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;
using DuckDB.NET.Data;
using Parquet.Serialization;

namespace DataPlatform.Ingestion.Tests.Sources;

public sealed class ParquetTests : IDisposable
{
    private readonly Inbox _inbox = new();

    public void Dispose() => _inbox.Dispose();

    [Fact]
    public async Task Every_type_that_duckdb_writes_reads_to_its_value()
    {
        WriteWithDuckDb(
            """
            SELECT i::bigint AS id, i::integer AS int, i::smallint AS short, i::tinyint AS tiny, i::utinyint AS utiny, i::usmallint AS ushort, i::uinteger AS uint,
                18446744073709551615::ubigint AS ulong, i % 2 = 0 AS flag, i / 4 AS double, (i / 4)::float AS float, (i / 4)::decimal(12,2) AS dec,
                '12345678901234567890123456789012.345678'::decimal(38,6) AS wide, 'é' || i AS text, CASE WHEN i = 1 THEN NULL ELSE 'n' || i END AS maybe,
                DATE '2024-02-29' + i::integer AS day, TIMESTAMP '2024-02-29 10:00:00.123456' AS at, TIMESTAMPTZ '2024-02-29 10:00:00+02' AS moment,
                TIMESTAMP_NS '2024-02-29 10:00:00.123456789' AS nanos, TIME '10:11:12.131415' AS time,
                '0f8fad5b-d9cb-469f-a165-70867728950e'::uuid AS uuid, '\xAB\x00'::blob AS bytes, '{"a": 1}'::json AS json, [1, NULL, 2] AS list, [[1]] AS lists, {'x': 1} AS struct
            FROM range(3) r(i)
            """);
        var result = await ReadResult.OfAsync(From.Parquet(_inbox.Store, "*"));
        result.Rejected.Should().BeEmpty();
        result.Rows.Should().HaveCount(3);
        var day = (int)(new DateTime(2024, 2, 29, 0, 0, 0, DateTimeKind.Utc) - DateTime.UnixEpoch).TotalDays;
        var at = (day * 86_400_000_000L) + 36_000_123_456L;
        result.Rows[1].Should().BeEquivalentTo(
            new object?[]
            {
                1L, 1, (short)1, (short)1, (short)1, 1, 1L, (Int128)ulong.MaxValue, false, 0.25, 0.25f, (Int128)25, Int128.Parse("12345678901234567890123456789012345678", CultureInfo.InvariantCulture),
                "é1", null, day + 1, at, (day * 86_400_000_000L) + 28_800_000_000L, at, 36_672_131_415L, Guid.Parse("0f8fad5b-d9cb-469f-a165-70867728950e"), new byte[] { 0xAB, 0 }, "{\"a\": 1}", new object?[] { 1, null, 2 },
            },
            options => options.WithStrictOrdering());
        result.Rows.Select(row => row[14]).Should().Equal(new object?[] { "n0", null, "n2" });
    }

    [Fact]
    public async Task Every_type_that_the_net_library_writes_reads_to_its_value()
    {
        var at = new DateTime(2024, 2, 29, 10, 0, 0, 123, DateTimeKind.Utc);
        var rows = Enumerable.Range(0, 3).Select(i => new Written
        {
            Id = i,
            Count = i == 1 ? null : i,
            Name = i == 1 ? null : $"n{i}",
            Price = i + 0.25m,
            Ratio = i / 8d,
            Flag = i % 2 == 0,
            At = at.AddSeconds(i),
            Key = new Guid(i, 0, 0, new byte[8]),
        });
        using (var stream = new MemoryStream())
        {
            await ParquetSerializer.SerializeAsync(rows, stream);
            _inbox.With("w.parquet", stream.ToArray());
        }

        var result = await ReadResult.OfAsync(From.Parquet<Declared>(_inbox.Store, "*"));
        result.Rejected.Should().BeEmpty();
        result.Rows.Should().BeEquivalentTo(
            Enumerable.Range(0, 3).Select(i => new object?[]
            {
                (long)i, i == 1 ? null : i, i == 1 ? null : $"n{i}", (Int128)((i * 100) + 25), i / 8d, i % 2 == 0,
                (long)(at.AddSeconds(i) - DateTime.UnixEpoch).TotalMicroseconds, new Guid(i, 0, 0, new byte[8]), null,
            }),
            options => options.WithStrictOrdering());
    }

    [Fact]
    public async Task Rows_that_break_the_contract_are_rejected_as_json()
    {
        WriteWithDuckDb("SELECT i AS id, CASE WHEN i = 2 THEN NULL ELSE 'n' || i END AS name, 3000000000 * (i % 2) AS count, DATE '2024-01-01' AS day FROM range(1, 6) r(i)");
        var result = await ReadResult.OfAsync(From.Parquet<Strict>(_inbox.Store, "*"));
        result.Rows.Select(row => row[0]).Should().Equal(4L);
        result.Rejected.Select(row => (row.Source, row.Position, row.Column, row.Reason)).Should().Equal(
            ("d.parquet", 1, "count", "'3000000000' is not an int32: it is beyond -2147483648 to 2147483647"),
            ("d.parquet", 2, "name", "the value is missing, and the column does not allow NULL"),
            ("d.parquet", 3, "count", "'3000000000' is not an int32: it is beyond -2147483648 to 2147483647"),
            ("d.parquet", 5, "id", "'5' is not between 1 and 4"));
        result.Rejected[1].Raw.Should().Be("{\"id\":\"2\",\"name\":null,\"count\":\"0\"}");
    }

    [Fact]
    public async Task Several_row_groups_and_batches_hold_every_row()
    {
        WriteWithDuckDb("SELECT i AS id, CASE WHEN i % 3 = 0 THEN NULL ELSE 'n' || i END AS name, 0 AS count FROM range(1, 200001) r(i)", "ROW_GROUP_SIZE 30000");
        var result = await ReadResult.OfAsync(From.Parquet<Loose>(_inbox.Store, "*"), new SourceContext { BatchBytes = 256 * 1024 });
        result.Rows.Should().HaveCount(200_000);
        result.Batches.Should().BeGreaterThan(10);
        for (var i = 1; i <= 200_000; i++)
        {
            if (!result.Rows[i - 1].SequenceEqual([(long)i, i % 3 == 0 ? null : $"n{i}"])) Assert.Fail($"row {i}: {string.Join(",", result.Rows[i - 1])}");
        }

        result.Completed.Should().ContainSingle().Which.Rows.Should().Be(200_000);
    }

    [Theory]
    [InlineData("SELECT 'x' AS id, 'n' AS name", "has column 'id' as text", false)]
    [InlineData("SELECT true AS id, 'n' AS name", "has column 'id' as boolean, but the contract says int64.", true)]
    [InlineData("SELECT [1] AS id, 'n' AS name", "has column 'id' as int32[], but the contract says int64.", true)]
    [InlineData("SELECT [[1]] AS id, 'n' AS name", "has column 'id' as a nested or unknown type, but the contract says int64.", true)]
    [InlineData("SELECT 1 AS name", "has no column 'Id', which the contract needs for id. It has: name.", true)]
    public async Task Columns_that_do_not_fit_fail_the_file(string sql, string problem, bool fails)
    {
        WriteWithDuckDb(sql);
        if (!fails)
        {
            // Text is read as the column's type, row by row.
            (await ReadResult.OfAsync(From.Parquet<Loose>(_inbox.Store, "*"))).Rejected.Should().ContainSingle().Which.Reason.Should().Be("'x' is not an int64");
            return;
        }

        var failure = await ReadResult.FailureOfAsync(From.Parquet<Loose>(_inbox.Store, "*"));
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().Be($"lake:d.parquet {problem}");
    }

    [Fact]
    public async Task A_damaged_file_fails_with_its_name_whatever_is_damaged()
    {
        WriteWithDuckDb("SELECT i AS id, 'name ' || hash(i) AS name, i AS count FROM range(20000) r(i)");
        var whole = await File.ReadAllBytesAsync(_inbox.PathOf("d.parquet"), TestContext.Current.CancellationToken);
        byte[][] damaged =
        [
            [1],
            "PAR1 is all that is right in here PAR1"u8.ToArray(),
            whole[..(whole.Length / 2)],
            whole[..^1],
            [.. whole[..^200], .. new byte[150], .. whole[^50..]],
            [.. whole[..200], .. new byte[5000], .. whole[5200..]],
        ];
        foreach (var content in damaged)
        {
            var failure = await ReadResult.FailureOfAsync(From.Parquet<Loose>(_inbox.With("d.parquet", content).Store, "*"));
            failure.FailureClass.Should().Be(FailureClass.Data);
            failure.Message.Should().StartWith("lake:d.parquet cannot be read as Parquet: ");
        }
    }

    private void WriteWithDuckDb(string sql, string options = "COMPRESSION snappy")
    {
        using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"COPY ({sql}) TO '{_inbox.PathOf("d.parquet")}' (FORMAT parquet, {options})";
        command.ExecuteNonQuery();
    }

    private sealed class Written
    {
        public long Id { get; set; }

        public int? Count { get; set; }

        public string? Name { get; set; }

        public decimal Price { get; set; }

        public double Ratio { get; set; }

        public bool Flag { get; set; }

        public DateTime At { get; set; }

        public Guid Key { get; set; }
    }

    private sealed record Declared(long Id, int? Count, string? Name, [Precision(12, 2)] decimal Price, double Ratio, bool Flag, DateTime At, Guid Key, string? Absent);

    private sealed record Strict([Range(1, 4)] long Id, string Name, int Count);

    private sealed record Loose(long Id, string? Name);
}
