using DataPlatform.Ledger;

namespace DataPlatform.Lineage;

/// <summary>What a step, or a part of it that has datasets of its own, reads and makes. See <see cref="Pipelines.StepContext.ReportLineage"/>.</summary>
public sealed record LineageReport
{
    /// <summary>The part of the step, such as a dbt node: <c>model.shop.orders</c>. Null is the step itself.</summary>
    public string? Part { get; init; }

    /// <summary>What sort of part it is: <c>model</c>, <c>test</c>, …; null when that does not matter.</summary>
    public string? PartType { get; init; }

    /// <summary>
    /// How the part stands. <see cref="RunStatus.Running"/> tells that it begins, others that it has ended. The ledger keeps what succeeded. Of the step itself only
    /// <see cref="RunStatus.Succeeded"/> can be said: when it begins and ends is known.
    /// </summary>
    public RunStatus Status { get; init; } = RunStatus.Succeeded;

    /// <summary>When the part began or, when it has ended, ended; null is now.</summary>
    public DateTimeOffset? At { get; init; }

    /// <summary>What was read.</summary>
    public IReadOnlyList<Dataset> Inputs { get; init; } = [];

    /// <summary>What was made or changed.</summary>
    public IReadOnlyList<Dataset> Outputs { get; init; } = [];

    /// <summary>How many rows were written, when that is known.</summary>
    public long? Rows { get; init; }

    /// <summary>Why it failed, or null.</summary>
    public string? Error { get; init; }

    /// <summary>What runs the part: <c>dbt</c>. Null for the job's own code.</summary>
    public string? Engine { get; init; }

    /// <summary>The engine's version; null when that is not known.</summary>
    public string? EngineVersion { get; init; }
}

/// <summary>That a dataset was made of another, as the ledger has it.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Pipeline">The pipeline.</param>
/// <param name="Step">The step.</param>
/// <param name="Part">The part of the step; null is the step itself.</param>
/// <param name="Input">What was read; null when nothing was.</param>
/// <param name="Output">What was made.</param>
/// <param name="RecordedAt">When that was recorded.</param>
public sealed record LineageRecord(string RunId, string Pipeline, string Step, string? Part, Dataset? Input, Dataset Output, DateTimeOffset RecordedAt);
