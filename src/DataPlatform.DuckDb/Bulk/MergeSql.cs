using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;

namespace DataPlatform.DuckDb.Bulk;

/// <summary>The statements of a merge. In them <c>t</c> is the table and <c>s</c> the temporary table with the rows to merge. <c>$1</c> is the boundary timestamp.</summary>
/// <remarks>In the temporary tables columns have names of ours, so that none can hide the <c>rowid</c>, which numbers the rows as they were appended.</remarks>
/// <param name="table">The table, quoted.</param>
/// <param name="schema">The rows' columns.</param>
/// <param name="others">The table's other columns.</param>
/// <param name="options">The merge.</param>
/// <param name="number">Tells temporary tables of the process apart.</param>
internal sealed class MergeSql(string table, Schema schema, IReadOnlyList<string> others, MergeOptions options, long number)
{
    private static readonly string Existed = TableName.Quote(MergeOptions.ExistedColumn);

    private readonly IReadOnlyList<string> _columns = [.. schema.FieldsList.Select(field => field.Name)];
    private readonly string _staged = List("c", schema.FieldsList.Count);
    private readonly string _others = List("o", others.Count);
    private readonly string _key = SqlText.Quote(options.Key);
    private readonly string _stagedKey = string.Join(", ", options.Key.Select(column => Staged(schema, column)));
    private readonly string _match = string.Join(" AND ", options.Key.Select(column => $"t.{TableName.Quote(column)} = s.{Staged(schema, column)}"));

    /// <summary>The temporary table for the rows to merge.</summary>
    public string Staging { get; } = $"temp._merge_{number}";

    /// <summary>Makes it, with the types of the table, so that keys are compared as the table has them.</summary>
    public string CreateStaging => $"CREATE TEMP TABLE {Staging} AS SELECT {As(_columns, "c")} FROM {table} LIMIT 0";

    public string DropStaging => $"DROP TABLE {Staging}";

    /// <summary>Leaves one row of each key.</summary>
    public string Deduplicate => options.DedupSortColumn is null
        ? $"""
            DELETE FROM {Staging} AS s
            USING (SELECT {_stagedKey}, {(options.Strategy == MergeStrategy.InsertOnly ? "min" : "max")}(rowid) AS kept FROM {Staging} GROUP BY {_stagedKey} HAVING count(*) > 1) AS d
            WHERE {MatchStaged("d")} AND s.rowid <> d.kept
            """
        : $"""
            DELETE FROM {Staging} WHERE rowid IN (
                SELECT place FROM (
                    SELECT s.rowid AS place, row_number() OVER (
                        PARTITION BY {_stagedKey}
                        ORDER BY s.{Staged(schema, options.DedupSortColumn)} {(options.DedupKeepsLowest ? "ASC" : "DESC")} NULLS LAST, s.rowid DESC) AS rank
                    FROM {Staging} AS s
                    WHERE EXISTS (FROM (SELECT {_stagedKey} FROM {Staging} GROUP BY {_stagedKey} HAVING count(*) > 1) AS d WHERE {MatchStaged("d")}))
                WHERE rank > 1)
            """;

    /// <summary>Takes out the rows that only tell to delete their key.</summary>
    public string RemoveMarked => $"DELETE FROM {Staging} AS s WHERE {Marked}";

    /// <summary>Takes the table's rows with keys to delete out of it.</summary>
    public string DeleteMarked => $"DELETE FROM {table} AS t WHERE EXISTS (FROM {Staging} AS s WHERE {_match} AND {Marked})";

    /// <summary>Takes the table's rows with any of the keys out of it.</summary>
    public string DeleteMatched => $"DELETE FROM {table} AS t WHERE {Matched}";

    /// <summary>Takes out the rows whose key the table has.</summary>
    public string RemoveMatched => $"DELETE FROM {Staging} AS s WHERE EXISTS (FROM {table} AS t WHERE {_match})";

    public string Insert => $"INSERT INTO {table} ({SqlText.Quote(_columns)}) SELECT {_staged} FROM {Staging}";

