using System.Data.Common;
using System.Globalization;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Transform;

/// <summary>Looks up rows that tests found: in the table that stores them, else by the test's query. That they cannot be had is no failure of its own.</summary>
internal sealed class DbtFailedRows(IWarehouse warehouse, int limit, ILogger logger)
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(10);

    /// <summary>The result with rows of the tests that failed, as many tests as a message names.</summary>
    public async Task<DbtResult> AddAsync(DbtResult result, CancellationToken cancellationToken)
    {
        if (limit == 0) return result;
        var nodes = result.Nodes.ToList();
        foreach (var node in result.Nodes.Where(node => node is { ResourceType: "test", Status: DbtStatus.Fail }).Take(DbtResult.Shown))
        {
            if (await FindAsync(node, cancellationToken).ConfigureAwait(false) is { Count: > 0 } rows) nodes[nodes.IndexOf(node)] = node with { FailedRows = rows };
        }

        return result with { Nodes = nodes };
    }

    private async Task<IReadOnlyList<string>> FindAsync(DbtNodeResult node, CancellationToken cancellationToken)
    {
        // A relation holds what this test stored; the query finds the rows anew, and may find others meanwhile.
        var from = node.Relation ?? (node.CompiledCode is { } code ? $"({code}\n)" : null);
        if (from is null) return [];
        using var timeLimit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeLimit.CancelAfter(Within);
        try
        {
            // Never committed: whatever the query is, nothing of it stays.
            await using var transaction = await warehouse.BeginSnapshotAsync(timeLimit.Token).ConfigureAwait(false);
            await using var command = transaction.Connection.CreateCommand();
            command.CommandText = string.Create(CultureInfo.InvariantCulture, $"SELECT * FROM {from} AS q LIMIT {limit}");
            // DuckDB's connections do not look at the token.
            await using var cancelling = timeLimit.Token.UnsafeRegister(static state => ((DbCommand)state!).Cancel(), command);
            await using var reader = await command.ExecuteReaderAsync(timeLimit.Token).ConfigureAwait(false);
            string[] columns = [.. Enumerable.Range(0, reader.FieldCount).Select(reader.GetName)];
            var rows = new List<string>();
            while (await reader.ReadAsync(timeLimit.Token).ConfigureAwait(false)) rows.Add(RowText.From(columns, Enumerable.Range(0, columns.Length).Select(place => reader.IsDBNull(place) ? null : reader.GetValue(place))));
            return rows;
        }
        catch (Exception e) when (e is DataPlatformException or DbException or NotSupportedException or OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            logger.LogWarning("The rows that {Node} found cannot be shown: {Reason}", node.UniqueId, timeLimit.IsCancellationRequested ? $"the query took longer than {Within.TotalSeconds} s" : e.Message);
            return [];
        }
    }
}
