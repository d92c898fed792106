using CsCheck;

namespace DataPlatform.Dbt.Selection;

public sealed class SelectionTests
{
    private static readonly Dictionary<string, string> Cases = File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Selection", "expressions.txt"))
        .Where(line => line.Length > 0 && line[0] != '#')
        .Select(line => line.Split(" => "))
        .ToDictionary(parts => parts[0], parts => parts[1]);

    public static TheoryData<string> Expressions => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Expressions))]
    public void Selects_what_dbt_does(string expression)
    {
        var (rest, mode) = Cut(expression, "--indirect-selection ");
        var (select, exclude) = Cut(rest, "--exclude ");
        var spec = SelectionExpression.Parse(Words(select), Words(exclude), mode is null ? IndirectSelection.Eager : Enum.Parse<IndirectSelection>(mode, ignoreCase: true));

        new NodeSelector(Shop.Graph, Shop.State).Select(spec).Ids.Should().BeEquivalentTo(Cases[expression] == "-" ? [] : Cases[expression].Split(' '));
    }

    [Fact]
    public void Selects_everything_unless_told_otherwise() =>
        new NodeSelector(Shop.Graph).Select(SelectionExpression.Parse(null, [], IndirectSelection.Cautious)).Ids.Should().BeEquivalentTo(Shop.Graph.Nodes.Select(node => node.UniqueId));

    [Fact]
    public void Warns_of_each_expression_that_matches_nothing() =>
        new NodeSelector(Shop.Graph).Select(SelectionExpression.Parse(["tag:no staging", "orders,+revenue,tag:neither"], ["tag:never"], IndirectSelection.Eager)).Warnings.Should().Equal(
            "The selection criterion 'tag:no' does not match any enabled nodes.",
            "The selection criterion 'orders,+revenue,tag:neither' does not match any enabled nodes.",
            "The selection criterion 'tag:never' does not match any enabled nodes.");

    [Theory]
    [InlineData("a tga:x", "--select 'a tga:x', character 3: 'tga' is not a selection method.", "The methods are fqn, tag,")]
    [InlineData("a,,b", "--select 'a,,b', character 3: a comma has nothing on one side of it.", "Commas intersect")]
    [InlineData("a,", "--select 'a,', character 3: a comma has nothing on one side of it.", "Commas intersect")]
    [InlineData(" ", "--select ' ': there is no expression in it.", "leave --select out")]
    [InlineData("tag:", "--select 'tag:', character 1: 'tag:' names nothing to select.", "tag:nightly")]
    [InlineData("a +", "--select 'a +', character 3: '+' names nothing to select.", "tag:nightly")]
    [InlineData("@a+", "--select '@a+', character 1: '@a+' has both '@' and '+' behind it, which do not go together.", "Take the '+' away")]
    [InlineData("a++", "--select 'a++', character 1: 'a++' has graph operators that do not go together.", "2+name+3")]
    [InlineData("2+@a", "--select '2+@a', character 1: '2+@a' has graph operators that do not go together.", "2+name+3")]
    [InlineData("my-tag:x", "--select 'my-tag:x', character 1: 'my-tag' in 'my-tag:x' is not a selection method.", "The methods are")]
    [InlineData("a+99999999999", "--select 'a+99999999999', character 1: the depth 99999999999 is too large.", "all the way")]
    [InlineData("config:x", "--select 'config:x', character 1: 'config' needs the name of a configuration.", "config.materialized:incremental")]
    [InlineData("tag.a:b", "--select 'tag.a:b', character 1: 'tag' takes nothing after a dot, and 'a' was found.", "tag:b")]
    [InlineData("source:a.b.c.d", "--select 'source:a.b.c.d', character 1: 'a.b.c.d' is not the name of a source.", "source:name.table")]
    [InlineData("exposure:a.b.c", "--select 'exposure:a.b.c', character 1: 'a.b.c' has too many dots.", "exposure:package.name")]
    [InlineData("path:../x", "--select 'path:../x', character 1: '../x' is not a path within the project.", "path:models/staging")]
    [InlineData("resource_type:table", "--select 'resource_type:table', character 1: 'table' is not a value of 'resource_type'.", "model")]
    [InlineData("resource_type:source", "--select 'resource_type:source', character 1: sources are not selected by 'resource_type'.", "source:*")]
    [InlineData("test_type:both", "--select 'test_type:both', character 1: 'both' is not a value of 'test_type'.", "generic, singular")]
    [InlineData("version:2", "--select 'version:2', character 1: '2' is not a value of 'version'.", "latest, prerelease, old, none")]
    [InlineData("state:changed", "--select 'state:changed', character 1: 'changed' is not a value of 'state'.", "modified.body")]
    [InlineData("state:new", "--select 'state:new', character 1: there is no earlier manifest to compare with.", "--state")]
    [InlineData("a result:error", "--select 'a result:error', character 3: there are no earlier results to look at.", "--state")]
    [InlineData("result:bad", "--select 'result:bad', character 1: 'bad' is not a value of 'result'.", "error, fail")]
    [InlineData("source_status:fresher", "--select 'source_status:fresher', character 1: there is no freshness to compare.", "--state")]
    public void Refuses_with_the_place_and_what_would_be_right(string expression, string message, string hint)
    {
        var select = () => new NodeSelector(Shop.Graph).Select(SelectionExpression.Parse([expression], null, IndirectSelection.Eager));

        var error = select.Should().Throw<DataPlatformException>().WithMessage(message).Which;
        error.FailureClass.Should().Be(FailureClass.Configuration);
        error.Hint.Should().Contain(hint);
    }

    [Theory]
    [InlineData("", "", true)]
    [InlineData("a", "", false)]
    [InlineData("abcabc", "a*c", true)]
    [InlineData("abcabd", "a*c", false)]
    [InlineData("abc", "a**c*", true)]
    [InlineData("abc", "?b?", true)]
    [InlineData("ab", "?b?", false)]
    [InlineData("a]", "a[]]", true)]
    [InlineData("ab", "a[!]]", true)]
    [InlineData("a]", "a[!]]", false)]
    [InlineData("a[", "a[", true)]
    [InlineData("a-", "a[x-]", true)]
    [InlineData("m", "[a-fk-n]", true)]
    [InlineData("h", "[a-fk-n]", false)]
    [InlineData("a", "[z-a]", false)]
    [InlineData("a", "A", false)]
    public void Wildcards_are_those_of_fnmatch(string text, string pattern, bool matches) => Wildcard.Matches(text, pattern).Should().Be(matches);

    [Fact]
    public void Graph_operators_agree_with_the_transitive_closure()
    {
        var graphs =
            from size in Gen.Int[1, 12]
            from edges in Gen.Select(Gen.Int[0, size - 1], Gen.Int[0, size - 1]).Array[0, 24]
            from picked in Gen.Int[0, size - 1]
            from up in Gen.Int[0, 4]
            from down in Gen.Int[0, 4]
            select (size, edges: edges.Where(edge => edge.Item1 < edge.Item2).ToArray(), picked, up, down);
        graphs.Sample(
            drawn =>
            {
                var (size, edges, picked, up, down) = drawn;
                var steps = Steps(size, edges);
                var selector = new NodeSelector(new SelectableGraph("p", Enumerable.Range(0, size).Select(id => new SelectableNode
                {
                    UniqueId = $"n{id}",
                    ResourceType = "model",
                    Name = $"n{id}",
                    Package = "p",
                    Fqn = ["p", $"n{id}"],
                    OriginalFilePath = $"models/n{id}.sql",
                    ParentIds = [.. edges.Where(edge => edge.Item2 == id).Select(edge => $"n{edge.Item1}")],
                })));
                void Expect(string expression, Func<int, bool> isSelected) => selector.Select(SelectionExpression.Parse([expression], null, IndirectSelection.Eager))
                    .Ids.Should().BeEquivalentTo(Enumerable.Range(0, size).Where(isSelected).Select(id => $"n{id}"), expression);

                Expect($"+n{picked}", id => steps[id, picked] < size);
                Expect($"n{picked}+", id => steps[picked, id] < size);
                Expect($"{up}+n{picked}+{down}", id => steps[id, picked] <= up || steps[picked, id] <= down);
                Expect($"@n{picked}", id => Enumerable.Range(0, size).Any(end => steps[picked, end] < size && steps[id, end] < size));
            },
            iter: 300);
    }

    // The fewest steps from each node to each other, by Floyd and Warshall; 1000 where there is no way.
    private static int[,] Steps(int size, (int From, int To)[] edges)
    {
        var steps = new int[size, size];
        for (var from = 0; from < size; from++)
            for (var to = 0; to < size; to++) steps[from, to] = from == to ? 0 : edges.Contains((from, to)) ? 1 : 1000;
        for (var over = 0; over < size; over++)
            for (var from = 0; from < size; from++)
                for (var to = 0; to < size; to++) steps[from, to] = Math.Min(steps[from, to], steps[from, over] + steps[over, to]);
        return steps;
    }

    private static string[] Words(string? text) => text is null or "" ? [] : [text];

    private static (string Before, string? After) Cut(string text, string option)
    {
        var at = text.IndexOf(option, StringComparison.Ordinal);
        return at < 0 ? (text, null) : (text[..at].TrimEnd(), text[(at + option.Length)..]);
    }
}
