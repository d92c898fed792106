using System.Diagnostics;
using System.Diagnostics.Metrics;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;

namespace DataPlatform.Telemetry;

/// <summary>Traces and measures runs and their steps.</summary>
/// <remarks>
/// A run's activity continues the trace that the environment variables <c>TRACEPARENT</c> and <c>TRACESTATE</c> name, as Argo Workflows sets
/// them. Activities exist also when nobody listens, so that log lines always carry a trace id.
/// </remarks>
internal sealed class RunTelemetry
{
    private static readonly ActivitySource Source = new(DataPlatformTelemetry.ActivitySourceName);

    private readonly Histogram<double> _runDuration;
    private readonly Histogram<double> _stepDuration;
    private readonly Counter<long> _stepRows;

    public RunTelemetry(IMeterFactory? meters = null)
    {
        var meter = meters?.Create(DataPlatformTelemetry.MeterName) ?? new Meter(DataPlatformTelemetry.MeterName);
        _runDuration = meter.CreateHistogram<double>(DataPlatformTelemetry.RunDuration, "s", "How long runs took.");
        _stepDuration = meter.CreateHistogram<double>(DataPlatformTelemetry.StepDuration, "s", "How long steps took.");
        _stepRows = meter.CreateCounter<long>(DataPlatformTelemetry.StepRows, "{row}", "Rows that steps read, wrote and rejected.");
    }

    /// <summary>Begins a run's activity, below the orchestrator's when there is one. The caller disposes of it.</summary>
    public static Activity StartRun(string pipeline)
    {
        ActivityContext.TryParse(
            Environment.GetEnvironmentVariable("TRACEPARENT"), Environment.GetEnvironmentVariable("TRACESTATE"), isRemote: true, out var parent);
        return Start($"run {pipeline}", Activity.Current is null ? parent : default).SetTag("pipeline", pipeline);
    }

    /// <summary>Begins a step's activity below the run's, which is the current one. The caller disposes of it.</summary>
    public static Activity StartStep(string pipeline, string step) =>
        Start($"step {step}", parent: default).SetTag("pipeline", pipeline).SetTag("step", step);

    /// <summary>Measures a step that ended and marks its activity.</summary>
    public void RecordStep(string pipeline, StepResult result, Activity? activity = null)
    {
        Mark(activity, result.Status, result.Failure?.Class, result.Failure?.Message);
        KeyValuePair<string, object?> pipelineTag = new("pipeline", pipeline), stepTag = new("step", result.Name);
        _stepDuration.Record(result.Duration.TotalSeconds, [pipelineTag, stepTag, .. Outcome(result.Status, result.Failure?.Class)]);
        _stepRows.Add(result.RowsRead, pipelineTag, stepTag, new("outcome", "read"));
        _stepRows.Add(result.RowsWritten, pipelineTag, stepTag, new("outcome", "written"));
        _stepRows.Add(result.RowsRejected, pipelineTag, stepTag, new("outcome", "rejected"));
    }

    /// <summary>Measures a run that ended and marks its activity.</summary>
    public void RecordRun(PipelineRunResult result, Activity? activity = null)
    {
        Mark(activity, result.Status, result.Failure?.Class, result.Failure?.Message);
        _runDuration.Record(result.Duration.TotalSeconds, [new("pipeline", result.Run.Pipeline), .. Outcome(result.Status, result.Failure?.Class)]);
    }

    private static KeyValuePair<string, object?>[] Outcome(RunStatus status, FailureClass? failure) =>
    [
        new("status", Name(status)),
        new("failure_class", Name(failure ?? FailureClass.None)),
    ];

    private static Activity Start(string name, ActivityContext parent)
    {
        var activity = parent == default ? Source.StartActivity(name) : Source.StartActivity(name, ActivityKind.Internal, parent);
        if (activity is not null) return activity;

        activity = new Activity(name);
        if (parent != default) activity.SetParentId(parent.TraceId, parent.SpanId, parent.TraceFlags).TraceStateString = parent.TraceState;
        return activity.Start();
    }

    private static void Mark(Activity? activity, RunStatus status, FailureClass? failure, string? message)
    {
        activity?.SetTag("status", Name(status));
        if (failure is not (null or FailureClass.None)) activity?.SetTag("failure_class", Name(failure.Value)).SetStatus(ActivityStatusCode.Error, message);
    }

    private static string Name<T>(T value) where T : struct, Enum
    {
        var name = value.ToString();
        return char.ToLowerInvariant(name[0]) + name[1..];
    }
}
