using DataPlatform.Lineage;
using DataPlatform.ObjectStores;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Core.Tests.Job;

internal static class Scenarios
{
    public static void Configure(string name, PipelineBuilder pipeline)
    {
        switch (name)
        {
            case "two-steps":
                pipeline.Step("first", (context, _) =>
                {
                    context.Rows.Add(read: 3, written: 2, rejected: 1);
                    context.ReportProgress(3, 3);
                    context.Logger.LogInformation("Read {Count} rows of {Source}", 3, "inbox");
                    return Task.CompletedTask;
                });
                pipeline.Step<SecondStep>("second").After("first");
                break;
            case "hangs":
                pipeline.Step("waits", async (context, cancellationToken) =>
                {
                    context.Logger.LogInformation("Waiting");
                    await Task.Delay(Timeout.Infinite, cancellationToken);
                });
                break;
            case "hangs-for-good":
                pipeline.Step("waits", (context, _) =>
                {
                    context.Logger.LogInformation("Waiting");
                    Thread.Sleep(Timeout.Infinite);
                    return Task.CompletedTask;
                });
                break;
            case "prints-secrets":
                pipeline.Step<PrintsSecrets>("print");
                break;
            case "prints":
                pipeline.Step("print", (_, _) =>
                {
                    Console.WriteLine("plain {text} on stdout");
                    Console.Error.WriteLine("plain text on stderr");
                    Console.Write("no newline");
                    return Task.CompletedTask;
                });
                break;
            case "lineage":
                pipeline.Step("load", (context, _) =>
                {
                    var lake = context.Services.GetRequiredKeyedService<IObjectStore>("lake");
                    context.ReportLineage(new LineageReport { Inputs = [Dataset.Of(lake, "inbox/trips-*.csv")], Outputs = [Table(context, "raw.trips")] });
                    return Task.CompletedTask;
                });
                pipeline.Step("transform", (context, _) =>
                {
                    context.ReportLineage(new LineageReport { Part = "model.trips", Inputs = [Table(context, "raw.trips"), Table(context, "raw.zones")], Outputs = [Table(context, "staging.trips")] });
                    context.ReportLineage(new LineageReport { Part = "model.daily", Inputs = [Table(context, "staging.trips")], Outputs = [Table(context, "marts.daily")] });
                    return Task.CompletedTask;
                }).After("load");
                break;
            case "cycle":
                pipeline.Step("one", (_, _) => Task.CompletedTask).After("two");
                pipeline.Step("two", (_, _) => Task.CompletedTask).After("one");
                break;
            case "preflight-fails":
                pipeline.Step<FailsPreflight>("unready");
                break;
            case "throws-bug":
                pipeline.Step("fail", (_, _) => throw new InvalidOperationException("A bug."));
                break;
            default:
                var failureClass = Enum.Parse<FailureClass>(name.Replace("fails-", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal), ignoreCase: true);
                pipeline.Step("fail", (_, _) => throw new DataPlatformException(failureClass, $"It is {failureClass}.", "Look here.")).WithRetry("none");
                break;
        }
    }

    private static Dataset Table(StepContext context, TableName table) => context.Services.GetRequiredService<IWarehouse>().GetDataset(table);
}

internal sealed class SecondStep : IStep
{
    public async Task RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        context.Rows.Add(read: 10, written: 10);
        context.ReportProgress(10, 10, "writing");
        await Task.Yield();
    }
}

internal sealed class FailsPreflight : IStep, IStepPreflight
{
    public Task CheckAsync(CancellationToken cancellationToken) =>
        throw new DataPlatformException(FailureClass.CannotWrite, "The target is read-only.", "Make it writable.");

    public Task RunAsync(StepContext context, CancellationToken cancellationToken) => throw new InvalidOperationException("It ran without its preflight.");
}

/// <summary>Tries every way to let a secret out.</summary>
internal sealed class PrintsSecrets(IConfiguration configuration) : IStep
{
    public Task RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var secret = configuration["Api:Password"]!;
        Console.WriteLine($"out {secret}");
        Console.Error.WriteLine($"err {secret}");
        Console.WriteLine(Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"user:{secret}")));
        Console.WriteLine(Uri.EscapeDataString(secret));
        Console.WriteLine(System.Text.Json.JsonSerializer.Serialize(secret));
        context.Logger.LogInformation("logged {Value} with {@Structure}", secret, new { Inner = secret });
        using (context.Logger.BeginScope(new Dictionary<string, object> { ["scoped"] = secret })) context.Logger.LogWarning("scope");
        context.Logger.LogError(new InvalidOperationException($"thrown {secret}"), "exception");
        context.ReportProgress(1, 2, $"progress {secret}");
        throw new DataPlatformException(FailureClass.Data, $"message {secret}", $"hint {secret}");
    }
}

internal sealed class FailsAtStart : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => throw new DataPlatformException(FailureClass.Unavailable, "The broker is not there.", "Start it.");

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

internal sealed class FailsInBackground : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        throw new DataPlatformException(FailureClass.Unavailable, "The tunnel broke.", "Mend it.");
    }
}

internal sealed class NeverStops : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.Delay(Timeout.Infinite, CancellationToken.None);
}
