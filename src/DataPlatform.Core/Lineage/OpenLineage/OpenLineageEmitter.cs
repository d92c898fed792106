using System.Collections.Concurrent;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Lineage;

/// <summary>
/// Tells an OpenLineage server, or a file, of runs, their steps and the parts of steps. What it cannot deliver is lost with a warning: no run fails or waits for it, but for
/// <see cref="OpenLineageOptions.Timeout"/> at its end.
/// </summary>
/// <remarks><c>AddDataPlatform</c> adds it to a host. Without one give it to the <see cref="PipelineRunner"/> and dispose of it when the run has ended.</remarks>
public sealed class OpenLineageEmitter : IRunObserver, IHostedService, IAsyncDisposable
{
    private readonly ConcurrentDictionary<(string RunId, string Step), ConcurrentQueue<LineageReport>> _steps = new();
    private readonly OpenLineageOptions _options;
    private readonly OpenLineageDelivery? _delivery;
    private readonly TimeProvider _time;
    private readonly Func<string, string> _mask;

    /// <summary>Sets it up; nothing is sent or opened yet.</summary>
    /// <param name="options">Where events go.</param>
    /// <param name="mask">Takes secrets out of error texts; null when there are none to take out.</param>
    /// <param name="time">The clock.</param>
    /// <param name="loggerFactory">Where it is said that events could not be delivered.</param>
    public OpenLineageEmitter(OpenLineageOptions options, Func<string, string>? mask = null, TimeProvider? time = null, ILoggerFactory? loggerFactory = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _mask = mask ?? (static text => text);
        _time = time ?? TimeProvider.System;
        _delivery = options.IsOn ? new OpenLineageDelivery(options, _time, loggerFactory) : null;
    }

    void IRunObserver.RunStarted(RunInfo run, IReadOnlyList<StepDefinition> steps) => Send("START", run, []);

    void IRunObserver.StepStarted(RunInfo run, string step, int attempt)
    {
        // A run has one start, however often the step is tried.
        if (_steps.TryAdd((run.RunId, step), [])) Send("START", run, [step]);
    }

    void IRunObserver.LineageReported(RunInfo run, string step, LineageReport report)
    {
        if (report.Part is null)
        {
            if (_steps.TryGetValue((run.RunId, step), out var reports)) reports.Enqueue(report);
            return;
        }

        Send(TypeOf(report.Status), run, [step, report.Part], report);
    }

    void IRunObserver.StepFinished(RunInfo run, StepResult result)
    {
        if (!_steps.TryRemove((run.RunId, result.Name), out var reports)) return;
        var lineage = new LineageReport
        {
            Inputs = [.. reports.SelectMany(report => report.Inputs).Distinct()],
            Outputs = [.. reports.SelectMany(report => report.Outputs).Distinct()],
            Rows = result.RowsWritten,
            Error = result.Status == RunStatus.Failed ? result.Failure?.Message : null,
        };
        Send(TypeOf(result.Status), run, [result.Name], lineage);
    }

    void IRunObserver.RunFinished(PipelineRunResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        Send(TypeOf(result.Status), result.Run, [], new LineageReport { Error = result.Status == RunStatus.Failed ? result.Failure?.Message : null });
    }

    Task IHostedService.StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // While the log still takes what there is to say.
    Task IHostedService.StopAsync(CancellationToken cancellationToken) => DisposeAsync().AsTask();

    /// <summary>Waits until all is delivered, at most for <see cref="OpenLineageOptions.Timeout"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_delivery is not null) await _delivery.DisposeAsync().ConfigureAwait(false);
    }

    private void Send(string type, RunInfo run, IReadOnlyList<string> path, LineageReport? report = null)
    {
        if (_delivery is null) return;
        var jobs = _options.Namespace ?? run.Environment;
        OpenLineageRun Of(int depth) => new(jobs, run.RunId, [run.Pipeline, .. path.Take(depth)]);
        _delivery.Add(new OpenLineageEvent(type, report?.At ?? _time.GetUtcNow(), Of(path.Count))
        {
            Within = path.Count == 0 ? null : (Of(path.Count - 1), Of(0)),
            JobType = path.Count switch { 0 => "PIPELINE", 1 => "STEP", _ => report?.PartType?.ToUpperInvariant() ?? "PART" },
            LogicalDate = path.Count < 2 ? run.LogicalDate : null,
            Engine = report?.Engine,
            EngineVersion = report?.EngineVersion,
            Inputs = report?.Inputs ?? [],
            Outputs = report?.Outputs ?? [],
            Rows = report?.Rows,
            Error = report?.Error is { } error ? _mask(error) : null,
        });
    }

    private static string TypeOf(RunStatus status) => status switch
    {
        RunStatus.Running => "START",
        RunStatus.Succeeded => "COMPLETE",
        RunStatus.Failed => "FAIL",
        _ => "ABORT",
    };
}
