using DataPlatform.Lineage;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.Ledger;

/// <summary>
/// The record, in a warehouse's own database (schema <c>dataplatform</c>), of runs, step runs, loads, cursors, leases and audit events.
/// Because it is in the same database as the data, a load and what is known of it commit together.
/// </summary>
public interface IRunLedger
{
    /// <summary>The warehouse whose database it is in.</summary>
    IWarehouse Warehouse { get; }

    /// <summary>Creates the ledger's tables or brings them up to date. Safe to call from several processes at once.</summary>
    Task MigrateAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Creates the tables of a package that keeps its own in the schema <c>dataplatform</c>, or brings them up to date. Safe to call from several processes at once.
    /// </summary>
    /// <param name="module">Whose tables they are, such as <c>models</c>.</param>
    /// <param name="migrations">All migrations, oldest first, each a list of statements; never changed once released.</param>
    /// <param name="cancellationToken">Cancels between migrations.</param>
    Task MigrateAsync(string module, IReadOnlyList<IReadOnlyList<string>> migrations, CancellationToken cancellationToken = default);

    /// <summary>Records that a run began, or began again when it is resumed.</summary>
    Task StartRunAsync(RunInfo run, CancellationToken cancellationToken = default);

    /// <summary>Records how a run ended.</summary>
    Task FinishRunAsync(string runId, RunStatus status, FailureClass failureClass, string? error, CancellationToken cancellationToken = default);

    /// <summary>The run of that id, or null.</summary>
    Task<RunRecord?> FindRunAsync(string runId, CancellationToken cancellationToken = default);

    /// <summary>The latest runs, newest first.</summary>
    Task<IReadOnlyList<RunRecord>> ListRunsAsync(string? pipeline = null, int limit = 20, CancellationToken cancellationToken = default);

    /// <summary>Records a step's state in a run: added when new, else updated.</summary>
    Task RecordStepAsync(StepRunRecord step, CancellationToken cancellationToken = default);

    /// <summary>Which dataset was made of which: in a run, or else the latest that is known of each part of each step.</summary>
    Task<IReadOnlyList<LineageRecord>> ListLineageAsync(string? runId = null, CancellationToken cancellationToken = default);

    /// <summary>The steps of a run, in the order they started.</summary>
    Task<IReadOnlyList<StepRunRecord>> ListStepsAsync(string runId, CancellationToken cancellationToken = default);

    /// <summary>A value a step handed on: in this run, else in the latest run of the pipeline in which the step succeeded, else null. JSON.</summary>
    Task<string?> FindOutputAsync(RunInfo run, string step, string name, CancellationToken cancellationToken = default);

    /// <summary>
    /// Takes the lease on a name, waiting while another live holder has it. A holder whose process is gone, or that has not renewed in time,
    /// is overtaken: its token is void and its sessions at the database are ended.
    /// </summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Transient"/>: still held when <paramref name="wait"/> was over; the message says by whom.</exception>
    Task<Lease> AcquireLeaseAsync(string name, RunInfo run, TimeSpan wait, CancellationToken cancellationToken = default);

    /// <summary>Begins a load under a lease. See <see cref="StepContext.BeginLoadAsync"/>.</summary>
    Task<LoadTransaction> BeginLoadAsync(RunInfo run, string step, TableName table, string disposition, Lease lease, CancellationToken cancellationToken = default);

    /// <summary>Paths with etags of source objects that a step has loaded.</summary>
    Task<IReadOnlySet<(string Path, string ETag)>> ListLoadedObjectsAsync(string pipeline, string step, CancellationToken cancellationToken = default);

    /// <summary>Where a step stopped reading, or null when it never committed.</summary>
    Task<string?> FindCursorAsync(string pipeline, string step, string name, CancellationToken cancellationToken = default);

    /// <summary>The latest loads, newest first.</summary>
    /// <param name="pipeline">Only those of this pipeline.</param>
    /// <param name="limit">At most so many.</param>
    /// <param name="table">Only those into this table.</param>
    /// <param name="status">Only those that stand so: <c>committed</c>, <c>failed</c>, <c>undone</c>.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task<IReadOnlyList<LoadRecord>> ListLoadsAsync(
        string? pipeline = null, int limit = 20, TableName? table = null, string? status = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Takes a load back: its rows are removed, those that it replaced or deleted are put back where they were kept (<see cref="MergeOptions.BeforeImages"/>), its files, cursors and rejected
    /// rows are forgotten, so that the next run reads them again. One transaction under the lease of its step.
    /// </summary>
    /// <param name="loadId">The load.</param>
    /// <param name="wait">How long to wait for a job that runs the step.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: it cannot be undone; the message says why, and names the later load that stands in the way.</exception>
    Task<UndoneLoad> UndoLoadAsync(long loadId, TimeSpan wait, CancellationToken cancellationToken = default);

    /// <summary>The versions of contracts that loads have had, by table, the latest first.</summary>
    /// <param name="table">Only those of this table.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task<IReadOnlyList<ContractRecord>> ListContractsAsync(TableName? table = null, CancellationToken cancellationToken = default);

    /// <summary>The rows that wait in quarantine, counted by load and column, the latest load first.</summary>
    /// <param name="filter">Which rows.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task<IReadOnlyList<QuarantineGroup>> ListQuarantineAsync(QuarantineFilter filter, CancellationToken cancellationToken = default);

    /// <summary>The rows that wait in quarantine, in the order of loads, sources and positions.</summary>
    /// <param name="filter">Which rows.</param>
    /// <param name="cancellationToken">Stops.</param>
    IAsyncEnumerable<QuarantinedRow> ReadQuarantineAsync(QuarantineFilter filter, CancellationToken cancellationToken = default);

