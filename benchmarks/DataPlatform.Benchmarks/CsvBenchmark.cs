using System.Diagnostics;
using DataPlatform.DuckDb;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;
using Npgsql;

namespace DataPlatform.Benchmarks;

/// <summary>One CSV file into an empty table.</summary>
internal static class CsvBenchmark
{
    private const string Contents =
        "SELECT count(*), sum(order_id), sum(customer_id), sum(amount), min(order_date), max(created_at), count(note), sum(length(reference)), sum(CASE WHEN paid THEN 1 ELSE 0 END) FROM public.orders";

    public static async Task<int> PostgreSqlAsync(int rows, int rounds, string connectionString, CancellationToken cancellationToken)
    {
        var file = OrdersFile.Ensure(rows);
        await using var warehouse = new PostgreSqlWarehouse("warehouse", connectionString);

        Task Prepare() => CreateOrdersAsync(warehouse, cancellationToken);
        Task<string> Verify() => VerifyAsync(warehouse, cancellationToken);
        ProcessStartInfo Copy() => Psql(connectionString, $"\\copy public.orders ({OrdersFile.ColumnNames}) FROM '{file}' WITH (FORMAT csv, HEADER true)");

        return await Contest.RunAsync(
            $"CSV -> PostgreSQL, {rows:N0} rows x 10 columns, {new FileInfo(file).Length / 1_000_000} MB",
            [
                new Contender("psql \\copy (peer)", Prepare, Copy, Verify),
                new Contender("DataPlatform job", Prepare, () => BenchmarkJob.StartAot(Job(file, connectionString)), Verify),
                new Contender("DataPlatform job, checkpoint every 16 MiB, two connections", Prepare, () => BenchmarkJob.StartAot(Job(file, connectionString, ("CHECKPOINT", "16"))), Verify),
                new Contender("DataPlatform job, 1 % more rows, into quarantine", Prepare, () => BenchmarkJob.StartAot(Job(OrdersFile.Ensure(rows, bad: true), connectionString)), Verify),
                new Contender("DataPlatform job, ReadyToRun", Prepare, () => BenchmarkJob.Start("run", Job(file, connectionString)), Verify),
                new Contender("the file read and checked alone", Prepare, () => BenchmarkJob.StartAot(Job(file, connectionString, ("LAND_WITH", "nothing"), ("ConnectionStrings__landing", Directory.CreateTempSubdirectory("dataplatform-bench-").FullName))), null),
            ],
            rounds,
            cancellationToken);
    }

    /// <summary>The table, with what we add to it; a checkpoint, so that nobody pays for the one before.</summary>
    public static Task CreateOrdersAsync(IWarehouse warehouse, CancellationToken cancellationToken, params string[] fill) => ExecuteAsync(
        warehouse,
        ["DROP SCHEMA IF EXISTS dataplatform CASCADE", "DROP TABLE IF EXISTS public.orders", $"CREATE TABLE public.orders ({OrdersFile.Columns}, _load_id bigint)", .. fill, "CHECKPOINT"],
        cancellationToken);

    /// <summary>Puts the rows of a file, and no others, into a table with their key.</summary>
    public static async Task FillAsync(string table, string file, string connectionString, CancellationToken cancellationToken)
    {
        await using var warehouse = new PostgreSqlWarehouse("warehouse", connectionString);
        await ExecuteAsync(warehouse, ["CREATE SCHEMA IF NOT EXISTS bench", $"DROP TABLE IF EXISTS {table}", $"CREATE TABLE {table} ({OrdersFile.Columns})"], cancellationToken);
        using var copy = Process.Start(Psql(connectionString, $"\\copy {table} FROM '{file}' WITH (FORMAT csv, HEADER true)"))!;
        await copy.WaitForExitAsync(cancellationToken);
        if (copy.ExitCode != 0) throw new InvalidOperationException($"psql ended with {copy.ExitCode}.");
        await ExecuteAsync(warehouse, [$"ALTER TABLE {table} ADD PRIMARY KEY (order_id)", $"VACUUM ANALYZE {table}", "CHECKPOINT"], cancellationToken);
    }

