using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;

namespace DataPlatform.Ledger;

/// <summary>Ways to write rows in a load. Every row is stamped with the load's number in <see cref="LoadTransaction.LoadIdColumn"/>.</summary>
public static class LoadTransactionExtensions
{
    /// <summary>Adds rows to a table, which is created when missing.</summary>
    /// <param name="load">The load.</param>
    /// <param name="table">The table.</param>
    /// <param name="schema">The rows' columns.</param>
    /// <param name="rows">The rows; each batch is disposed of when it is written.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<BulkWriteResult> AppendRowsAsync(
        this LoadTransaction load, TableName table, Schema schema, IAsyncEnumerable<RecordBatch> rows, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(load);
        ArgumentNullException.ThrowIfNull(rows);
        var columns = schema.WithColumn(LoadTransaction.LoadIdColumn);
        await load.Warehouse.CreateTableAsync(table, columns, [], cancellationToken).ConfigureAwait(false);
        return await WriteAsync(load, load.Warehouse.BeginAppendAsync(table, columns, cancellationToken), rows, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Makes a table hold exactly these rows. Readers see the old ones until the load commits. A table that is missing is created; one whose
    /// columns are others is replaced by one with these.
    /// </summary>
    /// <param name="load">The load.</param>
    /// <param name="table">The table.</param>
    /// <param name="schema">The rows' columns.</param>
    /// <param name="rows">The rows; each batch is disposed of when it is written.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<BulkWriteResult> ReplaceRowsAsync(
        this LoadTransaction load, TableName table, Schema schema, IAsyncEnumerable<RecordBatch> rows, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(load);
        ArgumentNullException.ThrowIfNull(rows);
        var warehouse = load.Warehouse;
        var columns = schema.WithColumn(LoadTransaction.LoadIdColumn);
        var existing = await warehouse.DescribeAsync(table, cancellationToken).ConfigureAwait(false);
        if (existing is null)
        {
            await warehouse.CreateTableAsync(table, columns, [], cancellationToken).ConfigureAwait(false);
        }
        else if (HaveSameColumns(existing, columns))
        {
            await warehouse.ExecuteAsync($"DELETE FROM {table.ToSql()}", cancellationToken: cancellationToken).ConfigureAwait(false);
        }
        else
        {
            var staging = new TableName(table.Schema, $"_load_{load.LoadId}");
            await warehouse.CreateTableAsync(staging, columns, [], cancellationToken).ConfigureAwait(false);
            var staged = await WriteAsync(load, warehouse.BeginAppendAsync(staging, columns, cancellationToken), rows, cancellationToken).ConfigureAwait(false);
            await warehouse.ReplaceTableAsync(table, $"SELECT * FROM {staging.ToSql()}", cancellationToken).ConfigureAwait(false);
            await warehouse.ExecuteAsync($"DROP TABLE {staging.ToSql()}", cancellationToken: cancellationToken).ConfigureAwait(false);
            return staged;
        }

        return await WriteAsync(load, warehouse.BeginAppendAsync(table, columns, cancellationToken), rows, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Merges rows into a table, which is created when missing.</summary>
    /// <param name="load">The load.</param>
    /// <param name="table">The table.</param>
    /// <param name="schema">The rows' columns.</param>
    /// <param name="options">The key, and what is done with rows whose key the table has.</param>
    /// <param name="rows">The rows; each batch is disposed of when it is written.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<BulkWriteResult> MergeRowsAsync(
        this LoadTransaction load, TableName table, Schema schema, MergeOptions options, IAsyncEnumerable<RecordBatch> rows, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(load);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(rows);
        var columns = schema.WithColumn(LoadTransaction.LoadIdColumn);
        await load.Warehouse.CreateTableAsync(table, options.ToTableSchema(columns), options.RowKey, cancellationToken).ConfigureAwait(false);
        var written = await WriteAsync(load, load.Warehouse.BeginMergeAsync(table, columns, options, cancellationToken), rows, cancellationToken).ConfigureAwait(false);
        if (options.BeforeImages is not null) await BeforeImages.RecordAsync(load.Warehouse, load.LoadId, table, options, cancellationToken).ConfigureAwait(false);
        return written;
    }

    private static async Task<BulkWriteResult> WriteAsync(
        LoadTransaction load, Task<IBulkWriter> begin, IAsyncEnumerable<RecordBatch> rows, CancellationToken cancellationToken)
    {
        await using var writer = await begin.ConfigureAwait(false);
        await foreach (var batch in rows.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            using var stamped = batch.WithColumn(LoadTransaction.LoadIdColumn, load.LoadId);
            await writer.WriteAsync(stamped, cancellationToken).ConfigureAwait(false);
        }

        return await writer.CompleteAsync(cancellationToken).ConfigureAwait(false);
    }

    private static bool HaveSameColumns(Schema left, Schema right) =>
        left.FieldsList.Select(Describe).ToHashSet().SetEquals(right.FieldsList.Select(Describe));

    private static (string Name, bool IsList, ArrowTypeId Type, bool IsJson, int Precision, int Scale, bool HasZone) Describe(Field field)
    {
        var values = ColumnTypes.ElementOf(field) ?? field;
        return (
            field.Name,
            field.DataType is ListType,
            values.DataType.TypeId,
            ColumnTypes.IsJson(values),
            (values.DataType as Decimal128Type)?.Precision ?? 0,
            (values.DataType as Decimal128Type)?.Scale ?? 0,
            values.DataType is TimestampType { Timezone.Length: > 0 });
    }
}
