using System.Diagnostics;
using System.Globalization;
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

        var builder = Host.CreateApplicationBuilder();
        builder.AddDataPlatform();
        builder.AddDuckDb();
        builder.AddObjectStore("lake");
        builder.AddWarehouse("warehouse");
        var landWith = Environment.GetEnvironmentVariable("LAND_WITH");
        if (landWith is not null) builder.AddObjectStore("landing");
        if (landWith == "parquetsharp") builder.AddParquetSharp();
        builder.AddPipeline("orders", pipeline =>
        {
            var orders = pipeline.Ingest("orders", From.Csv<Order>("lake", Environment.GetEnvironmentVariable("FILE")!));
            if (landWith is null) orders.Into("warehouse", "public.orders", load => load.Append());
            else orders.IntoLake("landing", "orders");
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

    private static async Task<int> StartAndStopHostAsync()
    {
        using var host = Host.CreateApplicationBuilder().Build();
        await host.StartAsync();
        await host.StopAsync();
        return 0;
    }
}
