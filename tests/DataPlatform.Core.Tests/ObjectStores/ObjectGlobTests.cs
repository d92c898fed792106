using CsCheck;
using DataPlatform.ObjectStores;

namespace DataPlatform.Core.Tests.ObjectStores;

public sealed class ObjectGlobTests
{
    [Theory]
    [InlineData("inbox/trips-*.csv", "inbox/trips-2026.csv", true)]
    [InlineData("inbox/trips-*.csv", "inbox/trips-.csv", true)]
    [InlineData("inbox/trips-*.csv", "inbox/trips-a/b.csv", false)]
    [InlineData("inbox/trips-*.csv", "xinbox/trips-a.csv", false)]
    [InlineData("inbox/trips-*.csv", "inbox/trips-a.csv.gz", false)]
    [InlineData("*", "a/b", false)]
    [InlineData("**", "a/b/c", true)]
    [InlineData("inbox/**", "inbox/a/b", true)]
    [InlineData("inbox/**/*.csv", "inbox/a.csv", true)]
    [InlineData("inbox/**/*.csv", "inbox/x/y/a.csv", true)]
    [InlineData("inbox/**/*.csv", "inboxa.csv", false)]
    [InlineData("**/a.csv", "a.csv", true)]
    [InlineData("**/a.csv", "xa.csv", false)]
    [InlineData("**/**/a.csv", "x/a.csv", true)]
    [InlineData("a**b", "a/x/b", true)]
    [InlineData("a**/b", "a1/x/b", true)]
    [InlineData("a**/b", "ab", false)]
    [InlineData("a?c", "abc", true)]
    [InlineData("a?c", "a/c", false)]
    [InlineData("a?c", "a😀c", true)]
    [InlineData("a??c", "a😀c", false)]
    [InlineData("{trips,weather}-*.{csv,csv.gz}", "weather-1.csv.gz", true)]
    [InlineData("{trips,weather}-*.{csv,csv.gz}", "weather-1.json", false)]
    [InlineData("a{,b}", "a", true)]
    [InlineData("a{b/*,c{d,e}}", "ace", true)]
    [InlineData("a{b/*,c{d,e}}", "ab/x", true)]
    [InlineData("{a/,}**/x", "x", false)]
    [InlineData("{**/x,y}", "a/x", true)]
    [InlineData("a,b", "a,b", true)]
    [InlineData(@"a\*", "a*", true)]
    [InlineData(@"a\*", "ab", false)]
    [InlineData(@"\{a\,b\}", "{a,b}", true)]
    [InlineData("a.c+(d)[e]$^", "a.c+(d)[e]$^", true)]
    [InlineData("a.c", "abc", false)]
    [InlineData("A", "a", false)]
    [InlineData("ä*", "äö", true)]
    public void Matches(string glob, string key, bool expected) => ObjectGlob.Parse(glob).IsMatch(key).Should().Be(expected);

    [Theory]
    [InlineData("inbox/trips-*.csv", "inbox/trips-")]
    [InlineData("inbox/a.csv", "inbox/a.csv")]
    [InlineData("inbox/{a,b}", "inbox/")]
    [InlineData(@"a\*b?", "a*b")]
    [InlineData("**", "")]
    public void Knows_what_all_matching_keys_begin_with(string glob, string prefix) => ObjectGlob.Parse(glob).LiteralPrefix.Should().Be(prefix);

    [Theory]
    [InlineData("inbox/a-*.csv", true)]
    [InlineData("inbox/a", true)]
    [InlineData("inbox/{a,b}", true)]
    [InlineData("inbox/{a,b/c}", false)]
    [InlineData("inbox/*/c", false)]
    [InlineData("inbox/**", false)]
    public void Knows_whether_matching_keys_can_be_in_folders_below(string glob, bool staysInFolder) =>
        ObjectGlob.Parse(glob).StaysInFolder.Should().Be(staysInFolder);

    [Theory]
    [InlineData("/a", "no key begins with '/' or holds '//'")]
    [InlineData("../a*", "no key has the segment '..'")]
    [InlineData(@"a/\../b", "no key has the segment '..'")]
    [InlineData("a//b", "no key begins with '/' or holds '//'")]
    [InlineData("{a", "a '{' is not closed")]
    [InlineData("{a,{b}", "a '{' is not closed")]
    [InlineData("a}", "a '}' has no '{' before it")]
    [InlineData(@"a\", @"nothing follows its last '\'")]
    public void Says_what_is_wrong(string glob, string fault)
    {
        var failure = FluentActions.Invoking(() => ObjectGlob.Parse(glob)).Should().Throw<ObjectStoreException>().Which;

        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Be($"'{glob}' is not a pattern for keys: {fault}.");
    }

    // The model knows patterns as lists of pieces and tries every way to divide a key among them.
    [Fact]
    public void Matches_what_the_model_matches()
    {
        var pieces = Gen.OneOf("a", "b", "/", ".", "*", "?", "**", "**/", "{a,b/}", "{,ab,b*}").Array[1, 6].Where(ReadAsTheyStand);
        var key = Gen.OneOf("a", "b", "ab", ".", "a/b", "b/").Array[1, 6].Select(string.Concat).Where(ObjectKey.IsValid);

        Gen.Select(pieces, key).Sample((glob, text) => ObjectGlob.Parse(string.Concat(glob)).IsMatch(text) == Model(glob, text), iter: 20_000);
    }

    // Together the pieces are a pattern, and mean there what they mean alone.
    private static bool ReadAsTheyStand(string[] pieces)
    {
        var glob = string.Concat(pieces);
        if (glob[0] == '/' || glob.Split('/')[..^1].Any(segment => segment is "" or "." or "..")) return false;
        return pieces.Zip(pieces.Skip(1).Append("")).All(pair => (pair.First, pair.Second) switch
        {
            (['*', ..] and not "**/", ['*' or '/', ..]) => false,
            (not ("/" or "**/"), "**/") => false,
            _ => true,
        });
    }

    private static bool Model(ReadOnlySpan<string> pieces, string text)
    {
        if (pieces.IsEmpty) return text.Length == 0;
        var rest = pieces[1..];
        switch (pieces[0])
        {
            case "*":
                return AnyLength(rest, text, c => c != '/');
            case "**":
                return AnyLength(rest, text, _ => true);
            case "**/":
                if (Model(rest, text)) return true;
                var slash = text.IndexOf('/', StringComparison.Ordinal);
                return slash > 0 && Model(pieces, text[(slash + 1)..]);
            case "?":
                return text.Length > 0 && text[0] != '/' && Model(rest, text[1..]);
            case "{a,b/}":
                return Literal("a", rest, text) || Literal("b/", rest, text);
            case "{,ab,b*}":
                return Model(rest, text) || Literal("ab", rest, text) || Literal("b", ["*", .. rest], text);
            default:
                return Literal(pieces[0], rest, text);
        }
    }

    private static bool Literal(string literal, ReadOnlySpan<string> rest, string text) =>
        text.StartsWith(literal, StringComparison.Ordinal) && Model(rest, text[literal.Length..]);

    private static bool AnyLength(ReadOnlySpan<string> rest, string text, Func<char, bool> allowed)
    {
        for (var taken = 0; taken <= text.Length; taken++)
        {
            if (Model(rest, text[taken..])) return true;
            if (taken < text.Length && !allowed(text[taken])) return false;
        }

        return false;
    }
}
