using System.Globalization;
using System.Runtime.CompilerServices;
using DataPlatform.Lineage;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DataPlatform.Ledger;

/// <summary>The ledger as tables in a warehouse's schema <c>dataplatform</c>.</summary>
public sealed class RunLedger : IRunLedger, IAsyncDisposable
{
    private const string RunColumns =
        "run_id, pipeline, environment, CAST(logical_date AS text), git_commit, trace_id, status, failure_class, started_at, finished_at, error";

    private const string SelectLoads = """
        SELECT load_id, run_id, pipeline, step, table_name, disposition, status, rows_read, rows_written, rows_rejected, rows_deduplicated, rows_filtered, started_at, committed_at, reason, contract_version
        FROM dataplatform.loads
        """;

    private readonly LedgerOptions _options;
    private readonly ILogger _logger;
    private readonly LeaseKeeper _leases;
    private readonly SemaphoreSlim _migrating = new(1, 1);
    private bool _migrated;

    /// <summary>Opens the ledger of a warehouse; its tables are created on first use.</summary>
    public RunLedger(IWarehouse warehouse, LedgerOptions? options = null, ILoggerFactory? loggerFactory = null)
    {
        ArgumentNullException.ThrowIfNull(warehouse);
        Warehouse = warehouse;
        _options = options ?? new LedgerOptions();
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<RunLedger>();
        _leases = new LeaseKeeper(this, _options, _logger);
    }

    /// <inheritdoc/>
    public IWarehouse Warehouse { get; }

    internal static string Actor { get; } = $"{Environment.UserName}@{Environment.MachineName}";

