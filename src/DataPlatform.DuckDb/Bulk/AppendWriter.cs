using Apache.Arrow;
using DataPlatform.DuckDb.Native;
using DataPlatform.Warehouses;
using DuckDB.NET.Native;

namespace DataPlatform.DuckDb.Bulk;

/// <summary>Appends record batches to a table, each by an INSERT from Arrow's buffers. DuckDB compresses and writes full row groups as they come.</summary>
internal sealed class AppendWriter : IBulkWriter
{
    private readonly DuckDbTransaction _transaction;
    private readonly ArrowAppender _appender;
    private readonly Schema _schema;
    private long _rows;
    private bool _completed;
    private bool _disposed;

    private AppendWriter(DuckDbTransaction transaction, ArrowAppender appender, Schema schema) =>
        (_transaction, _appender, _schema) = (transaction, appender, schema);

    /// <summary>Begins to append to a table.</summary>
    public static AppendWriter Begin(DuckDBNativeConnection connection, DuckDbTransaction transaction, TableName table, Schema schema)
    {
        BulkColumns.Match(connection, table, schema, transaction.Errors);
        return Begin(connection, transaction, $"{table.ToSql()} ({SqlText.Quote(schema.FieldsList.Select(field => field.Name))})", schema);
    }

    /// <summary>Begins to append to a table whose columns are known to fit, in order.</summary>
    public static AppendWriter Begin(DuckDBNativeConnection connection, DuckDbTransaction transaction, string targetSql, Schema schema)
    {
        var insert = $"INSERT INTO {targetSql} SELECT * FROM {ArrowAppender.Source}";
        return new AppendWriter(transaction, new ArrowAppender(connection, insert, schema, transaction.Errors), schema);
    }

    public async Task WriteAsync(RecordBatch batch, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_completed || _disposed, this);
        BulkColumns.CheckBatch(batch, _schema, _transaction.Errors);
        _rows += await _transaction.AppendAsync(
            _ =>
            {
                _appender.Append(batch);
                _transaction.Database.ReleaseWrittenBlocks();
                return batch.Length;
            },
            cancellationToken).ConfigureAwait(false);
    }

    public Task<BulkWriteResult> CompleteAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_completed || _disposed, this);
        _completed = true;
        return Task.FromResult(new BulkWriteResult(_rows));
    }

    public ValueTask DisposeAsync()
    {
        if (_disposed) return ValueTask.CompletedTask;
        _disposed = true;
        _appender.Dispose();

        // DuckDB cannot take back a part of a transaction.
        if (!_completed) _transaction.Doom("a write was begun and not completed.");
        return ValueTask.CompletedTask;
    }
}
