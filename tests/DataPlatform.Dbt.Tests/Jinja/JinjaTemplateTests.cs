using System.Globalization;

namespace DataPlatform.Dbt.Jinja;

public sealed class JinjaTemplateTests
{
    private static readonly JinjaEnvironment Environment = new();

    [Theory]
    [InlineData("a\r\nb\rc\n", "a\nb\nc")]
    [InlineData("a\r\n", "a")]
    [InlineData("{{ 'x\r\ny' }}\r\n{{ 1 }}\n\n", "x\ny\n1\n")]
    public void Every_line_break_is_a_line_feed_and_the_last_is_dropped(string template, string expected) => Render(template).Should().Be(expected);

    [Fact]
    public void An_error_shows_its_place_and_who_called()
    {
        const string Template = "{% macro inner(x) %}\n  select {{ 1 / x }}\n{% endmacro %}\n{% macro outer() %}{{ inner(0) }}{% endmacro %}\n\n  {{ outer() }}";

        var error = Error(Template);

        error.FailureClass.Should().Be(FailureClass.Configuration);
        error.Message.Should().Be(
            """
            models/a.sql:2:15: division by zero
                  select {{ 1 / x }}
                              ^
              in macro 'inner', called at models/a.sql:4:28
              in macro 'outer', called at models/a.sql:6:11
            """);
    }

    [Fact]
    public void A_long_way_to_an_error_is_cut() =>
        Error("{% macro m(n) %}{{ 1 / n }}{{ m(n - 1) }}{% endmacro %}{{ m(20) }}").Message.Should().EndWith("\n  and 11 more").And.Contain("called at models/a.sql:1:32");

    [Fact]
    public void A_function_of_the_host_refuses_with_the_place_of_its_call() =>
        Error("a\n{{ ref(1) }}", ("ref", new JinjaFunction("ref", Signature.Of("ref name", (_, a) => a.Text(0)))))
            .Message.Should().StartWith("models/a.sql:2:7: ref() wants a string for 'name', not int");

    [Fact]
    public void What_a_host_throws_of_its_own_comes_out_as_it_is()
    {
        var cause = new InvalidOperationException("host");

        FluentActions.Invoking(() => Render("{{ f() }}", ("f", new JinjaFunction("f", _ => throw cause)))).Should().Throw<InvalidOperationException>().Which.Should().BeSameAs(cause);
    }

    [Fact]
    public void A_host_gives_objects_with_attributes_items_and_functions() =>
        Render("{{ this }} {{ this.schema }} {{ this.include(database=false) }} {{ this['schema'] }} [{{ this.nope }}]", ("this", new Relation("dev", "orders")))
            .Should().Be("dev.orders dev database=False dev []");

    [Fact]
    public void A_hosts_value_that_is_none_of_a_template_is_refused() =>
        Error("{{ x }}", ("x", 5m)).Problem.Should().Be("A value of the .NET type System.Decimal is no value of a template.");

    [Fact]
    public void A_filter_of_the_host_is_one_of_the_template()
    {
        var environment = new JinjaEnvironment(filters: new Dictionary<string, Func<CallArguments, object?>> { ["as_number"] = Signature.Of("as_number value", (_, a) => long.Parse(a.Text(0), CultureInfo.InvariantCulture)) });

        JinjaTemplate.Parse("{{ '4'|as_number + 1 }}", "a", environment).Render(Names(), new JinjaRun(environment)).Should().Be("5");
    }

    [Fact]
    public void Names_are_looked_up_when_what_uses_them_begins()
    {
        var asked = new List<string>();
        var names = new RecordingNames(asked);

        JinjaTemplate.Parse("{{ a }}{% macro m() %}{{ b }}{% endmacro %}{% set c = 1 %}{{ c }}", "a", Environment).Render(names, new JinjaRun(Environment));

        asked.Should().Equal("a");
    }

