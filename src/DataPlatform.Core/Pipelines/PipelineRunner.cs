using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using DataPlatform.Ledger;
using DataPlatform.Lineage;
using DataPlatform.Resilience;
using DataPlatform.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Polly;

namespace DataPlatform.Pipelines;

/// <summary>Runs a pipeline's steps in this process: independent ones at the same time, none after a failure.</summary>
public sealed class PipelineRunner
{
    private readonly RunLedgers _ledgers;
    private readonly IServiceProvider _services;
    private readonly PipelineRunnerOptions _options;
    private readonly FailureClassification _classification;
    private readonly StepResilience _resilience;
    private readonly IRunObserver[] _observers;
    private readonly RunTelemetry _telemetry;
    private readonly TimeProvider _time;
    private readonly ILoggerFactory _loggerFactory;
    private readonly ILogger _logger;

    /// <summary>Creates a runner.</summary>
    /// <param name="ledgers">Where runs, steps and loads are recorded.</param>
    /// <param name="services">What steps are created from; null for steps that need nothing.</param>
    /// <param name="options">How to run.</param>
    /// <param name="observers">Told what happens.</param>
    /// <param name="loggerFactory">Logs, or null for none.</param>
    /// <param name="timeProvider">The clock.</param>
    public PipelineRunner(
        RunLedgers ledgers,
        IServiceProvider? services = null,
        PipelineRunnerOptions? options = null,
        IEnumerable<IRunObserver>? observers = null,
        ILoggerFactory? loggerFactory = null,
        TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(ledgers);
        _ledgers = ledgers;
        _services = services ?? new ServiceCollection().BuildServiceProvider();
        _options = options ?? new PipelineRunnerOptions();
        _classification = _services.GetService<FailureClassification>() ?? new FailureClassification(_services.GetServices<IFailureClassifier>());
        _resilience = _services.GetService<StepResilience>() ?? new StepResilience(_classification);
        _observers = [.. observers ?? []];
        _telemetry = _services.GetService<RunTelemetry>() ?? new RunTelemetry();
        _time = timeProvider ?? TimeProvider.System;
        _loggerFactory = loggerFactory ?? NullLoggerFactory.Instance;
        _logger = _loggerFactory.CreateLogger<PipelineRunner>();
    }

    /// <summary>The steps that a run with these options would run.</summary>
    /// <exception cref="DataPlatformException">A step does not exist, or options exclude each other.</exception>
    public static IReadOnlyList<StepDefinition> SelectSteps(PipelineDefinition pipeline, PipelineRunOptions options)
    {
        ArgumentNullException.ThrowIfNull(pipeline);
        ArgumentNullException.ThrowIfNull(options);
        return options switch
        {
            { Step: not null, From: not null } => throw new DataPlatformException(
                FailureClass.Configuration, "Both a single step and a step to begin from are given.", "Use --step or --from, not both."),
            { Step: { } step } => [pipeline[step]],
            { From: { } from } => pipeline.From(from),
            _ => pipeline.Steps,
        };
    }

    /// <summary>Runs the pipeline, or the part of it that <paramref name="options"/> names. A failing step is a result, not an exception.</summary>
    /// <exception cref="DataPlatformException">The step or the run to resume does not exist, or the ledger cannot be reached.</exception>
    public async Task<PipelineRunResult> RunAsync(PipelineDefinition pipeline, PipelineRunOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(pipeline);
        options ??= new PipelineRunOptions();
        var steps = SelectSteps(pipeline, options);
        foreach (var step in steps) _resilience.Get(step.Retry);

        using var activity = RunTelemetry.StartRun(pipeline.Name);
        var ledger = _ledgers.Primary;
        await ledger.MigrateAsync(cancellationToken).ConfigureAwait(false);
        var (run, done) = await IdentifyAsync(pipeline, options, ledger, cancellationToken).ConfigureAwait(false);
        activity.SetTag("run_id", run.RunId);
        var startedAt = _time.GetUtcNow();
        using var scope = _logger.BeginScope(new Dictionary<string, object> { ["run_id"] = run.RunId, ["pipeline"] = run.Pipeline });
        await ledger.StartRunAsync(run, cancellationToken).ConfigureAwait(false);
        foreach (var observer in _observers) observer.RunStarted(run, steps);
        _logger.LogInformation("Run {RunId} of {Pipeline} started for {LogicalDate}", run.RunId, run.Pipeline, run.LogicalDate.ToString("O", CultureInfo.InvariantCulture));

        using var execution = new RunExecution(this, run, steps, done);
        var results = await execution.RunAsync(cancellationToken).ConfigureAwait(false);

        var failure = results.Select(r => r.Failure).FirstOrDefault(f => f is not null and not { Class: FailureClass.Terminated })
            ?? (cancellationToken.IsCancellationRequested && results.Any(r => r.Status is not RunStatus.Succeeded && r.Failure is not null)
                ? new Failure(FailureClass.Terminated, "The run was told to stop; what was complete is committed.", $"Continue it with: run {pipeline.Name} --resume {run.RunId}")
                : null);
        var status = failure switch { null => RunStatus.Succeeded, { Class: FailureClass.Terminated } => RunStatus.Terminated, _ => RunStatus.Failed };
        var result = new PipelineRunResult(run, status, failure, startedAt, _time.GetUtcNow() - startedAt, results);
        _telemetry.RecordRun(result, activity);
        await RecordEndAsync(ledger, result).ConfigureAwait(false);
        foreach (var observer in _observers) observer.RunFinished(result);
        return result;
    }

