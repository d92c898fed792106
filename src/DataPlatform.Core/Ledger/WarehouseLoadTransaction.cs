using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.Ledger;

/// <summary>A load whose record is in the same database as its rows.</summary>
internal sealed class WarehouseLoadTransaction : LoadTransaction
{
    private static readonly TableName QuarantineTable = new(LedgerSchema.Schema, "quarantine");
    private static readonly TableName ObjectsTable = new(LedgerSchema.Schema, "load_objects");

    private static readonly Schema ObjectsSchema = new Schema.Builder()
        .Field(new Field("pipeline", StringType.Default, false))
        .Field(new Field("step", StringType.Default, false))
        .Field(new Field("path", StringType.Default, false))
        .Field(new Field("etag", StringType.Default, false))
        .Field(new Field("rows", Int64Type.Default, false))
        .Field(new Field("load_id", Int64Type.Default, false))
        .Build();

    private readonly RunLedger _ledger;
    private readonly RunInfo _run;
    private readonly string _step;
    private readonly TableName _table;
    private readonly string _disposition;
    private readonly Lease _lease;
    private readonly DateTimeOffset _startedAt = DateTimeOffset.UtcNow;
    private readonly List<(string Path, string ETag, long Rows)> _objects = [];
    private readonly Dictionary<string, string> _cursors = new(StringComparer.Ordinal);
    private readonly QuarantineBuffer _rejected;
    private IWarehouseTransaction _transaction;
    private long? _replayed;
    private (string Version, string Columns)? _contract;

    private WarehouseLoadTransaction(
        RunLedger ledger, RunInfo run, string step, TableName table, string disposition, Lease lease, IWarehouseTransaction transaction, long loadId)
    {
        _ledger = ledger;
        _run = run;
        _step = step;
        _table = table;
        _disposition = disposition;
        _lease = lease;
        _transaction = transaction;
        LoadId = loadId;
        _rejected = new QuarantineBuffer(loadId, run.Pipeline, step, table.ToString());
    }

    public override long LoadId { get; }

    public override IWarehouseTransaction Warehouse => _transaction;

