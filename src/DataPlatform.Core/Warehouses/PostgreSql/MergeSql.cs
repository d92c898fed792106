using Apache.Arrow;
using Apache.Arrow.Types;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>The statements of a merge. In them <c>t</c> is the table and <c>s</c> the temporary table with the rows to merge. <c>$1</c> is the boundary timestamp.</summary>
/// <param name="table">The table.</param>
/// <param name="staging">The temporary table, quoted.</param>
/// <param name="schema">The rows' columns.</param>
/// <param name="tableColumns">The table's columns.</param>
/// <param name="options">The merge.</param>
internal sealed class MergeSql(TableName table, string staging, Schema schema, IReadOnlyList<TableColumn> tableColumns, MergeOptions options)
{
    /// <summary>The column of the temporary table that keeps the order of the rows. No table of a user's has it: the name is too odd.</summary>
    public const string OrdinalColumn = "_merge row number";

    private static readonly string Ordinal = Identifiers.Quote(OrdinalColumn);
    private static readonly string Existed = Identifiers.Quote(MergeOptions.ExistedColumn);

    private readonly string _table = Identifiers.Quote(table);
    private readonly string _columns = Identifiers.QuoteList(schema.FieldsList.Select(field => field.Name));
    private readonly string _key = Identifiers.QuoteList(options.Key);
    private readonly string _match = string.Join(" AND ", options.Key.Select(Identifiers.Quote).Select(column => $"t.{column} = s.{column}"));

    /// <summary>Makes the temporary table, with the types of the table, so that keys are compared as the table has them.</summary>
    public string CreateStaging => $"CREATE TEMP TABLE {staging} ON COMMIT DROP AS SELECT {_columns}, 0::bigint AS {Ordinal} FROM {_table} WITH NO DATA";

    /// <summary>Lets the planner know how many keys there are: without, it takes 200 for granted and walks indexes for a million rows.</summary>
    public string Analyze => $"ANALYZE {staging} ({_key})";

    /// <summary>Leaves one row of each key. Finds the keys that occur more than once from keys alone, so that not all rows are sorted.</summary>
    public string Deduplicate => options.DedupSortColumn is null
        ? $"""
            DELETE FROM {staging} AS s
            USING (SELECT {_key}, {(KeepsFirst ? "min" : "max")}({Ordinal}) AS kept FROM {staging} GROUP BY {_key} HAVING count(*) > 1) AS t
            WHERE {_match} AND s.{Ordinal} <> t.kept
            """
        : $"""
            DELETE FROM {staging} AS s
            USING (
                SELECT s.ctid AS place, row_number() OVER (
                    PARTITION BY {OfStaging(options.Key)}
                    ORDER BY s.{Identifiers.Quote(options.DedupSortColumn)} {(options.DedupKeepsLowest ? "ASC" : "DESC")} NULLS LAST, s.{Ordinal} DESC) AS rank
                FROM {staging} AS s
                JOIN (SELECT {_key} FROM {staging} GROUP BY {_key} HAVING count(*) > 1) AS t ON {_match}) AS ranked
            WHERE s.ctid = ranked.place AND ranked.rank > 1
            """;

    /// <summary>Takes out the rows that only tell to delete their key.</summary>
    public string RemoveMarked => $"DELETE FROM {staging} AS s WHERE {Marked}";

    /// <summary>Takes the table's rows with keys to delete out of it.</summary>
    public string DeleteMarked => $"DELETE FROM {_table} AS t WHERE EXISTS (SELECT FROM {staging} AS s WHERE {_match} AND {Marked})";

    /// <summary>Takes the table's rows with any of the keys out of it.</summary>
    public string DeleteMatched => $"DELETE FROM {_table} AS t WHERE {HasStaged}";

    public string Insert => $"INSERT INTO {_table} ({_columns}) SELECT {_columns} FROM {staging}";

    public string InsertMissing => $"{Insert} ON CONFLICT ({_key}) DO NOTHING";

