using Apache.Arrow;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>Merges record batches into a table: appends them to a temporary table first, then moves them over by key.</summary>
internal sealed class MergeWriter(
    BinaryCopyWriter staging, PostgreSqlTransaction transaction, string stagingSql, TableName table, IReadOnlyList<string> columns, IReadOnlyList<string> key) : IBulkWriter
{
    /// <summary>The column of the temporary table that keeps the order of the rows. No table of a user's has it: the name is too odd.</summary>
    public const string OrdinalColumn = "_merge row number";

    private long _rows;

    public Task WriteAsync(RecordBatch batch, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        foreach (var column in key) CheckNotNull(batch, column);
        _rows += batch.Length;
        return staging.WriteAsync(batch, cancellationToken);
    }

    public async Task<BulkWriteResult> CompleteAsync(CancellationToken cancellationToken = default)
    {
        await staging.CompleteAsync(cancellationToken).ConfigureAwait(false);
        var deduplicated = await transaction.ExecuteAsync(DeduplicateSql(), null, cancellationToken).ConfigureAwait(false);
        var written = await transaction.ExecuteAsync(MergeSql(), null, cancellationToken).ConfigureAwait(false);
        return new BulkWriteResult(written, deduplicated);
    }

    public ValueTask DisposeAsync() => staging.DisposeAsync();

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

    // Finds the keys that occur more than once from key and order alone, so that the rows themselves are not sorted.
    private string DeduplicateSql()
    {
        var (keys, ordinal) = (Identifiers.QuoteList(key), Identifiers.Quote(OrdinalColumn));
        return $"""
            DELETE FROM {stagingSql} AS s
            USING (SELECT {keys}, max({ordinal}) AS last FROM {stagingSql} GROUP BY {keys} HAVING count(*) > 1) AS d
            WHERE {string.Join(" AND ", key.Select(Identifiers.Quote).Select(k => $"s.{k} = d.{k}"))} AND s.{ordinal} < d.last
            """;
    }

    private string MergeSql()
    {
        var others = columns.Except(key, StringComparer.Ordinal).ToArray();
        // With nothing but a key to set, setting the key to itself keeps the count of rows right.
        var updates = (others.Length > 0 ? others : [.. key]).Select(Identifiers.Quote).Select(column => $"{column} = EXCLUDED.{column}");
        return $"""
            INSERT INTO {Identifiers.Quote(table)} ({Identifiers.QuoteList(columns)})
            SELECT {Identifiers.QuoteList(columns)} FROM {stagingSql}
            ON CONFLICT ({Identifiers.QuoteList(key)}) DO UPDATE SET {string.Join(", ", updates)}
            """;
    }
}
