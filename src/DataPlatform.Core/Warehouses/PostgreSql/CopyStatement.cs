using System.Text;
using Apache.Arrow;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>A column of a query whose rows are copied out.</summary>
internal sealed record CopyColumn(Field Field, uint TypeOid);

/// <summary>Writes the statement that copies a query's rows out, and queries whose parameters are filled in: COPY takes none.</summary>
internal static class CopyStatement
{
    /// <summary>The COPY statement of a query that the server has found to be one whole statement.</summary>
    public static string Create(string sql, IReadOnlyList<CopyColumn> columns)
    {
        var query = columns.Any(column => PostgreSqlTypes.IsReadAsText(column.TypeOid)) ? WithTexts(sql, columns) : sql;
        return $"COPY (\n{query}\n) TO STDOUT (FORMAT binary)";
    }

    /// <summary>The query without a semicolon at its end, and with literals in place of <c>$1, $2, …</c>.</summary>
    /// <exception cref="DataPlatformException">A value is of a type that is no parameter's.</exception>
    public static string Fill(string sql, IReadOnlyList<object?> parameters)
    {
        IReadOnlyList<SqlToken> tokens;
        try
        {
            tokens = SqlTokenizer.Tokenize(sql);
        }
        catch (SqlTextException)
        {
            // The server says it better.
            return sql;
        }

        while (tokens is [.., { Kind: SqlTokenKind.Semicolon }]) tokens = [.. tokens.SkipLast(1)];
        if (tokens.Count == 0) return sql;
        var text = new StringBuilder();
        var copied = 0;
        foreach (var token in tokens.Where(token => token.Kind == SqlTokenKind.Symbol && sql[token.Start] == '$'))
        {
            var end = token.End;
            while (end < sql.Length && char.IsAsciiDigit(sql[end])) end++;
            if (!int.TryParse(sql.AsSpan(token.End, end - token.End), out var number) || number < 1 || number > parameters.Count) continue;
            text.Append(sql, copied, token.Start - copied).Append(Literal(parameters[number - 1]));
            copied = end;
        }

        return text.Append(sql, copied, tokens[^1].End - copied).ToString();
    }

    // As the server writes them, which a cast does not always: of an inet it shows the bits of the net. A row of NULLs is not NULL.
    private static string WithTexts(string sql, IReadOnlyList<CopyColumn> columns)
    {
        var names = columns.Select((_, i) => $"c{i}");
        var values = columns.Select((column, i) => PostgreSqlTypes.IsReadAsText(column.TypeOid) ? $"CASE WHEN num_nulls(q.c{i}) = 0 THEN format('%s', q.c{i}) END" : $"q.c{i}");
        return $"SELECT {string.Join(", ", values)} FROM (\n{sql}\n) AS q({string.Join(", ", names)})";
    }

    // Typed as a parameter of that value is.
    private static string Literal(object? value) => value switch
    {
        string or char or Enum => $"CAST({SqlLiteral.From(value)} AS text)",
        short number => $"CAST({SqlLiteral.From(number)} AS smallint)",
        byte[] bytes => $"CAST('\\x{Convert.ToHexStringLower(bytes)}' AS bytea)",
        _ => SqlLiteral.From(value),
    };
}
