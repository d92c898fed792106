using System.Globalization;
using Apache.Arrow;
using DataPlatform.Ingestion;
using DataPlatform.Pipelines;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace DataPlatform.Benchmarks;

/// <summary>The job that is measured: what a user would write, with what differs from benchmark to benchmark in its environment.</summary>
internal static class LoadJob
{
    public static async Task<int> RunAsync(string[] args)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.AddDataPlatform();
        builder.AddDuckDb();
        builder.AddWarehouse("warehouse");
        if (Setting("FILE") is not null) builder.AddObjectStore("lake");
        var landWith = Setting("LAND_WITH");
        if (landWith is not null) builder.AddObjectStore("landing");
        if (landWith == "parquetsharp") builder.AddParquetSharp();
        if (landWith == "nothing") builder.Services.AddSingleton<IParquetWriterFactory, NoFile>();
        builder.AddPipeline("orders", pipeline =>
        {
            var orders = pipeline.Ingest("orders", Orders());
            if (landWith is not null) orders.IntoLake("landing", "orders");
            else orders.Into("warehouse", "public.orders", Configure);
        });
        return await builder.Build().RunJobAsync(args);
    }

    private static void Configure(LoadBuilder<Order> load)
    {
        if (Setting("MERGE") is not null) load.Merge(o => o.OrderId);
        if (Setting("CHECKPOINT") is { } mebibytes) load.Checkpoint(int.Parse(mebibytes, CultureInfo.InvariantCulture));
        load.Quarantine(maxRejected: 0.02);
    }

    private static ISource<Order> Orders() =>
        Setting("TABLE") is not { } table ? From.Csv<Order>("lake", Setting("FILE")!)
        : Setting("LAND_WITH") is not null ? From.Sql<Order>("warehouse", table)
        : From.Sql<Order>("warehouse", table).Incremental(o => o.OrderId);

    private static string? Setting(string name) => Environment.GetEnvironmentVariable(name);

    /// <summary>Lets the rows go, so that what is left is reading them.</summary>
    private sealed class NoFile : IParquetWriterFactory, IParquetWriter
    {
        public long Length => 0;

        public IParquetWriter Create(Stream destination, Schema schema, ParquetWriterOptions options) => this;

        public Task WriteAsync(RecordBatch rows, CancellationToken cancellationToken = default) => Task.CompletedTask;

        public Task CompleteAsync(CancellationToken cancellationToken = default) => Task.CompletedTask;

        public ValueTask DisposeAsync() => default;
    }
}