    public string Upsert
    {
        get
        {
            var others = schema.FieldsList.Select(column => column.Name).Except(options.Key, StringComparer.Ordinal).ToArray();
            // With nothing but a key to set, setting the key to itself keeps the count of rows right.
            var updates = (others.Length > 0 ? others : options.Key).Select(Identifiers.Quote).Select(column => $"{column} = EXCLUDED.{column}");
            return $"{Insert} ON CONFLICT ({_key}) DO UPDATE SET {string.Join(", ", updates)}";
        }
    }

    /// <summary>Of SCD2: takes out the rows that are as the current version is.</summary>
    public string RemoveUnchanged => $"""
        DELETE FROM {staging} AS s
        USING {_table} AS t
        WHERE {_match} AND {IsCurrent}{(options.HardDeleteColumn is null ? "" : $" AND NOT ({Marked})")}{string.Concat(options.ComparedFields(schema).Select(IsSame))}
        """;

    /// <summary>Of SCD2: the current versions of the keys.</summary>
    public string Staged => $"{IsCurrent} AND {HasStaged}";

    /// <summary>Of SCD2: the current versions of other keys.</summary>
    public string Absent => $"{IsCurrent} AND NOT {HasStaged}";

    /// <summary>Of SCD2: when the latest of some versions began, if not before the boundary.</summary>
    public string FindTooNew(string versions) => $"SELECT max(t.{ValidFrom}) FROM {_table} AS t WHERE {versions} AND t.{ValidFrom} >= $1";

    /// <summary>Of SCD2: ends some versions.</summary>
    public string Close(string versions) => $"UPDATE {_table} AS t SET {Identifiers.Quote(options.ValidToColumn)} = $1 WHERE {versions}";

    /// <summary>Of SCD2: opens a version for each row.</summary>
    public string Open => $"INSERT INTO {_table} ({_columns}, {ValidFrom}) SELECT {_columns}, $1 FROM {staging}";

    /// <summary>All rows of the table with the keys.</summary>
    public string Matched => HasStaged;

    public string CreateImages => $"CREATE TABLE {Images} AS SELECT t.*, true AS {Existed} FROM {_table} AS t WITH NO DATA";

    /// <summary>Keeps rows of the table as they are.</summary>
    public string KeepImages(string rows)
    {
        var all = Identifiers.QuoteList(tableColumns.Select(column => column.Name));
        return $"INSERT INTO {Images} ({all}, {Existed}) SELECT {all}, true FROM {_table} AS t WHERE {rows}";
    }

    /// <summary>Keeps which of the keys the table does not have.</summary>
    public string KeepMissing => $"""
        INSERT INTO {Images} ({_key}, {Existed})
        SELECT DISTINCT {OfStaging(options.Key)}, false FROM {staging} AS s
        WHERE NOT EXISTS (SELECT FROM {_table} AS t WHERE {_match}{(options.Strategy == MergeStrategy.Scd2 ? $" AND {IsCurrent}" : "")})
        """;

    private bool KeepsFirst => options.Strategy == MergeStrategy.InsertOnly;

    private string HasStaged => $"EXISTS (SELECT FROM {staging} AS s WHERE {_match})";

    private string IsCurrent => $"t.{Identifiers.Quote(options.ValidToColumn)} IS NULL";

    private string ValidFrom => Identifiers.Quote(options.ValidFromColumn);

    private string Images => Identifiers.Quote(options.BeforeImages!.Value);

    private string Marked =>
        $"s.{Identifiers.Quote(options.HardDeleteColumn!)} {(schema.GetFieldByName(options.HardDeleteColumn).DataType is BooleanType ? "IS TRUE" : "IS NOT NULL")}";

    private string IsSame(Field field)
    {
        // The type json, unlike jsonb, cannot be compared.
        var type = tableColumns.First(column => column.Name == field.Name).TypeOid;
        var cast = (PostgreSqlTypes.ElementOf(type) ?? type) == PostgreSqlTypes.Json ? "::text" : "";
        var column = Identifiers.Quote(field.Name);
        return $" AND t.{column}{cast} IS NOT DISTINCT FROM s.{column}{cast}";
    }

    private static string OfStaging(IEnumerable<string> columns) => string.Join(", ", columns.Select(column => $"s.{Identifiers.Quote(column)}"));
}
