using System.Diagnostics;
using System.Globalization;
using DataPlatform.DuckDb;
using DataPlatform.Warehouses.PostgreSql;

namespace DataPlatform.Benchmarks;

/// <summary>Orders into Parquet files, Snappy.</summary>
internal static class ParquetBenchmark
{
    private const string Contents =
        "SELECT count(*), sum(order_id), sum(customer_id), sum(amount)::decimal(20,2), min(order_date), max(created_at), count(note), sum(length(reference)), sum(CASE WHEN paid THEN 1 ELSE 0 END)";

    private const string Types =
        "{'order_id': 'BIGINT', 'customer_id': 'INTEGER', 'amount': 'DECIMAL(12,2)', 'score': 'DOUBLE', 'order_date': 'DATE', 'created_at': 'TIMESTAMP', 'category': 'VARCHAR', 'reference': 'VARCHAR', 'note': 'VARCHAR', 'paid': 'BOOLEAN'}";

    public static Task<int> CsvAsync(int rows, int rounds, string connectionString, CancellationToken cancellationToken)
    {
        var file = OrdersFile.Ensure(rows);
        return InFolderAsync(async folder =>
        {
            await using var ledger = new PostgreSqlWarehouse("warehouse", connectionString);
            async Task Prepare()
            {
                await EmptyAsync(folder);
                await CsvBenchmark.CreateOrdersAsync(ledger, cancellationToken);
            }

            Task<string> Verify() => ReadAsync($"{Contents} FROM read_parquet('{folder}/lake/**/*.parquet')");
            ProcessStartInfo Job(string writer) => BenchmarkJob.StartAot(new Dictionary<string, string?>
            {
                ["ConnectionStrings__lake"] = Path.GetDirectoryName(file),
                ["ConnectionStrings__landing"] = Path.Combine(folder, "lake"),
                ["ConnectionStrings__warehouse"] = connectionString,
                ["FILE"] = Path.GetFileName(file),
                ["LAND_WITH"] = writer,
            });
            return await Contest.RunAsync(
                $"CSV -> Parquet, {rows:N0} rows x 10 columns, {new FileInfo(file).Length / 1_000_000} MB",
                [
                    new Contender("DuckDB COPY, two threads (peer)", Prepare, () => BenchmarkJob.Start($"copy-parquet 2 \"{file}\" \"{folder}/lake/orders.parquet\""), Verify),
                    new Contender("DataPlatform job, built-in writer", Prepare, () => Job("built-in"), Verify),
                    new Contender("DataPlatform job, ParquetSharp", Prepare, () => Job("parquetsharp"), Verify),
                ],
                rounds,
                cancellationToken);
        });
    }

    public static Task<int> PostgreSqlAsync(int rows, int rounds, string connectionString, CancellationToken cancellationToken) => InFolderAsync(async folder =>
    {
        await CsvBenchmark.FillAsync("bench.orders", OrdersFile.Ensure(rows), connectionString, cancellationToken);
        await using var ledger = new PostgreSqlWarehouse("warehouse", connectionString);
        async Task Prepare()
        {
            await EmptyAsync(folder);
            await CsvBenchmark.CreateOrdersAsync(ledger, cancellationToken);
        }

        ProcessStartInfo Psql() => CsvBenchmark.Psql(connectionString, $"\\copy (SELECT {OrdersFile.ColumnNames} FROM bench.orders) TO '{folder}/lake/orders.csv' WITH (FORMAT csv, HEADER true)");
        ProcessStartInfo Job(string writer) => BenchmarkJob.StartAot(new Dictionary<string, string?>
        {
            ["ConnectionStrings__landing"] = Path.Combine(folder, "lake"),
            ["ConnectionStrings__warehouse"] = connectionString,
            ["TABLE"] = "bench.orders",
            ["LAND_WITH"] = writer,
        });
        Task<string> VerifyParquet() => ReadAsync($"{Contents} FROM read_parquet('{folder}/lake/**/*.parquet')");
        return await Contest.RunAsync(
            $"PostgreSQL -> Parquet, {rows:N0} rows x 10 columns",
            [
                new Contender("psql \\copy to CSV (peer)", Prepare, Psql, () => ReadAsync($"{Contents} FROM read_csv('{folder}/lake/orders.csv', header = true, columns = {Types})")),
                new Contender("DataPlatform job, built-in writer", Prepare, () => Job("built-in"), VerifyParquet),
                new Contender("DataPlatform job, ParquetSharp", Prepare, () => Job("parquetsharp"), VerifyParquet),
            ],
            rounds,
            cancellationToken);
    });

    /// <summary>DuckDB's own way, in a process of its own.</summary>
    public static Task CopyAsync(int threads, string file, string target) => ExecuteAsync(
        $"SET threads = {threads}", $"COPY (SELECT * FROM read_csv('{file}', header = true, columns = {Types})) TO '{target}' (FORMAT parquet, COMPRESSION snappy)");

    private static async Task<int> InFolderAsync(Func<string, Task<int>> run)
    {
        var folder = Directory.CreateTempSubdirectory("dataplatform-bench-").FullName;
        try
        {
            return await run(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Task EmptyAsync(string folder)
    {
        foreach (var old in Directory.GetFiles(folder)) File.Delete(old);
        if (Directory.Exists(Path.Combine(folder, "lake"))) Directory.Delete(Path.Combine(folder, "lake"), recursive: true);
        Directory.CreateDirectory(Path.Combine(folder, "lake"));
        return Task.CompletedTask;
    }

    private static async Task ExecuteAsync(params string[] statements)
    {
        await using var duckDb = new DuckDbWarehouse("duckdb", "DataSource=:memory:");
        await using var connection = await duckDb.OpenConnectionAsync();
        await using var command = connection.CreateCommand();
        foreach (var statement in statements)
        {
            command.CommandText = statement;
            await command.ExecuteNonQueryAsync();
        }
    }

    private static async Task<string> ReadAsync(string sql)
    {
        await using var duckDb = new DuckDbWarehouse("duckdb", "DataSource=:memory:");
        await using var connection = await duckDb.OpenConnectionAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        return string.Join(' ', Enumerable.Range(0, reader.FieldCount).Select(i => Convert.ToString(reader.GetValue(i), CultureInfo.InvariantCulture)));
    }
}
