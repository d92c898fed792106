using DataPlatform.Ledger;
using DataPlatform.ObjectStores;
using DataPlatform.Pipelines;
using DataPlatform.Resilience;
using DataPlatform.Secrets;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DataPlatform.Jobs;

/// <summary>How one check went.</summary>
/// <param name="Kind">What was checked: <c>secret</c>, <c>settings</c>, <c>pipeline</c>, <c>warehouse</c>, <c>object store</c>, <c>ledger</c>, <c>step</c>.</param>
/// <param name="Name">Which one.</param>
/// <param name="Failure">Why it failed, or null.</param>
/// <param name="Duration">How long it took.</param>
/// <param name="Detail">What was found, for people: a location, a secret's source.</param>
internal sealed record CheckResult(string Kind, string Name, Failure? Failure, TimeSpan Duration, string? Detail = null);

/// <summary>Everything that can be known to fail before the first row is read; <c>run</c> and <c>doctor</c> share it.</summary>
internal sealed class Preflight(
    IServiceProvider services, SecretResolver secrets, PipelineCatalog catalog, FailureClassification classification, IOptions<DataPlatformOptions> options,
    TimeProvider time, ILogger<Preflight> logger)
{
    // On top of what a check may wait for another job: an embedded database is one process's at a time.
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(15);
    private const int MaxParallel = 8;

    // The class that says most about what to do comes first: what a person must correct, then what a retry may help.
    private static readonly FailureClass[] MostTelling =
    [
        FailureClass.Configuration, FailureClass.NotAuthorized, FailureClass.CannotWrite, FailureClass.Unavailable,
        FailureClass.Transient, FailureClass.Data, FailureClass.Bug,
    ];

    /// <summary>Runs all checks that do not depend on one that failed, for every pipeline.</summary>
    public Task<IReadOnlyList<CheckResult>> CheckAllAsync(CancellationToken cancellationToken) =>
        CheckAsync([.. catalog.Names.Select(name => new Selection(name, new PipelineRunOptions()))], cancellationToken);

    /// <summary>Runs all checks that do not depend on one that failed, for the steps that are about to run.</summary>
    public Task<IReadOnlyList<CheckResult>> CheckRunAsync(string? pipeline, PipelineRunOptions options, CancellationToken cancellationToken) =>
        CheckAsync([new Selection(pipeline, options)], cancellationToken);

    /// <summary>Makes the secrets available to configuration and throws when one cannot be had.</summary>
    public async Task EnsureSecretsAsync(CancellationToken cancellationToken)
    {
        if (Combine(await ResolveSecretsAsync(cancellationToken).ConfigureAwait(false)) is { } failure)
            throw new DataPlatformException(failure.Class, failure.Message, failure.Hint);
    }

    /// <summary>One failure that tells of all, or null when every check passed.</summary>
    public static Failure? Combine(IReadOnlyList<CheckResult> results)
    {
        var failures = results.Where(r => r.Failure is not null).Select(r => r.Failure!).ToList();
        if (failures.Count <= 1) return failures.FirstOrDefault();

        var telling = MostTelling.First(c => c == FailureClass.Bug || failures.Exists(f => f.Class == c));
        var lines = failures.Select(f => $"- {f.Message}{(f.Hint is null ? "" : $" {f.Hint}")}");
        return new Failure(telling, $"{failures.Count} checks failed before the run began:\n{string.Join('\n', lines)}");
    }

    private async Task<IReadOnlyList<CheckResult>> CheckAsync(IReadOnlyList<Selection> selections, CancellationToken cancellationToken)
    {
        var results = new List<CheckResult>(await ResolveSecretsAsync(cancellationToken).ConfigureAwait(false));
        var haveSecrets = AllPassed(results);
        if (haveSecrets) results.Add(CheckSettings());
        var haveSettings = AllPassed(results);
        foreach (var selection in selections) results.Add(CheckPipeline(selection, haveSettings));

        // A connection string without its password would only fail in a misleading way.
        if (!haveSecrets) return results;
        results.AddRange(await CheckAllAsync(Connections(), cancellationToken).ConfigureAwait(false));
        if (!AllPassed(results)) return results;

        results.Add(await CheckAsync(new Check("ledger", "ledger", MigrateLedgerAsync), cancellationToken).ConfigureAwait(false));
        if (!AllPassed(results)) return results;

        var steps = await Task.WhenAll(selections.Select(s => StepChecksAsync(s, cancellationToken))).ConfigureAwait(false);
        results.AddRange(await CheckAllAsync(steps.SelectMany(s => s), cancellationToken).ConfigureAwait(false));
        return results;
    }

    private static bool AllPassed(IEnumerable<CheckResult> results) => results.All(r => r.Failure is null);

    private async Task<IReadOnlyList<CheckResult>> ResolveSecretsAsync(CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var resolved = await secrets.ResolveAsync(cancellationToken).ConfigureAwait(false);
        var took = time.GetElapsedTime(started);
        return [.. resolved.Select(r => new CheckResult("secret", r.Reference, r.Failure, took, r.Value is null ? null : Describe(r.Value)))];
    }

    private string Describe(SecretValue secret)
    {
        var age = (long)(time.GetUtcNow() - secret.RetrievedAt).TotalSeconds;
        var version = secret.Version is null ? "" : $", version {secret.Version}";
        return $"{secret.Source}{version}, read {age} s ago";
    }

    private CheckResult CheckPipeline(Selection selection, bool haveSettings) => Measure("pipeline", selection.Pipeline ?? "", () =>
    {
        var steps = PipelineRunner.SelectSteps(catalog.Build(selection.Pipeline), selection.Options);
        foreach (var step in haveSettings ? steps : []) services.GetRequiredService<StepResilience>().Get(step.Retry);
        return $"{steps.Count} steps";
    });

    private CheckResult CheckSettings() => Measure("settings", DataPlatformOptions.Section, () =>
    {
        try
        {
            services.GetService<IStartupValidator>()?.Validate();
            return null;
        }
        catch (AggregateException e)
        {
            var failures = e.Flatten().InnerExceptions.OfType<OptionsValidationException>().SelectMany(o => o.Failures);
            throw new OptionsValidationException(DataPlatformOptions.Section, typeof(DataPlatformOptions), failures);
        }
    });

    private IEnumerable<Check> Connections() =>
    [
        .. services.GetServices<ObjectStoreRegistration>().Select(r => new Check("object store", r.Name, async cancellationToken =>
        {
            var store = services.GetRequiredKeyedService<IObjectStore>(r.Name);
            await store.CheckAsync(cancellationToken).ConfigureAwait(false);
            return store.Location;
        })),
        .. services.GetServices<WarehouseRegistration>().Select(r => new Check("warehouse", r.Name, async cancellationToken =>
        {
            var warehouse = services.GetRequiredKeyedService<IWarehouse>(r.Name);
            await warehouse.CheckAsync(cancellationToken).ConfigureAwait(false);
            return warehouse.Location;
        })),
    ];

    private async Task<string?> MigrateLedgerAsync(CancellationToken cancellationToken)
    {
        var ledger = services.GetRequiredService<RunLedgers>().Primary;
        await ledger.MigrateAsync(cancellationToken).ConfigureAwait(false);
        return $"in warehouse '{ledger.Warehouse.Name}'";
    }

    private async Task<IEnumerable<Check>> StepChecksAsync(Selection selection, CancellationToken cancellationToken)
    {
        var pipeline = catalog.Build(selection.Pipeline);
        var done = selection.Options.Resume is { } resumed
            ? await services.GetRequiredService<RunLedgers>().Primary.ListStepsAsync(resumed, cancellationToken).ConfigureAwait(false)
            : [];
        return PipelineRunner.SelectSteps(pipeline, selection.Options)
            .Where(step => !done.Any(d => d.Step == step.Name && d.Status == RunStatus.Succeeded))
            .Select(step => new Check("step", $"{pipeline.Name}/{step.Name}", token => CheckStepAsync(step, token)));
    }

    private async Task<string?> CheckStepAsync(StepDefinition step, CancellationToken cancellationToken)
    {
        await using var scope = services.CreateAsyncScope();
        if (step.Create(scope.ServiceProvider) is IStepPreflight preflight) await preflight.CheckAsync(cancellationToken).ConfigureAwait(false);
        return step.Description;
    }

    private async Task<CheckResult[]> CheckAllAsync(IEnumerable<Check> checks, CancellationToken cancellationToken)
    {
        using var slots = new SemaphoreSlim(MaxParallel);
        return await Task.WhenAll(checks.Select(async check =>
        {
            await slots.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return await CheckAsync(check, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                slots.Release();
            }
        })).ConfigureAwait(false);
    }

    private async Task<CheckResult> CheckAsync(Check check, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var allowed = AnswerWithin + LeaseWait();
        limit.CancelAfter(allowed);
        try
        {
            // On a thread of its own: an embedded database answers synchronously, and a check that ignores its token must not hold up the others.
            var detail = await Task.Run(() => check.RunAsync(limit.Token), limit.Token).WaitAsync(limit.Token).ConfigureAwait(false);
            return new CheckResult(check.Kind, check.Name, null, time.GetElapsedTime(started), detail);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            var failure = limit.IsCancellationRequested
                ? new Failure(FailureClass.Unavailable, $"The {check.Kind} '{check.Name}' did not answer within {allowed.TotalSeconds:0} s.", "Check that it is up and can be reached from here.")
                : Classify(check.Kind, check.Name, e);
            return new CheckResult(check.Kind, check.Name, failure, time.GetElapsedTime(started));
        }
    }

    // Connections are checked also when the settings are wrong, to say everything at once.
    private TimeSpan LeaseWait()
    {
        try
        {
            return options.Value.LeaseWait;
        }
        catch (OptionsValidationException)
        {
            return TimeSpan.Zero;
        }
    }

    private CheckResult Measure(string kind, string name, Func<string?> check)
    {
        var started = time.GetTimestamp();
        try
        {
            var detail = check();
            return new CheckResult(kind, name, null, time.GetElapsedTime(started), detail);
        }
        catch (Exception e)
        {
            return new CheckResult(kind, name, Classify(kind, name, e), time.GetElapsedTime(started));
        }
    }

    private Failure Classify(string kind, string name, Exception exception)
    {
        var failure = classification.Classify(exception);
        logger.Log(failure.Class == FailureClass.Bug ? LogLevel.Error : LogLevel.Debug, exception, "The check of {Kind} {Name} failed", kind, name);
        return failure;
    }

    private sealed record Selection(string? Pipeline, PipelineRunOptions Options);

    private sealed record Check(string Kind, string Name, Func<CancellationToken, Task<string?>> RunAsync);
}