    /// <inheritdoc/>
    public async Task MigrateAsync(CancellationToken cancellationToken = default)
    {
        if (Volatile.Read(ref _migrated)) return;
        await _migrating.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_migrated) return;
            await LedgerSchema.MigrateAsync(Warehouse, "ledger", LedgerSchema.Ledger, cancellationToken).ConfigureAwait(false);
            Volatile.Write(ref _migrated, true);
        }
        finally
        {
            _migrating.Release();
        }
    }

    /// <inheritdoc/>
    public async Task MigrateAsync(string module, IReadOnlyList<IReadOnlyList<string>> migrations, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(module);
        ArgumentNullException.ThrowIfNull(migrations);
        await MigrateAsync(cancellationToken).ConfigureAwait(false);
        await LedgerSchema.MigrateAsync(Warehouse, module, migrations, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task StartRunAsync(RunInfo run, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(run);
        return WriteAsync(
            """
            INSERT INTO dataplatform.runs (run_id, pipeline, environment, logical_date, git_commit, trace_id, host, status, started_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now())
            ON CONFLICT (run_id) DO UPDATE SET status = excluded.status, trace_id = excluded.trace_id, host = excluded.host,
                failure_class = NULL, error = NULL, finished_at = NULL
            """,
            [run.RunId, run.Pipeline, run.Environment, run.LogicalDate, run.GitCommit, run.TraceId, Environment.MachineName, Text(RunStatus.Running)],
            cancellationToken);
    }

    /// <inheritdoc/>
    public Task FinishRunAsync(string runId, RunStatus status, FailureClass failureClass, string? error, CancellationToken cancellationToken = default) =>
        WriteAsync(
            "UPDATE dataplatform.runs SET status = $2, failure_class = $3, error = $4, finished_at = now() WHERE run_id = $1",
            [runId, Text(status), Text(failureClass), Mask(error)],
            cancellationToken);

    /// <inheritdoc/>
    public async Task<RunRecord?> FindRunAsync(string runId, CancellationToken cancellationToken = default)
    {
        var rows = await ReadAsync($"SELECT {RunColumns} FROM dataplatform.runs WHERE run_id = $1", [runId], cancellationToken).ConfigureAwait(false);
        return rows.Count == 0 ? null : ToRun(rows[0]);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<RunRecord>> ListRunsAsync(string? pipeline = null, int limit = 20, CancellationToken cancellationToken = default)
    {
        var rows = await ReadLatestAsync($"SELECT {RunColumns} FROM dataplatform.runs", "started_at DESC, run_id DESC", pipeline, limit, cancellationToken).ConfigureAwait(false);
        return [.. rows.Select(ToRun)];
    }

    /// <inheritdoc/>
    public async Task RecordStepAsync(StepRunRecord step, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(step);
        await MigrateAsync(cancellationToken).ConfigureAwait(false);
        await using var transaction = await Warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        await transaction.ExecuteAsync(
            """
            INSERT INTO dataplatform.step_runs
                (run_id, step, status, attempt, rows_read, rows_written, rows_rejected, failure_class, error, started_at, finished_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            ON CONFLICT (run_id, step) DO UPDATE SET status = excluded.status, attempt = excluded.attempt, rows_read = excluded.rows_read,
                rows_written = excluded.rows_written, rows_rejected = excluded.rows_rejected, failure_class = excluded.failure_class,
                error = excluded.error, started_at = excluded.started_at, finished_at = excluded.finished_at
            """,
            [
                step.RunId, step.Step, Text(step.Status), step.Attempt, step.RowsRead, step.RowsWritten, step.RowsRejected,
                Text(step.FailureClass), Mask(step.Error), step.StartedAt, step.FinishedAt,
            ],
            cancellationToken).ConfigureAwait(false);
        foreach (var (name, value) in step.Outputs)
        {
            await transaction.ExecuteAsync(
                """
                INSERT INTO dataplatform.step_outputs (run_id, step, name, value) VALUES ($1, $2, $3, $4)
                ON CONFLICT (run_id, step, name) DO UPDATE SET value = excluded.value
                """,
                [step.RunId, step.Step, name, value],
                cancellationToken).ConfigureAwait(false);
        }

        await LineageTable.WriteAsync(transaction, step.RunId, step.Step, step.Lineage, cancellationToken).ConfigureAwait(false);
        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<LineageRecord>> ListLineageAsync(string? runId = null, CancellationToken cancellationToken = default)
    {
        await MigrateAsync(cancellationToken).ConfigureAwait(false);
        return await LineageTable.ReadAsync(Warehouse, runId, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<StepRunRecord>> ListStepsAsync(string runId, CancellationToken cancellationToken = default)
    {
        var outputs = await ReadAsync("SELECT step, name, value FROM dataplatform.step_outputs WHERE run_id = $1", [runId], cancellationToken).ConfigureAwait(false);
        var outputsByStep = outputs.ToLookup(row => (string)row[0]!, row => KeyValuePair.Create((string)row[1]!, (string)row[2]!), StringComparer.Ordinal);
        var rows = await ReadAsync(
            """
            SELECT step, status, attempt, started_at, finished_at, rows_read, rows_written, rows_rejected, failure_class, error
            FROM dataplatform.step_runs WHERE run_id = $1 ORDER BY started_at, step
            """,
            [runId],
            cancellationToken).ConfigureAwait(false);
        return
        [
            .. rows.Select(row => new StepRunRecord(
                runId, (string)row[0]!, Status(row[1]), Convert.ToInt32(row[2], CultureInfo.InvariantCulture), (DateTimeOffset)row[3]!, (DateTimeOffset?)row[4],
                Number(row[5]), Number(row[6]), Number(row[7]), Failure(row[8]), (string?)row[9],
                outputsByStep[(string)row[0]!].ToDictionary(StringComparer.Ordinal))),
        ];
    }

    /// <inheritdoc/>
    public async Task<string?> FindOutputAsync(RunInfo run, string step, string name, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(run);
        var rows = await ReadAsync(
            """
            SELECT o.value
            FROM dataplatform.step_outputs o
            JOIN dataplatform.step_runs s ON s.run_id = o.run_id AND s.step = o.step
            JOIN dataplatform.runs r ON r.run_id = o.run_id
            WHERE r.pipeline = $1 AND r.environment = $2 AND o.step = $3 AND o.name = $4 AND s.status = $5
            ORDER BY CASE WHEN o.run_id = $6 THEN 0 ELSE 1 END, s.finished_at DESC
            LIMIT 1
            """,
            [run.Pipeline, run.Environment, step, name, Text(RunStatus.Succeeded), run.RunId],
            cancellationToken).ConfigureAwait(false);
        return rows.Count == 0 ? null : (string)rows[0][0]!;
    }

    /// <inheritdoc/>
    public async Task<Lease> AcquireLeaseAsync(string name, RunInfo run, TimeSpan wait, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(run);
        await MigrateAsync(cancellationToken).ConfigureAwait(false);
        return await _leases.AcquireAsync(name, run, wait, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<LoadTransaction> BeginLoadAsync(
        RunInfo run, string step, TableName table, string disposition, Lease lease, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(lease);
        await MigrateAsync(cancellationToken).ConfigureAwait(false);
        return await WarehouseLoadTransaction.BeginAsync(this, run, step, table, disposition, lease, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlySet<(string Path, string ETag)>> ListLoadedObjectsAsync(string pipeline, string step, CancellationToken cancellationToken = default)
    {
        var rows = await ReadAsync("SELECT path, etag FROM dataplatform.load_objects WHERE pipeline = $1 AND step = $2", [pipeline, step], cancellationToken).ConfigureAwait(false);
        return rows.Select(row => ((string)row[0]!, (string)row[1]!)).ToHashSet();
    }

    /// <inheritdoc/>
    public async Task<string?> FindCursorAsync(string pipeline, string step, string name, CancellationToken cancellationToken = default)
    {
        var rows = await ReadAsync(
            "SELECT value FROM dataplatform.cursors WHERE pipeline = $1 AND step = $2 AND name = $3", [pipeline, step, name], cancellationToken).ConfigureAwait(false);
        return rows.Count == 0 ? null : (string)rows[0][0]!;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<LoadRecord>> ListLoadsAsync(
        string? pipeline = null, int limit = 20, TableName? table = null, string? status = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        var rows = await ReadAsync(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{SelectLoads} WHERE (CAST($1 AS text) IS NULL OR pipeline = $1) AND (CAST($2 AS text) IS NULL OR table_name = $2) AND (CAST($3 AS text) IS NULL OR status = $3) ORDER BY load_id DESC LIMIT {limit}"),
            [pipeline, table?.ToString(), status], cancellationToken).ConfigureAwait(false);
        return [.. rows.Select(ToLoad)];
    }

    /// <inheritdoc/>
    public async Task<UndoneLoad> UndoLoadAsync(long loadId, TimeSpan wait, CancellationToken cancellationToken = default)
    {
        var rows = await ReadAsync($"{SelectLoads} WHERE load_id = $1", [loadId], cancellationToken).ConfigureAwait(false);
        return rows is [var row]
            ? await new LoadUndo(this, ToLoad(row)).RunAsync(wait, cancellationToken).ConfigureAwait(false)
            : throw new DataPlatformException(FailureClass.Configuration, $"There is no load {loadId} in warehouse '{Warehouse.Name}'.", "List the loads with: loads list");
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ContractRecord>> ListContractsAsync(TableName? table = null, CancellationToken cancellationToken = default)
    {
        var rows = await ReadAsync(
            """
            SELECT c.table_name, c.version, c.columns, c.load_id, c.recorded_at,
                (SELECT count(*) FROM dataplatform.loads AS l WHERE l.table_name = c.table_name AND l.contract_version = c.version)
            FROM dataplatform.contracts AS c
            WHERE CAST($1 AS text) IS NULL OR c.table_name = $1
            ORDER BY c.table_name, c.load_id DESC
            """,
            [table?.ToString()], cancellationToken).ConfigureAwait(false);
        return [.. rows.Select(row => new ContractRecord(TableName.Parse((string)row[0]!), (string)row[1]!, ((string)row[2]!).Split('\n'), Number(row[3]), (DateTimeOffset)row[4]!, Number(row[5])))];
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<QuarantineGroup>> ListQuarantineAsync(QuarantineFilter filter, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(filter);
        await MigrateAsync(cancellationToken).ConfigureAwait(false);
        return await Quarantine.ListAsync(Warehouse, filter, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<QuarantinedRow> ReadQuarantineAsync(QuarantineFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(filter);
        await MigrateAsync(cancellationToken).ConfigureAwait(false);
        await foreach (var row in Quarantine.ReadAsync(Warehouse, filter, cancellationToken).ConfigureAwait(false)) yield return row;
    }

    /// <inheritdoc/>
    public async Task<long> DiscardQuarantineAsync(QuarantineFilter filter, string? reason, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(filter);
        await MigrateAsync(cancellationToken).ConfigureAwait(false);
        await using var transaction = await Warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        var discarded = await Quarantine.DiscardAsync(transaction, filter, cancellationToken).ConfigureAwait(false);
        if (discarded == 0) return 0;
        await AuditAsync(transaction, new AuditEvent("quarantine.discard", filter.ToString(), Detail: $"{discarded} rows{(reason is null ? "" : $": {reason}")}"), cancellationToken).ConfigureAwait(false);
        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        return discarded;
    }

    /// <inheritdoc/>
    public async Task AuditAsync(AuditEvent auditEvent, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(auditEvent);
        await MigrateAsync(cancellationToken).ConfigureAwait(false);
        await using var transaction = await Warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        await AuditAsync(transaction, auditEvent, cancellationToken).ConfigureAwait(false);
        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task AuditAsync(IWarehouseTransaction transaction, AuditEvent auditEvent, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentNullException.ThrowIfNull(auditEvent);
        var (sql, parameters) = Audit(auditEvent);
        return transaction.ExecuteAsync(sql, parameters, cancellationToken);
    }

    internal SqlWithParameters Audit(AuditEvent auditEvent) => new(
        "INSERT INTO dataplatform.audit_events (occurred_at, actor, action, subject, run_id, detail) VALUES (now(), $1, $2, $3, $4, $5)",
        [Actor, auditEvent.Action, auditEvent.Subject, auditEvent.RunId, Mask(auditEvent.Detail)]);

    internal string? Mask(string? text) => text is null ? null : _options.Mask(text);

    /// <summary>Runs one statement in a transaction of its own and returns the number of rows it changed.</summary>
    internal async Task<long> WriteAsync(string sql, IReadOnlyList<object?> parameters, CancellationToken cancellationToken)
    {
        await MigrateAsync(cancellationToken).ConfigureAwait(false);
        await using var transaction = await Warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        var changed = await transaction.ExecuteAsync(sql, parameters, cancellationToken).ConfigureAwait(false);
        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        return changed;
    }

    internal async Task<IReadOnlyList<object?[]>> ReadAsync(string sql, IReadOnlyList<object?> parameters, CancellationToken cancellationToken)
    {
        await MigrateAsync(cancellationToken).ConfigureAwait(false);
        await using var transaction = await Warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        return await transaction.QueryAsync(sql, parameters, cancellationToken).ConfigureAwait(false);
    }

    private Task<IReadOnlyList<object?[]>> ReadLatestAsync(string select, string order, string? pipeline, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        var tail = string.Create(CultureInfo.InvariantCulture, $"ORDER BY {order} LIMIT {limit}");
        return pipeline is null
            ? ReadAsync($"{select} {tail}", [], cancellationToken)
            : ReadAsync($"{select} WHERE pipeline = $1 {tail}", [pipeline], cancellationToken);
    }

    private static RunRecord ToRun(object?[] row) => new(
        new RunInfo(
            (string)row[0]!, (string)row[1]!, (string)row[2]!,
            DateOnly.ParseExact((string)row[3]!, "yyyy-MM-dd", CultureInfo.InvariantCulture), (string?)row[4], (string?)row[5]),
        Status(row[6]), Failure(row[7]), (DateTimeOffset)row[8]!, (DateTimeOffset?)row[9], (string?)row[10]);

    private static LoadRecord ToLoad(object?[] row) => new(
        Number(row[0]), (string)row[1]!, (string)row[2]!, (string)row[3]!, TableName.Parse((string)row[4]!), (string)row[5]!, (string)row[6]!,
        new RowBalance(Number(row[7]), Number(row[8]), Number(row[9]), Number(row[10]), Number(row[11])),
        (DateTimeOffset)row[12]!, (DateTimeOffset?)row[13])
    {
        Reason = (string?)row[14],
        ContractVersion = (string?)row[15],
    };

    private static string Text(RunStatus status) => status switch
    {
        RunStatus.Running => "running",
        RunStatus.Succeeded => "succeeded",
        RunStatus.Failed => "failed",
        RunStatus.Skipped => "skipped",
        RunStatus.Terminated => "terminated",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, null),
    };

    private static string? Text(FailureClass failureClass) => failureClass == FailureClass.None ? null : failureClass.ToString();

    private static RunStatus Status(object? value) => Enum.Parse<RunStatus>((string)value!, ignoreCase: true);

    private static FailureClass Failure(object? value) => value is string text ? Enum.Parse<FailureClass>(text) : FailureClass.None;

    private static long Number(object? value) => Convert.ToInt64(value, CultureInfo.InvariantCulture);

    /// <summary>Releases what is still held.</summary>
    public async ValueTask DisposeAsync()
    {
        await _leases.DisposeAsync().ConfigureAwait(false);
        _migrating.Dispose();
    }
}
