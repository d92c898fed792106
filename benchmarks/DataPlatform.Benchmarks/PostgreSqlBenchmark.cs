using System.Diagnostics;
using DataPlatform.Warehouses.PostgreSql;

namespace DataPlatform.Benchmarks;

/// <summary>From table to table, and into a table that has rows.</summary>
internal static class PostgreSqlBenchmark
{
    /// <summary>One table into another, on the same server.</summary>
    public static async Task<int> CopyAsync(int rows, int rounds, string connectionString, CancellationToken cancellationToken)
    {
        await CsvBenchmark.FillAsync("bench.orders", OrdersFile.Ensure(rows), connectionString, cancellationToken);
        await using var warehouse = new PostgreSqlWarehouse("warehouse", connectionString);
        Task Prepare() => CsvBenchmark.CreateOrdersAsync(warehouse, cancellationToken);
        Task<string> Verify() => CsvBenchmark.VerifyAsync(warehouse, cancellationToken);
        ProcessStartInfo Job(string? mebibytes) => BenchmarkJob.StartAot(new Dictionary<string, string?>
        {
            ["ConnectionStrings__warehouse"] = connectionString,
            ["TABLE"] = "bench.orders",
            ["CHECKPOINT"] = mebibytes,
        });
        return await Contest.RunAsync(
            $"PostgreSQL -> PostgreSQL, {rows:N0} rows x 10 columns",
            [
                new Contender("psql, COPY binary to COPY binary (floor)", Prepare, () => Pipe(connectionString), Verify),
                new Contender("DataPlatform job, one load", Prepare, () => Job(null), Verify),
                new Contender("DataPlatform job, checkpoint every 8 MiB", Prepare, () => Job("8"), Verify),
            ],
            rounds,
            cancellationToken);
    }

    /// <summary>A CSV file merged by key into a table ten times its size; half of its rows are there already.</summary>
    public static async Task<int> MergeAsync(int rows, int rounds, string connectionString, CancellationToken cancellationToken)
    {
        var file = OrdersFile.Ensure(rows, firstId: (rows * 10) - (rows / 2));
        await CsvBenchmark.FillAsync("bench.orders", OrdersFile.Ensure(rows * 10), connectionString, cancellationToken);
        await using var warehouse = new PostgreSqlWarehouse("warehouse", connectionString);
        Task Prepare() => CsvBenchmark.CreateOrdersAsync(
            warehouse, cancellationToken, "INSERT INTO public.orders SELECT *, 0 FROM bench.orders", "ALTER TABLE public.orders ADD PRIMARY KEY (order_id)", "VACUUM ANALYZE public.orders");
        Task<string> Verify() => CsvBenchmark.VerifyAsync(warehouse, cancellationToken);

        var values = string.Join(", ", OrdersFile.ColumnNames.Split(", ").Skip(1).Select(column => $"{column} = excluded.{column}"));
        var upsert = $"""
            CREATE TEMP TABLE staged ({OrdersFile.Columns});
            \copy staged FROM '{file}' WITH (FORMAT csv, HEADER true)
            INSERT INTO public.orders SELECT *, 1 FROM staged ON CONFLICT (order_id) DO UPDATE SET {values}, _load_id = excluded._load_id;
            """;
        return await Contest.RunAsync(
            $"CSV merged into PostgreSQL, {rows:N0} rows into {rows * 10:N0}",
            [
                new Contender("psql, \\copy and INSERT ON CONFLICT (peer)", Prepare, () => Script(connectionString, upsert), Verify),
                new Contender("DataPlatform job", Prepare, () => BenchmarkJob.StartAot(CsvBenchmark.Job(file, connectionString, ("MERGE", "key"))), Verify),
            ],
            rounds,
            cancellationToken);
    }

    private static ProcessStartInfo Pipe(string connectionString)
    {
        var psql = "psql -q -X -v ON_ERROR_STOP=1 -c";
        return Shell(
            connectionString,
            $"{psql} 'COPY bench.orders TO STDOUT (FORMAT binary)' | {psql} 'COPY public.orders ({OrdersFile.ColumnNames}) FROM STDIN (FORMAT binary)'");
    }

    private static ProcessStartInfo Script(string connectionString, string script) => Shell(connectionString, $"psql -q -X -1 -v ON_ERROR_STOP=1 <<'END'\n{script}\nEND");

    private static ProcessStartInfo Shell(string connectionString, string command)
    {
        var start = new ProcessStartInfo("bash") { ArgumentList = { "-o", "pipefail", "-c", command } };
        CsvBenchmark.SetServer(start, connectionString);
        return start;
    }
}
