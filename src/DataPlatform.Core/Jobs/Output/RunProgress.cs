using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Resilience;

namespace DataPlatform.Jobs.Output;

/// <summary>Knows at any moment how each step of the run stands: for the display, and for the summary of a run that did not come to its end.</summary>
internal sealed class RunProgress(TimeProvider time) : IRunObserver
{
    private readonly Lock _gate = new();
    private readonly List<StepProgress> _steps = [];

    /// <summary>The run, once it began.</summary>
    public RunInfo? Run { get; private set; }

    /// <summary>When it began.</summary>
    public DateTimeOffset StartedAt { get; private set; } = time.GetUtcNow();

    /// <summary>How the steps stand, in the order of the pipeline.</summary>
    public IReadOnlyList<StepProgress> Snapshot()
    {
        lock (_gate) return [.. _steps];
    }

    public void RunStarted(RunInfo run, IReadOnlyList<StepDefinition> steps)
    {
        lock (_gate)
        {
            (Run, StartedAt) = (run, time.GetUtcNow());
            _steps.Clear();
            _steps.AddRange(steps.Select(s => new StepProgress(s.Name)));
        }
    }

    public void StepStarted(RunInfo run, string step, int attempt) =>
        Update(step, s => s with { StartedAt = s.StartedAt ?? time.GetUtcNow(), Done = 0, Message = attempt > 1 ? $"attempt {attempt}" : null });

    public void StepProgressed(RunInfo run, string step, long done, long? total, string? message) =>
        Update(step, s => s with { Done = done, Total = total, Message = message ?? s.Message });

    public void StepRetrying(RunInfo run, string step, Failure failure, TimeSpan delay) =>
        Update(step, s => s with { Message = $"trying again in {delay.TotalSeconds:0.0} s: {failure.Message}" });

    public void StepFinished(RunInfo run, StepResult result) => Update(result.Name, s => s with { Result = result });

    private void Update(string step, Func<StepProgress, StepProgress> change)
    {
        lock (_gate)
        {
            var index = _steps.FindIndex(s => s.Name == step);
            if (index >= 0) _steps[index] = change(_steps[index]);
        }
    }
}

/// <summary>How a step stands.</summary>
internal sealed record StepProgress(string Name)
{
    public DateTimeOffset? StartedAt { get; init; }

    public long Done { get; init; }

    public long? Total { get; init; }

    public string? Message { get; init; }

    public StepResult? Result { get; init; }

    /// <summary>The step for a summary; one that did not end counts as terminated, or skipped when it did not begin.</summary>
    public JobSummaryStep ToSummary(DateTimeOffset now) => Result is not null
        ? JobSummaryStep.Of(Result)
        : new JobSummaryStep(
            Name, JobSummary.Camel(StartedAt is null ? RunStatus.Skipped : RunStatus.Terminated), 0, 0, 0,
            Math.Round((now - (StartedAt ?? now)).TotalSeconds, 3), null);
}
