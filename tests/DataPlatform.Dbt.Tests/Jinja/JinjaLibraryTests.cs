namespace DataPlatform.Dbt.Jinja;

public sealed class JinjaLibraryTests
{
    private static readonly JinjaEnvironment Environment = new(blocks:
    [
        new BlockKind("test", BlockArguments.Parameters),
        new BlockKind("materialization", BlockArguments.Settings),
        new BlockKind("snapshot"),
        new BlockKind("docs", IsRaw: true),
    ]);

    [Fact]
    public void Blocks_of_a_file_are_collected_and_the_rest_is_left_out()
    {
        const string Text =
            """
            Some words, {{ nothing.of.it.runs() }}.
            {% set x = 1 %}
            {% macro cents(column, scale=2) -%}
              ({{ column }} / 100)::numeric(16, {{ scale }})
            {%- endmacro %}

            {% test positive(model, column_name) %}select * from {{ model }} where {{ column_name }} <= 0{% endtest %}
            {%- materialization view, adapter='duckdb', supported_languages=['sql', 'python'] %}m{% endmaterialization %}
            {% materialization table, default -%}m{%- endmaterialization %}
            {% snapshot orders_snapshot %}select {{ 1 + 1 }}{% endsnapshot %}
            {% docs orders -%}
              It has {{ braces }} and {% tags %}.
            {%- enddocs %}
            """;

        var definitions = JinjaLibrary.Parse(Text, "macros/a.sql", Environment).Definitions;

        definitions.Select(found => (found.Tag, found.Name, found.Line)).Should().Equal(
            ("macro", "cents", 3), ("test", "positive", 7), ("materialization", "view", 8), ("materialization", "table", 9), ("snapshot", "orders_snapshot", 10), ("docs", "orders", 11));
        definitions[0].Parameters.Should().Equal("column", "scale");
        definitions[1].Parameters.Should().Equal("model", "column_name");
        definitions[2].Settings["adapter"].Should().Be("duckdb");
        ((PythonList)definitions[2].Settings["supported_languages"]!).Items.Should().Equal("sql", "python");
        definitions[3].Settings.Should().Equal(new Dictionary<string, object?> { ["default"] = null });
        definitions[4].Text.Should().Be("{% snapshot orders_snapshot %}select {{ 1 + 1 }}{% endsnapshot %}");
        definitions[4].BodyText.Should().Be("select {{ 1 + 1 }}");
        definitions[5].BodyText.Should().Be("\n  It has {{ braces }} and {% tags %}.\n");
        Invoke(definitions[0], "amount").Should().Be("(amount / 100)::numeric(16, 2)");
        Invoke(definitions[1], "orders", "id").Should().Be("select * from orders where id <= 0");
        Invoke(definitions[4]).Should().Be("select 2");
        Invoke(definitions[5]).Should().Be("It has {{ braces }} and {% tags %}.");
    }

    [Fact]
    public void A_macro_finds_the_macros_beside_it_and_itself_by_name()
    {
        var library = JinjaLibrary.Parse("{% macro a(n) %}a{% if n %}{{ a(n - 1) }}{{ b() }}{% endif %}{% endmacro %}{% macro b() %}file{% endmacro %}", "macros/a.sql", Environment);
        var names = new Dictionary<string, object?> { ["b"] = new JinjaFunction("b", _ => "project") };
        names["a"] = library.Definitions[0].Bind(new JinjaNames(names));

        ((JinjaMacro)names["a"]!).Invoke(new JinjaRun(Environment), [2L]).Should().Be("aaaprojectproject");
    }

    [Theory]
    [InlineData("{{ return([1, 2]) }}", "[1, 2]")]
    [InlineData("lost{% do return({'a': 1}) %}{{ 1 / 0 }}", "{'a': 1}")]
    [InlineData("{% for x in [1, 2, 3] %}{% if x == 2 %}{{ return(x * 10) }}{% endif %}{% endfor %}0", "20")]
    [InlineData("{% set x %}{{ return(1) }}{% endset %}2", "1")]
    [InlineData("{% filter upper %}{{ return('a') }}{% endfilter %}", "'a'")]
    [InlineData("{{ 'x' ~ return(3) }}", "3")]
    [InlineData("{% set x = return(4) %}", "4")]
    [InlineData("{{ return() }}", "None")]
    [InlineData("{% macro inner() %}{{ return(5) }}{% endmacro %}{{ inner() }}6", "5")]
    [InlineData("{% macro each() %}{{ caller(1) }}{{ caller(2) }}{% endmacro %}{% call(x) each() %}{{ return(x) if x == 2 }}{% endcall %}", "2")]
    [InlineData("{% for x in [1] recursive %}{{ return(7) }}{% endfor %}8", "7")]
    [InlineData("a{{ 1 }}", "'a1'")]
    public void Return_ends_a_macro_with_a_value(string body, string expected)
    {
        var macro = JinjaLibrary.Parse($"{{% macro m() %}}{body}{{% endmacro %}}", "macros/m.sql", Environment).Definitions[0].Bind(Names());

        Representation.Of(macro.Invoke(new JinjaRun(Environment), [])).Should().Be(expected);
    }

