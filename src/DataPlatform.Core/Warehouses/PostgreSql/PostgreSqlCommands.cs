using Npgsql;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>Commands with positional parameters, and rows as plain values.</summary>
internal static class PostgreSqlCommands
{
    public static NpgsqlCommand Create(NpgsqlConnection connection, string sql, IReadOnlyList<object?>? parameters)
    {
        ArgumentNullException.ThrowIfNull(sql);
        var command = new NpgsqlCommand(sql, connection);
        foreach (var value in parameters ?? []) command.Parameters.Add(new NpgsqlParameter { Value = ToParameter(value) });
        return command;
    }

    public static NpgsqlBatch Create(NpgsqlConnection connection, IReadOnlyList<SqlWithParameters> statements)
    {
        var batch = new NpgsqlBatch(connection);
        foreach (var statement in statements)
        {
            var command = new NpgsqlBatchCommand(statement.Sql);
            foreach (var value in statement.Parameters) command.Parameters.Add(new NpgsqlParameter { Value = ToParameter(value) });
            batch.BatchCommands.Add(command);
        }

        return batch;
    }

    public static object?[] ReadRow(NpgsqlDataReader reader)
    {
        var row = new object?[reader.FieldCount];
        for (var i = 0; i < row.Length; i++) row[i] = reader.IsDBNull(i) ? null : ToValue(reader.GetValue(i));
        return row;
    }

    private static object? ToValue(object? value) => value switch
    {
        DateTime { Kind: DateTimeKind.Utc } moment => new DateTimeOffset(moment),
        Array { Rank: 1 } list and not byte[] => list.Cast<object?>().Select(ToValue).ToArray(),
        _ => value,
    };

    // Npgsql takes moments in UTC alone.
    private static object ToParameter(object? value) => value switch
    {
        null => DBNull.Value,
        DateTimeOffset moment => moment.ToUniversalTime(),
        _ => value,
    };
}
