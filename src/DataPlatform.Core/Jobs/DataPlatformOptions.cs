using DataPlatform.Resilience;

namespace DataPlatform.Jobs;

/// <summary>How a job behaves. Bound from the section <c>DataPlatform</c> and checked before anything runs.</summary>
/// <remarks>Durations are written <c>00:00:25</c>, or as a number with a unit: <c>250ms</c>, <c>25s</c>, <c>5m</c>, <c>1h</c>.</remarks>
public sealed class DataPlatformOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "DataPlatform";

    /// <summary>The date runs are for when <c>--date</c> does not say. Null: today in UTC.</summary>
    public DateOnly? LogicalDate { get; set; }

    /// <summary>
    /// How long the job may take to drain after SIGTERM or Ctrl+C: finish or roll back what it does, release leases, stop the host.
    /// Keep it below the orchestrator's own limit (Kubernetes: <c>terminationGracePeriodSeconds</c>, 30 s unless set). 25 s.
    /// </summary>
    public TimeSpan GracePeriod { get; set; } = TimeSpan.FromSeconds(25);

    /// <summary>How long a lease holds without being renewed; a job that is paused for longer loses its steps to another. 30 s.</summary>
    public TimeSpan LeaseDuration { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a step waits for a lease that another run holds before it fails as <see cref="FailureClass.Transient"/>. 30 s.</summary>
    public TimeSpan LeaseWait { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Where the summary of the run is written for the orchestrator to show, in at most 4,096 bytes. The file is not created:
    /// Kubernetes does that. <c>/dev/termination-log</c>; empty writes none.
    /// </summary>
    public string TerminationLogPath { get; set; } = "/dev/termination-log";

    /// <summary>The name of the warehouse whose database holds the ledger of runs. Null: the only warehouse, or the one registered first.</summary>
    public string? Ledger { get; set; }

    /// <summary>How many steps may run at the same time. The number of processors.</summary>
    public int MaxParallelSteps { get; set; } = Environment.ProcessorCount;

    /// <summary>
    /// Retries by the name of the resilience pipeline; see <see cref="ResiliencePipelineNames"/>. A name of your own here
    /// makes a pipeline that a step can ask for with <c>WithRetry</c>.
    /// </summary>
    public IDictionary<string, RetryOptions> Resilience { get; } = new Dictionary<string, RetryOptions>(StringComparer.OrdinalIgnoreCase);
}
