using DataPlatform.Dbt.Context;

namespace DataPlatform.Dbt.Engine;

/// <summary>What the functions and values of dbt's context give.</summary>
public sealed class ContextTests
{
    private static readonly (string Template, string Expected)[] Cases =
    [
        ("{{ toyaml({'b': [1, 'two', none], 'a': {'x': 1.5}}) }}",
            "b:\n- 1\n- two\n- null\na:\n  x: 1.5"),
        ("{{ toyaml({'b': 1, 'a': 2}, sort_keys=true) }}",
            "a: 2\nb: 1"),
        ("{{ toyaml({'a': this}, 'no YAML') }}|{{ toyaml({'a': this}) }}",
            "no YAML|None"),
        ("{{ fromyaml(toyaml({'a': [true, '007']})) }}",
            "{'a': [True, '007']}"),
        ("{{ fromyaml('{a: [', 'no YAML') }} {{ fromjson('{', {'b': 1}).b }} {{ tojson(this, 'no JSON') }}",
            "no YAML 1 no JSON"),
        ("{{ fromjson('[12345678901234567890]')[0] + 1 }}",
            "12345678901234567891"),
        ("{{ set([1, 1]) }} {{ set(5, 'no set') }} {{ set_strict([2]) }} {{ zip([1, 2], ['a']) | list }} {{ zip([1], 5, default='no zip') }} {{ zip_strict([1], [2]) | list }}",
            "{1} no set {2} [(1, 'a')] no zip [(1, 2)]"),
        ("{{ diff_of_two_dicts({'key_x': ['value_1', 'VALUE_2'], 'KEY_Y': ['value_3']}, {'Key_X': ['VALUE_1'], 'z': []}) }}",
            "{'key_x': ['VALUE_2'], 'KEY_Y': ['value_3']}"),
        ("{{ env.name }} {{ column('n', 'text').name }} {{ thread_id }} {{ 'model.shop.m1' in selected_resources }}",
            "default n Thread-1 (worker) True"),
        ("{{ flags.WHICH }} {{ flags.FULL_REFRESH }} {{ flags.get('NONE') }} {{ flags.SELECT }} {{ invocation_args_dict.which }} {{ invocation_args_dict.select }} {{ invocation_args_dict.vars }}",
            "compile False None [] compile [] {}"),
        ("{% macro keep(word) %}{% do context.update({'kept': context.get('kept', []) + [word]}, other=1) %}{% endmacro %}{{ keep('a') }}{{ keep('b') }}{{ context['kept'] }} {{ context.setdefault('other', 2) }} {{ context.setdefault('third', 3) }}",
            "['a', 'b'] 1 3"),
        ("{{ dbt_metadata_envs }} {{ dbt_metadata_envs.get('NONE', 'none') }}",
            "{'TEAM': 'sales'} none"),
        ("{{ 'ref' in context }} {{ 'nothing' in context }} {{ 'materialization_test_default' in context }}",
            "True False True"),
        ("{% if execute %}{% set rows = run_query('select 1 as n, 2 as m union all select 3, 4 order by 1') %}{{ rows[0][1] }} {{ rows[-1].n }} {{ rows[2] is undefined }}{% endif %}",
            "2 3 True"),
        ("{{ target.type in ['oracle', 'spark'] | as_bool }} {{ 'ark' in ['spark'] | as_bool }} {{ 'True' | as_bool }}",
            "False True True"),
        ("{{ modules.re.subn('a', 'b', 'aaa', 2) }} {{ modules.re.compile('a').subn('b', 'aaa') }}",
            "('bba', 2) ('bbb', 3)"),
        ("{{ modules.itertools.combinations([1, 2, 3], 2) | list }} {{ modules.itertools.permutations('ab') | list }}",
            "[(1, 2), (1, 3), (2, 3)] [('a', 'b'), ('b', 'a')]"),
        ("{{ modules.itertools.product([0, 1], repeat=2) | list }} {{ modules.itertools.zip_longest([1, 2], [3], fillvalue=0) | list }}",
            "[(0, 0), (0, 1), (1, 0), (1, 1)] [(1, 3), (2, 0)]"),
        ("{{ modules.itertools.islice(modules.itertools.count(5), 2, 7, 2) | list }} {{ modules.itertools.accumulate([1, 2, 3]) | list }} {{ modules.itertools.compress('abc', [1, 0, 1]) | list }}",
            "[7, 9, 11] [1, 3, 6] ['a', 'c']"),
    ];

    /// <summary>All that is rendered.</summary>
    public static IEnumerable<string> Templates => Cases.Select(item => item.Template);

