using System.Diagnostics;
using System.Globalization;
using DataPlatform.Pipelines;
using Microsoft.Extensions.Hosting;

namespace DataPlatform.Benchmarks;

/// <summary>What a process of a benchmark is.</summary>
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

        if (args is ["dbt-build", var project, var database, var nodesAtOnce])
        {
            await DbtBenchmark.BuildOnceAsync(project, database, int.Parse(nodesAtOnce, CultureInfo.InvariantCulture));
            return 0;
        }

        return Environment.GetEnvironmentVariable("DBT_PROJECT") is { } dbt ? await BuildAsync(dbt, args) : await LoadJob.RunAsync(args);
    }

    /// <summary>A process that runs this program again: compiled ahead of time, but for what the runtime compiles all the same (ReadyToRun).</summary>
    public static ProcessStartInfo Start(string arguments, IReadOnlyDictionary<string, string?>? environment = null) => Start(Environment.ProcessPath!, $"job {arguments}", environment);

    /// <summary>A process of the job that loads, compiled to machine code (Native AOT), as a container would run it.</summary>
    public static ProcessStartInfo StartAot(IReadOnlyDictionary<string, string?> environment) =>
        Start(Path.Combine(AppContext.BaseDirectory, "aot", "DataPlatform.Benchmarks.Job"), "run", environment);

    // In its own folder: a host watches for changes of its settings in all folders below the one that it is started in.
    private static ProcessStartInfo Start(string program, string arguments, IReadOnlyDictionary<string, string?>? environment)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = Path.GetDirectoryName(program) };
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>()) start.Environment[name] = value;
        return start;
    }

    private static async Task<int> BuildAsync(string project, string[] args)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.AddDataPlatform();
        builder.AddDuckDb();
        builder.AddBuiltInDbt();
        builder.AddWarehouse("warehouse");
        builder.AddPipeline("orders", pipeline => pipeline.Dbt("marts", project));
        return await builder.Build().RunJobAsync(args);
    }

    private static async Task<int> StartAndStopHostAsync()
    {
        using var host = Host.CreateApplicationBuilder().Build();
        await host.StartAsync();
        await host.StopAsync();
        return 0;
    }
}