    public static async Task<LoadTransaction> BeginAsync(
        RunLedger ledger, RunInfo run, string step, TableName table, string disposition, Lease lease, CancellationToken cancellationToken)
    {
        var transaction = await ledger.Warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var rows = await transaction.QueryAsync("SELECT nextval('dataplatform.load_ids')", cancellationToken: cancellationToken).ConfigureAwait(false);
            var loadId = Convert.ToInt64(rows[0][0], CultureInfo.InvariantCulture);
            return new WarehouseLoadTransaction(ledger, run, step, table, disposition, lease, transaction, loadId);
        }
        catch
        {
            await transaction.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public override void AddObject(string path, string etag, long rows) => _objects.Add((path, etag, rows));

    public override void SetCursor(string name, string value) => _cursors[name] = value;

    public override void SetContract(string version, string columns) => _contract = (version, columns);

    public override void Reject(in RejectedRow row) => _rejected.Add(row);

    public override async Task ReplayAsync(IReadOnlyCollection<long> loads, long rows, CancellationToken cancellationToken = default)
    {
        var taken = loads.Count == 0 ? 0 : await _transaction.ExecuteAsync(
            $"UPDATE dataplatform.quarantine SET replayed_by = $4 WHERE pipeline = $1 AND step = $2 AND table_name = $3 AND {Quarantine.IsReadable} AND load_id IN ({string.Join(", ", loads)})",
            [_run.Pipeline, _step, _table.ToString(), LoadId], cancellationToken).ConfigureAwait(false);
        if (taken != rows)
        {
            throw new DataPlatformException(
                FailureClass.Transient, $"{rows} rows of {_table} were read from quarantine, and {taken} of them are there now: somebody else has replayed or discarded some. Nothing was committed.",
                "Run it again.");
        }

        _replayed = rows;
    }

    public override async Task CommitAsync(RowBalance rows, CancellationToken cancellationToken = default)
    {
        if (!rows.Holds || rows.Rejected != _rejected.Count)
        {
            throw new DataPlatformException(
                FailureClass.Bug,
                $"The load into {_table} does not balance: {rows.Read} rows read, but {rows.Written} written + {rows.Rejected} rejected ({_rejected.Count} in quarantine) + {rows.Deduplicated} deduplicated + {rows.Filtered} filtered. Nothing was committed.",
                "The source or the step lost or invented rows: this is a bug there, please report it.");
        }

        if (_disposition == "replace")
        {
            // What was rejected before is of rows that are gone, and is among those that were read now.
            await _transaction.ExecuteAsync(
                "DELETE FROM dataplatform.quarantine WHERE pipeline = $1 AND step = $2 AND table_name = $3", [_run.Pipeline, _step, _table.ToString()], cancellationToken).ConfigureAwait(false);
        }

        var reason = _replayed is { } replayed ? string.Create(CultureInfo.InvariantCulture, $"replay of {replayed} rows from quarantine") : null;
        await WriteRejectedAsync(cancellationToken).ConfigureAwait(false);
        await WriteObjectsAsync(cancellationToken).ConfigureAwait(false);
        await _transaction.ExecuteAsync([.. Record("committed", rows, reason), .. _cursors.SelectMany(cursor => Move(cursor.Key, cursor.Value))], cancellationToken).ConfigureAwait(false);
        await _lease.CommitAsync(_transaction, cancellationToken).ConfigureAwait(false);

        IEnumerable<SqlWithParameters> Move(string name, string value) =>
        [
            new(
                """
                INSERT INTO dataplatform.cursor_history (load_id, pipeline, step, name, previous_value, previous_load_id)
                SELECT n.load_id, n.pipeline, n.step, n.name, c.value, c.load_id
                FROM (SELECT CAST($1 AS bigint) AS load_id, CAST($2 AS text) AS pipeline, CAST($3 AS text) AS step, CAST($4 AS text) AS name) AS n
                LEFT JOIN dataplatform.cursors AS c ON c.pipeline = n.pipeline AND c.step = n.step AND c.name = n.name
                """,
                [LoadId, _run.Pipeline, _step, name]),
            new(
                """
                INSERT INTO dataplatform.cursors (pipeline, step, name, value, load_id, updated_at) VALUES ($1, $2, $3, $4, $5, now())
                ON CONFLICT (pipeline, step, name) DO UPDATE SET value = excluded.value, load_id = excluded.load_id, updated_at = excluded.updated_at
                """,
                [_run.Pipeline, _step, name, value, LoadId]),
        ];
    }

    public override async Task AbandonAsync(RowBalance rows, string reason, CancellationToken cancellationToken = default)
    {
        await _transaction.DisposeAsync().ConfigureAwait(false);
        _transaction = await _ledger.Warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        await _transaction.ExecuteAsync(
            """
            DELETE FROM dataplatform.quarantine
            WHERE load_id IN (SELECT load_id FROM dataplatform.loads WHERE pipeline = $1 AND step = $2 AND status = 'failed')
            """,
            [_run.Pipeline, _step],
            cancellationToken).ConfigureAwait(false);
        await WriteRejectedAsync(cancellationToken).ConfigureAwait(false);
        await _transaction.ExecuteAsync([.. Record("failed", rows, reason)], cancellationToken).ConfigureAwait(false);
        await _lease.CommitAsync(_transaction, cancellationToken).ConfigureAwait(false);
    }

    private async Task WriteRejectedAsync(CancellationToken cancellationToken)
    {
        if (_rejected.IsEmpty) return;
        await using var writer = await _transaction.BeginAppendAsync(QuarantineTable, QuarantineBuffer.Schema, cancellationToken).ConfigureAwait(false);
        await foreach (var batch in _rejected.ReadAsync(cancellationToken).ConfigureAwait(false))
            await writer.WriteAsync(batch, cancellationToken).ConfigureAwait(false);
        await writer.CompleteAsync(cancellationToken).ConfigureAwait(false);
    }

    private IEnumerable<SqlWithParameters> Record(string status, RowBalance rows, string? reason)
    {
        yield return new(
            """
            INSERT INTO dataplatform.loads
                (load_id, run_id, pipeline, step, table_name, disposition, status, reason, lease_token,
                 rows_read, rows_written, rows_rejected, rows_deduplicated, rows_filtered, started_at, committed_at, contract_version)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
            """,
            [
                LoadId, _run.RunId, _run.Pipeline, _step, _table.ToString(), _disposition, status, _ledger.Mask(reason), _lease.Token,
                rows.Read, rows.Written, rows.Rejected, rows.Deduplicated, rows.Filtered, _startedAt, DateTimeOffset.UtcNow, _contract?.Version,
            ]);
        if (_contract is var (version, columns))
        {
            yield return new(
                "INSERT INTO dataplatform.contracts (table_name, version, columns, load_id, recorded_at) VALUES ($1, $2, $3, $4, now()) ON CONFLICT (table_name, version) DO NOTHING",
                [_table.ToString(), version, columns, LoadId]);
        }

        var action = status == "committed" ? "load.commit" : "load.fail";
        yield return _ledger.Audit(new AuditEvent(action, _table.ToString(), _run.RunId, $"load {LoadId}: {rows.Written} rows written, {rows.Rejected} rejected"));
    }

    // The table's primary key refuses an object that was loaded before, whatever the reader believed.
    private async Task WriteObjectsAsync(CancellationToken cancellationToken)
    {
        if (_objects.Count == 0) return;
        StringArray Repeated(string value) => new StringArray.Builder().AppendRange(_objects.Select(_ => value)).Build();
        using var batch = new RecordBatch(
            ObjectsSchema,
            [
                Repeated(_run.Pipeline),
                Repeated(_step),
                new StringArray.Builder().AppendRange(_objects.Select(o => o.Path)).Build(),
                new StringArray.Builder().AppendRange(_objects.Select(o => o.ETag)).Build(),
                new Int64Array.Builder().AppendRange(_objects.Select(o => o.Rows)).Build(),
                new Int64Array.Builder().AppendRange(_objects.Select(_ => LoadId)).Build(),
            ],
            _objects.Count);
        await using var writer = await _transaction.BeginAppendAsync(ObjectsTable, ObjectsSchema, cancellationToken).ConfigureAwait(false);
        await writer.WriteAsync(batch, cancellationToken).ConfigureAwait(false);
        await writer.CompleteAsync(cancellationToken).ConfigureAwait(false);
    }

    public override async ValueTask DisposeAsync()
    {
        await _transaction.DisposeAsync().ConfigureAwait(false);
        await _rejected.DisposeAsync().ConfigureAwait(false);
    }
}
