using System.Collections.Concurrent;
using Polly;
using Polly.Registry;
using Polly.Retry;

namespace DataPlatform.Resilience;

/// <summary>Finds the resilience pipeline that a step is run through.</summary>
/// <param name="classification">Knows which failures are worth a retry.</param>
/// <param name="settings">Settings by name, or null when there are none of that name.</param>
/// <param name="registered">Pipelines that the user registered with Polly, or null for none; they come first.</param>
internal sealed class StepResilience(
    FailureClassification classification,
    Func<string, RetryOptions?>? settings = null,
    ResiliencePipelineProvider<string>? registered = null)
{
    /// <summary>Called before a wait, with the failure and the delay.</summary>
    public static readonly ResiliencePropertyKey<Action<Failure, TimeSpan>> OnRetry = new("dataplatform.on-retry");

    private readonly ConcurrentDictionary<string, ResiliencePipeline> _built = new(StringComparer.Ordinal);

    /// <exception cref="DataPlatformException">There is no pipeline of that name.</exception>
    public ResiliencePipeline Get(string name)
    {
        if (registered is not null && registered.TryGetPipeline(name, out var own)) return own;
        return _built.GetOrAdd(name, Build);
    }

    private ResiliencePipeline Build(string name)
    {
        var options = settings?.Invoke(name) ?? (name == ResiliencePipelineNames.Step
            ? new RetryOptions()
            : throw new DataPlatformException(
                FailureClass.Configuration,
                $"There is no resilience pipeline '{name}'.",
                $"Add the section DataPlatform:Resilience:{name}, or register one with services.AddResiliencePipeline(\"{name}\", …)."));
        var builder = new ResiliencePipelineBuilder { Name = name };
        if (options.MaxRetries == 0) return builder.Build();
        return builder
            .AddRetry(new RetryStrategyOptions
            {
                Name = name,
                MaxRetryAttempts = options.MaxRetries,
                Delay = options.Delay,
                MaxDelay = options.MaxDelay,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = arguments => ValueTask.FromResult(
                    arguments.Outcome.Exception is { } exception
                    && !arguments.Context.CancellationToken.IsCancellationRequested
                    && classification.Classify(exception).IsRetryable),
                OnRetry = arguments =>
                {
                    if (arguments.Context.Properties.TryGetValue(OnRetry, out var notify) && notify is not null)
                        notify(classification.Classify(arguments.Outcome.Exception!), arguments.RetryDelay);
                    return default;
                },
            })
            .Build();
    }
}
