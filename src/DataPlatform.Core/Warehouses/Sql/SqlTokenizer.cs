namespace DataPlatform.Warehouses;

/// <summary>What a token of SQL is, as far as templates care.</summary>
internal enum SqlTokenKind
{
    /// <summary>A keyword or a name without quotes.</summary>
    Word,

    /// <summary><c>@name</c>.</summary>
    Parameter,

    /// <summary><c>{name}</c>.</summary>
    Relation,

    /// <summary><c>;</c>.</summary>
    Semicolon,

    /// <summary>A string or a name in quotes of any kind.</summary>
    Quoted,

    /// <summary>Any other character.</summary>
    Symbol,
}

/// <summary>A token: a stretch of the SQL text that is neither space nor comment.</summary>
internal readonly record struct SqlToken(SqlTokenKind Kind, int Start, int Length)
{
    public int End => Start + Length;
}

/// <summary>SQL text that ends within a string, a quoted name or a comment.</summary>
internal sealed class SqlTextException(int offset, string message) : Exception(message)
{
    /// <summary>Where it begins.</summary>
    public int Offset { get; } = offset;
}

/// <summary>
/// Splits SQL into tokens by PostgreSQL's lexical rules, which DuckDB shares, just far enough to know what is code and what is text:
/// strings with doubled quotes, <c>E''</c> strings with backslashes, dollar quotes, quoted names, line comments and nested block comments.
/// Source: PostgreSQL manual, "Lexical Structure".
/// </summary>
internal static class SqlTokenizer
{
    /// <exception cref="SqlTextException">A string, quoted name or comment is not closed.</exception>
    public static IReadOnlyList<SqlToken> Tokenize(string sql)
    {
        var tokens = new List<SqlToken>();
        var at = 0;
        while (at < sql.Length)
        {
            var end = SkipBlank(sql, at);
            if (end == at)
            {
                var token = ReadToken(sql, at);
                tokens.Add(token);
                end = token.End;
            }

            at = end;
        }

        return tokens;
    }

    private static SqlToken ReadToken(string sql, int at)
    {
        SqlToken Token(SqlTokenKind kind, int end) => new(kind, at, end - at);
        return sql[at] switch
        {
            '\'' => Token(SqlTokenKind.Quoted, CloseQuote(sql, at, at, backslashes: false)),
            '"' => Token(SqlTokenKind.Quoted, CloseQuote(sql, at, at, backslashes: false)),
            'e' or 'E' when Peek(sql, at + 1) == '\'' => Token(SqlTokenKind.Quoted, CloseQuote(sql, at, at + 1, backslashes: true)),
            '$' when DollarTag(sql, at) is { } tag => Token(SqlTokenKind.Quoted, CloseDollar(sql, at, tag)),
            '@' when IsParameter(sql, at) => Token(SqlTokenKind.Parameter, EndOfName(sql, at + 1)),
            '{' when IsRelation(sql, at, out var end) => Token(SqlTokenKind.Relation, end),
            ';' => Token(SqlTokenKind.Semicolon, at + 1),
            var c when IsWordStart(c) => Token(SqlTokenKind.Word, EndOfWord(sql, at)),
            _ => Token(SqlTokenKind.Symbol, at + 1),
        };
    }

    private static int SkipBlank(string sql, int at)
    {
        if (char.IsWhiteSpace(sql[at])) return at + 1;
        if (sql.AsSpan(at).StartsWith("--", StringComparison.Ordinal))
        {
            var line = sql.AsSpan(at).IndexOfAny('\n', '\r');
            return line < 0 ? sql.Length : at + line;
        }

        return sql.AsSpan(at).StartsWith("/*", StringComparison.Ordinal) ? CloseComment(sql, at) : at;
    }

    private static int CloseComment(string sql, int start)
    {
        var depth = 0;
        for (var at = start; at < sql.Length - 1; at++)
        {
            var pair = sql.AsSpan(at, 2);
            if (pair is "/*") depth++;
            else if (pair is "*/") depth--;
            else continue;

            at++;
            if (depth == 0) return at + 1;
        }

        throw new SqlTextException(start, "The comment is not closed.");
    }

    private static int CloseQuote(string sql, int start, int open, bool backslashes)
    {
        var quote = sql[open];
        for (var at = open + 1; at < sql.Length; at++)
        {
            if (backslashes && sql[at] == '\\') at++;
            else if (sql[at] == quote && Peek(sql, at + 1) == quote) at++;
            else if (sql[at] == quote) return at + 1;
        }

        throw new SqlTextException(start, quote == '"' ? "The quoted name is not closed." : "The string is not closed.");
    }

    private static string? DollarTag(string sql, int at)
    {
        var end = at + 1;
        if (IsWordStart(Peek(sql, end))) while (IsWordPart(Peek(sql, end)) && sql[end] != '$') end++;
        return Peek(sql, end) == '$' ? sql[at..(end + 1)] : null;
    }

    private static int CloseDollar(string sql, int start, string tag)
    {
        var close = sql.IndexOf(tag, start + tag.Length, StringComparison.Ordinal);
        return close >= 0 ? close + tag.Length : throw new SqlTextException(start, $"The string is not closed: {tag} is missing.");
    }

    // PostgreSQL has operators such as @@: after another @ it is one of them, and within a word it is nothing of ours.
    private static bool IsParameter(string sql, int at)
    {
        var before = at > 0 ? sql[at - 1] : ' ';
        return before != '@' && !IsWordPart(before) && IsNameStart(Peek(sql, at + 1));
    }

    // DuckDB writes structs as {'a': 1}: only a name alone between the braces is ours.
    private static bool IsRelation(string sql, int at, out int end)
    {
        end = at;
        if (!IsNameStart(Peek(sql, at + 1))) return false;
        end = EndOfName(sql, at + 1) + 1;
        return Peek(sql, end - 1) == '}';
    }

    private static int EndOfName(string sql, int at)
    {
        while (at < sql.Length && IsNamePart(sql[at])) at++;
        return at;
    }

    private static int EndOfWord(string sql, int at)
    {
        while (at < sql.Length && IsWordPart(sql[at])) at++;
        return at;
    }

    private static bool IsNameStart(char c) => char.IsAsciiLetter(c) || c == '_';

    private static bool IsNamePart(char c) => char.IsAsciiLetterOrDigit(c) || c == '_';

    private static bool IsWordStart(char c) => IsNameStart(c) || c >= 0x80;

    // A $ within a word does not begin a dollar quote.
    private static bool IsWordPart(char c) => IsNamePart(c) || c == '$' || c >= 0x80;

    private static char Peek(string sql, int at) => at < sql.Length ? sql[at] : '\0';
}