    /// <summary>A process of psql that runs one command.</summary>
    public static ProcessStartInfo Psql(string connectionString, string command)
    {
        var start = new ProcessStartInfo("psql") { ArgumentList = { "-q", "-X", "-v", "ON_ERROR_STOP=1", "-c", command } };
        SetServer(start, connectionString);
        return start;
    }

    /// <summary>Tells psql, started by the process, which server to use.</summary>
    public static void SetServer(ProcessStartInfo start, string connectionString)
    {
        var server = new NpgsqlConnectionStringBuilder(connectionString);
        start.Environment["PGHOST"] = server.Host;
        start.Environment["PGPORT"] = $"{server.Port}";
        start.Environment["PGUSER"] = server.Username;
        start.Environment["PGPASSWORD"] = server.Password;
        start.Environment["PGDATABASE"] = server.Database;
    }

    public static async Task<int> DuckDbAsync(int rows, int rounds, CancellationToken cancellationToken)
    {
        var file = OrdersFile.Ensure(rows);
        var folder = Directory.CreateTempSubdirectory("dataplatform-bench-").FullName;
        var connectionString = $"DataSource={Path.Combine(folder, "warehouse.duckdb")}";
        async Task Prepare()
        {
            foreach (var old in Directory.GetFiles(folder)) File.Delete(old);
            await using var warehouse = new DuckDbWarehouse("warehouse", connectionString);
            await ExecuteAsync(warehouse, ["CREATE SCHEMA IF NOT EXISTS public", $"CREATE TABLE public.orders ({OrdersFile.Columns}, _load_id bigint)"], cancellationToken);
        }

        async Task<string> Verify()
        {
            await using var warehouse = new DuckDbWarehouse("warehouse", connectionString);
            return await VerifyAsync(warehouse, cancellationToken);
        }

        ProcessStartInfo ReadCsv(int threads) => BenchmarkJob.Start($"read-csv {threads} \"{file}\" \"{connectionString}\"");
        try
        {
            return await Contest.RunAsync(
                $"CSV -> DuckDB, {rows:N0} rows x 10 columns, {new FileInfo(file).Length / 1_000_000} MB",
                [
                    new Contender("read_csv, two threads (peer)", Prepare, () => ReadCsv(2), Verify),
                    new Contender("read_csv, one thread", Prepare, () => ReadCsv(1), Verify),
                    new Contender("DataPlatform job", Prepare, () => BenchmarkJob.StartAot(Job(file, connectionString)), Verify),
                ],
                rounds,
                cancellationToken);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>DuckDB's own way, in a process of its own.</summary>
    public static async Task ReadCsvAsync(int threads, string file, string connectionString)
    {
        await using var warehouse = new DuckDbWarehouse("warehouse", connectionString);
        await ExecuteAsync(
            warehouse,
            [$"SET threads = {threads}", $"INSERT INTO public.orders SELECT *, 1 FROM read_csv('{file}', header = true)"],
            CancellationToken.None);
    }

    /// <summary>The environment of the job that loads a file into public.orders.</summary>
    public static Dictionary<string, string?> Job(string file, string connectionString, params IEnumerable<(string Name, string Value)> settings)
    {
        var environment = settings.ToDictionary(s => s.Name, s => (string?)s.Value);
        environment["ConnectionStrings__lake"] = Path.GetDirectoryName(file);
        environment["ConnectionStrings__warehouse"] = connectionString;
        environment["FILE"] = Path.GetFileName(file);
        return environment;
    }

    private static async Task ExecuteAsync(IWarehouse warehouse, IEnumerable<string> statements, CancellationToken cancellationToken)
    {
        await using var connection = await warehouse.OpenConnectionAsync(cancellationToken);
        await using var command = connection.CreateCommand();
        foreach (var statement in statements)
        {
            command.CommandText = statement;
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    public static async Task<string> VerifyAsync(IWarehouse warehouse, CancellationToken cancellationToken)
    {
        await using var transaction = await warehouse.BeginAsync(cancellationToken);
        return string.Join(' ', (await transaction.QueryAsync(Contents, cancellationToken: cancellationToken))[0]);
    }
}
