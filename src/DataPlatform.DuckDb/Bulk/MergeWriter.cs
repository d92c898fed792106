using Apache.Arrow;
using DataPlatform.DuckDb.Native;
using DataPlatform.Warehouses;
using DuckDB.NET.Native;

namespace DataPlatform.DuckDb.Bulk;

/// <summary>
/// Merges record batches into a table by key: appends them to a temporary table, then takes the old rows out of the table and puts the new ones in.
/// MERGE and UPDATE keep the changed values in memory until a checkpoint; for four million rows of ten columns that took five times as long, and more
/// memory than a limit of 256 MB allows.
/// </summary>
internal sealed class MergeWriter : IBulkWriter
{
    private static long LastNumber;

    private readonly DuckDbTransaction _transaction;
    private readonly AppendWriter _staging;
    private readonly MergeSql _sql;
    private readonly TableName _table;
    private readonly MergeOptions _options;
    private long _rows;

    private MergeWriter(DuckDbTransaction transaction, AppendWriter staging, MergeSql sql, TableName table, MergeOptions options) =>
        (_transaction, _staging, _sql, _table, _options) = (transaction, staging, sql, table, options);

    /// <summary>Begins to merge into a table.</summary>
    public static MergeWriter Begin(DuckDBNativeConnection connection, DuckDbTransaction transaction, TableName table, Schema schema, MergeOptions options)
    {
        options.Check(table, schema);
        var relation = BulkColumns.Match(connection, table, options.ToTableSchema(schema), transaction.Errors);
        var others = relation.Columns.Select(column => column.Name).Except(schema.FieldsList.Select(field => field.Name), StringComparer.Ordinal);
        var sql = new MergeSql(table.ToSql(), schema, [.. others], options, Interlocked.Increment(ref LastNumber));
        Statement.Execute(connection, sql.CreateStaging, transaction.Errors);
        return new MergeWriter(transaction, AppendWriter.Begin(connection, transaction, sql.Staging, schema), sql, table, options);
    }

    public Task WriteAsync(RecordBatch batch, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        foreach (var column in _options.Key) CheckNotNull(batch, column);
        _rows += batch.Length;
        return _staging.WriteAsync(batch, cancellationToken);
    }

    public async Task<BulkWriteResult> CompleteAsync(CancellationToken cancellationToken = default)
    {
        await _staging.CompleteAsync(cancellationToken).ConfigureAwait(false);
        var deduplicated = _options.Strategy == MergeStrategy.DeleteInsert ? 0 : await ExecuteAsync(_sql.Deduplicate).ConfigureAwait(false);
        if (_options.BeforeImages is not null) await ExecuteAsync(_sql.CreateImages).ConfigureAwait(false);
        var (written, filtered) = await (_options.Strategy switch
        {
            MergeStrategy.Upsert => UpsertAsync(),
            MergeStrategy.DeleteInsert => DeleteInsertAsync(),
            MergeStrategy.InsertOnly => InsertMissingAsync(),
            _ => AddVersionsAsync(),
        }).ConfigureAwait(false);
        await ExecuteAsync(_sql.DropStaging).ConfigureAwait(false);
        return new BulkWriteResult(written, deduplicated, filtered);

        Task<long> ExecuteAsync(string statement, params object?[] parameters) => _transaction.ExecuteAsync(statement, parameters, cancellationToken);

        async Task<(long Written, long Filtered)> UpsertAsync()
        {
            await KeepAsync(_sql.Matched).ConfigureAwait(false);
            if (_options.HardDeleteColumn is not null) await ExecuteAsync(_sql.DeleteMarked).ConfigureAwait(false);
            var marked = await RemoveMarkedAsync().ConfigureAwait(false);
            var (before, counted, after) = _sql.Upsert;
            foreach (var statement in before) await ExecuteAsync(statement).ConfigureAwait(false);
            var written = 0L;
            foreach (var statement in counted) written += await ExecuteAsync(statement).ConfigureAwait(false);
            foreach (var statement in after) await ExecuteAsync(statement).ConfigureAwait(false);
            return (written, marked);
        }

        async Task<(long Written, long Filtered)> DeleteInsertAsync()
        {
            await KeepAsync(_sql.Matched).ConfigureAwait(false);
            await ExecuteAsync(_sql.DeleteMatched).ConfigureAwait(false);
            var marked = await RemoveMarkedAsync().ConfigureAwait(false);
            return (await ExecuteAsync(_sql.Insert).ConfigureAwait(false), marked);
        }

        async Task<(long Written, long Filtered)> InsertMissingAsync()
        {
            var there = await ExecuteAsync(_sql.RemoveMatched).ConfigureAwait(false);
            return (await ExecuteAsync(_sql.Insert).ConfigureAwait(false), there);
        }

        async Task<(long Written, long Filtered)> AddVersionsAsync()
        {
            // Before the rows that did not change are taken out: their keys are not absent.
            if (_options.IsFullSnapshot) await CloseAsync(_sql.Absent).ConfigureAwait(false);
            var unchanged = await ExecuteAsync(_sql.RemoveUnchanged).ConfigureAwait(false);
            await CloseAsync(_sql.Current).ConfigureAwait(false);
            var marked = await RemoveMarkedAsync().ConfigureAwait(false);
            return (await ExecuteAsync(_sql.Open, _options.BoundaryTimestamp).ConfigureAwait(false), unchanged + marked);
        }

        async Task CloseAsync(string versions)
        {
            var latest = await _transaction.QueryAsync(_sql.FindTooNew(versions), [_options.BoundaryTimestamp], cancellationToken).ConfigureAwait(false);
            if (latest[0][0] is DateTimeOffset began) _options.RefuseBoundary(_table, began);
            await KeepAsync(versions).ConfigureAwait(false);
            await ExecuteAsync(_sql.Close(versions), _options.BoundaryTimestamp).ConfigureAwait(false);
        }

        async Task KeepAsync(string rows)
        {
            if (_options.BeforeImages is null) return;
            if (rows != _sql.Absent) await ExecuteAsync(_sql.KeepMissing).ConfigureAwait(false);
            await ExecuteAsync(_sql.KeepImages(rows)).ConfigureAwait(false);
        }

        async Task<long> RemoveMarkedAsync() => _options.HardDeleteColumn is null ? 0 : await ExecuteAsync(_sql.RemoveMarked).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync() => _staging.DisposeAsync();

    private void CheckNotNull(RecordBatch batch, string column)
    {
        var values = batch.Column(column);
        if (values.NullCount == 0) return;
        var row = Enumerable.Range(0, values.Length).First(values.IsNull);
        throw _transaction.Errors.Failed(
            FailureClass.Data,
            $"Row {_rows + row + 1} for {_table} has no value in '{column}', which is a key column of the merge.",
            "Reject rows without a key, or merge on other columns.");
    }
}
