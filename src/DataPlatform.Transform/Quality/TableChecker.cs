using System.Globalization;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.Transform;

/// <summary>What the checks of a table found.</summary>
/// <param name="Rows">How many rows the table has.</param>
/// <param name="Results">The results in the order of the checks.</param>
internal sealed record CheckReport(long Rows, IReadOnlyList<CheckResult> Results);

/// <summary>
/// Runs checks as SQL in the warehouse, all on one state of the database. What concerns single rows, the number of rows and freshness is
/// answered by one scan; uniqueness and queries take one statement each, samples one more for each check that fails.
/// </summary>
/// <param name="warehouse">The warehouse.</param>
/// <param name="table">The table or view.</param>
/// <param name="checks">The checks.</param>
/// <param name="run">The run.</param>
/// <param name="asOf">The moment by which freshness is judged.</param>
internal sealed class TableChecker(IWarehouse warehouse, TableName table, IReadOnlyList<TableCheck> checks, RunInfo run, DateTimeOffset asOf)
{
    private const int MaxSamples = 5;

    public async Task<CheckReport> RunAsync(CancellationToken cancellationToken)
    {
        await using var transaction = await warehouse.BeginSnapshotAsync(cancellationToken).ConfigureAwait(false);
        var columns = await ListColumnsAsync(transaction, cancellationToken).ConfigureAwait(false);
        var scanned = await ScanAsync(transaction, cancellationToken).ConfigureAwait(false);
        var rows = ToInt64(scanned[0]);
        var results = new List<CheckResult>(checks.Count);
        for (var i = 0; i < checks.Count; i++)
        {
            results.Add(checks[i] switch
            {
                ConditionCheck check => await FinishAsync(transaction, check, ToInt64(scanned[i + 1]), columns, cancellationToken).ConfigureAwait(false),
                RowCountCheck check => Finish(check, rows),
                FreshnessCheck check => Finish(check, scanned[i + 1]),
                UniqueCheck check => await RunAsync(transaction, check, cancellationToken).ConfigureAwait(false),
                QueryCheck check => await RunAsync(transaction, check, cancellationToken).ConfigureAwait(false),
                var check => throw new InvalidOperationException($"{check.GetType().Name} is not a check."),
            });
        }

        return new CheckReport(rows, results);
    }

    private async Task<IReadOnlyList<string>> ListColumnsAsync(IWarehouseTransaction transaction, CancellationToken cancellationToken)
    {
        var schema = await transaction.DescribeAsync(table, cancellationToken).ConfigureAwait(false) ?? throw new DataPlatformException(
            FailureClass.Configuration, $"There is no table or view {table} in warehouse '{warehouse.Name}' to check.", "Run the step that makes it first, or correct the name.");
        var columns = schema.FieldsList.Select(field => field.Name).ToList();
        foreach (var check in checks)
        {
            if (check.Columns.FirstOrDefault(column => !columns.Contains(column, StringComparer.Ordinal)) is not { } missing) continue;
            throw new DataPlatformException(
                FailureClass.Configuration, $"Check '{check.Name}': {table} has no column '{missing}'.", $"It has {string.Join(", ", columns)}.");
        }

        return columns;
    }

    // One row: the number of rows, then for each check what it wants of the scan.
    private async Task<object?[]> ScanAsync(IWarehouseTransaction transaction, CancellationToken cancellationToken)
    {
        var answers = checks.Select(check => check switch
        {
            ConditionCheck condition => $"count(*) FILTER (WHERE {condition.BrokenWhen})",
            FreshnessCheck freshness => $"max({TableName.Quote(freshness.Column)})",
            _ => "NULL",
        });
        var rows = await transaction.QueryAsync($"SELECT {string.Join(", ", answers.Prepend("count(*)"))} FROM {table.ToSql()}", cancellationToken: cancellationToken).ConfigureAwait(false);
        return rows[0];
    }

    private async Task<CheckResult> FinishAsync(
        IWarehouseTransaction transaction, ConditionCheck check, long failing, IReadOnlyList<string> columns, CancellationToken cancellationToken)
    {
        if (failing == 0) return Passed(check);
        var samples = await SampleAsync(
            transaction, columns, $"SELECT {Quote(columns)} FROM {table.ToSql()} WHERE {check.BrokenWhen} LIMIT {MaxSamples}", cancellationToken).ConfigureAwait(false);
        return Failed(check, failing, detail: null, samples);
    }

