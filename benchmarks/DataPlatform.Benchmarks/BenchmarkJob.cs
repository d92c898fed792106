using System.Diagnostics;
using System.Globalization;
using DataPlatform.Ingestion;
using DataPlatform.Pipelines;
using Microsoft.Extensions.Hosting;

namespace DataPlatform.Benchmarks;

/// <summary>The job that is measured: what a user would write.</summary>
internal static class BenchmarkJob
{
    public static async Task<int> RunAsync(string[] args)
    {
        if (args is ["host"]) return await StartAndStopHostAsync();
        if (args is ["read-csv", var threads, var file, var connectionString])
        {
            await CsvBenchmark.ReadCsvAsync(int.Parse(threads, CultureInfo.InvariantCulture), file, connectionString);
            return 0;
        }

        if (args is ["copy-parquet", var copyThreads, var from, var to])
        {
            await ParquetBenchmark.CopyAsync(int.Parse(copyThreads, CultureInfo.InvariantCulture), from, to);
            return 0;
        }

        if (args is ["read-postgresql", var writer, var server, var target])
        {
            await ParquetBenchmark.ReadPostgreSqlAsync(writer, server, target);
            return 0;
        }

        if (args is ["dbt-build", var project, var database, var nodesAtOnce])
        {
            await DbtBenchmark.BuildOnceAsync(project, database, int.Parse(nodesAtOnce, CultureInfo.InvariantCulture));
            return 0;
        }

        var builder = Host.CreateApplicationBuilder();
        builder.AddDataPlatform();
        builder.AddDuckDb();
        builder.AddBuiltInDbt();
        builder.AddWarehouse("warehouse");
        if (Setting("FILE") is not null) builder.AddObjectStore("lake");
        var landWith = Setting("LAND_WITH");
        if (landWith is not null) builder.AddObjectStore("landing");
        if (landWith == "parquetsharp") builder.AddParquetSharp();
        builder.AddPipeline("orders", pipeline =>
        {
            if (Setting("DBT_PROJECT") is { } dbt)
            {
                pipeline.Dbt("marts", dbt);
            }
            else if (landWith is not null)
            {
                pipeline.Ingest("orders", Orders()).IntoLake("landing", "orders");
            }
            else
            {
                pipeline.Ingest("orders", Orders()).Into("warehouse", "public.orders", load =>
                {
                    if (Setting("MERGE") is not null) load.Merge(o => o.OrderId);
                    if (Setting("CHECKPOINT") is { } mebibytes) load.Checkpoint(int.Parse(mebibytes, CultureInfo.InvariantCulture));
                    load.Quarantine(maxRejected: 0.02);
                });
            }
        });
        return await builder.Build().RunJobAsync(args);
    }

    /// <summary>A process that runs this program again as the job.</summary>
    public static ProcessStartInfo Start(string arguments, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, $"job {arguments}");
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>()) start.Environment[name] = value;
        return start;
    }

    private static ISource<Order> Orders() => Setting("TABLE") is { } table
        ? From.Sql<Order>("warehouse", table).Incremental(o => o.OrderId)
        : From.Csv<Order>("lake", Setting("FILE")!);

    private static string? Setting(string name) => Environment.GetEnvironmentVariable(name);

    private static async Task<int> StartAndStopHostAsync()
    {
        using var host = Host.CreateApplicationBuilder().Build();
        await host.StartAsync();
        await host.StopAsync();
        return 0;
    }
}
