using System.Globalization;
using DataPlatform.Lineage;
using DataPlatform.Warehouses;

namespace DataPlatform.Ledger;

/// <summary>The ledger's table of which dataset was made of which, by run. A dataset that was made of none has one row, without input.</summary>
internal static class LineageTable
{
    // Parameters of a statement are limited; this many rows stay far below, and a project of thousands of models takes a handful of statements.
    private const int RowsAStatement = 500;

    public const string Create = """
        CREATE TABLE dataplatform.lineage (
            run_id text NOT NULL,
            step text NOT NULL,
            part text NOT NULL,
            pipeline text NOT NULL,
            input_namespace text NOT NULL,
            input_name text NOT NULL,
            output_namespace text NOT NULL,
            output_name text NOT NULL,
            recorded_at timestamptz NOT NULL,
            PRIMARY KEY (run_id, step, part, input_namespace, input_name, output_namespace, output_name))
        """;

    /// <summary>Writes what a step's reports say, in place of what an earlier attempt said of the same.</summary>
    public static async Task WriteAsync(IWarehouseTransaction transaction, string runId, string step, IEnumerable<LineageReport> reports, CancellationToken cancellationToken)
    {
        var edges =
            from report in reports
            where report.Status == RunStatus.Succeeded
            from output in report.Outputs
            from input in report.Inputs.DefaultIfEmpty()
            select (Part: report.Part ?? "", InputNamespace: input?.Namespace ?? "", InputName: input?.Name ?? "", output.Namespace, output.Name);
        object? pipeline = null;
        foreach (var chunk in edges.Distinct().Chunk(RowsAStatement))
        {
            pipeline ??= (await transaction.QueryAsync("SELECT pipeline FROM dataplatform.runs WHERE run_id = $1", [runId], cancellationToken).ConfigureAwait(false))[0][0];
            var parameters = new List<object?> { runId, step, pipeline };
            var rows = chunk.Select(edge =>
            {
                var first = parameters.Count + 1;
                parameters.AddRange([edge.Part, edge.InputNamespace, edge.InputName, edge.Namespace, edge.Name]);
                return string.Create(CultureInfo.InvariantCulture, $"($1, $2, $3, ${first}, ${first + 1}, ${first + 2}, ${first + 3}, ${first + 4}, now())");
            });
            var sql = $"""
                INSERT INTO dataplatform.lineage (run_id, step, pipeline, part, input_namespace, input_name, output_namespace, output_name, recorded_at)
                VALUES {string.Join(", ", rows)}
                ON CONFLICT (run_id, step, part, input_namespace, input_name, output_namespace, output_name) DO UPDATE SET recorded_at = excluded.recorded_at
                """;
            await transaction.ExecuteAsync(sql, parameters, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Of a run, or else the latest of each part of each step.</summary>
    public static async Task<IReadOnlyList<LineageRecord>> ReadAsync(IWarehouse warehouse, string? runId, CancellationToken cancellationToken)
    {
        await using var transaction = await warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        var rows = await transaction.QueryAsync(
            """
            SELECT run_id, pipeline, step, part, input_namespace, input_name, output_namespace, output_name, recorded_at
            FROM (SELECT *, CASE WHEN CAST($1 AS text) IS NULL THEN rank() OVER (PARTITION BY pipeline, step, part ORDER BY recorded_at DESC, run_id DESC) ELSE 1 END AS age
                FROM dataplatform.lineage WHERE CAST($1 AS text) IS NULL OR run_id = $1) AS l
            WHERE age = 1
            ORDER BY recorded_at, step, part, output_namespace, output_name, input_namespace, input_name
            """,
            [runId], cancellationToken).ConfigureAwait(false);
        return
        [
            .. rows.Select(row => new LineageRecord(
                (string)row[0]!, (string)row[1]!, (string)row[2]!, row[3] is "" ? null : (string)row[3]!, row[5] is "" ? null : new Dataset((string)row[4]!, (string)row[5]!),
                new Dataset((string)row[6]!, (string)row[7]!), (DateTimeOffset)row[8]!)),
        ];
    }
}