    [Fact]
    public void What_a_macro_returns_is_a_value_to_its_caller()
    {
        var columns = JinjaLibrary.Parse("{% macro columns() %}{{ return(['a', 'b']) }}{% endmacro %}", "macros/m.sql", Environment).Definitions[0].Bind(Names());
        var names = new JinjaNames(new Dictionary<string, object?> { ["columns"] = columns });

        JinjaTemplate.Parse("{% for c in columns() %}{{ c }},{% endfor %}{{ columns()|length }}", "a", Environment).Render(names, new JinjaRun(Environment)).Should().Be("a,b,2");
    }

    [Fact]
    public void Return_in_a_call_block_ends_the_macro_that_called_the_caller()
    {
        var each = JinjaLibrary.Parse("{% macro each() %}{{ caller() }}never{% endmacro %}", "macros/m.sql", Environment).Definitions[0].Bind(Names());
        var names = new JinjaNames(new Dictionary<string, object?> { ["each"] = each, ["return"] = ReturnSignal.Function });

        JinjaTemplate.Parse("{% call each() %}{{ return('early') }}{% endcall %} and on", "a", Environment).Render(names, new JinjaRun(Environment)).Should().Be("early and on");
    }

    [Theory]
    [InlineData("{{ return(1) }}")]
    [InlineData("{{ 1 + return(1) }}")]
    public void Return_outside_of_a_macro_is_an_error(string template) =>
        FluentActions.Invoking(() => JinjaTemplate.Parse(template, "a", Environment).Render(Names(), new JinjaRun(Environment))).Should().Throw<JinjaException>()
            .Which.Problem.Should().Be("return() stands outside of a macro.");

    [Theory]
    [InlineData("\n{% test a %}{% endtest %}", "m.sql:2:11: Expected '(', but found '%}'.")]
    [InlineData("{% if x %}{% snapshot a %}{% endsnapshot %}{% endif %}", "m.sql:1:14: 'snapshot' stands inside of 'if': it can only stand at the top of a file.")]
    [InlineData("{% snapshot a %}", "m.sql:1:1: The 'snapshot' that begins here is not ended: there is no {% endsnapshot %}.")]
    [InlineData("{% docs a %} {% enddoc %}", "m.sql:1:1: There is no {% enddocs %} for the tag that begins here.")]
    [InlineData("{% materialization a, adapter=x %}{% endmaterialization %}", "m.sql:1:31: A setting is a constant, or a list of constants.")]
    [InlineData("{% materialization a, b=1, b=2 %}{% endmaterialization %}", "m.sql:1:28: 'b' is set twice.")]
    [InlineData("{% macro a(x, x) %}{% endmacro %}", "m.sql:1:15: There are two parameters 'x'.")]
    [InlineData("{% macro a() %}{{ 1|nope }}{% endmacro %}", "m.sql:1:21: There is no filter 'nope'.")]
    public void A_wrong_block_is_named_with_its_place(string text, string expected) =>
        FluentActions.Invoking(() => JinjaLibrary.Parse(text, "m.sql", Environment)).Should().Throw<JinjaException>().Which.Message.Split('\n')[0].Should().Be(expected);

    [Fact]
    public void Wrong_arguments_from_a_host_are_refused() =>
        FluentActions.Invoking(() => JinjaLibrary.Parse("\n{% macro a(x) %}{% endmacro %}", "m.sql", Environment).Definitions[0].Bind(Names()).Invoke(new JinjaRun(Environment), [1L, 2L]))
            .Should().Throw<JinjaException>().Which.Message.Should().StartWith("m.sql:2:1: macro 'a' takes not more than 1 argument(s)");

    private static object? Invoke(JinjaDefinition definition, params object?[] arguments) => definition.Bind(Names()).Invoke(new JinjaRun(Environment), arguments);

    private static JinjaNames Names() => new(new Dictionary<string, object?> { ["return"] = ReturnSignal.Function });
}
