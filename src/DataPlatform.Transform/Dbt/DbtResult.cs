using System.Globalization;
using System.Text;

namespace DataPlatform.Transform;

/// <summary>How a node stands.</summary>
public enum DbtStatus
{
    /// <summary>It runs, or was running when dbt was stopped.</summary>
    Running,

    /// <summary>Built, or done.</summary>
    Success,

    /// <summary>It failed: an error of the database, of SQL, of a macro; a source that is too old.</summary>
    Error,

    /// <summary>Not run because something before it failed.</summary>
    Skipped,

    /// <summary>Some batches of a microbatch model failed.</summary>
    PartialSuccess,

    /// <summary>A test held, or a source is fresh.</summary>
    Pass,

    /// <summary>A test with severity <c>warn</c> did not hold, or a source is getting old.</summary>
    Warn,

    /// <summary>A test did not hold.</summary>
    Fail,

    /// <summary>A source's age could not be found.</summary>
    RuntimeError,

    /// <summary>There was nothing to do for it, as for an exposure.</summary>
    NoOp,

    /// <summary>A status that is not known here.</summary>
    Unknown,
}

/// <summary>A node of a project.</summary>
/// <param name="UniqueId">Its id: <c>model.shop.orders</c>.</param>
/// <param name="ResourceType">What it is: <c>model</c>, <c>seed</c>, <c>snapshot</c>, <c>test</c>, <c>unit_test</c>, …</param>
/// <param name="Name">Its name.</param>
/// <param name="Fqn">Its fully qualified name: project, folders, name.</param>
/// <param name="OriginalFilePath">The file that defines it, from the project's folder.</param>
public sealed record DbtNode(string UniqueId, string ResourceType, string Name, IReadOnlyList<string> Fqn, string OriginalFilePath)
{
    /// <summary>The sources that it reads; those of ephemeral models are seen through. Known of nodes that <see cref="IDbtRunner.ListAsync"/> lists.</summary>
    public IReadOnlyList<DbtSource> Sources { get; init; } = [];

    /// <summary>Of a retry: what is left of its batches, when it is a model that is built by batches of time and was begun; else null.</summary>
    public DbtBatches? Batches { get; init; }
}

/// <summary>From one moment on until before another, in UTC: a batch of a microbatch model, or what such models are built for.</summary>
/// <param name="Start">The first moment.</param>
/// <param name="End">The moment that is not in it any more.</param>
public sealed record DbtTimeRange(DateTime Start, DateTime End);

/// <summary>The batches of a microbatch model, as the times that they are of: one for all that follow each other.</summary>
/// <param name="Done">Of those that are built.</param>
/// <param name="Left">Of those that are not: failed, running, or not begun.</param>
public sealed record DbtBatches(IReadOnlyList<DbtTimeRange> Done, IReadOnlyList<DbtTimeRange> Left);

/// <summary>A source of a project.</summary>
/// <param name="UniqueId">Its id: <c>source.shop.raw.trips</c>.</param>
/// <param name="Relation">The table or view that it is, quoted for SQL.</param>
public sealed record DbtSource(string UniqueId, string Relation);

/// <summary>What became of a node.</summary>
/// <param name="UniqueId">Its id: <c>model.shop.orders</c>.</param>
/// <param name="Status">How it stands.</param>
public sealed record DbtNodeResult(string UniqueId, DbtStatus Status)
{
    /// <summary>Its name.</summary>
    public string Name { get; init; } = UniqueId.Split('.', 3) is [_, _, var name] ? name : UniqueId;

    /// <summary>What it is: <c>model</c>, <c>seed</c>, <c>snapshot</c>, <c>test</c>, <c>unit_test</c>, <c>operation</c>, <c>source</c>, …</summary>
    public string ResourceType { get; init; } = UniqueId.Split('.', 2)[0];

    /// <summary>How long it took, in seconds.</summary>
    public double Seconds { get; init; }

    /// <summary>How many rows the database says it changed, or null when it does not say.</summary>
    public long? RowsAffected { get; init; }

    /// <summary>How many rows a test found; null for what is no test.</summary>
    public long? Failures { get; init; }

    /// <summary>What dbt or the database said, without colours; null for nothing.</summary>
    public string? Message { get; init; }

