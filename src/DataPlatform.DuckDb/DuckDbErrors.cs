using DataPlatform.Warehouses;
using DuckDB.NET.Native;

namespace DataPlatform.DuckDb;

/// <summary>Makes exceptions that name the warehouse.</summary>
/// <param name="name">The warehouse's name.</param>
/// <param name="location">Where it is.</param>
/// <param name="sql">The statement they are of, to find the place of a fault in it.</param>
/// <param name="ownPrefix">How many characters of it come before what its author wrote.</param>
internal sealed class DuckDbErrors(string name, string location, string? sql = null, int ownPrefix = 0)
{
    /// <summary>Makes exceptions of a statement.</summary>
    public DuckDbErrors For(string statement, int prefix = 0) => new(name, location, statement, prefix);

    /// <summary>The exception for a message of DuckDB's; an interruption is a cancellation.</summary>
    public Exception From(string? message, DuckDBErrorType type = DuckDBErrorType.Invalid)
    {
        message ??= "DuckDB gave no reason.";
        if (type is DuckDBErrorType.Interrupt || DuckDbFailureClassifier.IsInterrupt(message))
            return new OperationCanceledException($"Warehouse '{name}' stopped a statement because it was asked to.");
        var failure = DuckDbFailureClassifier.FromMessage(message, type);
        var fault = sql is not null && FaultPlace.Find(message, sql) is { } place && place.Offset >= ownPrefix
            ? new SqlFault(DuckDbFailureClassifier.FromMessage(place.Problem, type).Message, place.Offset - ownPrefix)
            : null;
        return new WarehouseException(failure.Class, $"Warehouse '{name}' ({location}): {failure.Message}", failure.Hint) { Fault = fault };
    }

    /// <summary>An exception of ours.</summary>
    public WarehouseException Failed(FailureClass failureClass, string message, string? hint = null, Exception? innerException = null) =>
        new(failureClass, $"Warehouse '{name}' ({location}): {message}", hint, innerException);
}
