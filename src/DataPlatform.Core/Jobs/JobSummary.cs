using System.Text.Json;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Resilience;
using DataPlatform.Secrets;

namespace DataPlatform.Jobs;

/// <summary>What a run did, for programs: <c>--output json</c>, the last line of the log, and the termination log.</summary>
internal sealed record JobSummary(
    string? RunId, string? Pipeline, string Status, int ExitCode, string? FailureClass, string? Error,
    DateTime StartedAt, double DurationSeconds, IReadOnlyList<JobSummaryStep> Steps)
{
    /// <summary>Sums a finished run up.</summary>
    /// <param name="result">The run.</param>
    /// <param name="failure">Why the job failed: the run's own failure, or one after it.</param>
    public static JobSummary Of(PipelineRunResult result, Failure? failure) => Create(
        result.Run.RunId, result.Run.Pipeline, failure, result.StartedAt, result.Duration, [.. result.Steps.Select(JobSummaryStep.Of)]);

    /// <summary>Sums up a job that failed before it had anything to run.</summary>
    public static JobSummary BeforeRun(Failure failure, DateTimeOffset now) => Create(null, null, failure, now, TimeSpan.Zero, []);

    /// <summary>Sums up what there is: all of a run, part of one, or none.</summary>
    public static JobSummary Create(
        string? runId, string? pipeline, Failure? failure, DateTimeOffset startedAt, TimeSpan duration, IReadOnlyList<JobSummaryStep> steps)
    {
        var status = failure switch { null => RunStatus.Succeeded, { Class: DataPlatform.FailureClass.Terminated } => RunStatus.Terminated, _ => RunStatus.Failed };
        return new JobSummary(
            runId, pipeline, Camel(status), ExitCodeOf(failure), failure is null ? null : Camel(failure.Class),
            Describe(failure), startedAt.UtcDateTime, Math.Round(duration.TotalSeconds, 3), steps);
    }

    /// <summary>The exit code that tells of a failure, which is never 0; null is success.</summary>
    public static int ExitCodeOf(Failure? failure) => failure switch
    {
        null => 0,
        { Class: DataPlatform.FailureClass.None } => (int)DataPlatform.FailureClass.Bug,
        _ => (int)failure.Class,
    };

    /// <summary>A copy without secrets.</summary>
    public JobSummary Mask(ISecretMasker masker) => this with
    {
        Error = Error is null ? null : masker.Mask(Error),
        Steps = [.. Steps.Select(s => s with { Error = s.Error is null ? null : masker.Mask(s.Error) })],
    };

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, JobJson.Readable.JobSummary);

    /// <summary>The message and what to do, as one text.</summary>
    public static string? Describe(Failure? failure) => failure switch
    {
        null => null,
        { Hint: null } => failure.Message,
        _ => $"{failure.Message} {failure.Hint}",
    };

    public static string Camel<T>(T value) where T : struct, Enum => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());
}

/// <summary>A step in a <see cref="JobSummary"/>.</summary>
internal sealed record JobSummaryStep(
    string Name, string Status, long RowsRead, long RowsWritten, long RowsRejected, double DurationSeconds, string? Error)
{
    public static JobSummaryStep Of(StepResult step) => new(
        step.Name, JobSummary.Camel(step.Status), step.RowsRead, step.RowsWritten, step.RowsRejected,
        Math.Round(step.Duration.TotalSeconds, 3), JobSummary.Describe(step.Failure));
}