    private async Task<(RunInfo Run, IReadOnlySet<string> Done)> IdentifyAsync(
        PipelineDefinition pipeline, PipelineRunOptions options, IRunLedger ledger, CancellationToken cancellationToken)
    {
        IReadOnlySet<string> done = new HashSet<string>();
        var known = options.Resume ?? options.RunId;
        var earlier = known is null ? null : await ledger.FindRunAsync(known, cancellationToken).ConfigureAwait(false);
        if (earlier is null && options.Resume is not null)
        {
            throw new DataPlatformException(
                FailureClass.Configuration, $"There is no run '{options.Resume}' to resume.", $"List the runs with: runs --pipeline {pipeline.Name}");
        }

        if (earlier is not null && earlier.Run.Pipeline != pipeline.Name)
        {
            throw new DataPlatformException(
                FailureClass.Configuration, $"Run '{known}' is of pipeline '{earlier.Run.Pipeline}', not '{pipeline.Name}'.");
        }

        if (options.Resume is not null && options.Step is null && options.From is null)
        {
            var recorded = await ledger.ListStepsAsync(options.Resume, cancellationToken).ConfigureAwait(false);
            done = recorded.Where(s => s.Status == RunStatus.Succeeded).Select(s => s.Step).ToHashSet(StringComparer.Ordinal);
        }

        var now = _time.GetUtcNow();
        var run = new RunInfo(
            known ?? $"{now.UtcDateTime.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture)}-{Guid.NewGuid().ToString("N")[..8]}",
            pipeline.Name,
            _options.Environment,
            options.LogicalDate ?? earlier?.Run.LogicalDate ?? _options.LogicalDate ?? DateOnly.FromDateTime(now.UtcDateTime),
            _options.GitCommit,
            Activity.Current?.TraceId.ToHexString());
        return (run, done);
    }

    private async Task RecordEndAsync(IRunLedger ledger, PipelineRunResult result)
    {
        try
        {
            await ledger.FinishRunAsync(result.Run.RunId, result.Status, result.Failure?.Class ?? FailureClass.None, result.Failure?.Message).ConfigureAwait(false);
        }
        catch (Exception exception) when (result.Failure is not null)
        {
            // The first failure is the one to report, and it may be what keeps the ledger from being written.
            _logger.LogWarning(exception, "The end of run {RunId} could not be recorded", result.Run.RunId);
        }
    }

    /// <summary>The state of one run while it runs.</summary>
    private sealed class RunExecution(PipelineRunner runner, RunInfo run, IReadOnlyList<StepDefinition> steps, IReadOnlySet<string> done) : IDisposable
    {
        private readonly TaskCompletionSource _allKnown = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Dictionary<string, Task<StepResult>> _tasks = new(StringComparer.Ordinal);
        private readonly SemaphoreSlim _slots = new(runner._options.MaxParallelSteps);
        private string? _failed;

        public async Task<IReadOnlyList<StepResult>> RunAsync(CancellationToken cancellationToken)
        {
            using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);

            foreach (var step in steps) _tasks[step.Name] = RunWhenReadyAsync(step, stopping, cancellationToken);
            _allKnown.SetResult();
            return await Task.WhenAll(steps.Select(s => _tasks[s.Name])).ConfigureAwait(false);
        }

        public void Dispose() => _slots.Dispose();

