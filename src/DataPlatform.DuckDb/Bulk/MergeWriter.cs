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
    private readonly IReadOnlyList<string> _key;
    private long _rows;

    private MergeWriter(DuckDbTransaction transaction, AppendWriter staging, MergeSql sql, TableName table, IReadOnlyList<string> key) =>
        (_transaction, _staging, _sql, _table, _key) = (transaction, staging, sql, table, key);

    /// <summary>Begins to merge into a table.</summary>
    public static MergeWriter Begin(DuckDBNativeConnection connection, DuckDbTransaction transaction, TableName table, Schema schema, IReadOnlyList<string> key)
    {
        var columns = schema.FieldsList.Select(field => field.Name).ToArray();
        CheckKey(table, columns, key, transaction.Errors);
        var others = BulkColumns.Match(connection, table, schema, transaction.Errors).Columns.Select(column => column.Name).Except(columns, StringComparer.Ordinal);
        var sql = new MergeSql(table.ToSql(), columns, key, [.. others], Interlocked.Increment(ref LastNumber));
        Statement.Execute(connection, sql.CreateStaging, transaction.Errors);
        return new MergeWriter(transaction, AppendWriter.Begin(connection, transaction, sql.Staging, schema), sql, table, key);
    }

    public Task WriteAsync(RecordBatch batch, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        foreach (var column in _key) CheckNotNull(batch, column);
        _rows += batch.Length;
        return _staging.WriteAsync(batch, cancellationToken);
    }

    public async Task<BulkWriteResult> CompleteAsync(CancellationToken cancellationToken = default)
    {
        await _staging.CompleteAsync(cancellationToken).ConfigureAwait(false);
        var deduplicated = await _transaction.ExecuteAsync(_sql.Deduplicate, null, cancellationToken).ConfigureAwait(false);
        foreach (var statement in _sql.Merge()) await _transaction.ExecuteAsync(statement, null, cancellationToken).ConfigureAwait(false);
        return new BulkWriteResult(_rows - deduplicated, deduplicated);
    }

    public ValueTask DisposeAsync() => _staging.DisposeAsync();

    private static void CheckKey(TableName table, string[] columns, IReadOnlyList<string> key, DuckDbErrors errors)
    {
        if (key.Count == 0) throw errors.Failed(FailureClass.Configuration, $"a merge into {table} needs a key.", "Name the columns that identify a row.");
        if (key.FirstOrDefault(column => !columns.Contains(column, StringComparer.Ordinal)) is { } missing)
            throw errors.Failed(FailureClass.Configuration, $"the key column '{missing}' of the merge into {table} is not in the data, which has {string.Join(", ", columns)}.");
    }

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
