using DataPlatform.DuckDb.Columns;
using DuckDB.NET.Native;

namespace DataPlatform.DuckDb.Native;

/// <summary>What a statement returned.</summary>
internal sealed class QueryResult(DuckDBResult result, DuckDbErrors errors) : IDisposable
{
    private DuckDBResult _result = result;

    public long RowsChanged => NativeMethods.Query.DuckDBRowsChanged(ref _result);

    public int ColumnCount => (int)NativeMethods.Query.DuckDBColumnCount(ref _result);

    public string ColumnName(int column) => NativeMethods.Query.DuckDBColumnName(ref _result, column);

    public ColumnType ColumnType(int column)
    {
        using var type = NativeMethods.Query.DuckDBColumnLogicalType(ref _result, column);
        return Columns.ColumnType.From(type);
    }

    /// <summary>The next rows, at most 2,048, or null after the last ones; the caller disposes of them.</summary>
    public DuckDBDataChunk? Fetch()
    {
        var chunk = NativeMethods.Query.DuckDBFetchChunk(_result);
        if (!chunk.IsInvalid) return chunk;

        // A query that fails on the way ends as one that is done; only the result knows the difference.
        chunk.Dispose();
        return NativeMethods.Query.DuckDBResultError(ref _result) is { Length: > 0 } ? throw Failed() : null;
    }

    public Exception Failed() => errors.From(NativeMethods.Query.DuckDBResultError(ref _result));

    public void Dispose() => _result.Close();
}
