using Apache.Arrow;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>Merges record batches into a table: appends them to a temporary table first, then moves them over by key.</summary>
internal sealed class MergeWriter(BinaryCopyWriter staging, PostgreSqlTransaction transaction, MergeSql sql, TableName table, MergeOptions options, SeenKeys? keys) : IBulkWriter
{
    private long _rows;

    public Task WriteAsync(RecordBatch batch, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        foreach (var column in options.Key) CheckNotNull(batch, column);
        _rows += batch.Length;
        keys?.Add(batch);
        return staging.WriteAsync(batch, cancellationToken);
    }

    public async Task<BulkWriteResult> CompleteAsync(CancellationToken cancellationToken = default)
    {
        await staging.CompleteAsync(cancellationToken).ConfigureAwait(false);
        var deduplicated = options.Strategy == MergeStrategy.DeleteInsert || keys is { AreDistinct: true } ? 0 : await ExecuteAsync(sql.Deduplicate).ConfigureAwait(false);
        if (JoinsTable) await ExecuteAsync(sql.Analyze).ConfigureAwait(false);
        if (options.BeforeImages is not null) await ExecuteAsync(sql.CreateImages).ConfigureAwait(false);
        var (written, filtered) = await (options.Strategy switch
        {
            MergeStrategy.Upsert => UpsertAsync(),
            MergeStrategy.DeleteInsert => DeleteInsertAsync(),
            MergeStrategy.InsertOnly => InsertMissingAsync(_rows - deduplicated),
            _ => AddVersionsAsync(),
        }).ConfigureAwait(false);
        return new BulkWriteResult(written, deduplicated, filtered);

        Task<long> ExecuteAsync(string statement, params object?[] parameters) => transaction.ExecuteAsync(statement, parameters, cancellationToken);

        async Task<(long Written, long Filtered)> UpsertAsync()
        {
            await KeepAsync(sql.Matched).ConfigureAwait(false);
            if (options.HardDeleteColumn is not null) await ExecuteAsync(sql.DeleteMarked).ConfigureAwait(false);
            var marked = await RemoveMarkedAsync().ConfigureAwait(false);
            return (await ExecuteAsync(sql.Upsert).ConfigureAwait(false), marked);
        }

        async Task<(long Written, long Filtered)> DeleteInsertAsync()
        {
            await KeepAsync(sql.Matched).ConfigureAwait(false);
            await ExecuteAsync(sql.DeleteMatched).ConfigureAwait(false);
            var marked = await RemoveMarkedAsync().ConfigureAwait(false);
            return (await ExecuteAsync(sql.Insert).ConfigureAwait(false), marked);
        }

        async Task<(long Written, long Filtered)> InsertMissingAsync(long candidates)
        {
            var written = await ExecuteAsync(sql.InsertMissing).ConfigureAwait(false);
            return (written, candidates - written);
        }

        async Task<(long Written, long Filtered)> AddVersionsAsync()
        {
            // Before the rows that did not change are taken out: their keys are not absent.
            if (options.IsFullSnapshot) await CloseAsync(sql.Absent).ConfigureAwait(false);
            var unchanged = await ExecuteAsync(sql.RemoveUnchanged).ConfigureAwait(false);
            await CloseAsync(sql.Staged).ConfigureAwait(false);
            var marked = await RemoveMarkedAsync().ConfigureAwait(false);
            return (await ExecuteAsync(sql.Open, options.BoundaryTimestamp).ConfigureAwait(false), unchanged + marked);
        }

        async Task CloseAsync(string versions)
        {
            var latest = await transaction.QueryAsync(sql.FindTooNew(versions), [options.BoundaryTimestamp], cancellationToken).ConfigureAwait(false);
            if (latest[0][0] is DateTimeOffset began) options.RefuseBoundary(table, began);
            await KeepAsync(versions).ConfigureAwait(false);
            await ExecuteAsync(sql.Close(versions), options.BoundaryTimestamp).ConfigureAwait(false);
        }

        async Task KeepAsync(string rows)
        {
            if (options.BeforeImages is null) return;
            if (rows != sql.Absent) await ExecuteAsync(sql.KeepMissing).ConfigureAwait(false);
            await ExecuteAsync(sql.KeepImages(rows)).ConfigureAwait(false);
        }

        async Task<long> RemoveMarkedAsync() => options.HardDeleteColumn is null ? 0 : await ExecuteAsync(sql.RemoveMarked).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync() => staging.DisposeAsync();

    // INSERT … ON CONFLICT looks each key up in the index; there is nothing to plan.
    private bool JoinsTable => options is { Strategy: MergeStrategy.DeleteInsert or MergeStrategy.Scd2 } or { HardDeleteColumn: not null } or { BeforeImages: not null };

    private void CheckNotNull(RecordBatch batch, string column)
    {
        var values = batch.Column(column);
        if (values.NullCount == 0) return;
        var row = Enumerable.Range(0, values.Length).First(values.IsNull);
        throw new WarehouseException(
            FailureClass.Data,
            $"Row {_rows + row + 1} for {table} has no value in '{column}', which is a key column of the merge.",
            "Reject rows without a key, or merge on other columns.");
    }
}
