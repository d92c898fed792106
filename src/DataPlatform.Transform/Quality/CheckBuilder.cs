using DataPlatform.Warehouses;

namespace DataPlatform.Transform;

/// <summary>Lists the checks of a table. Every check looks at the whole table.</summary>
public sealed class CheckBuilder
{
    private readonly TableName _table;
    private readonly List<TableCheck> _checks = [];
    private int _addedLast;

    internal CheckBuilder(TableName table) => _table = table;

    internal IReadOnlyList<TableCheck> Checks => _checks;

    /// <summary>No row has NULL in any of these columns.</summary>
    public CheckBuilder NotNull(params IReadOnlyList<string> columns) =>
        Add([.. Named(columns).Select(column => new ConditionCheck($"not null: {column}", column, $"{TableName.Quote(column)} IS NULL"))]);

    /// <summary>No two rows have the same values in these columns together. Rows with NULL in one of them are left to <see cref="NotNull"/>.</summary>
    public CheckBuilder Unique(params IReadOnlyList<string> columns) =>
        Add(new UniqueCheck($"unique: {string.Join(", ", Named(columns))}", [.. columns]));

    /// <summary>Values are not less than <paramref name="min"/> and not greater than <paramref name="max"/>. NULL passes.</summary>
    /// <exception cref="ArgumentException">Neither is given.</exception>
    public CheckBuilder Range(string column, object? min = null, object? max = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(column);
        var quoted = TableName.Quote(column);
        string[] broken = [.. Bound(min, "<"), .. Bound(max, ">")];
        return Add(new ConditionCheck($"range: {column} {Bounds(min, max)}", column, string.Join(" OR ", broken)));

        IEnumerable<string> Bound(object? bound, string comparison) => bound is null ? [] : [$"{quoted} {comparison} {SqlLiteral.From(bound)}"];
    }

    /// <summary>Values are among these. NULL passes.</summary>
    /// <exception cref="ArgumentException">No value is given.</exception>
    public CheckBuilder In(string column, params IReadOnlyList<object> values)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(column);
        ArgumentNullException.ThrowIfNull(values);
        if (values.Count == 0) throw new ArgumentException("Give at least one value.", nameof(values));
        var literals = string.Join(", ", values.Select(SqlLiteral.From));
        return Add(new ConditionCheck($"in: {column} among {string.Join(", ", values.Select(ValueText.From))}", column, $"{TableName.Quote(column)} NOT IN ({literals})"));
    }

    /// <summary>The table has at least <paramref name="min"/> and at most <paramref name="max"/> rows.</summary>
    /// <exception cref="ArgumentException">Neither is given.</exception>
    public CheckBuilder RowCount(long? min = null, long? max = null) => Add(new RowCountCheck($"row count: {Bounds(min, max)}", min, max));

    /// <summary>
    /// The newest value of a date or time column is no older than <paramref name="maxAge"/>, as seen at the end of the run's logical date or now, whichever is earlier:
    /// a run for a past date judges the data as of that date. Times without zone are UTC; a date counts as its first moment.
    /// </summary>
    public CheckBuilder Freshness(string column, TimeSpan maxAge)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(column);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxAge, TimeSpan.Zero);
        return Add(new FreshnessCheck($"freshness: {column} within {maxAge}", column, maxAge));
    }

    /// <summary>A query finds nothing.</summary>
    /// <param name="name">What should be true, for people: <c>no orphan stations</c>.</param>
    /// <param name="sql">
    /// A SELECT of the rows that break the rule, or the path of a file ending in <c>.sql</c> that holds one; <c>{table}</c> is the table,
    /// <c>@run_date</c> and <c>@run_id</c> are the run's. See <see cref="SqlQuery"/>.
    /// </param>
    public CheckBuilder Sql(string name, string sql)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentException.ThrowIfNullOrWhiteSpace(sql);
        var query = new SqlQuery { Source = sql };
        query.SetRelation("table", _table);
        return Add(new QueryCheck(name, query));
    }

    /// <summary>Lets what was checked last only warn: it is reported but does not fail the step.</summary>
    /// <exception cref="InvalidOperationException">There is no check before it.</exception>
    public CheckBuilder AsWarning()
    {
        if (_addedLast == 0) throw new InvalidOperationException("AsWarning follows the check it is about.");
        for (var i = _checks.Count - _addedLast; i < _checks.Count; i++) _checks[i] = _checks[i] with { WarnOnly = true };
        return this;
    }

    private CheckBuilder Add(params IReadOnlyList<TableCheck> checks)
    {
        _checks.AddRange(checks);
        _addedLast = checks.Count;
        return this;
    }

    private static IReadOnlyList<string> Named(IReadOnlyList<string> columns)
    {
        ArgumentNullException.ThrowIfNull(columns);
        return columns.Count > 0 && columns.All(column => !string.IsNullOrWhiteSpace(column))
            ? columns
            : throw new ArgumentException("Name at least one column.", nameof(columns));
    }

    private static string Bounds(object? min, object? max) => (min, max) switch
    {
        (null, null) => throw new ArgumentException("Give a minimum, a maximum or both.", nameof(min)),
        (_, null) => $"at least {ValueText.From(min)}",
        (null, _) => $"at most {ValueText.From(max)}",
        _ => $"from {ValueText.From(min)} to {ValueText.From(max)}",
    };
}
