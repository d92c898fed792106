using DataPlatform.Dbt.Project;

namespace DataPlatform.Dbt.Engine;

/// <summary>What a project's files mean.</summary>
public sealed class ProjectTests
{
    [Fact]
    public void Names_generic_tests_as_dbt_does()
    {
        // From the recording of a real dbt 1.11.
        var arguments = EngineFixture.Dict(("column_name", "id"), ("values", new Jinja.PythonList([1L, 2L, 3L])));
        var (full, brief) = TestNames.Create("accepted_values", "ok_b", arguments);
        full.Should().Be("accepted_values_ok_b_id__1__2__3");
        brief.Should().Be(full);

        var unique = EngineFixture.Dict(("column_name", "id"), ("model", "{{ get_where_subquery(ref('ok_b')) }}"));
        TestNames.Hash("unique_ok_b_id", null, "unique", unique).Should().Be("4a7a143451");
        arguments["model"] = "{{ get_where_subquery(ref('ok_b')) }}";
        TestNames.Hash(full, null, "accepted_values", arguments).Should().Be("d6230513df");
    }

    [Fact]
    public async Task Configures_by_folder_then_yaml_then_the_model_itself()
    {
        await using var project = new EngineFixture("""
            name: shop
            models:
              shop:
                +materialized: table
                +tags: all
                staging:
                  +schema: staging
                  +tags: ['stg']
            """)
            .Write("models/staging/a.sql", "select 1 as id")
            .Write("models/staging/b.sql", "{{ config(materialized='view', tags=['own']) }} select 1 as id")
            .Write("models/staging/schema.yml", """
                models:
                  - name: a
                    config: {materialized: ephemeral}
                  - name: b
                    config: {materialized: ephemeral, alias: bee}
                """)
            .Write("models/c.sql", "select 1 as id");

        var nodes = (await project.OpenAsync()).Project.Nodes;

        nodes["model.shop.a"].Config.Materialized.Should().Be("ephemeral");
        nodes["model.shop.b"].Config.Materialized.Should().Be("view");
        nodes["model.shop.b"].Alias.Should().Be("bee");
        nodes["model.shop.b"].Tags.Should().Equal("all", "stg", "own");
        nodes["model.shop.b"].Schema.Should().Be("main_staging");
        nodes["model.shop.c"].Config.Materialized.Should().Be("table");
        nodes["model.shop.c"].Schema.Should().Be("main");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task A_project_overrides_where_relations_are(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system))
            .Write("macros/names.sql", """
                {% macro generate_schema_name(custom_schema_name, node) %}{{ custom_schema_name or target.schema }}{% endmacro %}
                {% macro generate_alias_name(custom_alias_name=none, node=none) %}{{ node.resource_type }}_{{ custom_alias_name or node.name }}{% endmacro %}
                {% macro generate_database_name(custom_database_name=none, node=none) %}{{ {'here': target.database}[custom_database_name or 'here'] }}{% endmacro %}
                """)
            .Write("models/a.sql", "{{ config(schema='marts', database='here') }} select 1 as id").Write("models/b.sql", "{{ config(alias='bee') }} select id + 1 as id from {{ ref('a') }}");
        await project.BuildAsync();

