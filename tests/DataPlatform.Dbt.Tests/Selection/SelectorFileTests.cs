namespace DataPlatform.Dbt.Selection;

public sealed class SelectorFileTests
{
    [Theory]
    [InlineData("'tag:weekly'", "board")]
    [InlineData("'1+exposure:board'", "board revenue t_rev t_sum")]
    [InlineData("{tag: weekly}", "board")]
    [InlineData("{config.meta.pii: true}", "orders t_rel u_orders")]
    [InlineData("{method: fqn, value: orders}", "orders t_rel u_orders")]
    [InlineData("{method: config.materialized, value: incremental, indirect_selection: empty}", "orders")]
    [InlineData("{method: fqn, value: orders, parents: true, parents_depth: 1, indirect_selection: empty}", "orders stg_orders dates")]
    [InlineData("{method: fqn, value: orders, children: true, children_depth: 1, indirect_selection: cautious}", "orders customers2 revenue t_rel t_rev u_orders")]
    [InlineData("{method: fqn, value: orders, children: false, parents: false}", "orders t_rel u_orders")]
    [InlineData("{method: fqn, value: orders_history, childrens_parents: true}", "src_orders stg_orders history t_src t_stg t_sum")]
    [InlineData("{method: tag, value: nightly, exclude: [orders]}", "stg_orders t_stg t_sum")]
    [InlineData("{union: [{tag: weekly}, 'countries', {method: fqn, value: dates}]}", "board countries dates")]
    [InlineData("{union: ['staging', {exclude: ['stg_orders', {source: raw}, {test_type: data}]}]}", "stg_customers")]
    [InlineData("{intersection: [{tag: nightly}, {path: models/marts}]}", "orders t_rel t_sum u_orders")]
    [InlineData("{intersection: [{union: ['staging', 'marts']}, 'resource_type:model', {exclude: [marts.customers, {test_type: data}]}]}", "stg_orders stg_customers orders revenue u_orders")]
    [InlineData("{union: [{method: tag, value: nightly, exclude: ['stg_orders']}, 'stg_customers']}", "orders t_rel u_orders stg_customers")]
    [InlineData("{method: selector, value: base}", "countries")]
    [InlineData("{union: [{method: selector, value: base}, 'dates']}", "countries dates")]
    public void Selects_what_is_defined(string definition, string expected)
    {
        var file = Parse($"selectors:\n  - name: base\n    definition: countries\n  - name: mine\n    description: of the test\n    definition: {definition}\n");

        var selection = new NodeSelector(Shop.Graph, Shop.State).Select(file.Find("mine"));

        selection.Ids.Should().BeEquivalentTo(expected.Split(' '));
        selection.Warnings.Should().BeEmpty();
    }

    [Fact]
    public void Takes_over_how_tests_are_selected() =>
        new NodeSelector(Shop.Graph).Select(SelectorFile.Parse("selectors: [{name: a, definition: orders}]", "selectors.yml", IndirectSelection.Empty).Find("a")).Ids.Should().Equal("orders");

    [Fact]
    public void Knows_the_default()
    {
        new NodeSelector(Shop.Graph).Select(Parse("selectors:\n  - {name: a, definition: countries}\n  - {name: b, default: true, definition: dates}\n").Default!).Ids.Should().Equal("dates");
        Parse("selectors: [{name: a, definition: countries}]").Default.Should().BeNull();
        Parse("").Default.Should().BeNull();
    }

    [Fact]
    public void Warns_of_a_selector_that_matches_nothing() =>
        new NodeSelector(Shop.Graph).Select(Parse("selectors: [{name: nightly, definition: {tag: no}}]").Find("nightly")).Warnings.Should().Equal("The selection criterion 'nightly' does not match any enabled nodes.");

    [Theory]
    [InlineData("{tga: x}", "selectors.yml:3: 'tga' is not a selection method.")]
    [InlineData("'a b'", "selectors.yml:3: 'a b' has set operators, which a definition in one line cannot have.")]
    [InlineData("'a,b'", "selectors.yml:3: 'a,b' has set operators, which a definition in one line cannot have.")]
    [InlineData("'@a+'", "selectors.yml:3: '@a+' has both '@' and '+' behind it, which do not go together.")]
    [InlineData("[a]", "selectors.yml:3: a list is not a definition.")]
    [InlineData("{union: [a], intersection: [b]}", "selectors.yml:3: the definition of 'mine' has other keys beside 'union' or 'intersection'.")]
    [InlineData("{union: []}", "selectors.yml:3: this union has nothing in it to select.")]
    [InlineData("{union: a}", "selectors.yml:3: a list was expected here, and 'a' was found.")]
    [InlineData("{union: [a, {exclude: [b]}, {exclude: [c]}]}", "selectors.yml:3: this is the second 'exclude' of one union.")]
    [InlineData("{exclude: [a]}", "selectors.yml:3: a definition with the keys exclude selects nothing.")]
    [InlineData("{tag: a, path: b}", "selectors.yml:3: a definition with the keys tag, path selects nothing.")]
    [InlineData("{method: tag}", "selectors.yml:3: 'value' is missing here.")]
    [InlineData("{method: tag, value: a, childs: true}", "selectors.yml:3: the built-in dbt engine does not support 'childs' of a definition.")]
    [InlineData("{method: tag, value: a, children: 2}", "selectors.yml:3: 'children' is to be true or false, not '2'.")]
    [InlineData("{method: tag, value: a, children_depth: -1}", "selectors.yml:3: 'children_depth' is to be a number of steps, not '-1'.")]
    [InlineData("{method: tag, value: a, childrens_parents: true, children: true}", "selectors.yml:3: 'tag:a' has both '@' and '+' behind it, which do not go together.")]
    [InlineData("{method: tag, value: a, indirect_selection: lazy}", "selectors.yml:3: 'lazy' is not a way to select tests.")]
    [InlineData("{method: selector, value: mine}", "selectors.yml:3: no selector 'mine' is defined above.")]
    public void Refuses_with_file_and_line(string definition, string message)
    {
        var parse = () => Parse($"selectors:\n  - name: mine\n    definition: {definition}\n");

        parse.Should().Throw<DataPlatformException>().WithMessage(message).Which.Hint.Should().NotBe("");
    }

    [Theory]
    [InlineData("selectors: [{name: a, definition: b}, {name: a, definition: c}]", "selectors.yml:1: there are two selectors 'a'.")]
    [InlineData("selectors: [{name: a, default: true, definition: b}, {name: c, default: true, definition: d}]", "selectors.yml:1: 'c' is the second selector that is to be the default.")]
    [InlineData("selectors: [{name: a}]", "selectors.yml:1: the selector 'a' has no definition.")]
    [InlineData("selectors: [{definition: a}]", "selectors.yml:1: 'name' is missing here.")]
    public void Refuses_files(string text, string message) => FluentActions.Invoking(() => Parse(text)).Should().Throw<DataPlatformException>().WithMessage(message);

    [Fact]
    public void Says_which_selectors_there_are() => FluentActions.Invoking(() => Parse("selectors: [{name: a, definition: b}, {name: c, definition: d}]").Find("e"))
        .Should().Throw<DataPlatformException>().WithMessage("selectors.yml: there is no selector 'e'.").Which.Hint.Should().Be("It defines a, c.");

    private static SelectorFile Parse(string text) => SelectorFile.Parse(text, "selectors.yml", IndirectSelection.Eager);
}
