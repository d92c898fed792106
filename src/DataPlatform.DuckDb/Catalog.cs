using Apache.Arrow;
using DataPlatform.DuckDb.Columns;
using DataPlatform.DuckDb.Native;
using DataPlatform.Warehouses;
using DuckDB.NET.Native;

namespace DataPlatform.DuckDb;

/// <summary>Looks up what the database holds.</summary>
internal static class Catalog
{
    /// <summary>Whether there is a table or a view of the name. Names differ only in case are the same, as everywhere in DuckDB.</summary>
    public static RelationKind FindKind(DuckDBNativeConnection connection, TableName name, DuckDbErrors errors)
    {
        var rows = Query(
            connection,
            "SELECT table_type FROM information_schema.tables WHERE table_catalog = current_database() AND lower(table_schema) = lower($1) AND lower(table_name) = lower($2)",
            [name.Schema, name.Name],
            errors);
        return rows switch
        {
            [] => RelationKind.None,
            [[string type]] => type == "VIEW" ? RelationKind.View : RelationKind.Table,
            _ => throw errors.Failed(FailureClass.Bug, $"the catalog has {name} more than once."),
        };
    }

    /// <summary>The columns of a table or view, or null when there is none.</summary>
    public static Relation? Describe(DuckDBNativeConnection connection, TableName name, DuckDbErrors errors)
    {
        if (FindKind(connection, name, errors) == RelationKind.None) return null;
        var declared = Query(
            connection,
            "SELECT column_name, data_type, is_nullable FROM duckdb_columns() WHERE database_name = current_database() AND lower(schema_name) = lower($1) AND lower(table_name) = lower($2)",
            [name.Schema, name.Name],
            errors).ToDictionary(row => (string)row[0]!, row => (Type: (string)row[1]!, Nullable: (bool)row[2]!), StringComparer.Ordinal);

        using var statement = Statement.Prepare(connection, $"SELECT * FROM {name.ToSql()} LIMIT 0", parameters: null, errors);
        using var result = statement.Query();
        var columns = Enumerable.Range(0, result.ColumnCount).Select(i =>
        {
            var column = result.ColumnName(i);
            return new RelationColumn(column, result.ColumnType(i), declared[column].Type, declared[column].Nullable);
        });
        return new Relation(name, [.. columns]);
    }

    /// <summary>The views of the database.</summary>
    public static IEnumerable<TableName> ListViews(DuckDBNativeConnection connection, DuckDbErrors errors) =>
        Query(connection, "SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = current_database() AND NOT internal", null, errors)
            .Select(row => new TableName((string)row[0]!, (string)row[1]!));

    /// <summary>Whether a view's query can still be planned.</summary>
    public static bool IsReadable(DuckDBNativeConnection connection, TableName view, DuckDbErrors errors)
    {
        try
        {
            Statement.Prepare(connection, $"SELECT * FROM {view.ToSql()}", parameters: null, errors).Dispose();
            return true;
        }
        catch (WarehouseException e) when (e.FailureClass == FailureClass.Configuration)
        {
            return false;
        }
    }

    /// <summary>How many rows a table has; the catalog knows it.</summary>
    public static long CountRows(DuckDBNativeConnection connection, TableName table, DuckDbErrors errors) =>
        (long)Query(connection, $"SELECT count(*) FROM {table.ToSql()}", null, errors)[0][0]!;

    private static List<object?[]> Query(DuckDBNativeConnection connection, string sql, IReadOnlyList<object?>? parameters, DuckDbErrors errors)
    {
        using var reader = RecordBatchReader.Open(connection, sql, parameters, errors);
        var rows = new List<object?[]>();
        while (reader.Read() is { } batch)
        {
            using (batch) rows.AddRange(RowReader.Read(batch));
        }

        return rows;
    }
}

/// <summary>A table or view.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Columns">Its columns in order.</param>
internal sealed record Relation(TableName Name, IReadOnlyList<RelationColumn> Columns)
{
    public Schema ToSchema() => new(Columns.Select(column => DuckDbTypes.ToField(column.Name, column.Type, column.Nullable).Field), metadata: null);
}

/// <summary>A column of a table or view.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type.</param>
/// <param name="TypeName">Its type for people.</param>
/// <param name="Nullable">Whether it can be NULL.</param>
internal sealed record RelationColumn(string Name, ColumnType Type, string TypeName, bool Nullable);

/// <summary>What a name stands for.</summary>
internal enum RelationKind
{
    None,
    Table,
    View,
}
