using DataPlatform.Ledger;
using DataPlatform.Lineage;
using DataPlatform.Resilience;

namespace DataPlatform.Pipelines;

/// <summary>What part of a pipeline to run, and as what.</summary>
public sealed record PipelineRunOptions
{
    /// <summary>Run this step alone; the steps before it are taken as done.</summary>
    public string? Step { get; init; }

    /// <summary>Run this step and all that depend on it.</summary>
    public string? From { get; init; }

    /// <summary>Continue this run: steps that succeeded in it are not run again.</summary>
    public string? Resume { get; init; }

    /// <summary>
    /// The id to run under, for orchestrators that run each step in a container of its own: the steps share a run. Null makes a new id.
    /// </summary>
    public string? RunId { get; init; }

    /// <summary>The date the run is for; null is today in UTC, or the resumed run's.</summary>
    public DateOnly? LogicalDate { get; init; }
}

/// <summary>How a run ended.</summary>
/// <param name="Run">The run.</param>
/// <param name="Status">How it stands.</param>
/// <param name="Failure">Why it failed, or null.</param>
/// <param name="StartedAt">When it began.</param>
/// <param name="Duration">How long it took.</param>
/// <param name="Steps">Its steps in the order of the pipeline.</param>
public sealed record PipelineRunResult(
    RunInfo Run, RunStatus Status, Failure? Failure, DateTimeOffset StartedAt, TimeSpan Duration, IReadOnlyList<StepResult> Steps);

/// <summary>How a step ended.</summary>
/// <param name="Name">The step.</param>
/// <param name="Status">How it stands; <see cref="RunStatus.Skipped"/> with no failure for one that had succeeded before in a resumed run.</param>
/// <param name="RowsRead">Rows read.</param>
/// <param name="RowsWritten">Rows written.</param>
/// <param name="RowsRejected">Rows rejected.</param>
/// <param name="Duration">How long it took, all attempts.</param>
/// <param name="Attempts">How often it was tried.</param>
/// <param name="Failure">Why it failed, or null.</param>
public sealed record StepResult(
    string Name, RunStatus Status, long RowsRead, long RowsWritten, long RowsRejected, TimeSpan Duration, int Attempts, Failure? Failure);

/// <summary>Is told what happens in a run: progress displays, orchestrator hooks. Calls come from several threads and must return fast.</summary>
public interface IRunObserver
{
    /// <summary>A run begins with these steps.</summary>
    void RunStarted(RunInfo run, IReadOnlyList<StepDefinition> steps) { }

    /// <summary>A step begins, or begins again.</summary>
    void StepStarted(RunInfo run, string step, int attempt) { }

    /// <summary>A step got further. See <see cref="StepContext.ReportProgress"/>.</summary>
    void StepProgressed(RunInfo run, string step, long done, long? total, string? message) { }

    /// <summary>A step told what it or a part of it reads and makes. See <see cref="StepContext.ReportLineage"/>.</summary>
    void LineageReported(RunInfo run, string step, LineageReport report) { }

    /// <summary>A step waits before it tries again.</summary>
    void StepRetrying(RunInfo run, string step, Failure failure, TimeSpan delay) { }

    /// <summary>A step ended.</summary>
    void StepFinished(RunInfo run, StepResult result) { }

    /// <summary>The run ended.</summary>
    void RunFinished(PipelineRunResult result) { }
}
