using System.Text;

namespace DataPlatform.Warehouses;

/// <summary>A SELECT with named holes: <c>@name</c> for values, <c>{name}</c> for tables.</summary>
internal sealed class SqlTemplate
{
    private static readonly string[] Beginnings = ["SELECT", "WITH", "FROM", "VALUES", "TABLE"];

    private readonly SqlText _source;
    private readonly IReadOnlyList<SqlToken> _tokens;

    private SqlTemplate(SqlText source, IReadOnlyList<SqlToken> tokens) => (_source, _tokens) = (source, tokens);

    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: it is not one SELECT, or a string or comment is not closed.</exception>
    public static SqlTemplate Parse(SqlText source)
    {
        IReadOnlyList<SqlToken> tokens;
        try
        {
            tokens = SqlTokenizer.Tokenize(source.Text);
        }
        catch (SqlTextException e)
        {
            throw source.Fault(e.Offset, e.Message, innerException: e);
        }

        while (tokens is [.., { Kind: SqlTokenKind.Semicolon }]) tokens = [.. tokens.SkipLast(1)];
        const string OneSelect = "Write one SELECT here: the step makes the table or view of it.";
        if (tokens.Count == 0) throw source.Fault(0, "There is no SQL.", OneSelect);
        if (!Begins(source.Text, tokens[0])) throw source.Fault(tokens[0].Start, "This is not a SELECT.", OneSelect);
        if (tokens.FirstOrDefault(token => token.Kind == SqlTokenKind.Semicolon) is { Length: > 0 } semicolon)
            throw source.Fault(semicolon.Start, "A second statement follows.", OneSelect);
        return new SqlTemplate(source, tokens);
    }

    /// <summary>Fills the holes.</summary>
    /// <param name="parameters">Values by name.</param>
    /// <param name="relations">Tables by name.</param>
    /// <param name="optional">Names of parameters that may be left unused.</param>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: a name is not known, or not used.</exception>
    public SqlStatement Render(IReadOnlyDictionary<string, object?> parameters, IReadOnlyDictionary<string, TableName> relations, IReadOnlySet<string> optional)
    {
        var text = new StringBuilder();
        var pieces = new List<SqlPiece>();
        var used = new HashSet<string>(StringComparer.Ordinal);
        var copied = 0;
        foreach (var token in _tokens)
        {
            if (Fill(token, parameters, relations) is not { } filling) continue;
            used.Add(_source.Text.Substring(token.Start, token.Length));
            Copy(token.Start);
            pieces.Add(new SqlPiece(text.Length, token.Start, IsCopy: false));
            text.Append(filling);
            copied = token.End;
        }

        Copy(_tokens[^1].End);
        RefuseUnused([.. parameters.Keys.Where(name => !optional.Contains(name)).Select(name => $"@{name}"), .. relations.Keys.Select(name => $"{{{name}}}")], used);
        return new SqlStatement(_source, text.ToString(), pieces);

        void Copy(int end)
        {
            pieces.Add(new SqlPiece(text.Length, copied, IsCopy: true));
            text.Append(_source.Text, copied, end - copied);
        }
    }

    private string? Fill(SqlToken token, IReadOnlyDictionary<string, object?> parameters, IReadOnlyDictionary<string, TableName> relations)
    {
        switch (token.Kind)
        {
            case SqlTokenKind.Parameter:
                var parameter = _source.Text[(token.Start + 1)..token.End];
                if (parameters.TryGetValue(parameter, out var value)) return SqlLiteral.From(value);
                // a<@b is PostgreSQL's "is contained by" unless b is a parameter.
                if (token.Start > 0 && _source.Text[token.Start - 1] == '<') return null;
                throw _source.Fault(
                    token.Start, $"There is no parameter @{parameter}.",
                    $"Give it a value with .With(\"{parameter}\", …). Known are {Join(parameters.Keys, "@", "")}.");
            case SqlTokenKind.Relation:
                var relation = _source.Text[(token.Start + 1)..(token.End - 1)];
                return relations.TryGetValue(relation, out var table)
                    ? table.ToSql()
                    : throw _source.Fault(
                        token.Start, $"There is no relation {{{relation}}}.",
                        $"Give it a table with .Relation(\"{relation}\", \"schema.table\"). Known are {Join(relations.Keys, "{", "}")}.");
            default:
                return null;
        }
    }

    private void RefuseUnused(IReadOnlyList<string> given, HashSet<string> used)
    {
        if (given.FirstOrDefault(name => !used.Contains(name)) is not { } unused) return;
        throw new DataPlatformException(
            FailureClass.Configuration,
            $"{_source.Origin} does not use {unused}, which is given to it.",
            $"Use it in the SQL or do not give it. The SQL uses {(used.Count == 0 ? "none" : string.Join(", ", used.Order(StringComparer.Ordinal)))}.");
    }

    private static bool Begins(string text, SqlToken first) => first.Kind switch
    {
        SqlTokenKind.Word => Beginnings.Contains(text.Substring(first.Start, first.Length), StringComparer.OrdinalIgnoreCase),
        SqlTokenKind.Symbol => text[first.Start] == '(',
        _ => false,
    };

    private static string Join(IEnumerable<string> names, string before, string after)
    {
        var known = string.Join(", ", names.Order(StringComparer.Ordinal).Select(name => $"{before}{name}{after}"));
        return known.Length > 0 ? known : "none";
    }
}

/// <summary>A stretch of a rendered statement and where in the template it comes from.</summary>
/// <param name="Start">Where it begins in the statement.</param>
/// <param name="Source">Where it begins in the template.</param>
/// <param name="IsCopy">Whether it is the template's own text rather than what fills a hole.</param>
internal readonly record struct SqlPiece(int Start, int Source, bool IsCopy);