    [Theory]
    [OnBothWarehouses]
    public async Task Gives_what_dbt_gives(string system)
    {
        await using var project = await EngineFixture.OnAsync(system);
        project.Options = project.Options with { Metadata = new([new("TEAM", "sales")]) };
        foreach (var (number, (template, _)) in Cases.Index()) project.Write($"models/m{number}.sql", template);

        var results = (await project.RunAsync(DbtCommand.Compile)).Results.ToDictionary(result => result.Node.Name, result => (result.CompiledCode ?? result.Message)!.Trim());
        results.Should().BeEquivalentTo(Cases.Index().ToDictionary(item => $"m{item.Index}", item => item.Item.Expected));
    }

    [Theory]
    [OnBothWarehouses]
    public async Task While_the_project_is_read_all_configuration_is_an_empty_text(string system)
    {
        await using var project = await EngineFixture.OnAsync(system, "name: shop\nmodels: {shop: {+word: hello}}\n");
        project.Write("models/m.sql", "{{ config(alias='m' ~ config.get('word', 'none') ~ (config.require('word') == '') ~ config.persist_relation_docs(), persist_docs={'relation': true}) }} select '{{ config.get('word') }}' as word");
        await project.BuildAsync();

        (await project.QueryAsync("select word from \"mTrueFalse\"")).Should().Equal("hello");
    }

    [Theory]
    [InlineData("zip_strict([1], 5)", "'int' object is not iterable")]
    [InlineData("set_strict(5)", "'int' object is not iterable")]
    [InlineData("diff_of_two_dicts([1], {})", "diff_of_two_dicts() takes dicts of lists of texts, not [1].")]
    [InlineData("env_var('DBT_ENV_SECRET_TOKEN')", "Secret env vars are allowed only in profiles.yml or packages.yml. Found 'DBT_ENV_SECRET_TOKEN' referenced elsewhere.")]
    [InlineData("exceptions.missing_materialization(model, 'x')", "No materialization 'view' was found for adapter x! (searched types 'default' and 'duckdb')")]
    [InlineData("exceptions.column_type_missing(['a', 'b'])", "within the YAML configuration for the ['a', 'b'] column(s).")]
    public async Task Fails_with_the_reason(string expression, string reason)
    {
        await using var project = new EngineFixture();
        project.Options = project.Options with { Environment = _ => "hidden" };

        (await project.CompileAsync("m", $"{{{{ {expression} if execute }}}}")).Should().Contain(reason).And.NotContain("hidden");
    }

    // The expected texts are PyYAML's.
    [Theory]
    [InlineData("'text'", "text\n...\n")]
    [InlineData("'123'", "'123'\n")]
    [InlineData("''", "''\n")]
    [InlineData("[]", "[]\n")]
    [InlineData("{'a': {}, 'b': [[1, [2]], {'c': 3, 'd': []}]}", "a: {}\nb:\n- - 1\n  - - 2\n- c: 3\n  d: []\n")]
    [InlineData("['true', 'No', '~', '1.5', '1e3', '0x1F', '2024-01-01', '=', '- a', 'a: b', 'a #b', 'a:b']", "- 'true'\n- 'No'\n- '~'\n- '1.5'\n- 1e3\n- '0x1F'\n- '2024-01-01'\n- '='\n- '- a'\n- 'a: b'\n- 'a #b'\n- a:b\n")]
    [InlineData("[\"it's\", '#no', ' lead', 'a\\tb', 'é', 'one\\ntwo']", "- it's\n- '#no'\n- ' lead'\n- \"a\\tb\"\n- \"\\xE9\"\n- 'one\n\n  two'\n")]
    [InlineData("[1.0, 1e20, 100000000000000000000, true, none]", "- 1.0\n- 1.0e+20\n- 100000000000000000000\n- true\n- null\n")]
    [InlineData("{'k': 'word ' * 20}", "k: 'word word word word word word word word word word word word word word word word\n  word word word word '\n")]
    [InlineData("{'': 1, (1, 2): 3}", "? ''\n: 1\n? - 1\n  - 2\n: 3\n")]
    [InlineData("twice {'a': {'n': 1}}", "- &id001\n  a:\n    n: 1\n- *id001\n")]
    [InlineData("set(['b'])", "!!set\nb: null\n")]
    [InlineData("modules.datetime.datetime(2024, 1, 2, 3)", "2024-01-02 03:00:00\n...\n")]
    public void Writes_YAML_as_PyYAML_does(string expression, string expected)
    {
        var template = expression.StartsWith("twice ", StringComparison.Ordinal) ? $"{{% set item = {expression[6..]} %}}{{{{ toyaml([item, item]) }}}}" : $"{{{{ toyaml({expression}) }}}}";
        var state = new EngineState(new DbtOptions { ProjectFolder = "" }, "duckdb", Task.FromResult(new DatabasePlace("", "", "")), static (_, _) => { });

        new NodeContext(state, "").Render(template, "test").Should().Be(expected);
    }
}
