using System.Globalization;
using System.Text.Json;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.Transform;

/// <summary>
/// The record of a dbt step's nodes in a run, written while dbt works, in <c>dataplatform.dbt_nodes</c>. Whatever kills the job, what had succeeded by then is known,
/// and the next attempt of the step in the same run takes up the rest.
/// </summary>
internal sealed class DbtJournal
{
    private static readonly IReadOnlyList<IReadOnlyList<string>> Migrations =
    [
        [
            """
            CREATE TABLE dataplatform.dbt_nodes (
                run_id text NOT NULL,
                step text NOT NULL,
                unique_id text NOT NULL,
                pipeline text NOT NULL,
                project text NOT NULL,
                command text NOT NULL,
                session_name text NOT NULL,
                resource_type text NOT NULL,
                status text NOT NULL,
                seconds double precision NOT NULL,
                rows_affected bigint,
                failures bigint,
                message text,
                relation text,
                updated_at timestamptz NOT NULL,
                PRIMARY KEY (run_id, step, unique_id))
            """,
        ],
        ["ALTER TABLE dataplatform.dbt_nodes ADD COLUMN batches text"],
    ];

    private readonly Lease _lease;
    private readonly IRunLedger _ledger;
    private readonly string _pipeline;

    private DbtJournal(IRunLedger ledger, Lease lease, string runId, string step, string pipeline, DbtCommand command) =>
        (_ledger, _lease, RunId, Step, _pipeline, Command) = (ledger, lease, runId, step, pipeline, command);

    /// <summary>The run that it is of.</summary>
    public string RunId { get; }

    /// <summary>The step that it is of.</summary>
    public string Step { get; }

    /// <summary>What dbt was told to do.</summary>
    public DbtCommand Command { get; }

    /// <summary>The nodes that are in it.</summary>
    public IReadOnlyList<(DbtNodeResult Node, DateTimeOffset At)> Entries { get; private set; } = [];

    /// <summary>Opens the journal of the step in the run; for a retry, that of the latest run of the project in the pipeline, whatever step that was.</summary>
    /// <exception cref="DataPlatformException">There is nothing to retry.</exception>
    public static async Task<DbtJournal> OpenAsync(IRunLedger ledger, Lease lease, RunInfo run, string step, DbtInvocation invocation, CancellationToken cancellationToken)
    {
        await ledger.MigrateAsync("dbt", Migrations, cancellationToken).ConfigureAwait(false);
        await using var transaction = await ledger.Warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        var (runId, name, command) = (run.RunId, step, invocation.Command);
        if (command == DbtCommand.Retry)
        {
            var latest = await transaction.QueryAsync(
                "SELECT run_id, step, command FROM dataplatform.dbt_nodes WHERE pipeline = $1 AND project = $2 ORDER BY updated_at DESC, run_id DESC LIMIT 1",
                [run.Pipeline, invocation.Project], cancellationToken).ConfigureAwait(false);
            if (latest is not [[string ofRun, string ofStep, string ofCommand]])
                throw new DataPlatformException(FailureClass.Configuration, $"There is nothing to retry: pipeline '{run.Pipeline}' has not run dbt project '{invocation.Project}' yet.", "Run a step that builds it first.");
            (runId, name, command) = (ofRun, ofStep, Enum.Parse<DbtCommand>(ofCommand));
        }

        var rows = await transaction.QueryAsync(
            "SELECT unique_id, status, resource_type, rows_affected, updated_at, batches FROM dataplatform.dbt_nodes WHERE run_id = $1 AND step = $2", [runId, name], cancellationToken).ConfigureAwait(false);
        return new DbtJournal(ledger, lease, runId, name, run.Pipeline, command)
        {
            Entries =
            [
                .. rows.Select(row => (
                    new DbtNodeResult((string)row[0]!, DbtText.Status((string)row[1]!))
                    {
                        ResourceType = (string)row[2]!,
                        RowsAffected = (long?)row[3],
                        Batches = row[5] is string batches ? JsonSerializer.Deserialize<DbtBatches>(batches) : null,
                    }, (DateTimeOffset)row[4]!)),
            ],
        };
    }

    /// <summary>Sessions of invocations, of this step in whatever run, that did not end a node they had begun.</summary>
    public async Task<IReadOnlyList<string>> ListAbandonedSessionsAsync(CancellationToken cancellationToken)
    {
        await using var transaction = await _ledger.Warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        var rows = await transaction.QueryAsync(
            "SELECT DISTINCT session_name FROM dataplatform.dbt_nodes WHERE pipeline = $1 AND step = $2 AND status = 'running'", [_pipeline, Step], cancellationToken).ConfigureAwait(false);
        return [.. rows.Select(row => (string)row[0]!)];
    }

    /// <summary>Writes how nodes stand; of several states of one the last. Refused when the step's lease was lost.</summary>
    public async Task WriteAsync(IEnumerable<DbtNodeResult> nodes, string project, string sessionName, CancellationToken cancellationToken)
    {
        await using var transaction = await _ledger.Warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        await transaction.ExecuteAsync(
            [.. nodes.GroupBy(node => node.UniqueId, StringComparer.Ordinal).Select(states => Write(states.Last(), project, sessionName))], cancellationToken).ConfigureAwait(false);
        await _lease.CommitAsync(transaction, cancellationToken).ConfigureAwait(false);
    }

    private SqlWithParameters Write(DbtNodeResult node, string project, string sessionName) => new(
        """
        INSERT INTO dataplatform.dbt_nodes
            (run_id, step, unique_id, pipeline, project, command, session_name, resource_type, status, seconds, rows_affected, failures, message, relation, batches, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, now())
        ON CONFLICT (run_id, step, unique_id) DO UPDATE SET session_name = excluded.session_name, status = excluded.status, seconds = excluded.seconds,
            rows_affected = excluded.rows_affected, failures = excluded.failures, message = excluded.message, relation = excluded.relation, batches = coalesce(excluded.batches, dbt_nodes.batches), updated_at = excluded.updated_at
        """,
        [
            RunId, Step, node.UniqueId, _pipeline, project, Command.ToString(), sessionName, node.ResourceType, DbtText.Text(node.Status), node.Seconds, node.RowsAffected, node.Failures,
            node.Message, node.Relation, node.Batches is { } batches ? JsonSerializer.Serialize(batches) : null,
        ]);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Step} of run {RunId} ({Entries.Count} nodes)");
}
