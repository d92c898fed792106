using Apache.Arrow;
using Apache.Arrow.Types;
using CsCheck;
using DataPlatform.Ingestion;
using DataPlatform.Integration.Tests.Warehouses;
using DataPlatform.ObjectStores.Folder;
using DataPlatform.ParquetSharp;
using DataPlatform.Pipelines;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using DuckDB.NET.Data;

namespace DataPlatform.Integration.Tests.Landing;

/// <summary>What a writer of Parquet files promises: that every reader gets back what it was given.</summary>
public abstract class ParquetWriterConformance : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public static TheoryData<ParquetCompression> Compressions => [ParquetCompression.None, ParquetCompression.Snappy, ParquetCompression.Zstandard];

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private string File => _folder.Combine("test.parquet");

    protected abstract IParquetWriterFactory Writers { get; }

    public void Dispose()
    {
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    [Theory]
    [MemberData(nameof(Compressions))]
    public async Task Rows_of_every_type_are_read_back_by_duckdb_and_by_our_reader(ParquetCompression compression) => await Gen.Select(EveryType.Rows(0, 200), Gen.Int[1, 3]).SampleAsync(
        async (rows, cuts) =>
        {
            await WriteAsync(EveryType.Schema, rows, new ParquetWriterOptions { Compression = compression, RowGroupBytes = 20_000 }, rowsInBatch: Math.Max(1, rows.Count / cuts));
            ReadWithDuckDb(EveryType.Schema).ShouldEqual(rows);
            (await ReadAsync()).ShouldEqual(rows);
        },
        iter: 12, threads: 1);

    [Fact]
    public async Task Types_keep_their_meaning()
    {
        await WriteAsync(EveryType.Schema, [], new ParquetWriterOptions());
        var columns = Query($"SELECT column_type FROM (DESCRIBE SELECT * FROM read_parquet('{File}'))").Select(row => row[0]);
        columns.Should().Equal(
            "BIGINT", "BOOLEAN", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(12,2)", "DECIMAL(38,0)", "DECIMAL(38,37)", "VARCHAR", "BLOB", "DATE",
            "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "UUID", "JSON", "INTEGER", "BOOLEAN[]", "INTEGER[]", "DECIMAL(20,3)[]", "VARCHAR[]", "JSON[]",
            "TIMESTAMP WITH TIME ZONE[]", "UUID[]");
        var nullable = Query($"SELECT name, repetition_type FROM parquet_schema('{File}') WHERE name IN ('id', 'required', 'Text') ORDER BY name");
        nullable.ShouldEqual([["Text", "OPTIONAL"], ["id", "REQUIRED"], ["required", "REQUIRED"]]);
    }

    [Fact]
    public async Task Many_rows_in_pages_and_row_groups_of_any_cut_are_read_back()
    {
        const int Count = 45_000;
        var pool = EveryType.Rows(3_000, 3_000).Single();
        var rows = Enumerable.Range(0, Count).Select(i => (object?[])[(long)i, .. pool[i * 7 % pool.Count][1..]]).ToList();
        await using (var stream = System.IO.File.Create(File))
        {
            await using var writer = Writers.Create(stream, EveryType.Schema, new ParquetWriterOptions { RowGroupBytes = 9 << 20 });
            for (var start = 0; start < Count; start += 15_000)
            {
                using var batch = RecordBatches.Create(EveryType.Schema, rows[start..(start + 15_000)]);
                foreach (var (offset, length) in new[] { (0, 1), (1, 12_345), (12_346, 0), (12_346, 2_654) })
                {
                    using var slice = batch.SliceShared(offset, length);
                    await writer.WriteAsync(slice, Cancelled);
                }
            }

            await writer.CompleteAsync(Cancelled);
            writer.Length.Should().Be(stream.Length);
        }

        ReadWithDuckDb(EveryType.Schema).ShouldEqual(rows);
        (await ReadAsync()).ShouldEqual(rows);
        Query($"SELECT count(DISTINCT row_group_id) FROM parquet_metadata('{File}')")[0][0].Should().Match(groups => (long)groups >= 4);
    }

    [Theory]
    [InlineData(1, 100_000)]
    [InlineData(2, 100_000)]
    [InlineData(40_000, 200_000)]
    [InlineData(100_000, 100_000)]
    public async Task Text_is_read_back_however_often_it_repeats(int different, int count)
    {
        var schema = new Schema([new Field("text", StringType.Default, nullable: true), new Field("bytes", BinaryType.Default, nullable: false)], metadata: null);
        var rows = Enumerable.Range(0, count)
            .Select(i => new object?[] { i % 11 == 0 ? null : $"värde {i * 31L % different}", BitConverter.GetBytes(i * 7L % different)[..(i % 3)] }).ToList();
        await WriteAsync(schema, rows, new ParquetWriterOptions(), rowsInBatch: 33_333);
        ReadWithDuckDb(schema).ShouldEqual(rows);
        (await ReadAsync()).ShouldEqual(rows);
    }

    [Fact]
    public async Task Columns_without_any_value_and_decimals_of_every_width_are_read_back()
    {
        var schema = new Schema(
            [new Field("nothing", StringType.Default, nullable: true), new Field("none", Int32Type.Default, nullable: true),
             .. Enumerable.Range(1, 38).Select(digits => new Field($"d{digits}", new Decimal128Type(digits, digits / 2), nullable: true))], metadata: null);
        static Int128 Greatest(int digits) => Int128.Parse(new string('9', digits), null);
        var rows = Enumerable.Range(0, 2_000).Select(i => (object?[])
            [null, null, .. Enumerable.Range(1, 38).Select(digits => (object?)((i % 4) switch { 0 => Greatest(digits), 1 => -Greatest(digits), 2 => null, _ => (Int128)(i % 10) }))]).ToList();
        await WriteAsync(schema, rows, new ParquetWriterOptions());
        ReadWithDuckDb(schema).ShouldEqual(rows);
        (await ReadAsync()).ShouldEqual(rows);
    }

    [Fact]
    public async Task Readers_find_the_range_of_numbers_and_times()
    {
        var schema = new Schema(
            [new Field("a", Int64Type.Default, nullable: true), new Field("b", Int16Type.Default, nullable: false), new Field("c", ColumnTypes.Timestamp, nullable: true)], metadata: null);
        await WriteAsync(schema, [[5L, (short)-3, 1_000_000L], [null, (short)7, 2_000_000L], [-9L, (short)0, null]], new ParquetWriterOptions());
        Query($"SELECT path_in_schema, stats_min_value, stats_max_value, stats_null_count FROM parquet_metadata('{File}')").ShouldEqual(
            [["a", "-9", "5", 1L], ["b", "-3", "7", 0L], ["c", "1970-01-01 00:00:01", "1970-01-01 00:00:02", 1L]]);
        Query($"SELECT a FROM read_parquet('{File}') WHERE c > TIMESTAMP '1970-01-01 00:00:01.5' OR a < -8").ShouldEqual([[null], [-9L]]);
    }

    [Fact]
    public async Task A_null_where_none_may_be_and_a_decimal_of_too_many_digits_are_refused()
    {
        var required = new Schema([new Field("a", Int32Type.Default, nullable: false)], metadata: null);
        var failure = (await FluentActions.Awaiting(() => WriteAsync(required, [[1], [null]], new ParquetWriterOptions())).Should().ThrowAsync<DataPlatformException>()).Which;
        (failure.FailureClass, failure.Message).Should().Be((FailureClass.Data, "Column 'a', row 2 of the Parquet file: it has no value, and the column does not allow NULL."));

        var narrow = new Schema([new Field("a", new Decimal128Type(5, 2), nullable: true)], metadata: null);
        failure = (await FluentActions.Awaiting(() => WriteAsync(narrow, [[(Int128)100_000]], new ParquetWriterOptions())).Should().ThrowAsync<DataPlatformException>()).Which;
        (failure.FailureClass, failure.Message).Should().Be((FailureClass.Data, "Column 'a', row 1 of the Parquet file: 100000e-2 has more digits than decimal(5,2)."));
    }

    [Fact]
    public void A_type_that_is_none_of_ours_is_refused_before_the_first_row()
    {
        var failure = FluentActions.Invoking(() => Writers.Create(Stream.Null, new Schema([new Field("a", UInt64Type.Default, true)], metadata: null), new ParquetWriterOptions()))
            .Should().Throw<DataPlatformException>().Which;
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Be("Column 'a' has the type uint64, which is not one of ColumnTypes and cannot be written to Parquet.");
    }

    protected async Task WriteAsync(Schema schema, List<object?[]> rows, ParquetWriterOptions options, int rowsInBatch = int.MaxValue)
    {
        await using var stream = System.IO.File.Create(File);
        await using var writer = Writers.Create(stream, schema, options);
        foreach (var some in rows.Chunk(rowsInBatch))
        {
            using var batch = RecordBatches.Create(schema, some);
            await writer.WriteAsync(batch, Cancelled);
        }

        await writer.CompleteAsync(Cancelled);
        writer.Length.Should().Be(stream.Length);
    }

    protected List<object?[]> ReadWithDuckDb(Schema schema)
    {
        var columns = schema.FieldsList.Select(field => ColumnTypes.ElementOf(field) is { } element
            ? $"list_transform(\"{field.Name}\", lambda x: {Comparable(element, "x")}::text)"
            : Comparable(field, $"\"{field.Name}\""));
        var rows = Query($"SELECT {string.Join(", ", columns)} FROM read_parquet('{File}')");
        foreach (var row in rows)
        {
            for (var i = 0; i < row.Length; i++) row[i] = FromComparable(schema.GetFieldByIndex(i), row[i]);
        }

        return rows;
    }

    // In the units that tests compare: unscaled decimals, days, microseconds.
    private static string Comparable(Field field, string value) => field.DataType switch
    {
        Date32Type => $"{value} - DATE '1970-01-01'",
        Time64Type or TimestampType => $"epoch_us({value})",
        Decimal128Type => $"replace({value}::text, '.', '')",
        _ when ColumnTypes.IsJson(field) => $"{value}::text",
        _ => value,
    };

    private static object? FromComparable(Field field, object? value) => value is null ? null : field.DataType switch
    {
        ListType => ((IEnumerable<string?>)value).Select(element => FromText(ColumnTypes.ElementOf(field)!, element)).ToArray(),
        Decimal128Type => Int128.Parse((string)value, System.Globalization.NumberStyles.AllowLeadingSign, null),
        Date32Type => (int)(long)value,
        _ => value,
    };

    // The driver reads lists with NULLs in them as lists of text alone.
    private static object? FromText(Field element, string? text) => text is null ? null : element.DataType switch
    {
        _ when ColumnTypes.IsUuid(element) => Guid.Parse(text),
        BooleanType => bool.Parse(text),
        Int32Type => int.Parse(text, System.Globalization.CultureInfo.InvariantCulture),
        TimestampType => long.Parse(text, System.Globalization.CultureInfo.InvariantCulture),
        _ => FromComparable(element, text),
    };

    private async Task<List<object?[]>> ReadAsync()
    {
        var rows = new List<object?[]>();
        var source = From.Parquet(new FolderObjectStore("files", _folder.Path), "*.parquet");
        var context = new SourceContext();
        var contract = await source.InferContractAsync(context, Cancelled);
        await foreach (var batch in source.ReadAsync(context.With(contract!), Cancelled))
        {
            using (batch)
            {
                batch.Rejected.Should().BeEmpty();
                if (batch.Rows is not null) rows.AddRange(batch.Rows.ToRows());
            }
        }

        return rows;
    }

    private static List<object?[]> Query(string sql)
    {
        using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<object?[]>();
        while (reader.Read()) rows.Add([.. Enumerable.Range(0, reader.FieldCount).Select(i => reader.IsDBNull(i) ? null : Value(reader.GetValue(i)))]);
        return rows;
    }

    // A blob is a stream over memory that the next row takes.
    private static object Value(object value)
    {
        if (value is not Stream stream) return value;
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }
}

public sealed class BuiltInParquetWriterTests : ParquetWriterConformance
{
    protected override IParquetWriterFactory Writers { get; } = new ParquetWriterFactory();
}

public sealed class ParquetSharpWriterTests : ParquetWriterConformance
{
    protected override IParquetWriterFactory Writers { get; } = new ParquetSharpWriterFactory();
}