    [Theory]
    [InlineData("{% for i in range(100) %}{% for j in range(100) %}{% endfor %}{% endfor %}", "The template's loops took more than 1000 turns.")]
    [InlineData("{% for i in range(2000) if false %}{% endfor %}", "The template's loops took more than 1000 turns.")]
    [InlineData("{% set l = [1] %}{% for i in l %}{% do l.append(1) %}{% endfor %}", "The template's loops took more than 1000 turns.")]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "Macros call each other more than 20 levels deep.")]
    [InlineData("{% macro m() %}{% call m() %}{% endcall %}{{ caller }}{% endmacro %}{{ m() }}", "Macros call each other more than 20 levels deep.")]
    [InlineData("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "Macros call each other more than 20 levels deep.")]
    [InlineData("{{ 'ab' * 10**9 }}", "The result would have 2000000000 characters or items: at most 67108864 are allowed.")]
    [InlineData("{{ [1] * 10**9 }}", "The result would have 1000000000 characters or items: at most 67108864 are allowed.")]
    [InlineData("{{ 'a'.ljust(10**9) }}", "The result would have 999999999 characters or items: at most 67108864 are allowed.")]
    [InlineData("{{ '%1000000000d' % 1 }}", "The result would have 100000000 characters or items: at most 67108864 are allowed.")]
    [InlineData("{{ 10 ** (10 ** 10) }}", "The number would have more than 1048576 bits.")]
    [InlineData("{% set ns = namespace(x=3) %}{% for i in range(40) %}{% set ns.x = ns.x * ns.x %}{% endfor %}", "The number would have more than 1048576 bits.")]
    public void A_template_ends(string template, string problem)
    {
        var run = new JinjaRun(Environment, limits: new JinjaLimits { Iterations = 1000, Depth = 20 });

        FluentActions.Invoking(() => Parse(template).Render(Names(), run)).Should().Throw<JinjaException>().Which.Problem.Should().Be(problem);
    }

    [Fact]
    public void Macros_go_as_deep_as_is_allowed()
    {
        const string Template = "{% macro m(n) %}{% if n > 1 %}{{ m(n - 1) }}{% endif %}{{ n }}{% endmacro %}{{ m(depth) }}";
        string Descend(long depth) => Parse(Template).Render(Names(("depth", depth)), new JinjaRun(Environment, limits: new JinjaLimits { Depth = 5 }));

        Descend(5).Should().Be("12345");
        FluentActions.Invoking(() => Descend(6)).Should().Throw<JinjaException>();
    }

    [Fact]
    public void Nothing_overflows_the_stack()
    {
        const int Depth = 20_000;
        string Nest(string value, string more, string end) => $"{{% set ns = namespace(v={value}) %}}{{% for i in range({Depth}) %}}{{% set ns.v = {more} %}}{{% endfor %}}{{{{ {end} }}}}";
        string[] templates =
        [
            "{{ " + new string('(', Depth) + "1" + new string(')', Depth) + " }}",
            "{{ " + new string('[', Depth) + new string(']', Depth) + " }}",
            "{{ " + new string('-', Depth) + "1 }}",
            "{{ " + string.Concat(Enumerable.Repeat("not ", Depth)) + "1 }}",
            "{{ 1" + string.Concat(Enumerable.Repeat(" + 1", Depth)) + " }}",
            "{{ 'a'" + string.Concat(Enumerable.Repeat("|upper", Depth)) + " }}",
            "{{ a" + string.Concat(Enumerable.Repeat(".a", Depth)) + " }}",
            "{{ 1" + string.Concat(Enumerable.Repeat(" if 1 else 2", Depth)) + " }}",
            string.Concat(Enumerable.Repeat("{% if 1 %}", Depth)) + string.Concat(Enumerable.Repeat("{% endif %}", Depth)),
            string.Concat(Enumerable.Repeat("{% for x in y %}", Depth)),
            "{% set " + new string('(', Depth) + "a" + new string(')', Depth) + " = 1 %}",
            Nest("[]", "[ns.v]", "ns.v"),
            Nest("[]", "[ns.v]", "ns.v|tojson"),
            Nest("()", "(ns.v,)", "{ns.v: 1}"),
            Nest("[1]", "ns.v|map('string')", "ns.v|list"),
            "{% set a = [] %}{% do a.append(a) %}{% set b = [] %}{% do b.append(b) %}{{ a == b }}",
            "{% set a = [] %}{% do a.append(a) %}{% set b = [] %}{% do b.append(b) %}{{ a < b }}",
            "{% set a = {} %}{% do a.update({'a': a}) %}{{ a|tojson }}",
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        ];
        var problems = new List<string>();
        // A thread with a stack like that of musl's, which is the smallest that .NET is run with.
        var thread = new Thread(() => problems.AddRange(templates.Select(Problem)), maxStackSize: 256 * 1024);
        thread.Start();
        thread.Join();

        problems.Should().HaveCount(templates.Length).And.OnlyContain(problem => problem == "This is nested too deeply." || problem == "Macros call each other more than 400 levels deep.");

        static string Problem(string template)
        {
            try
            {
                return $"{template[..Math.Min(60, template.Length)]} gave {Render(template).Length} characters";
            }
            catch (JinjaException e)
            {
                return e.Problem;
            }
        }
    }

    [Theory]
    [InlineData("{% for i in range(10) %}{{ stop() if i == 3 }}{{ step() }}{% endfor %}", 4)]
    [InlineData("{% macro m(i) %}{{ step() }}{% endmacro %}{{ m(0) }}{{ stop() }}{{ m(1) }}", 1)]
    public void A_cancelled_token_stops_it(string template, int steps)
    {
        using var cancellation = new CancellationTokenSource();
        var taken = 0;
        var names = Names(
            ("stop", new JinjaFunction("stop", _ =>
            {
                cancellation.Cancel();
                return "";
            })),
            ("step", new JinjaFunction("step", _ => (long)++taken)));

        FluentActions.Invoking(() => Parse(template).Render(names, new JinjaRun(Environment, cancellationToken: cancellation.Token))).Should().Throw<OperationCanceledException>();

        taken.Should().Be(steps);
    }

    [Fact]
    public void One_template_serves_many_threads()
    {
        var template = Parse("{% macro m(x) %}{% for i in range(x) %}{{ i }}{% endfor %}{% endmacro %}{% set y = x * 2 %}{{ m(y) }}|{{ [x, y] }}");

        var texts = Enumerable.Range(0, 500).AsParallel().WithDegreeOfParallelism(4).Select(x => (x, template.Render(Names(("x", (long)(x % 7))), new JinjaRun(Environment)))).ToList();

        texts.Should().OnlyContain(pair => pair.Item2 == $"{string.Concat(Enumerable.Range(0, pair.x % 7 * 2))}|[{pair.x % 7}, {pair.x % 7 * 2}]");
    }

    [Theory]
    [InlineData("{{ 'a'|pprint }}", "1:8: The filter 'pprint' is not supported.")]
    [InlineData("{{ 'a'|urlize }}", "1:8: The filter 'urlize' is not supported.")]
    [InlineData("{{ 'a'.encode() }}", "1:7: 'encode' of 'str' is not supported.")]
    [InlineData("{{ 'a'.translate({}) }}", "1:7: 'translate' of 'str' is not supported.")]
    [InlineData("{{ [2, 1].sort(key='a') }}", "1:15: sort() with a key is not supported.")]
    [InlineData("{{ (1).real }}", "1:7: 'real' of 'int' is not supported.")]
    [InlineData("{{ lipsum() }}", "1:10: 'lipsum' is not supported.")]
    [InlineData("{{ ('<'|e) % 1 }}", "1:12: '%' with text that is marked as HTML is not supported.")]
    [InlineData("{{ ('<'|e).format(1) }}", "1:11: 'format' of text that is marked as HTML is not supported.")]
    [InlineData("{{ 'abc' is sameas('ab' ~ 'c') }}", "1:10: Whether two equal values are the same object is not known here.")]
    [InlineData("{{ (-8) ** 0.5 }}", "1:9: A negative number to a broken power is a complex number, which is not supported.")]
    [InlineData("{{ '\\N{DASH}' }}", "1:5: The escape \\N{…} is not supported.")]
    [InlineData("{{ '{:08,}'.format(1) }}", "1:19: Zeros in front of grouped digits are not supported.")]
    [InlineData("{{ x[3, 1:2] }}", "1:10: A slice among other items is not supported.")]
    [InlineData("{% block a %}{% endblock %}", "1:4: 'block' is not supported: dbt loads no other templates, and neither does this.")]
    [InlineData("{% autoescape true %}{% endautoescape %}", "1:4: 'autoescape' is not supported: dbt loads no other templates, and neither does this.")]
    [InlineData("{% snapshot a %}{% endsnapshot %}", "1:4: There is no tag 'snapshot'.")]
    public void What_is_not_supported_is_named(string template, string expected)
    {
        var error = Error(template);

        string.Create(CultureInfo.InvariantCulture, $"{error.Line}:{error.Column}: {error.Problem}").Should().Be(expected);
    }

    private static JinjaTemplate Parse(string template) => JinjaTemplate.Parse(template, "models/a.sql", Environment);

    private static string Render(string template, params (string Name, object? Value)[] names) => Parse(template).Render(Names(names), new JinjaRun(Environment));

    private static JinjaException Error(string template, params (string Name, object? Value)[] names) =>
        FluentActions.Invoking(() => Render(template, names)).Should().Throw<JinjaException>().Which;

    private static JinjaNames Names(params (string Name, object? Value)[] names) => new(names.ToDictionary(name => name.Name, name => name.Value));

    private sealed class RecordingNames(List<string> asked) : IJinjaNames
    {
        public bool TryResolve(string name, out object? value)
        {
            asked.Add(name);
            value = 1L;
            return true;
        }
    }

    private sealed class Relation(string schema, string name) : JinjaObject
    {
        public override string TypeName => "Relation";

        public override bool TryGetAttribute(string name, out object? value)
        {
            value = name switch
            {
                "schema" => schema,
                "include" => new JinjaFunction("include", arguments => string.Join(',', arguments.Named.Select(argument => $"{argument.Key}={Representation.Print(argument.Value)}"))),
                _ => null,
            };
            return value is not null;
        }

        public override string Print() => $"{schema}.{name}";
    }
}
