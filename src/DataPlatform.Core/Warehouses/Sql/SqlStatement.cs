using System.Runtime.CompilerServices;
using Apache.Arrow;

namespace DataPlatform.Warehouses;

/// <summary>A SELECT ready to run. Failures of it name the file, line and column at fault where the database tells them.</summary>
public sealed class SqlStatement
{
    private const string Before = "SELECT * FROM (";
    private const string After = ") AS q LIMIT 0";

    private readonly SqlText _source;
    private readonly IReadOnlyList<SqlPiece> _pieces;

    internal SqlStatement(SqlText source, string text, IReadOnlyList<SqlPiece> pieces) => (_source, Text, _pieces) = (source, text, pieces);

    /// <summary>The SQL with every parameter and relation filled in; ends in neither a semicolon nor a comment.</summary>
    public string Text { get; }

    /// <summary>Where the SQL was written: a file, or <c>inline SQL</c>.</summary>
    public string Origin => _source.Origin;

    /// <summary>Runs it and streams its rows.</summary>
    /// <exception cref="DataPlatformException">The database refused it or failed; <see cref="FailureClass.Configuration"/> with the place when the SQL is at fault.</exception>
    public IAsyncEnumerable<RecordBatch> ReadAsync(IWarehouse warehouse, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(warehouse);
        return RunAsync(warehouse, Text, prefix: 0, cancellationToken);
    }

    /// <summary>Has the database check it without running it, and tells its columns.</summary>
    /// <exception cref="DataPlatformException">As for <see cref="ReadAsync"/>.</exception>
    public async Task<Schema> DescribeAsync(IWarehouse warehouse, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(warehouse);
        Schema? schema = null;
        await foreach (var batch in RunAsync(warehouse, $"{Before}{Text}{After}", Before.Length, cancellationToken).ConfigureAwait(false))
        {
            schema ??= batch.Schema;
            batch.Dispose();
        }

        return schema ?? throw new InvalidOperationException($"Warehouse '{warehouse.Name}' gave no batch for a query without rows.");
    }

    /// <summary>Says of a failure of this statement which SQL it is, and where in it the fault is when the database told.</summary>
    /// <param name="exception">What the warehouse threw.</param>
    /// <param name="prefix">How many characters stood before <see cref="Text"/> in what the warehouse was given.</param>
    public DataPlatformException Locate(WarehouseException exception, int prefix = 0)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return exception.Fault is { } fault && fault.Offset - prefix is var offset && offset >= 0 && offset <= Text.Length
            ? _source.Fault(exception.FailureClass, ToSource(offset), fault.Problem, exception.Hint, exception)
            : new DataPlatformException(exception.FailureClass, $"{Origin}: {exception.Message}", exception.Hint, exception);
    }

    private async IAsyncEnumerable<RecordBatch> RunAsync(
        IWarehouse warehouse, string sql, int prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var batches = warehouse.ReadAsync(sql, cancellationToken: cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (true)
        {
            try
            {
                if (!await batches.MoveNextAsync().ConfigureAwait(false)) yield break;
            }
            catch (WarehouseException e)
            {
                throw Locate(e, prefix);
            }

            yield return batches.Current;
        }
    }

    private int ToSource(int offset)
    {
        var piece = _pieces.Last(p => p.Start <= offset);
        return piece.IsCopy ? piece.Source + offset - piece.Start : piece.Source;
    }
}