        (await project.QueryAsync("select a.id, b.id from marts.model_a a, main.model_bee b")).Should().Equal("1|2");
    }

    [Theory]
    [InlineData("{{ ref('b') }}", "models/a.sql:1: Model 'model.shop.a' (models/a.sql) depends on a node named 'b' which was not found")]
    [InlineData("{{ ref('a') }}", "in a cycle: model.shop.a --> model.shop.a")]
    [InlineData("{{ ref('a', v=2) }}", "depends on a node named 'a' with version '2' which was not found")]
    [InlineData("select {{ source('raw', 'x') }}", "depends on a source named 'raw.x' which was not found")]
    [InlineData("{{ var('x') }}", "models/a.sql:1:7: Required var 'x' not found in config")]
    [InlineData("{{ env_var('X') }}", "models/a.sql:1:11: Env var required but not provided: 'X'")]
    [InlineData("{{ config(materialized='materialized_view') }}", "models/a.sql:1: DuckDB has no materialized views, which the materialization 'materialized_view' makes. | Use the materialization table.")]
    [InlineData("{{ config(contract={'enforced': true}) }}", "models/a.sql:1: The contract of the model is enforced, and its schema file has no columns. | List the columns with their data_type.")]
    [InlineData("{{ config(materialized='incremental', incremental_strategy='insert_overwrite') }}", "does not support the incremental strategy 'insert_overwrite'")]
    [InlineData("{{ exceptions.raise_compiler_error('no ' ~ 1) }}", "models/a.sql:1:35: no 1")]
    [InlineData("{{ dbt.nothing() }}", "models/a.sql:1:15: The built-in dbt engine does not support the macro 'dbt.nothing'.")]
    [InlineData("{{ load_agate_table() }}", "models/a.sql:1:1: The built-in dbt engine does not support 'load_agate_table'.")]
    [InlineData("{{ adapter.get_catalog() }}", "models/a.sql:1:11: The built-in dbt engine does not support 'adapter.get_catalog'.")]
    public async Task Refuses_models_with_the_place_and_the_reason(string code, string expected)
    {
        await using var project = new EngineFixture().Write("models/a.sql", code);

        (await project.FailAsync()).Should().Contain(expected);
    }

    [Theory]
    [InlineData("functions: [{name: f}]", "models/schema.yml:1: the built-in dbt engine does not support 'functions' in schema files. | Install dbt and set the runner to Cli")]
    [InlineData("metrics: [{name: m}]", "models/schema.yml:1: 'type' is missing here.")]
    [InlineData("models:\n  - name: a\n    versions: [{v: 1, defined_in: b}]", "models/schema.yml:3: version 1 of 'a' is in no model 'b'. | Name its file so, or say with defined_in which it is.")]
    [InlineData("models:\n  - name: a\n    versions: [{v: 1, defined_in: a}, {v: 1, defined_in: a}]", "models/schema.yml:3: version 1 of 'a' is in no model 'a'.")]
    [InlineData("models:\n  - name: a\n    data_tests: [nope]", "models/schema.yml:3: there is no test 'nope'.")]
    [InlineData("models:\n  - name: a\n   x: 1", "models/schema.yml:3:")]
    public async Task Refuses_schema_files_with_the_line_and_the_way_out(string yaml, string expected)
    {
        await using var project = new EngineFixture().Write("models/a.sql", "select 1 as id").Write("models/schema.yml", yaml);

        (await project.FailAsync()).Should().Contain(expected);
    }

    [Fact]
    public async Task Refuses_macros_in_the_place_of_what_is_code_here()
    {
        await using var project = new EngineFixture().Write("macros/m.sql", "\n{% macro duckdb__drop_relation(a) %}{% endmacro %}");

        (await project.FailAsync()).Should().StartWith("macros/m.sql:2: the built-in dbt engine does not support another macro 'duckdb__drop_relation' in the place of dbt's.");
    }

    [Fact]
    public async Task Refuses_a_project_for_another_dbt()
    {
        await using var project = new EngineFixture("name: shop\nrequire-dbt-version: ['>=1.3.0', '<1.9.0']\n");

        (await project.FailAsync()).Should().Contain("dbt_project.yml:2: the project requires dbt <1.9.0");
    }

    [Fact]
    public async Task Of_models_of_one_name_one_may_be_enabled()
    {
        await using var project = new EngineFixture("name: shop\nmodels: {shop: {other: {+enabled: \"{{ target.type != 'duckdb' }}\"}}}\n")
            .Write("models/other/a.sql", "select nope from {{ ref('nothing') }}").Write("models/own/a.sql", "select 1 as id").Write("models/spare/a.sql", "{{ config(enabled=false) }} select 3 as id")
            .Write("models/schema.yml", "models: [{name: a, description: The one., columns: [{name: id, data_tests: [unique]}]}]");

        var nodes = (await project.OpenAsync()).Project.Nodes;

        (nodes["model.shop.a"].OriginalPath, nodes["model.shop.a"].Description).Should().Be(("models/own/a.sql", "The one."));
        nodes.Values.Single(node => node.Test is not null).DependsOn.Should().Equal("model.shop.a");
        project.Write("models/spare/a.sql", "select 3 as id");
        (await project.FailAsync()).Should().Be("dbt found two models with the name 'a': models/spare/a.sql:1 and models/own/a.sql:1. | Rename one of them.");
    }

    [Theory]
    [InlineData("duckdb", "select expression from duckdb_constraints() where constraint_type = 'CHECK'", "(id < 2)")]
    [InlineData("postgres", "select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'a'::regclass", "CHECK ((id < 2))")]
    public async Task What_schema_files_say_of_columns_are_templates(string system, string constraints, string expected)
    {
        await using var project = (await EngineFixture.OnAsync(system)).Write("models/a.sql", "{{ config(materialized='table') }} select 1::bigint as id").Write("models/schema.yml", """
            models:
              - name: a
                config: {contract: {enforced: true}}
                columns:
                  - name: id
                    data_type: "{{ 'bigint' if target.type == 'duckdb' else 'int8' }}"
                    meta: {at: "{{ target.name }}"}
                    tags: ["{{ target.type }}"]
                    constraints: [{type: check, expression: "{{ 'id < 2' }}"}]
            """);

        await project.BuildAsync();

        var column = (await project.OpenAsync()).Project.Nodes["model.shop.a"].Columns.Single();
        (column.DataType, column.Meta.Get("at"), column.Tags.Single()).Should().Be((system == "duckdb" ? "bigint" : "int8", "default", system));
        (await project.QueryAsync("select lower(data_type) from information_schema.columns where table_name = 'a'")).Should().Equal("bigint");
        (await project.QueryAsync(constraints)).Should().Equal(expected);
    }

    [Theory]
    [InlineData(">=1.2.0-rc1", true)]
    [InlineData("<1.11.0b2", false)]
    [InlineData("~=1.2", false)]
    public async Task Ranges_of_versions_may_name_previews(string range, bool isMet)
    {
        await using var project = new EngineFixture($"name: shop\nrequire-dbt-version: '{range}'\n");

        if (isMet) (await project.OpenAsync()).Project.Root.Name.Should().Be("shop");
        else (await project.FailAsync()).Should().StartWith("dbt_project.yml:2: ");
    }

    [Theory]
    [InlineData("duckdb", "{{ dbt.dateadd('day', 1, 'd') }}", "date_add(d, interval (1) day)")]
    [InlineData("postgres", "{{ dbt.dateadd('day', 1, 'd') }}", "(d + ((interval '1 day') * (1)))")]
    [InlineData("duckdb", "{{ dbt.datediff('a', 'b', 'month') }}", "date_diff('month', cast(a as timestamp), cast(b as timestamp))")]
    [InlineData("postgres", "{{ dbt.datediff('a', 'b', 'month') }}", "((date_part('year', ((b)::timestamp)) - date_part('year', ((a)::timestamp))) * 12 + date_part('month', ((b)::timestamp)) - date_part('month', ((a)::timestamp)))")]
    [OnBothWarehouses("{{ dbt.concat(['a', 'b']) }}", "a || b")]
    [OnBothWarehouses("{{ dbt.hash('a') }}", "md5(cast(a as TEXT))")]
    [OnBothWarehouses("{{ dbt.safe_cast('a', dbt.type_string()) }}", "cast(a as TEXT)")]
    [InlineData("duckdb", "{{ dbt.type_numeric() }} {{ dbt.type_int() }} {{ type_timestamp() }}", "numeric(28,6) INT TIMESTAMP")]
    [InlineData("postgres", "{{ dbt.type_numeric() }} {{ dbt.type_int() }} {{ type_timestamp() }}", "numeric(28,6) INT timestamp without time zone")]
    [OnBothWarehouses("{{ dbt.listagg('a', \"','\", 'order by b') }}", "string_agg(a, ',' order by b)")]
    [InlineData("duckdb", "{{ dbt.last_day('d', 'month') }}", "cast(date_add(date_add(date_trunc('month', d), interval (1) month), interval (-1) day) as date)")]
    [InlineData("postgres", "{{ dbt.last_day('d', 'month') }}", "cast(((date_trunc('month', d) + ((interval '1 month') * (1))) + ((interval '1 day') * (-1))) as date)")]
    [InlineData("duckdb", "{{ this }} {{ target.type }} {{ execute }}", "\"wh\".\"main\".\"m\" duckdb True")]
    [InlineData("postgres", "{{ this }} {{ target.type }} {{ execute }}", "\"wh\".\"main\".\"m\" postgres True")]
    [OnBothWarehouses("{{ api.Relation.create(schema='s', identifier='t') }} {{ this.include(database=false) }} {{ this.identifier }}", "\"s\".\"t\" \"main\".\"m\" m")]
    [OnBothWarehouses("{% set r = run_query('select 1 as a union all select 2 order by 1') %}{% if execute %}{{ r.columns[0].values() }} {{ r.rows[1]['a'] }}{% endif %}", "(1, 2) 2")]
    [OnBothWarehouses("{{ ref('base') }} {{ source('raw', 'orders') }} {{ ref('base').identifier }} {{ var('v', 'd') }} {{ env_var('V', 'e') }} {{ is_incremental() }}", "\"wh\".\"main\".\"base\" \"wh\".\"raw\".\"orders\" base d e False")]
    [OnBothWarehouses("{{ fromyaml('a: [1, x]')['a'] }} {{ local_md5('a') }} {{ set([1, 2, 2]) }} {{ modules.itertools.product([1, 2], ['a']) | list }}", "[1, 'x'] 0cc175b9c0f1b6a831c399e269772661 {1, 2} [(1, 'a'), (2, 'a')]")]
    [OnBothWarehouses("{% do store_result('r', 'OK') %}{{ load_result('r')['response'] }} {{ render('{{ 1 + 1 }}') }} {{ try_or_compiler_error('no', modules.datetime.date.fromisoformat, '2024-02-29') }}", "OK 2 2024-02-29")]
    [OnBothWarehouses("{{ model.name }} {{ model.config.materialized }} {{ flags.FULL_REFRESH }} {{ flags.WHICH }} {{ invocation_id | length }} {{ dbt_metadata_envs }} {{ graph.nodes['model.shop.m'].name if execute }}", "m view False compile 36 {} m")]
    [OnBothWarehouses("{{ log('x') }}{{ print('x') }}{{ exceptions.warn('x') }}{% macro f() %}{{ return([1]) }}{% endmacro %}{{ f()[0] }} {{ run_started_at.strftime('%Y') | int > 2000 }} {{ modules.pytz.utc }} {{ api.Column('a', 'int').quoted }}", "1 True UTC \"a\"")]
    [InlineData("duckdb", "{% if execute %}{{ run_query('select sum(x), 1.50::decimal(9, 2), null, [1, 2] from (values (1), (2)) t(x)').rows[0].values() | list }}{% endif %}", "[3, Decimal('1.50'), None, [1, 2]]")]
    [InlineData("postgres", "{% if execute %}{{ run_query('select sum(x), 1.50::decimal(9, 2), null, array[1, 2] from (values (1), (2)) t(x)').rows[0].values() | list }}{% endif %}", "[3, Decimal('1.50'), None, [1, 2]]")]
    [OnBothWarehouses("{% call statement('s', fetch_result=true) %}select 7 as x{% endcall %}{% if execute %}{{ load_result('s')['data'][0][0] }}{% endif %}", "7")]
    [OnBothWarehouses("{{ config(a={'b': 2}) }}{{ config.get('a')['b'] if execute }} {{ config.get('z', 'd') }}", "2 d")]
    [OnBothWarehouses("{{ modules.datetime.date(2020, 1, 31).strftime('%Y/%m/%d') }} {{ modules.re.sub('[^a-z]', '', 'A1b2') }}", "2020/01/31 b")]
    [OnBothWarehouses("{{ tojson({'a': 1}) }} {{ fromjson('{\"a\": [1]}')['a'][0] }} {{ zip([1, 2], ['a', 'b']) | list }}", "{\"a\": 1} 1 [(1, 'a'), (2, 'b')]")]
    [OnBothWarehouses("{{ run_query('select 1 as \"A\", 2 as b').rename({'A': 'x'}).column_names if execute }}{{ run_query('select 1 as \"A\"').rename(['A'] | map('lower')).rows[0]['a'] if execute }}", "('x', 'b')1")]
    [InlineData("duckdb", "{{ dbt.nothing or 'none' }} {{ dbt.nothing is defined }} {{ (dbt.nothing or dbt.current_timestamp_backcompat)() }}", "none False current_timestamp::TIMESTAMP")]
    [InlineData("postgres", "{{ dbt.nothing or 'none' }} {{ dbt.nothing is defined }} {{ (dbt.nothing or dbt.current_timestamp_backcompat)() }}", "none False current_timestamp::timestamp without time zone")]
    [OnBothWarehouses("{{ target.type != 'x' | as_bool }} {{ 'true' | as_bool }}", "True True")]
    [OnBothWarehouses("{{ context.get(project_name, {}).get('nothing') }} {{ context['dbt'].get('type_int')() }}", "None INT")]
    [OnBothWarehouses("{{ builtins.ref.config.project_name }} {{ builtins.ref.config.dependencies['shop'].version }} {{ builtins.ref.config.args.which }}", "shop None compile")]
    [OnBothWarehouses("{% set c = run_query(\"select date '2024-02-29' as d\").columns[0] if execute %}{{ c.data_type.jsonify(c[0]) if execute }}", "2024-02-29")]
    public async Task Renders_what_templates_ask_for(string system, string code, string expected)
    {
        await using var project = (await EngineFixture.OnAsync(system)).Write("models/base.sql", "select 1 as id").Write("models/schema.yml", "sources: [{name: raw, tables: [{name: orders}]}]");

        (await project.CompileAsync("m", code)).Should().Be(expected.Replace("\"wh\"", $"\"{project.Database}\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Vars_of_the_command_go_before_those_of_the_project()
    {
        await using var project = new EngineFixture("name: shop\nvars:\n  a: 1\n  shop: {b: 2}\n  c: 3\n");
        project.Options = project.Options with { Vars = EngineFixture.Dict(("c", "cli")) };

        (await project.CompileAsync("m", "{{ var('a') }} {{ var('b') }} {{ var('c') }} {{ var('d', 'none') }}")).Should().Be("1 2 cli none");
    }

    [Fact]
    public async Task Refuses_models_in_Python_that_are_enabled()
    {
        await using var project = new EngineFixture().Write("models/p.py", "def model(dbt, session): return dbt.ref('a')").Write("models/a.sql", "select 1 as id");

        (await project.FailAsync()).Should().StartWith("models/p.py:1: the built-in dbt engine does not support models in Python. | Install dbt and set the runner to Cli");
        project.Write("models/schema.yml", "models: [{name: p, config: {enabled: false}}]");
        (await project.OpenAsync()).Project.Nodes.Keys.Should().Equal("model.shop.a");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Vars_are_templates(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system, "name: shop\nvars: {table: \"{{ ref('base') }}\"}\n")).Write("models/base.sql", "select 1 as id").Write("models/m.sql", "select * from {{ var('table') }}");
        var nodes = (await project.OpenAsync()).Project.Nodes;

        nodes["model.shop.m"].DependsOn.Should().Equal("model.shop.base");
        (await project.CompileAsync("m", "select * from {{ var('table') }}")).Should().Be($"select * from \"{project.Database}\".\"main\".\"base\"");
    }

    [Fact]
    public async Task A_seed_that_is_described_among_models_has_its_tests_only()
    {
        await using var project = new EngineFixture().Write("seeds/s.csv", "id\n1\n")
            .Write("models/schema.yml", "models:\n  - name: s\n    config: {alias: other}\n    columns: [{name: id, data_tests: [unique]}]\n");
        var nodes = (await project.OpenAsync()).Project.Nodes;

        nodes["seed.shop.s"].Alias.Should().Be("s");
        nodes.Values.Single(node => node.Test is not null).DependsOn.Should().Equal("seed.shop.s");
        project.Lines.Should().Contain("warn: models/schema.yml:2: 's' is a seed, and described among models: its configuration there has no effect.");
    }

    [Fact]
    public async Task Takes_the_names_of_folders_from_before_version_1()
    {
        await using var project = new EngineFixture("""
            name: shop
            config-version: 2
            source-paths: ["{{ env_var('FOLDER', 'sql') }}"]
            data-paths: [data]
            analysis-paths: [analysis]
            """)
            .Write("sql/a.sql", "select * from {{ ref('seed') }}").Write("data/seed.csv", "id\n1\n").Write("analysis/look.sql", "select 1");

        (await project.OpenAsync()).Project.Nodes.Keys.Should().Equal("model.shop.a", "analysis.shop.look", "seed.shop.seed");
        project.Write("dbt_project.yml", "name: shop\nmodel-paths: [models]\nsource-paths: [sql]\n");
        (await project.FailAsync()).Should().Be("dbt_project.yml:3: 'source-paths' and 'model-paths' are both here: they are the same. | Keep model-paths.");
    }
}
