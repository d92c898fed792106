using CsCheck;
using DataPlatform.Warehouses;

namespace DataPlatform.Core.Tests.Warehouses.Sql;

public sealed class SqlTokenizerTests
{
    private static readonly Gen<string> Name =
        Gen.Select(Gen.Char["abcxyzABC_"], Gen.Char["abc019_"].Array[0, 5], (first, rest) => first + new string(rest));

    // What is likely to be mistaken: everything that opens, closes or escapes anything, and holes.
    private static readonly string[] Pieces = ["@p", "{r}", "'", "''", "\"", "$$", "$t$", "--", "/*", "*/", "\\", "\n", ";", "::", "e", "E'", " ", "ä", "x"];

    private static readonly Gen<string> Tricky = Gen.Int[0, Pieces.Length - 1].Array[0, 8].Select(indexes => string.Concat(indexes.Select(index => Pieces[index])));

    private static readonly Gen<(SqlTokenKind? Kind, string Text)> Fragment = Gen.OneOf<(SqlTokenKind?, string)>(
        Name.Select(name => ((SqlTokenKind?)SqlTokenKind.Word, name)),
        Name.Select(name => ((SqlTokenKind?)SqlTokenKind.Parameter, $"@{name}")),
        Name.Select(name => ((SqlTokenKind?)SqlTokenKind.Relation, $"{{{name}}}")),
        Tricky.Select(text => ((SqlTokenKind?)SqlTokenKind.Quoted, $"'{text.Replace("'", "''", StringComparison.Ordinal)}'")),
        Tricky.Select(text => ((SqlTokenKind?)SqlTokenKind.Quoted, $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"")),
        Tricky.Select(text => ((SqlTokenKind?)SqlTokenKind.Quoted, $"e'{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}'")),
        Tricky.Select(text => ((SqlTokenKind?)SqlTokenKind.Quoted, $"$q${text}$q$")),
        Tricky.Select(text => ((SqlTokenKind?)SqlTokenKind.Quoted, $"$${text.Replace("$", "", StringComparison.Ordinal)}$$")),
        Tricky.Select(text => ((SqlTokenKind?)null, $"--{text.Replace("\n", "", StringComparison.Ordinal)}\n")),
        Tricky.Select(text => ((SqlTokenKind?)null, $"/* {text.Replace("/*", "", StringComparison.Ordinal).Replace("*/", "", StringComparison.Ordinal)} /* @inner */ */")),
        Gen.Const(((SqlTokenKind?)SqlTokenKind.Semicolon, ";")));

    [Fact]
    public void Any_mixture_of_code_strings_and_comments_is_split_where_it_was_joined() =>
        Fragment.List[0, 30].Sample(fragments =>
        {
            var sql = string.Join(' ', fragments.Select(fragment => fragment.Text));
            SqlTokenizer.Tokenize(sql).Select(token => ((SqlTokenKind?)token.Kind, sql.Substring(token.Start, token.Length)))
                .Should().Equal(fragments.Where(fragment => fragment.Kind is not null));
        });

    [Fact]
    public void No_text_makes_it_fail_in_another_way_than_saying_where() =>
        Tricky.Sample(sql =>
        {
            try
            {
                SqlTokenizer.Tokenize(sql).Should().NotContain(token => token.Length == 0 || token.End > sql.Length);
            }
            catch (SqlTextException e)
            {
                e.Offset.Should().BeInRange(0, sql.Length - 1);
            }
        });

    [Theory]
    [InlineData("x::date")]
    [InlineData("tags @> '{a}'")]
    [InlineData("a @@ b")]
    [InlineData("a @@b")]
    [InlineData("@ -5")]
    [InlineData("user@host")]
    [InlineData("{'a': 1}")]
    [InlineData("{a: 1}")]
    [InlineData("{ a }")]
    [InlineData("$1 + $2")]
    [InlineData("a$x$b")]
    [InlineData("U&\"@p\"")]
    [InlineData("x'{r}'")]
    public void What_only_looks_like_a_hole_is_none(string sql) =>
        SqlTokenizer.Tokenize(sql).Should().NotContain(token => token.Kind == SqlTokenKind.Parameter || token.Kind == SqlTokenKind.Relation);

    [Theory]
    [InlineData("a=@p")]
    [InlineData("a>=@p")]
    [InlineData("(@p)")]
    [InlineData("@p::date")]
    [InlineData("'a'||@p")]
    [InlineData("-@p")]
    public void A_parameter_needs_no_space_around_it(string sql) =>
        SqlTokenizer.Tokenize(sql).Where(token => token.Kind == SqlTokenKind.Parameter).Should().ContainSingle()
            .Which.Start.Should().Be(sql.IndexOf('@', StringComparison.Ordinal));

    [Theory]
    [InlineData("select 'abc", 7, "The string is not closed.")]
    [InlineData("select e'abc\\'", 7, "The string is not closed.")]
    [InlineData("select \"abc", 7, "The quoted name is not closed.")]
    [InlineData("select $a$ x $b$", 7, "The string is not closed: $a$ is missing.")]
    [InlineData("select /* /* */", 7, "The comment is not closed.")]
    public void What_is_not_closed_is_said_where_it_begins(string sql, int offset, string message)
    {
        var tokenize = () => SqlTokenizer.Tokenize(sql);
        tokenize.Should().Throw<SqlTextException>().WithMessage(message).Which.Offset.Should().Be(offset);
    }
}