        private async Task<StepResult> RunWhenReadyAsync(StepDefinition step, CancellationTokenSource stopping, CancellationToken outer)
        {
            await _allKnown.Task.ConfigureAwait(false);
            var before = await Task.WhenAll(step.DependsOn.Where(_tasks.ContainsKey).Select(d => _tasks[d])).ConfigureAwait(false);
            if (done.Contains(step.Name)) return Finish(new StepResult(step.Name, RunStatus.Skipped, 0, 0, 0, TimeSpan.Zero, 0, Failure: null));

            if (before.Any(b => b.Status != RunStatus.Succeeded && b is not { Status: RunStatus.Skipped, Failure: null })) return await SkipAsync(step, outer).ConfigureAwait(false);
            try
            {
                await _slots.WaitAsync(stopping.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return await SkipAsync(step, outer).ConfigureAwait(false);
            }

            try
            {
                if (stopping.IsCancellationRequested) return await SkipAsync(step, outer).ConfigureAwait(false);
                var result = await new StepExecution(runner, run, step).RunAsync(stopping.Token, outer).ConfigureAwait(false);
                if (result.Status == RunStatus.Failed && Interlocked.CompareExchange(ref _failed, step.Name, null) is null) await stopping.CancelAsync().ConfigureAwait(false);
                return Finish(result);
            }
            finally
            {
                _slots.Release();
            }
        }

        private Task<StepResult> SkipAsync(StepDefinition step, CancellationToken outer)
        {
            var reason = Volatile.Read(ref _failed) is { } failed && !outer.IsCancellationRequested
                ? $"Not run because step '{failed}' failed."
                : "Not run because the run was told to stop.";
            return Task.FromResult(Finish(new StepResult(
                step.Name, RunStatus.Skipped, 0, 0, 0, TimeSpan.Zero, 0, new Failure(FailureClass.Terminated, reason))));
        }

        private StepResult Finish(StepResult result)
        {
            foreach (var observer in runner._observers) observer.StepFinished(run, result);
            return result;
        }
    }

    /// <summary>One step of a run: its attempts, and what the ledger is told of them.</summary>
    private sealed class StepExecution(PipelineRunner runner, RunInfo run, StepDefinition step)
    {
        private readonly DateTimeOffset _startedAt = runner._time.GetUtcNow();
        private readonly ILogger _logger = runner._loggerFactory.CreateLogger($"DataPlatform.Steps.{step.Name}");
        private readonly ConcurrentQueue<LineageReport> _lineage = new();
        private int _attempt;
        private RowCounter _rows = new();

        public async Task<StepResult> RunAsync(CancellationToken stopping, CancellationToken outer)
        {
            using var activity = RunTelemetry.StartStep(run.Pipeline, step.Name);
            using var scope = _logger.BeginScope(new Dictionary<string, object> { ["run_id"] = run.RunId, ["pipeline"] = run.Pipeline, ["step"] = step.Name });
            var result = await ExecuteAsync(stopping, outer).ConfigureAwait(false);
            runner._telemetry.RecordStep(run.Pipeline, result, activity);
            return result;
        }

        private async Task<StepResult> ExecuteAsync(CancellationToken stopping, CancellationToken outer)
        {
            var context = ResilienceContextPool.Shared.Get(step.Name, stopping);
            context.Properties.Set(StepResilience.OnRetry, NotifyRetry);
            try
            {
                var outputs = await runner._resilience.Get(step.Retry).ExecuteAsync(
                    async c => await AttemptAsync(c.CancellationToken).ConfigureAwait(false), context).ConfigureAwait(false);
                await RecordAsync(RunStatus.Succeeded, failure: null, outputs).ConfigureAwait(false);
                return Result(RunStatus.Succeeded, failure: null);
            }
            catch (Exception exception)
            {
                return await FailAsync(exception, stopping, outer).ConfigureAwait(false);
            }
            finally
            {
                ResilienceContextPool.Shared.Return(context);
            }
        }

