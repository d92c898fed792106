using DataPlatform.DuckDb.Columns;
using DuckDB.NET.Native;

namespace DataPlatform.DuckDb.Native;

/// <summary>A prepared statement with its parameters' values.</summary>
internal sealed class Statement : IDisposable
{
    private readonly DuckDBPreparedStatement _handle;
    private readonly DuckDbErrors _errors;

    private Statement(DuckDBPreparedStatement handle, DuckDbErrors errors) => (_handle, _errors) = (handle, errors);

    /// <summary>Prepares one statement.</summary>
    /// <param name="connection">The connection it will run on.</param>
    /// <param name="sql">The statement.</param>
    /// <param name="parameters">Values of <c>$1, $2, …</c>.</param>
    /// <param name="errors">Makes exceptions.</param>
    /// <param name="ownPrefix">How many characters of the statement come before what its author wrote.</param>
    public static Statement Prepare(DuckDBNativeConnection connection, string sql, IReadOnlyList<object?>? parameters, DuckDbErrors errors, int ownPrefix = 0)
    {
        errors = errors.For(sql, ownPrefix);
        var state = NativeMethods.PreparedStatements.DuckDBPrepare(connection, sql, out var handle);
        var statement = new Statement(handle, errors);
        try
        {
            if (!state.IsSuccess()) throw errors.From(NativeMethods.PreparedStatements.DuckDBPrepareError(handle));
            statement.Bind(parameters ?? []);
            return statement;
        }
        catch
        {
            statement.Dispose();
            throw;
        }
    }

    /// <summary>Runs a statement and returns the number of rows it changed.</summary>
    public static long Execute(DuckDBNativeConnection connection, string sql, DuckDbErrors errors, int ownPrefix = 0)
    {
        using var statement = Prepare(connection, sql, parameters: null, errors, ownPrefix);
        return statement.Execute();
    }

    /// <summary>Whether it only reads.</summary>
    public bool IsSelect => DuckDbNative.PreparedStatementType(_handle) == DuckDBStatementType.Select;

    /// <summary>Runs it to its end and returns the number of rows it changed.</summary>
    public long Execute()
    {
        var state = NativeMethods.PreparedStatements.DuckDBExecutePrepared(_handle, out var result);
        using var outcome = new QueryResult(result, _errors);
        if (!state.IsSuccess()) throw outcome.Failed();
        return outcome.RowsChanged;
    }

    /// <summary>Starts it; a SELECT runs further as its rows are fetched.</summary>
    public QueryResult Query()
    {
        var state = NativeMethods.PreparedStatements.DuckDBExecutePreparedStreaming(_handle, out var result);
        var outcome = new QueryResult(result, _errors);
        if (state.IsSuccess()) return outcome;
        using (outcome) throw outcome.Failed();
    }

    public void Dispose() => _handle.Dispose();

    private void Bind(IReadOnlyList<object?> parameters)
    {
        var expected = NativeMethods.PreparedStatements.DuckDBParams(_handle);
        if (parameters.Count != expected)
            throw _errors.Failed(FailureClass.Configuration, $"The statement has {expected} parameters, but {parameters.Count} values were given.");

        for (var i = 0; i < parameters.Count; i++)
        {
            using var value = ParameterValue.From(parameters[i], i + 1, _errors);
            if (!NativeMethods.PreparedStatements.DuckDBBindValue(_handle, i + 1, value).IsSuccess())
                throw _errors.From(NativeMethods.PreparedStatements.DuckDBPrepareError(_handle));
        }
    }
}
