using DataPlatform.DuckDb;

namespace DataPlatform.Benchmarks;

/// <summary>How long a job takes that loads one row.</summary>
internal static class StartBenchmark
{
    public static async Task<int> RunAsync(int rounds, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("dataplatform-bench-").FullName;
        var file = OrdersFile.Ensure(1);
        var connectionString = $"DataSource={Path.Combine(folder, "warehouse.duckdb")}";
        var environment = new Dictionary<string, string?>
        {
            ["ConnectionStrings__lake"] = Path.GetDirectoryName(file),
            ["ConnectionStrings__warehouse"] = connectionString,
            ["FILE"] = Path.GetFileName(file),
        };
        Task Clean()
        {
            foreach (var old in Directory.GetFiles(folder)) File.Delete(old);
            return Task.CompletedTask;
        }

        async Task<string> CountAsync()
        {
            await using var warehouse = new DuckDbWarehouse("warehouse", connectionString);
            await using var transaction = await warehouse.BeginAsync(cancellationToken);
            return $"{(await transaction.QueryAsync("SELECT count(*) FROM public.orders", cancellationToken: cancellationToken))[0][0]}";
        }

        return await Contest.RunAsync(
            "start to first row",
            [
                new Contender("generic host, start and stop (floor)", Clean, () => BenchmarkJob.Start("host"), null),
                new Contender("job, ReadyToRun: start, preflight, ledger, one row into DuckDB, end", Clean, () => BenchmarkJob.Start("run", environment), CountAsync),
                new Contender("the same, Native AOT", Clean, () => BenchmarkJob.StartAot(environment), CountAsync),
            ],
            rounds,
            cancellationToken);
    }
}