        private async Task<IReadOnlyDictionary<string, string>> AttemptAsync(CancellationToken cancellationToken)
        {
            _attempt++;
            _rows = new RowCounter();
            await RecordAsync(RunStatus.Running, failure: null, outputs: null).ConfigureAwait(false);
            foreach (var observer in runner._observers) observer.StepStarted(run, step.Name, _attempt);

            using var timeout = step.Timeout is { } limit ? new CancellationTokenSource(limit, runner._time) : new CancellationTokenSource();
            await using var leases = new StepLeases(run, step.Name, runner._options.LeaseWait);
            var primary = await leases.GetAsync(runner._ledgers.Primary, cancellationToken).ConfigureAwait(false);
            using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token, primary.Lost);
            await using var scope = runner._services.CreateAsyncScope();
            var context = new RunningStepContext(run, step.Name, _attempt, scope.ServiceProvider, _logger, _rows, leases, runner._ledgers, ReportProgress, ReportLineage);
            try
            {
                await step.Create(scope.ServiceProvider).RunAsync(context, linked.Token).ConfigureAwait(false);
                return context.Outputs;
            }
            catch (OperationCanceledException) when (timeout.IsCancellationRequested)
            {
                throw new DataPlatformException(
                    FailureClass.Transient, $"Step '{step.Name}' took longer than its limit of {step.Timeout}.", "Raise the limit with WithTimeout, or find out why it is slow.");
            }
            catch (OperationCanceledException) when (primary.Lost.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                throw new DataPlatformException(
                    FailureClass.Transient, $"Another job has taken over step '{step.Name}' while this one was paused or cut off. Nothing was committed.");
            }
        }

        private async Task<StepResult> FailAsync(Exception exception, CancellationToken stopping, CancellationToken outer)
        {
            // A cancelled operation surfaces as many kinds of exception; what was asked of the step says what it means.
            if (stopping.IsCancellationRequested)
            {
                var reason = outer.IsCancellationRequested ? "Stopped as the run was told to." : "Stopped because another step failed.";
                _logger.LogInformation("Step {Step} stopped before it was done", step.Name);
                var stopped = new Failure(FailureClass.Terminated, reason);
                await TryRecordAsync(RunStatus.Terminated, stopped).ConfigureAwait(false);
                return Result(RunStatus.Terminated, stopped);
            }

            var failure = runner._classification.Classify(exception);
            if (failure.Class == FailureClass.Bug) _logger.LogError(exception, "Step {Step} failed: {Message}", step.Name, failure.Message);
            else _logger.LogError("Step {Step} failed ({FailureClass}): {Message} {Hint}", step.Name, failure.Class, failure.Message, failure.Hint);
            await TryRecordAsync(RunStatus.Failed, failure).ConfigureAwait(false);
            return Result(RunStatus.Failed, failure);
        }

        private void NotifyRetry(Failure failure, TimeSpan delay)
        {
            _logger.LogWarning("Step {Step} failed ({FailureClass}), trying again in {Delay}: {Message}", step.Name, failure.Class, delay, failure.Message);
            foreach (var observer in runner._observers) observer.StepRetrying(run, step.Name, failure, delay);
        }

        private void ReportProgress(long done, long? total, string? message)
        {
            foreach (var observer in runner._observers) observer.StepProgressed(run, step.Name, done, total, message);
        }

        private void ReportLineage(LineageReport report)
        {
            if (report.Status == RunStatus.Succeeded && report.Outputs.Count > 0) _lineage.Enqueue(report);
            foreach (var observer in runner._observers) observer.LineageReported(run, step.Name, report);
        }

        private async Task TryRecordAsync(RunStatus status, Failure failure)
        {
            try
            {
                await RecordAsync(status, failure, outputs: null).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                // The step's failure is the one to report, and it may be what keeps the ledger from being written.
                _logger.LogWarning(exception, "The end of step {Step} could not be recorded", step.Name);
            }
        }

        // Not cancelled with the step: how it ended must be recorded all the same.
        private Task RecordAsync(RunStatus status, Failure? failure, IReadOnlyDictionary<string, string>? outputs) =>
            runner._ledgers.Primary.RecordStepAsync(
                new StepRunRecord(
                    run.RunId, step.Name, status, _attempt, _startedAt, status == RunStatus.Running ? null : runner._time.GetUtcNow(),
                    _rows.Read, _rows.Written, _rows.Rejected, failure?.Class ?? FailureClass.None, failure?.Message,
                    outputs ?? new Dictionary<string, string>())
                {
                    Lineage = status == RunStatus.Running ? [] : [.. _lineage],
                },
                CancellationToken.None);

        private StepResult Result(RunStatus status, Failure? failure) => new(
            step.Name, status, _rows.Read, _rows.Written, _rows.Rejected, runner._time.GetUtcNow() - _startedAt, _attempt, failure);
    }
}
