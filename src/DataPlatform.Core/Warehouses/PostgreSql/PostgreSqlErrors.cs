using DataPlatform.Resilience;
using Npgsql;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>Turns Npgsql's exceptions into ones that name the warehouse and the place in the SQL.</summary>
internal sealed class PostgreSqlErrors(string name, string location)
{
    private static readonly PostgreSqlFailureClassifier Classifier = new();

    /// <summary>Runs an action.</summary>
    /// <param name="action">The action.</param>
    /// <param name="sql">The SQL it sends, to show the place of an error in it.</param>
    /// <param name="ownPrefix">How many characters of <paramref name="sql"/> come before what its author wrote.</param>
    public async Task<T> GuardAsync<T>(Func<Task<T>> action, string? sql = null, int ownPrefix = 0)
    {
        try
        {
            return await action().ConfigureAwait(false);
        }
        catch (NpgsqlException e)
        {
            throw Translate(e, sql, ownPrefix);
        }
    }

    public Task GuardAsync(Func<Task> action) => GuardAsync(async () =>
    {
        await action().ConfigureAwait(false);
        return true;
    });

    public WarehouseException Failed(FailureClass failureClass, string message, string? hint = null) =>
        new(failureClass, $"Warehouse '{name}' ({location}): {message}", hint);

    private WarehouseException Translate(NpgsqlException exception, string? sql, int ownPrefix)
    {
        var failure = Classifier.Classify(exception)
            ?? new Failure(FailureClass.Bug, exception is PostgresException server ? PostgreSqlFailureClassifier.Describe(server) : exception.Message);
        var fault = sql is not null && exception is PostgresException { Position: > 0 } at ? FindFault(failure.Message, sql, at.Position - 1, ownPrefix) : null;
        var place = fault is null ? "" : Place(sql![ownPrefix..], fault.Offset);
        return new WarehouseException(failure.Class, $"Warehouse '{name}' ({location}): {failure.Message}{place}", failure.Hint, exception) { Fault = fault };
    }

    // The server counts Unicode characters, of which some are two of ours.
    private static SqlFault? FindFault(string problem, string sql, int position, int ownPrefix)
    {
        var offset = sql.EnumerateRunes().Take(position).Sum(rune => rune.Utf16SequenceLength) - ownPrefix;
        return offset >= 0 && offset <= sql.Length - ownPrefix ? new SqlFault(problem, offset) : null;
    }

    private static string Place(string sql, int offset)
    {
        var lineStart = offset == 0 ? 0 : sql.LastIndexOf('\n', offset - 1) + 1;
        var lineEnd = sql.IndexOf('\n', offset);
        var line = sql[lineStart..(lineEnd < 0 ? sql.Length : lineEnd)].TrimEnd();
        var number = sql.AsSpan(0, offset).Count('\n') + 1;
        return $" At line {number}, column {offset - lineStart + 1}: {line}";
    }
}
