namespace DataPlatform.Telemetry;

/// <summary>Names under which DataPlatform.Core reports traces and metrics, for <c>AddSource</c> and <c>AddMeter</c> of OpenTelemetry.</summary>
/// <remarks>Durations are in seconds. Tags: <c>pipeline</c>, <c>step</c>, <c>status</c>, <c>failure_class</c>, <c>outcome</c>.</remarks>
public static class DataPlatformTelemetry
{
    /// <summary>The name of the activity source. Activities: <c>run {pipeline}</c> and, below it, <c>step {step}</c>.</summary>
    public const string ActivitySourceName = "DataPlatform.Core";

    /// <summary>The name of the meter.</summary>
    public const string MeterName = "DataPlatform.Core";

    /// <summary>Histogram, s: how long runs took. Tags: pipeline, status, failure_class.</summary>
    public const string RunDuration = "dataplatform.run.duration";

    /// <summary>Histogram, s: how long steps took. Tags: pipeline, step, status, failure_class.</summary>
    public const string StepDuration = "dataplatform.step.duration";

    /// <summary>Counter, {row}: rows of steps. Tags: pipeline, step, outcome (read, written, rejected).</summary>
    public const string StepRows = "dataplatform.step.rows";
}
