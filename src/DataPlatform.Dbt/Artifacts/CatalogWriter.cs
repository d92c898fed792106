using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;
using DataPlatform.Dbt.Run;

namespace DataPlatform.Dbt.Artifacts;

/// <summary>What the database has of a project's relations, in the form of dbt's <c>catalog.json</c>, version 1.</summary>
internal static class CatalogWriter
{
    public static PythonDict Write(EngineState state, Database database)
    {
        var nodes = state.Project!.Nodes.Values.Where(node => ManifestWriter.RelationName(state, node) is not null && node.Type != ResourceType.Test).ToList();
        var columns = Query(database, [.. nodes.Select(node => node.Schema).Distinct(StringComparer.OrdinalIgnoreCase)])
            .GroupBy(row => Key((string)row[0]!, (string)row[1]!)).ToDictionary(group => group.Key, group => group.ToList(), StringComparer.Ordinal);
        return new PythonDict
        {
            ["metadata"] = RunResultsWriter.Metadata(state, "https://schemas.getdbt.com/dbt/catalog/v1.json"),
            ["nodes"] = Of(isSource: false),
            ["sources"] = Of(isSource: true),
            ["errors"] = null,
        };

        PythonDict Of(bool isSource) => new(nodes
            .Where(node => node.Type == ResourceType.Source == isSource && columns.ContainsKey(Key(node.Schema, node.Alias)))
            .Select(node => new KeyValuePair<string, object?>(node.UniqueId, Describe(state, node, columns[Key(node.Schema, node.Alias)]))));
    }

    private static PythonDict Describe(EngineState state, DbtNode node, List<IReadOnlyList<object?>> rows) => new()
    {
        ["metadata"] = new PythonDict
        {
            ["type"] = rows[0][2],
            ["schema"] = rows[0][0],
            ["name"] = rows[0][1],
            ["database"] = node.Database ?? state.Database,
            ["comment"] = rows[0][4],
            ["owner"] = rows[0][3],
        },
        ["columns"] = new PythonDict(rows.Select(row => new KeyValuePair<string, object?>((string)row[5]!, new PythonDict { ["type"] = row[7], ["index"] = row[6], ["name"] = row[5], ["comment"] = row[8] }))),
        ["stats"] = new PythonDict
        {
            ["has_stats"] = new PythonDict
            {
                ["id"] = "has_stats",
                ["label"] = "Has Stats?",
                ["value"] = false,
                ["include"] = false,
                ["description"] = "Indicates whether there are statistics for this table",
            },
        },
        ["unique_id"] = node.UniqueId,
    };

    private static string Key(string schema, string name) => $"{schema}.{name}".ToLowerInvariant();

    // Schema, name, kind, owner and comment of each relation, and name, place, type and comment of its columns.
    private static IEnumerable<IReadOnlyList<object?>> Query(Database database, IReadOnlyList<string> schemas)
    {
        if (schemas.Count == 0) return [];
        var list = string.Join(", ", schemas.Select(schema => Database.Literal(schema.ToLowerInvariant())));
        return database.Query(database.IsDuckDb
            ? $"""
               select c.schema_name, c.table_name, case when t.table_name is null then 'VIEW' else 'BASE TABLE' end, '', coalesce(t.comment, v.comment), c.column_name, c.column_index, c.data_type, c.comment
               from duckdb_columns() c
               left join duckdb_tables() t on t.database_name = c.database_name and t.schema_name = c.schema_name and t.table_name = c.table_name
               left join duckdb_views() v on v.database_name = c.database_name and v.schema_name = c.schema_name and v.view_name = c.table_name
               where lower(c.schema_name) in ({list}) and c.database_name = current_database() order by 1, 2, 7
               """
            : $"""
               select nspname, relname, case relkind when 'v' then 'VIEW' when 'm' then 'MATERIALIZED VIEW' else 'BASE TABLE' end, pg_get_userbyid(relowner), obj_description(pg_class.oid, 'pg_class'),
                      attname, attnum, format_type(atttypid, atttypmod), col_description(pg_class.oid, attnum)
               from pg_class join pg_namespace on pg_namespace.oid = relnamespace join pg_attribute on attrelid = pg_class.oid
               where lower(nspname) in ({list}) and relkind in ('r', 'v', 'f', 'p', 'm') and attnum > 0 and not attisdropped order by 1, 2, 7
               """).Rows.Select(row => (IReadOnlyList<object?>)row.ToList());
    }
}
