using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;

namespace DataPlatform.Dbt.Run;

/// <summary>What became of a node.</summary>
/// <param name="Node">The node.</param>
/// <param name="Status">success, partial success, error, skipped, pass, warn, fail or no-op, as dbt has it.</param>
internal sealed record NodeResult(DbtNode Node, string Status)
{
    public string? Message { get; init; }

    /// <summary>Of tests: how many rows are wrong.</summary>
    public long? Failures { get; init; }

    public PythonDict Response { get; init; } = new();

    /// <summary>Rows that were written, or null when the database did not say.</summary>
    public long? Rows { get; init; }

    public DateTimeOffset StartedAt { get; init; }

    public DateTimeOffset? CompiledAt { get; init; }

    public TimeSpan Elapsed { get; init; }

    public string? CompiledCode { get; init; }

    public string? RelationName { get; init; }

    public string Thread { get; init; } = "main";

    /// <summary>Of sources: when it was last loaded.</summary>
    public SourceAge? Age { get; init; }

    /// <summary>Of nodes that are shown: their rows.</summary>
    public ResultTable? Table { get; init; }

    /// <summary>Of microbatch models: what became of the batches.</summary>
    public BatchResults? Batches { get; init; }

    /// <summary>What it failed with.</summary>
    public Exception? Exception { get; init; }

    /// <summary>Whether nodes that read it cannot run.</summary>
    public bool IsFailure => Status is "error" or "fail" or "runtime error" or "partial success";
}

/// <summary>What became of an invocation.</summary>
/// <param name="Results">In the order they ended.</param>
internal sealed record DbtRunResult(IReadOnlyList<NodeResult> Results)
{
    public bool IsSuccess => !Results.Any(result => result.IsFailure);
}

/// <summary>Sees an invocation go on. Called from the threads that nodes run on.</summary>
internal interface IDbtObserver
{
    /// <param name="level">debug, info, warn, or print for what a template prints.</param>
    /// <param name="message">The line.</param>
    void Log(string level, string message);

    /// <summary>A part of the selection matches nothing.</summary>
    void Unmatched(string message) => Log("warn", message);

    /// <summary>The nodes that will run are known.</summary>
    void Selected(IReadOnlyList<DbtNode> nodes)
    {
    }

    /// <summary>A hook at the start or the end of a run began. Hooks are counted for themselves.</summary>
    void HookStarted(DbtNode hook, int index, int total)
    {
    }

    void Started(DbtNode node, int index, int total);

    /// <param name="node">The model.</param>
    /// <param name="step">The batch.</param>
    /// <param name="batches">Those that are built, and all others.</param>
    void BatchStarted(DbtNode node, BatchStep step, BatchResults batches)
    {
    }

    void BatchEnded(BatchOutcome outcome)
    {
    }

    void Ended(NodeResult result, int index, int total);
}