    private static CheckResult Finish(RowCountCheck check, long rows) =>
        rows >= (check.Min ?? 0) && rows <= (check.Max ?? long.MaxValue)
            ? Passed(check)
            : Failed(check, 1, string.Create(CultureInfo.InvariantCulture, $"it has {rows} rows"), []);

    private CheckResult Finish(FreshnessCheck check, object? newest)
    {
        if (newest is null) return Failed(check, 1, "it has no value", []);
        var moment = ToMoment(check, newest);
        var age = asOf - moment;
        return age <= check.MaxAge
            ? Passed(check)
            : Failed(check, 1, string.Create(CultureInfo.InvariantCulture, $"the newest value is {moment:yyyy-MM-dd HH:mm:ss} UTC, {age:d\\.hh\\:mm\\:ss} before {asOf:yyyy-MM-dd HH:mm:ss}"), []);
    }

    private async Task<CheckResult> RunAsync(IWarehouseTransaction transaction, UniqueCheck check, CancellationToken cancellationToken)
    {
        var key = Quote(check.Columns);
        var known = string.Join(" AND ", check.Columns.Select(column => $"{TableName.Quote(column)} IS NOT NULL"));
        var repeated = $"SELECT {key}, count(*) AS \"rows\" FROM {table.ToSql()} WHERE {known} GROUP BY {key} HAVING count(*) > 1";
        var failing = await CountAsync(transaction, $"SELECT CAST(coalesce(sum(\"rows\"), 0) AS bigint) FROM ({repeated}) AS q", cancellationToken).ConfigureAwait(false);
        if (failing == 0) return Passed(check);
        var samples = await SampleAsync(transaction, [.. check.Columns, "rows"], $"{repeated} LIMIT {MaxSamples}", cancellationToken).ConfigureAwait(false);
        return Failed(check, failing, detail: null, samples);
    }

    private async Task<CheckResult> RunAsync(IWarehouseTransaction transaction, QueryCheck check, CancellationToken cancellationToken)
    {
        const string Count = "SELECT count(*) FROM (";
        var statement = check.Query.Render(run);
        try
        {
            var failing = await CountAsync(transaction, $"{Count}{statement.Text}) AS q", cancellationToken).ConfigureAwait(false);
            if (failing == 0) return Passed(check);
            var columns = (await statement.DescribeAsync(warehouse, cancellationToken).ConfigureAwait(false)).FieldsList.Select(field => field.Name).ToList();
            var samples = await SampleAsync(transaction, columns, $"SELECT * FROM ({statement.Text}) AS q LIMIT {MaxSamples}", cancellationToken).ConfigureAwait(false);
            return Failed(check, failing, detail: null, samples);
        }
        catch (WarehouseException e)
        {
            var located = statement.Locate(e, Count.Length);
            throw new DataPlatformException(located.FailureClass, $"Check '{check.Name}': {located.Message}", located.Hint, e);
        }
    }

    private static async Task<long> CountAsync(IWarehouseTransaction transaction, string sql, CancellationToken cancellationToken) =>
        ToInt64((await transaction.QueryAsync(sql, cancellationToken: cancellationToken).ConfigureAwait(false))[0][0]);

    private static async Task<IReadOnlyList<string>> SampleAsync(
        IWarehouseTransaction transaction, IReadOnlyList<string> columns, string sql, CancellationToken cancellationToken)
    {
        var rows = await transaction.QueryAsync(sql, cancellationToken: cancellationToken).ConfigureAwait(false);
        return [.. rows.Select(row => RowText.From(columns, row))];
    }

    private static CheckResult Passed(TableCheck check) => new(check.Name, Passed: true, check.WarnOnly, FailingRows: 0, Detail: null, Samples: []);

    private static CheckResult Failed(TableCheck check, long failing, string? detail, IReadOnlyList<string> samples) =>
        new(check.Name, Passed: false, check.WarnOnly, failing, detail, samples);

    private DateTimeOffset ToMoment(FreshnessCheck check, object value) => value switch
    {
        DateTimeOffset moment => moment,
        DateTime moment => new DateTimeOffset(DateTime.SpecifyKind(moment, DateTimeKind.Utc)),
        DateOnly date => new DateTimeOffset(date.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero),
        _ => throw new DataPlatformException(
            FailureClass.Configuration, $"Check '{check.Name}': column '{check.Column}' of {table} holds neither dates nor times.", "Name a date or timestamp column."),
    };

    private static string Quote(IEnumerable<string> columns) => string.Join(", ", columns.Select(TableName.Quote));

    private static long ToInt64(object? value) => Convert.ToInt64(value, CultureInfo.InvariantCulture);
}
