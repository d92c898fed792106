using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Apache.Arrow;
using DataPlatform.Warehouses;

namespace DataPlatform.Ledger;

/// <summary>Which rejected rows are meant; all conditions hold together, and without any it is all that wait.</summary>
public sealed record QuarantineFilter
{
    /// <summary>Only rows of this pipeline.</summary>
    public string? Pipeline { get; init; }

    /// <summary>Only rows of this step.</summary>
    public string? Step { get; init; }

    /// <summary>Only rows that were on their way into this table.</summary>
    public TableName? Table { get; init; }

    /// <summary>Only rows of this load.</summary>
    public long? LoadId { get; init; }

    /// <summary>Only rows that can be read again: their load committed, and all of their text was kept. The source of a load that failed is read again anyway.</summary>
    public bool OnlyReadable { get; init; }

    /// <summary>The conditions for people: <c>step trips, load 12</c>.</summary>
    public override string ToString()
    {
        string?[] conditions =
        [
            Pipeline is null ? null : $"pipeline {Pipeline}", Step is null ? null : $"step {Step}", Table is { } table ? $"table {table}" : null,
            LoadId is { } load ? string.Create(CultureInfo.InvariantCulture, $"load {load}") : null,
        ];
        return string.Join(", ", conditions.Where(condition => condition is not null)) is { Length: > 0 } text ? text : "all";
    }
}

/// <summary>A rejected row that waits.</summary>
/// <param name="LoadId">The load that it came with.</param>
/// <param name="Pipeline">The pipeline.</param>
/// <param name="Step">The step.</param>
/// <param name="Table">The table that it was on its way into.</param>
/// <param name="Row">The row.</param>
/// <param name="RejectedAt">When the load ended.</param>
public sealed record QuarantinedRow(long LoadId, string Pipeline, string Step, TableName Table, RejectedRow Row, DateTimeOffset RejectedAt);

/// <summary>Rejected rows of a load that broke the contract in the same column.</summary>
/// <param name="LoadId">The load.</param>
/// <param name="Status">The load's status: <c>committed</c>, or <c>failed</c> when too many of its rows were rejected.</param>
/// <param name="Pipeline">The pipeline.</param>
/// <param name="Step">The step.</param>
/// <param name="Table">The table that they were on their way into.</param>
/// <param name="Column">The column, or null for rows that are wrong as a whole.</param>
/// <param name="Rows">How many rows.</param>
/// <param name="Reason">The reason of one of them.</param>
/// <param name="RejectedAt">When the load ended.</param>
public sealed record QuarantineGroup(
    long LoadId, string Status, string Pipeline, string Step, TableName Table, string? Column, long Rows, string Reason, DateTimeOffset RejectedAt);

/// <summary>The quarantine as a table of the ledger.</summary>
internal static class Quarantine
{
    /// <summary>The condition for rows that wait and can be read again.</summary>
    public const string IsReadable = "replayed_by IS NULL AND is_exact AND load_id IN (SELECT load_id FROM dataplatform.loads WHERE status = 'committed')";

    private const string Where =
        "q.replayed_by IS NULL AND (CAST($1 AS text) IS NULL OR q.pipeline = $1) AND (CAST($2 AS text) IS NULL OR q.step = $2) AND (CAST($3 AS text) IS NULL OR q.table_name = $3) AND (CAST($4 AS bigint) IS NULL OR q.load_id = $4)";

    public static async Task<IReadOnlyList<QuarantineGroup>> ListAsync(IWarehouse warehouse, QuarantineFilter filter, CancellationToken cancellationToken)
    {
        await using var transaction = await warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        var rows = await transaction.QueryAsync(
            $"""
            SELECT q.load_id, l.status, q.pipeline, q.step, q.table_name, q.column_name, count(*), min(q.reason), max(l.committed_at)
            FROM dataplatform.quarantine AS q JOIN dataplatform.loads AS l ON l.load_id = q.load_id
            WHERE {WhereOf(filter)}
            GROUP BY q.load_id, l.status, q.pipeline, q.step, q.table_name, q.column_name
            ORDER BY q.load_id DESC, 7 DESC, q.column_name
            """,
            Parameters(filter), cancellationToken).ConfigureAwait(false);
        return
        [
            .. rows.Select(row => new QuarantineGroup(
                Number(row[0]), (string)row[1]!, (string)row[2]!, (string)row[3]!, TableName.Parse((string)row[4]!), (string?)row[5], Number(row[6]), (string)row[7]!, (DateTimeOffset)row[8]!)),
        ];
    }

    public static async IAsyncEnumerable<QuarantinedRow> ReadAsync(IWarehouse warehouse, QuarantineFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var batches = warehouse.ReadAsync(
            $"""
            SELECT q.load_id, q.pipeline, q.step, q.table_name, q.source, q."position", q.raw, q.column_name, q.reason, q.contract_version, q.field_names, q.is_exact, l.committed_at
            FROM dataplatform.quarantine AS q JOIN dataplatform.loads AS l ON l.load_id = q.load_id
            WHERE {WhereOf(filter)}
            ORDER BY q.load_id, q.source, q."position"
            """,
            Parameters(filter), cancellationToken);
        var names = (Json: "", Names: (IReadOnlyList<string>?)null);
        await foreach (var batch in batches.ConfigureAwait(false))
        {
            using (batch)
            {
                for (var i = 0; i < batch.Length; i++) yield return ToRow(batch, i, ref names);
            }
        }
    }

    public static Task<long> DiscardAsync(IWarehouseTransaction transaction, QuarantineFilter filter, CancellationToken cancellationToken) =>
        transaction.ExecuteAsync($"DELETE FROM dataplatform.quarantine AS q USING dataplatform.loads AS l WHERE l.load_id = q.load_id AND {WhereOf(filter)}", Parameters(filter), cancellationToken);

    private static string WhereOf(QuarantineFilter filter) => filter.OnlyReadable ? $"{Where} AND q.is_exact AND l.status = 'committed'" : Where;

    private static IReadOnlyList<object?> Parameters(QuarantineFilter filter) => [filter.Pipeline, filter.Step, filter.Table?.ToString(), filter.LoadId];

    // The rows of a file share their names: they are parsed once.
    private static QuarantinedRow ToRow(RecordBatch batch, int i, ref (string Json, IReadOnlyList<string>? Names) names)
    {
        string? Text(int column) => ((StringArray)batch.Column(column)).GetString(i);
        long Integer(int column) => ((Int64Array)batch.Column(column)).GetValue(i)!.Value;
        var json = Text(10);
        if (json is not null && json != names.Json) names = (json, JsonSerializer.Deserialize(json, LedgerJson.Default.StringArray));
        var row = new RejectedRow(Text(4)!, Integer(5), Text(6)!, Text(7), Text(8)!, Text(9))
        {
            FieldNames = json is null ? null : names.Names,
            IsExact = ((BooleanArray)batch.Column(11)).GetValue(i)!.Value,
        };
        return new QuarantinedRow(Integer(0), Text(1)!, Text(2)!, TableName.Parse(Text(3)!), row, ((TimestampArray)batch.Column(12)).GetTimestamp(i)!.Value);
    }

    private static long Number(object? value) => Convert.ToInt64(value, CultureInfo.InvariantCulture);
}