    /// <summary>The table or view it makes, quoted for SQL; for a test that stores its failures, the table that holds them; else null.</summary>
    public string? Relation { get; init; }

    /// <summary>The SQL that was run, without what materializes or counts it: for a test, the query whose rows are failures. Null when it is not known.</summary>
    public string? CompiledCode { get; init; }

    /// <summary>Some of the rows that a test found when it failed, for people: <c>trip_id=17, started=NULL</c>. Filled in by the step; see <see cref="DbtRunnerOptions.ShowFailedRows"/>.</summary>
    public IReadOnlyList<string> FailedRows { get; init; } = [];

    /// <summary>The batches of a microbatch model while it runs, and when some of them failed; null for others, and where dbt does not say. The built-in engine does.</summary>
    public DbtBatches? Batches { get; init; }

    /// <summary>Whether there is nothing left to do for it in a retry.</summary>
    public bool IsDone => Status is DbtStatus.Success or DbtStatus.Pass or DbtStatus.Warn or DbtStatus.NoOp;

    /// <summary>Whether it makes dbt fail.</summary>
    public bool IsFailed => Status is DbtStatus.Error or DbtStatus.Fail or DbtStatus.RuntimeError or DbtStatus.PartialSuccess;
}

/// <summary>How an invocation of dbt ended.</summary>
/// <param name="Nodes">Each node that was run or skipped.</param>
/// <param name="Failure">Why it failed, or null.</param>
public sealed record DbtResult(IReadOnlyList<DbtNodeResult> Nodes, DbtFailure? Failure)
{
    /// <summary>dbt's own id of the invocation, or null when it did not come that far.</summary>
    public string? InvocationId { get; init; }

    /// <summary>dbt's version, or null when it did not say.</summary>
    public string? Version { get; init; }

    /// <summary>Which datasets each node reads and makes, from the manifest; empty when dbt wrote none.</summary>
    public IReadOnlyList<DbtLineage> Lineage { get; init; } = [];

    /// <summary>How many nodes a message names.</summary>
    internal const int Shown = 10;

    /// <summary>Throws when it failed.</summary>
    /// <exception cref="DataPlatformException">It failed; the message names up to ten nodes, says what is wrong with each, and shows rows that tests found.</exception>
    public void ThrowIfFailed()
    {
        if (Failure is null) return;
        var text = new StringBuilder(Failure.Message);
        foreach (var node in Nodes.Where(node => node.FailedRows.Count > 0))
        {
            text.Append(CultureInfo.InvariantCulture, $"\n  {node.UniqueId} found{(node.Failures > node.FailedRows.Count ? $" {node.Failures} rows, such as" : "")}:");
            foreach (var row in node.FailedRows) text.Append("\n    ").Append(row);
        }

        throw new DataPlatformException(Failure.Class, text.ToString(), Failure.Hint);
    }

    /// <summary>Says in lines what failed.</summary>
    internal static string Describe(IReadOnlyList<DbtNodeResult> nodes)
    {
        var failed = nodes.Where(node => node.IsFailed).ToList();
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{failed.Count} of {nodes.Count} dbt nodes failed:");
        foreach (var node in failed.Take(Shown))
            text.Append(CultureInfo.InvariantCulture, $"\n  {node.UniqueId}: {(node.Message ?? node.Status.ToString()).Trim().ReplaceLineEndings("\n    ")}");
        if (failed.Count > Shown) text.Append(CultureInfo.InvariantCulture, $"\n  and {failed.Count - Shown} more");
        return text.ToString();
    }
}

/// <summary>Why dbt failed.</summary>
/// <param name="Class">What the orchestrator should do.</param>
/// <param name="Message">What happened.</param>
/// <param name="Hint">What to do next, or null.</param>
public sealed record DbtFailure(FailureClass Class, string Message, string? Hint = null);

/// <summary>Which datasets a node reads and which it makes.</summary>
/// <param name="UniqueId">The node.</param>
/// <param name="Inputs">The tables and views that it reads, quoted for SQL; those of ephemeral models are seen through.</param>
/// <param name="Output">The table or view it makes, quoted for SQL; null for a test.</param>
public sealed record DbtLineage(string UniqueId, IReadOnlyList<string> Inputs, string? Output);
