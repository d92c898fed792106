using DataPlatform.Jobs;
using DataPlatform.Ledger;
using DataPlatform.Resilience;
using DataPlatform.Secrets;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Polly.Registry;

namespace DataPlatform.Pipelines;

/// <summary>Puts the runner and its ledgers together from a host's services and options.</summary>
internal static class PipelineRunnerServices
{
    public static IServiceCollection AddPipelineRunner(this IServiceCollection services)
    {
        services.TryAddSingleton(provider => new FailureClassification(provider.GetServices<IFailureClassifier>()) { Masker = provider.GetService<ISecretMasker>() });
        services.TryAddSingleton(CreateResilience);
        services.TryAddSingleton(CreateLedgers);
        services.TryAddSingleton(CreateRunner);
        return services;
    }

    private static StepResilience CreateResilience(IServiceProvider provider)
    {
        var options = provider.GetRequiredService<IOptions<DataPlatformOptions>>().Value;
        return new StepResilience(
            provider.GetRequiredService<FailureClassification>(),
            name => options.Resilience.TryGetValue(name, out var retry) ? retry : null,
            provider.GetService<ResiliencePipelineProvider<string>>());
    }

    private static RunLedgers CreateLedgers(IServiceProvider provider)
    {
        var options = provider.GetRequiredService<IOptions<DataPlatformOptions>>().Value;
        var names = provider.GetServices<WarehouseRegistration>().Select(r => r.Name).ToList();
        var name = options.Ledger ?? names.FirstOrDefault() ?? throw new DataPlatformException(
            FailureClass.Configuration,
            "The job has no warehouse to keep its ledger in.",
            "Add one with builder.AddWarehouse(\"warehouse\"); with builder.AddDuckDb() it needs no server.");
        return new RunLedgers(
            provider.GetRequiredKeyedService<IWarehouse>(name),
            new LedgerOptions { LeaseDuration = options.LeaseDuration, Mask = provider.GetRequiredService<ISecretMasker>().Mask },
            provider.GetService<ILoggerFactory>());
    }

    private static PipelineRunner CreateRunner(IServiceProvider provider)
    {
        var options = provider.GetRequiredService<IOptions<DataPlatformOptions>>().Value;
        return new PipelineRunner(
            provider.GetRequiredService<RunLedgers>(),
            provider,
            new PipelineRunnerOptions
            {
                Environment = provider.GetRequiredService<IHostEnvironment>().EnvironmentName,
                MaxParallelSteps = options.MaxParallelSteps,
                LeaseWait = options.LeaseWait,
                LogicalDate = options.LogicalDate,
            },
            provider.GetServices<IRunObserver>(),
            provider.GetService<ILoggerFactory>(),
            provider.GetService<TimeProvider>());
    }
}