    /// <summary>Deletes rows that wait in quarantine, with an audit event, and says how many.</summary>
    /// <param name="filter">Which rows.</param>
    /// <param name="reason">Why, for the audit event; null for no reason.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task<long> DiscardQuarantineAsync(QuarantineFilter filter, string? reason, CancellationToken cancellationToken = default);

    /// <summary>Adds an audit event.</summary>
    Task AuditAsync(AuditEvent auditEvent, CancellationToken cancellationToken = default);

    /// <summary>Adds an audit event within a transaction on the ledger's warehouse, so that it is there exactly when what it tells of is. The ledger's tables must exist.</summary>
    Task AuditAsync(IWarehouseTransaction transaction, AuditEvent auditEvent, CancellationToken cancellationToken = default);
}

/// <summary>How a run or a step stands.</summary>
public enum RunStatus
{
    /// <summary>It runs, or its process died and nobody has resumed it.</summary>
    Running,

    /// <summary>It succeeded.</summary>
    Succeeded,

    /// <summary>It failed.</summary>
    Failed,

    /// <summary>It was not run because something before it failed.</summary>
    Skipped,

    /// <summary>It was told to stop.</summary>
    Terminated,
}

/// <summary>A run as the ledger has it.</summary>
public sealed record RunRecord(RunInfo Run, RunStatus Status, FailureClass FailureClass, DateTimeOffset StartedAt, DateTimeOffset? FinishedAt, string? Error);

/// <summary>A step of a run as the ledger has it.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Step">The step's name.</param>
/// <param name="Status">How it stands.</param>
/// <param name="Attempt">Attempts so far.</param>
/// <param name="StartedAt">When the first attempt began.</param>
/// <param name="FinishedAt">When it ended.</param>
/// <param name="RowsRead">Rows read.</param>
/// <param name="RowsWritten">Rows written.</param>
/// <param name="RowsRejected">Rows rejected.</param>
/// <param name="FailureClass">Why it failed.</param>
/// <param name="Error">The message, without secrets.</param>
/// <param name="Outputs">What it hands on, by name, as JSON.</param>
public sealed record StepRunRecord(
    string RunId, string Step, RunStatus Status, int Attempt, DateTimeOffset StartedAt, DateTimeOffset? FinishedAt,
    long RowsRead, long RowsWritten, long RowsRejected, FailureClass FailureClass, string? Error,
    IReadOnlyDictionary<string, string> Outputs)
{
    /// <summary>What it told of the datasets it reads and makes: recorded, and read again with <see cref="IRunLedger.ListLineageAsync"/> alone.</summary>
    public IReadOnlyList<LineageReport> Lineage { get; init; } = [];
}

/// <summary>What became of the rows of a load. <see cref="Read"/> is the sum of the others, or the load does not commit.</summary>
/// <param name="Read">Rows read from the source.</param>
/// <param name="Written">Rows added or replaced.</param>
/// <param name="Rejected">Rows put into quarantine.</param>
/// <param name="Deduplicated">Rows left out for a later row with the same key.</param>
/// <param name="Filtered">Rows left out on purpose.</param>
public readonly record struct RowBalance(long Read, long Written, long Rejected = 0, long Deduplicated = 0, long Filtered = 0)
{
    /// <summary>Whether every row read is accounted for.</summary>
    public bool Holds => Read == Written + Rejected + Deduplicated + Filtered;
}

/// <summary>A load as the ledger has it.</summary>
public sealed record LoadRecord(
    long LoadId, string RunId, string Pipeline, string Step, TableName Table, string Disposition, string Status,
    RowBalance Rows, DateTimeOffset StartedAt, DateTimeOffset? CommittedAt)
{
    /// <summary>Why it failed, or that it is a replay of rows from quarantine; else null.</summary>
    public string? Reason { get; init; }

    /// <summary>The version of the contract that its rows kept, or null when it had none.</summary>
    public string? ContractVersion { get; init; }
}

/// <summary>A version of a table's contract as the ledger has it.</summary>
/// <param name="Table">The table.</param>
/// <param name="Version">The version.</param>
/// <param name="Columns">The columns, a line for each: name, type, rules.</param>
/// <param name="FirstLoadId">The first load that had it.</param>
/// <param name="RecordedAt">When that ended.</param>
/// <param name="Loads">How many loads have had it.</param>
public sealed record ContractRecord(TableName Table, string Version, IReadOnlyList<string> Columns, long FirstLoadId, DateTimeOffset RecordedAt, long Loads);

/// <summary>What became of a load that was taken back.</summary>
/// <param name="Load">The load, as the ledger has it now.</param>
/// <param name="RowsRemoved">Rows of the load that were in the table.</param>
/// <param name="RowsRestored">Rows that the load had replaced, closed or deleted.</param>
/// <param name="RowsInQuarantine">Rows that the load had read from quarantine, and that are there again.</param>
public sealed record UndoneLoad(LoadRecord Load, long RowsRemoved, long RowsRestored, long RowsInQuarantine);

/// <summary>Something that happened and must be known later: who did what to what.</summary>
/// <param name="Action">A verb, such as <c>load.commit</c> or <c>lease.overtake</c>.</param>
/// <param name="Subject">What it was done to.</param>
/// <param name="RunId">In which run, if any.</param>
/// <param name="Detail">More, as JSON; null for none.</param>
public sealed record AuditEvent(string Action, string Subject, string? RunId = null, string? Detail = null);
