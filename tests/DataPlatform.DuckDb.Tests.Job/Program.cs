using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.DuckDb;
using DataPlatform.Testing;
using DataPlatform.Warehouses;

// A process that the tests can kill, pause and measure: hold <file> | commit <file> | load <file> <rows>.
await using var warehouse = new DuckDbWarehouse("warehouse", $"DataSource={args[1]}");
switch (args[0])
{
    case "hold":
        await using (await warehouse.OpenConnectionAsync())
        {
            Console.WriteLine("holding");
            await Task.Delay(Timeout.Infinite);
        }

        break;
    case "commit":
        await CommitForeverAsync();
        break;
    case "load":
        await LoadAsync(long.Parse(args[2], CultureInfo.InvariantCulture));
        Console.WriteLine($"peak {PeakKiB()} KiB");
        break;
    default:
        return 1;
}

return 0;

// Each transaction has a record and as many rows as the record says; it is told of only when it is committed.
async Task CommitForeverAsync()
{
    var schema = new Schema([new Field("n", Int64Type.Default, false), new Field("text", StringType.Default, true)], metadata: null);
    for (var n = 1L; ; n++)
    {
        await using var transaction = await warehouse.BeginAsync();
        await transaction.CreateTableAsync("raw.rows", schema, []);
        await transaction.ExecuteAsync("CREATE TABLE IF NOT EXISTS raw.records (n BIGINT PRIMARY KEY, expected BIGINT NOT NULL)");
        var rows = n % 5 == 0 ? 150_000 : 100;
        await using (var writer = await transaction.BeginAppendAsync("raw.rows", schema))
        {
            using var batch = RecordBatches.Create(schema, [.. Enumerable.Range(0, rows).Select(i => (object?[])[n, $"row {i}"])]);
            await writer.WriteAsync(batch);
            await writer.CompleteAsync();
        }

        await transaction.ExecuteAsync("INSERT INTO raw.records VALUES ($1, $2)", [n, rows]);
        await transaction.CommitAsync();
        Console.WriteLine($"committed {n}.");
    }
}

// One batch of ten columns over and over, so that what grows is DuckDB's.
async Task LoadAsync(long rows)
{
    const int BatchRows = 80_000;
    var schema = new Schema(
    [
        new Field("id", Int64Type.Default, true), new Field("number", Int32Type.Default, true), new Field("money", new Decimal128Type(12, 2), true),
        new Field("measure", DoubleType.Default, true), new Field("day", Date32Type.Default, true), new Field("time", ColumnTypes.Timestamp, true),
        new Field("category", StringType.Default, true), new Field("key", StringType.Default, true), new Field("note", StringType.Default, true),
        new Field("flag", BooleanType.Default, true),
    ], metadata: null);
    var random = new Random(1);
    using var batch = RecordBatches.Create(
        schema,
        [
            .. Enumerable.Range(0, BatchRows).Select(i => (object?[])
            [
                (long)i, random.Next(1_000_000), (Int128)random.Next(100_000_000), random.NextDouble(), random.Next(18_000, 20_000), random.NextInt64(1_600_000_000_000_000),
                $"category {random.Next(20)}", Guid.NewGuid().ToString("N")[..24], random.Next(4) == 0 ? null : $"a note, \"quoted\" {random.Next(100_000)}", random.Next(2) == 0,
            ]),
        ]);
    await using var transaction = await warehouse.BeginAsync();
    await transaction.CreateTableAsync("raw.rows", schema, []);
    await using var writer = await transaction.BeginAppendAsync("raw.rows", schema);
    for (var written = 0L; written < rows; written += BatchRows) await writer.WriteAsync(batch);
    await writer.CompleteAsync();
    await transaction.CommitAsync();
}

static string PeakKiB() =>
    File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2];
