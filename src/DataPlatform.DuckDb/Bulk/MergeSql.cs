using DataPlatform.Warehouses;

namespace DataPlatform.DuckDb.Bulk;

/// <summary>The statements of a merge.</summary>
/// <remarks>In the temporary tables columns have names of ours, so that none can hide the <c>rowid</c>, which numbers the rows as they were appended.</remarks>
internal sealed class MergeSql(string table, IReadOnlyList<string> columns, IReadOnlyList<string> key, IReadOnlyList<string> others, long number)
{
    private readonly string _columns = List("c", columns.Count);
    private readonly string _others = List("o", others.Count);
    private readonly IReadOnlyList<(string Name, string Staged)> _key = [.. key.Select(name => (TableName.Quote(name), $"c{columns.ToList().IndexOf(name)}"))];

    /// <summary>The temporary table for the rows to merge.</summary>
    public string Staging { get; } = $"temp._merge_{number}";

    /// <summary>Makes it, with the types of the table, so that keys are compared as the table has them.</summary>
    public string CreateStaging => $"CREATE TEMP TABLE {Staging} AS SELECT {As(columns, "c")} FROM {table} LIMIT 0";

    /// <summary>Leaves the last row of each key.</summary>
    public string Deduplicate => $"""
        DELETE FROM {Staging} AS s
        USING (SELECT {StagedKey}, max(rowid) AS last FROM {Staging} GROUP BY {StagedKey} HAVING count(*) > 1) AS d
        WHERE {string.Join(" AND ", _key.Select(column => $"s.{column.Staged} = d.{column.Staged}"))} AND s.rowid < d.last
        """;

    /// <summary>Moves the rows over.</summary>
    public IEnumerable<string> Merge() => others.Count == 0 ? MergeWholeRows() : MergeSomeColumns();

    private string Kept => $"{Staging}_kept";

    private string StagedKey => string.Join(", ", _key.Select(column => column.Staged));

    private string Delete =>
        $"DELETE FROM {table} AS t USING {Staging} AS s WHERE {string.Join(" AND ", _key.Select(column => $"t.{column.Name} = s.{column.Staged}"))}";

    private IEnumerable<string> MergeWholeRows() =>
    [
        Delete,
        $"INSERT INTO {table} ({SqlText.Quote(columns)}) SELECT {_columns} FROM {Staging}",
        $"DROP TABLE {Staging}",
    ];

    // Rows that are replaced keep what they have in the other columns; rows that are added get the columns' defaults.
    private IEnumerable<string> MergeSomeColumns() =>
    [
        $"""
        CREATE TEMP TABLE {Kept} AS
        SELECT {string.Join(", ", _key.Select(column => $"{column.Name} AS {column.Staged}"))}, {As(others, "o")} FROM {table} AS t
        WHERE EXISTS (FROM {Staging} AS s WHERE {string.Join(" AND ", _key.Select(column => $"t.{column.Name} = s.{column.Staged}"))})
        """,
        Delete,
        $"INSERT INTO {table} ({SqlText.Quote(columns)}, {SqlText.Quote(others)}) SELECT {_columns}, {_others} FROM {Staging} JOIN {Kept} USING ({StagedKey})",
        $"INSERT INTO {table} ({SqlText.Quote(columns)}) SELECT {_columns} FROM {Staging} ANTI JOIN {Kept} USING ({StagedKey})",
        $"DROP TABLE {Kept}",
        $"DROP TABLE {Staging}",
    ];

    private static string List(string prefix, int count) => string.Join(", ", Enumerable.Range(0, count).Select(i => $"{prefix}{i}"));

    private static string As(IEnumerable<string> names, string prefix) => string.Join(", ", names.Select((name, i) => $"{TableName.Quote(name)} AS {prefix}{i}"));
}