    /// <summary>Puts rows in the place of those with their key: what comes first, the statements whose rows count, and what comes last.</summary>
    public (IReadOnlyList<string> Before, IReadOnlyList<string> Counted, IReadOnlyList<string> After) Upsert => others.Count == 0
        ? ([DeleteMatched], [Insert], [])
        : (
            // Rows that are replaced keep what they have in the other columns; rows that are added get the columns' defaults.
            [
                $"""
                CREATE TEMP TABLE {Kept} AS
                SELECT {string.Join(", ", options.Key.Select(column => $"{TableName.Quote(column)} AS {Staged(schema, column)}"))}, {As(others, "o")} FROM {table} AS t WHERE {Matched}
                """,
                DeleteMatched,
            ],
            [
                $"INSERT INTO {table} ({SqlText.Quote(_columns)}, {SqlText.Quote(others)}) SELECT {_staged}, {_others} FROM {Staging} JOIN {Kept} USING ({_stagedKey})",
                $"INSERT INTO {table} ({SqlText.Quote(_columns)}) SELECT {_staged} FROM {Staging} ANTI JOIN {Kept} USING ({_stagedKey})",
            ],
            [$"DROP TABLE {Kept}"]);

    /// <summary>Of SCD2: takes out the rows that are as the current version is.</summary>
    public string RemoveUnchanged => $"""
        DELETE FROM {Staging} AS s
        WHERE {(options.HardDeleteColumn is null ? "" : $"NOT ({Marked}) AND ")}EXISTS (FROM {table} AS t WHERE {_match} AND {IsCurrent}{string.Concat(options.ComparedFields(schema).Select(IsSame))})
        """;

    /// <summary>All rows of the table with the keys.</summary>
    public string Matched => $"EXISTS (FROM {Staging} AS s WHERE {_match})";

    /// <summary>Of SCD2: the current versions of the keys.</summary>
    public string Current => $"{IsCurrent} AND {Matched}";

    /// <summary>Of SCD2: the current versions of other keys.</summary>
    public string Absent => $"{IsCurrent} AND NOT {Matched}";

    /// <summary>Of SCD2: when the latest of some versions began, if not before the boundary.</summary>
    public string FindTooNew(string versions) => $"SELECT max(t.{ValidFrom}) FROM {table} AS t WHERE {versions} AND t.{ValidFrom} >= $1";

    /// <summary>Of SCD2: ends some versions.</summary>
    public string Close(string versions) => $"UPDATE {table} AS t SET {TableName.Quote(options.ValidToColumn)} = $1 WHERE {versions}";

    /// <summary>Of SCD2: opens a version for each row.</summary>
    public string Open => $"INSERT INTO {table} ({SqlText.Quote(_columns)}, {ValidFrom}) SELECT {_staged}, $1 FROM {Staging}";

    public string CreateImages => $"CREATE TABLE {Images} AS SELECT t.*, true AS {Existed} FROM {table} AS t LIMIT 0";

    /// <summary>Keeps rows of the table as they are.</summary>
    public string KeepImages(string rows)
    {
        var all = SqlText.Quote(_columns.Concat(others));
        return $"INSERT INTO {Images} ({all}, {Existed}) SELECT {all}, true FROM {table} AS t WHERE {rows}";
    }

    /// <summary>Keeps which of the keys the table does not have.</summary>
    public string KeepMissing => $"""
        INSERT INTO {Images} ({_key}, {Existed})
        SELECT DISTINCT {_stagedKey}, false FROM {Staging} AS s
        WHERE NOT EXISTS (FROM {table} AS t WHERE {_match}{(options.Strategy == MergeStrategy.Scd2 ? $" AND {IsCurrent}" : "")})
        """;

    private string Kept => $"{Staging}_kept";

    private string Images => options.BeforeImages!.Value.ToSql();

    private string IsCurrent => $"t.{TableName.Quote(options.ValidToColumn)} IS NULL";

    private string ValidFrom => TableName.Quote(options.ValidFromColumn);

    private string Marked =>
        $"s.{Staged(schema, options.HardDeleteColumn!)} {(schema.GetFieldByName(options.HardDeleteColumn).DataType is BooleanType ? "IS TRUE" : "IS NOT NULL")}";

    private string MatchStaged(string other) => string.Join(" AND ", options.Key.Select(column => Staged(schema, column)).Select(column => $"s.{column} = {other}.{column}"));

    private string IsSame(Field field) => $" AND t.{TableName.Quote(field.Name)} IS NOT DISTINCT FROM s.{Staged(schema, field.Name)}";

    private static string Staged(Schema schema, string column) => $"c{schema.GetFieldIndex(column)}";

    private static string List(string prefix, int count) => string.Join(", ", Enumerable.Range(0, count).Select(i => $"{prefix}{i}"));

    private static string As(IEnumerable<string> names, string prefix) => string.Join(", ", names.Select((name, i) => $"{TableName.Quote(name)} AS {prefix}{i}"));
}
