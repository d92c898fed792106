using Apache.Arrow;
using DataPlatform.DuckDb.Columns;
using DataPlatform.Warehouses;
using DuckDB.NET.Native;

namespace DataPlatform.DuckDb.Bulk;

/// <summary>Checks what is to be written against the table it goes to, and each batch against what was announced.</summary>
internal static class BulkColumns
{
    /// <summary>The table, which takes all columns of the schema without loss.</summary>
    public static Relation Match(DuckDBNativeConnection connection, TableName table, Schema schema, DuckDbErrors errors)
    {
        var relation = Catalog.Describe(connection, table, errors)
            ?? throw errors.Failed(FailureClass.Configuration, $"there is no table {table}.", "Create it first: CreateTableAsync does it from the columns.");
        var columns = relation.Columns.ToDictionary(column => column.Name, StringComparer.Ordinal);
        foreach (var field in schema.FieldsList)
        {
            if (!columns.TryGetValue(field.Name, out var column))
                throw errors.Failed(FailureClass.Data, $"table {table} has no column '{field.Name}'; it has {string.Join(", ", columns.Keys)}.", "Add the column to the table, or leave it out of the data.");
            if (!DuckDbTypes.CanStore(field, column.Type))
            {
                throw errors.Failed(
                    FailureClass.Data,
                    $"column '{field.Name}' of {table} is {column.TypeName} and cannot take {DuckDbTypes.ToSql(field) ?? field.DataType.Name} without loss.",
                    "Change the column's type in the table, or convert the data.");
            }
        }

        return relation;
    }

    /// <summary>Throws when a batch has other columns than announced.</summary>
    public static void CheckBatch(RecordBatch batch, Schema announced, DuckDbErrors errors)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (ReferenceEquals(batch.Schema, announced)) return;
        var (fields, expected) = (batch.Schema.FieldsList, announced.FieldsList);
        if (fields.Count != expected.Count || fields.Zip(expected).Any(pair => pair.First.Name != pair.Second.Name || DuckDbTypes.ToSql(pair.First) != DuckDbTypes.ToSql(pair.Second)))
            throw errors.Failed(FailureClass.Bug, "a batch has other columns than the write was begun with.");
    }
}
