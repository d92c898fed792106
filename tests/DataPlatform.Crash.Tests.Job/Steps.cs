using System.ComponentModel.DataAnnotations;
using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Crash.Tests.Job;

/// <summary>A row of mixed types.</summary>
public sealed record Measurement(long Id, int Sensor, decimal Amount, double Reading, DateTime MeasuredAt, string Note);

/// <summary>Something that a device tells, again and again.</summary>
public sealed record Event(long Id, int Device, decimal Amount, DateTime At, [MaxLength(60)] string Note);

/// <summary>The same, by a contract that no row breaks.</summary>
public sealed record AnyEvent(long Id, int Device, decimal Amount, DateTime At, string Note);

/// <summary>Says how much memory the process had at most.</summary>
public sealed class ReportPeakMemory : IStep
{
    public Task RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var peak = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1];
        context.Logger.LogInformation("peak_kib={PeakKib};", peak);
        return Task.CompletedTask;
    }
}

/// <summary>Appends its run's row, then keeps the transaction open until the file GATE exists.</summary>
public sealed class HoldLoad(IWarehouse warehouse) : IStep
{
    private static readonly Schema Columns = new Schema.Builder().Field(new Field("run_id", StringType.Default, false)).Build();

    public async Task RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        await using var load = await context.BeginLoadAsync(warehouse, "raw.held", "append", cancellationToken);
        await load.Warehouse.CreateTableAsync("raw.held", Columns, [], cancellationToken);
        await using (var writer = await load.Warehouse.BeginAppendAsync("raw.held", Columns, cancellationToken))
        {
            using var batch = new RecordBatch(Columns, [new StringArray.Builder().Append(context.Run.RunId).Build()], 1);
            await writer.WriteAsync(batch, cancellationToken);
            await writer.CompleteAsync(cancellationToken);
        }

        context.Logger.LogInformation("The row is written and not committed");
        var gate = Environment.GetEnvironmentVariable("GATE")!;
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!File.Exists(gate)) await timer.WaitForNextTickAsync(cancellationToken);
        await load.CommitAsync(new RowBalance(1, 1), cancellationToken);
    }
}

/// <summary>Runs a query that takes ten minutes unless it is cancelled on the server.</summary>
public sealed class LongQuery(IWarehouse warehouse) : IStep
{
    public async Task RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        context.Logger.LogInformation("The query begins");
        await foreach (var batch in warehouse.ReadAsync("SELECT pg_sleep(600)", cancellationToken: cancellationToken)) batch.Dispose();
    }
}

/// <summary>Does with a secret what must never be done.</summary>
public sealed class Leak(IConfiguration configuration) : IStep
{
    public Task RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var secret = configuration["Demo:Secret"];
        context.Logger.LogInformation("The secret is {Secret}", secret);
        Console.WriteLine($"plain {secret}");
        Console.Error.WriteLine($"plain {secret}");
        throw new InvalidOperationException($"cannot log in with {secret}", new ArgumentException($"inner {Uri.EscapeDataString(secret!)}"));
    }
}
