using DataPlatform.Dbt.Run;

namespace DataPlatform.Dbt.Engine;

/// <summary>What a project or a package puts in the place of dbt's SQL: materializations, strategies and macros of its own.</summary>
public sealed class MaterializationTests
{
    /// <summary>A materialization that adds what a query gives for one day after another, as packages for large tables do.</summary>
    private const string ByDay = """
        {% materialization by_day, default %}
          {%- set days = config.require('days') -%}
          {%- set existing = load_cached_relation(this) -%}
          {%- set target_relation = this.incorporate(type='table') -%}
          {{ run_hooks(pre_hooks, inside_transaction=False) }}
          {{ run_hooks(pre_hooks, inside_transaction=True) }}
          {%- if existing is none or should_full_refresh() -%}
            {%- do drop_relation_if_exists(existing) -%}
            {%- call statement('main') -%}{{ create_table_as(False, target_relation, sql | replace('__DAY__', '0')) }}{%- endcall -%}
          {%- endif -%}
          {%- for day in days -%}
            {%- set temporary = make_temp_relation(target_relation) -%}
            {%- call statement() -%}{{ create_table_as(True, temporary, sql | replace('__DAY__', day | string)) }}{%- endcall -%}
            {%- do adapter.expand_target_column_types(from_relation=temporary, to_relation=target_relation) -%}
            {%- set columns = adapter.get_columns_in_relation(target_relation) | map(attribute='quoted') | join(', ') -%}
            {%- call statement('main', fetch_result=False) -%}
              insert into {{ target_relation }} ({{ columns }}) (select {{ columns }} from {{ temporary }});
            {%- endcall -%}
            {%- do log('wrote ' ~ load_result('main')['response']['rows_affected'], info=true) -%}
            {%- do adapter.drop_relation(temporary) -%}
          {%- endfor -%}
          {{ run_hooks(post_hooks, inside_transaction=True) }}
          {%- call noop_statement('main', 'ADD ' ~ days | length, rows_affected=4) -%} -- nothing {%- endcall -%}
          {%- call statement() -%} commit; {%- endcall -%}
          {{ run_hooks(post_hooks, inside_transaction=False) }}
          {{ return({'relations': [target_relation]}) }}
        {% endmaterialization %}
        """;

    [Theory]
    [OnBothWarehouses]
    public async Task A_package_brings_a_materialization(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system))
            .Write("dbt_packages/days/dbt_project.yml", "name: days\n")
            .Write("dbt_packages/days/macros/by_day.sql", ByDay)
            .Write("models/m.sql", """
                {{ config(materialized='by_day', days=[3, 5], pre_hook="create table hooks as select 'pre' as hook", post_hook=["insert into hooks values ('post')", after_commit("insert into hooks values ('after')")]) }}
                select __DAY__ as day union all select __DAY__ + 1
                """)
            .Write("models/reader.sql", "{{ config(materialized='table') }} select count(*) as n from {{ ref('m') }}");

        var result = (await project.RunAsync()).Results.Single(result => result.Node.Name == "m");

        result.Message.Should().Be("ADD 2");
        result.Rows.Should().Be(4);
        project.Lines.Where(line => line.Contains("wrote", StringComparison.Ordinal)).Should().Equal("info: wrote 2", "info: wrote 2");
        (await project.QueryAsync("select day from m order by 1")).Should().Equal("0", "1", "3", "4", "5", "6");
        (await project.QueryAsync("select hook from hooks")).Should().Equal("pre", "post", "after");
        (await project.QueryAsync("select n from reader")).Should().Equal("6");
    }

    [Theory]
    [InlineData("duckdb", "adapter='duckdb'")]
    [InlineData("postgres", "adapter='postgres'")]
    [InlineData("postgres", "default")]
    public async Task A_project_puts_its_own_in_the_place_of_one_of_dbt(string system, string settings)
    {
        await using var project = (await EngineFixture.OnAsync(system))
            .Write("macros/table.sql", $$$"""
                {% materialization table, {{{settings}}}, supported_languages=['sql'] %}
                  {% call statement('main') %}create table {{ this }} as (select 'own' as made, t.* from ({{ sql }}) t){% endcall %}
                  {{ return({'relations': [this]}) }}
                {% endmaterialization %}
                """)
            .Write("models/m.sql", "{{ config(materialized='table') }} select 1 as id");
        await project.BuildAsync();

        (await project.QueryAsync("select made, id from m")).Should().Equal("own|1");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task A_package_does_not_take_the_place_of_one_of_dbt(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system))
            .Write("dbt_packages/days/dbt_project.yml", "name: days\n")
            .Write("dbt_packages/days/macros/view.sql", "{% materialization view, default %}{{ exceptions.raise_compiler_error('not me') }}{% endmaterialization %}")
            .Write("models/m.sql", "select 1 as id");
        await project.BuildAsync();

        (await project.QueryAsync("select table_type from information_schema.tables where table_name = 'm'")).Should().Equal("VIEW");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task A_project_puts_its_own_around_that_of_tests(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system))
            .Write("macros/test.sql", """
                {% materialization test, default %}
                  {% set made = dbt.materialization_test_default() %}
                  {% do log(model.name ~ ' found ' ~ load_result('main')['table'].rows[0]['failures'] ~ ' in ' ~ made.relations | length, info=true) %}
                  {% do return(made) %}
                {% endmaterialization %}
                """)
            .Write("tests/kept.sql", "{{ config(store_failures=true, severity='warn', limit=2) }} select 1 as id union all select 2 union all select 3")
            .Write("tests/none.sql", "select 1 as id where false");

        var results = (await project.RunAsync()).Results.ToDictionary(result => result.Node.Name);

        (results["kept"].Status, results["kept"].Failures, results["none"].Status).Should().Be(("warn", 2, "pass"));
        project.Lines.Should().Contain("info: kept found 2 in 1").And.Contain("info: none found 0 in 0");
        (await project.QueryAsync("select count(*) from main_dbt_test__audit.kept")).Should().Equal("2");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Says_what_a_materialization_is_to_return(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system))
            .Write("macros/m.sql", "{% materialization quiet, default %}{% call statement('main') %}select 1{% endcall %}{% endmaterialization %}")
            .Write("models/m.sql", "{{ config(materialized='quiet') }} select 1 as id");

        (await project.RunAsync()).Results.Single().Message.Should().Contain("The materialization ('quiet') did not explicitly return a list of relations").And.Contain("return({'relations'");
    }

    [Fact]
    public async Task Refuses_materializations_in_the_place_of_what_is_code_here()
    {
        await using var project = new EngineFixture().Write("macros/m.sql", "\n{% materialization snapshot, default %}{% endmaterialization %}");

        (await project.FailAsync()).Should().StartWith("macros/m.sql:2: the built-in dbt engine does not support another materialization 'snapshot' in the place of dbt's.");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task A_project_brings_an_incremental_strategy(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system))
            .Write("macros/strategy.sql", """
                {% macro get_incremental_insert_new_sql(arg_dict) %}
                  {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
                  insert into {{ arg_dict['target_relation'] }} ({{ columns }})
                  select {{ columns }} from {{ arg_dict['temp_relation'] }} s
                  where not exists (select 1 from {{ arg_dict['target_relation'] }} t where t.{{ arg_dict['unique_key'] }} = s.{{ arg_dict['unique_key'] }} {% for p in arg_dict['incremental_predicates'] %} and {{ p }}{% endfor %})
                {% endmacro %}
                """)
            .Write("models/m.sql", """
                {{ config(materialized='incremental', incremental_strategy='insert_new', unique_key='id', incremental_predicates=['t.id > 0']) }}
                {% if is_incremental() %}select 1 as id, 'new' as v union all select 2, 'new'{% else %}select 1 as id, 'old' as v{% endif %}
                """);
        await project.BuildAsync();
        await project.BuildAsync();

        (await project.QueryAsync("select id, v from m order by 1")).Should().Equal("1|old", "2|new");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Says_which_macro_a_strategy_is_to_be(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system)).Write("models/m.sql", "{{ config(materialized='incremental', incremental_strategy='mine') }} select 1 as id");
        await project.BuildAsync();

        (await project.RunAsync()).Results.Single().Message.Should().Contain("There is no incremental strategy 'mine' here").And.Contain("\"get_incremental_mine_sql\" in shop");
    }

    [Theory]
    [OnBothWarehouses("", "{% macro default__create_view_as(relation, sql) %}create view {{ relation }} as (select 'own' as made, v.* from ({{ sql }}) v){% endmacro %}")]
    [InlineData("duckdb", "", "{% macro duckdb__create_view_as(relation, sql) %}create view {{ relation }} as (select 'own' as made, v.* from ({{ sql }}) v){% endmacro %}")]
    [InlineData("postgres", "", "{% macro postgres__create_view_as(relation, sql) %}create view {{ relation }} as (select 'own' as made, v.* from ({{ sql }}) v){% endmacro %}")]
    [OnBothWarehouses("{{ config(materialized='table') }}", "{% macro default__create_table_as(temporary, relation, sql) %}create table {{ relation }} as (select 'own' as made, v.* from ({{ sql }}) v){% endmacro %}")]
    [OnBothWarehouses("", "{% macro get_create_view_as_sql(relation, sql) %}create view {{ relation }} as (select 'own' as made, v.* from ({{ sql }}) v); comment on view {{ relation }} is 'of; two statements'{% endmacro %}")]
    public async Task A_project_overrides_the_SQL_of_dbt(string system, string config, string macro)
    {
        await using var project = (await EngineFixture.OnAsync(system)).Write("macros/m.sql", macro).Write("models/m.sql", config + "select 1 as id");
        await project.BuildAsync();

        (await project.QueryAsync("select made, id from m")).Should().Equal("own|1");
    }

    [Theory]
    [OnBothWarehouses("append", "get_incremental_append_sql(arg_dict)", "arg_dict.target_relation")]
    [OnBothWarehouses("append", "default__get_incremental_append_sql(arg_dict)", "arg_dict.target_relation")]
    [OnBothWarehouses("delete+insert", "default__get_incremental_delete_insert_sql(arg_dict)", "arg_dict.target_relation")]
    [OnBothWarehouses("delete+insert", "default__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none)", "target")]
    [OnBothWarehouses("merge", "default__get_incremental_merge_sql(arg_dict)", "arg_dict.target_relation")]
    [OnBothWarehouses("merge", "default__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none)", "target")]
    [OnBothWarehouses("", "default__get_incremental_default_sql(arg_dict)", "arg_dict.target_relation")]
    public async Task A_project_overrides_the_SQL_of_increments(string system, string strategy, string macro, string target)
    {
        await using var project = (await EngineFixture.OnAsync(system)).Write("macros/m.sql", $$$"""{% macro {{{macro}}} %}insert into {{ {{{target}}} }} values (9, 'own'){% endmacro %}""")
            .Write("models/m.sql", $$$"""{{ config(materialized='incremental', unique_key='id', incremental_strategy='{{{strategy}}}' or none) }}select 1 as id, '{{ 'new' if is_incremental() else 'old' }}' as v""");
        await project.BuildAsync();
        await project.BuildAsync();

        (await project.QueryAsync("select id, v from m order by 1")).Should().Equal("1|old", "9|own");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task A_project_overrides_how_columns_change_and_tests_count(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system))
            .Write("macros/m.sql", $$$"""
                {% macro default__process_schema_changes(on_schema_change, source_relation, target_relation) %}
                  {% do log('process ' ~ on_schema_change, info=true) %}
                  {{ return(dbt.default__process_schema_changes(on_schema_change, source_relation, target_relation)) }}
                {% endmacro %}
                {% macro {{{system}}}__alter_column_type(relation, column_name, new_column_type) %}
                  {% do log('alter ' ~ column_name ~ ' ' ~ new_column_type | lower, info=true) %}
                  {% do run_query('alter table ' ~ relation ~ ' alter column ' ~ column_name ~ ' type ' ~ new_column_type) %}
                {% endmacro %}
                {% macro default__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) %}select 7 as failures, true as should_warn, false as should_error from ({{ main_sql }}) t{% endmacro %}
                """)
            .Write("models/m.sql", "{{ config(materialized='incremental', on_schema_change='sync_all_columns') }}select cast({{ 2 if is_incremental() else 1 }} as {{ 'bigint' if is_incremental() else 'integer' }}) as id")
            .Write("tests/t.sql", "select 1 as id");
        await project.RunAsync();

        var test = (await project.RunAsync()).Results.Single(result => result.Node.Name == "t");

        (test.Status, test.Failures).Should().Be(("warn", 7));
        project.Lines.Should().Contain("info: process sync_all_columns").And.Contain("info: alter id bigint");
        (await project.QueryAsync("select id from m order by 1")).Should().Equal("1", "2");
        (await project.QueryAsync("select lower(data_type) from information_schema.columns where table_name = 'm'")).Should().Equal("bigint");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task A_package_overrides_the_SQL_of_dbt_where_the_project_lets_it(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system, "name: shop\ndispatch:\n  - macro_namespace: dbt\n    search_order: [views, dbt]\n"))
            .Write("dbt_packages/views/dbt_project.yml", "name: views\n")
            .Write("dbt_packages/views/macros/m.sql", "{% macro default__create_view_as(relation, sql) %}create view {{ relation }} as (select 'package' as made, v.* from ({{ sql }}) v){% endmacro %}")
            .Write("models/m.sql", "select 1 as id");
        await project.BuildAsync();

        (await project.QueryAsync("select made, id from m")).Should().Equal("package|1");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Macros_call_the_SQL_of_dbt(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system))
            .Write("macros/m.sql", """
                {% macro copy(name) %}
                  {%- set source = api.Relation.create(database=target.database, schema=target.schema, identifier='source') -%}
                  {%- set copy = get_or_create_relation(target.database, target.schema, name, 'table') -%}
                  {%- do run_query(get_create_table_as_sql(false, copy[1], 'select * from ' ~ source)) -%}
                  {%- do alter_relation_add_remove_columns(copy[1], [api.Column('more', 'integer')], [api.Column('b', 'integer')]) -%}
                  {%- do alter_column_type(copy[1], 'a', 'bigint') -%}
                  {%- set changes = check_for_schema_changes(source, copy[1]) -%}
                  {%- do run_query(get_delete_insert_merge_sql(copy[1], 'fresh', 'a', adapter.get_columns_in_relation(copy[1]))) -%}
                  {%- do rename_relation(copy[1], make_backup_relation(copy[1], 'table')) -%}
                  {{ return([copy[0], changes.source_not_in_target | map(attribute='name') | list, changes.target_not_in_source | map(attribute='name') | list,
                    changes.new_target_types | map(attribute='column_name') | list, get_columns_in_query('select 1 as x, 2 as y'), load_relation(copy[1]) is none,
                    dates_in_range('20240228', '20240301'), adapter.get_incremental_strategy_macro(context, 'delete+insert').name,
                    context['target'].name, try_or_compiler_error('no', modules.datetime.date.fromisoformat, '2024-01-01') | string]) }}
                {% endmacro %}
                """);
        await project.ExecuteAsync("create table source as select 1 as a, 2 as b");
        await project.ExecuteAsync("create table fresh as select 1 as a, 7 as more");

        var returned = await (await project.OpenAsync()).RunOperationAsync("copy", EngineFixture.Dict(("name", "copied")), TestContext.Current.CancellationToken);

        Jinja.Representation.Of(returned).Should().Be(
            "[False, ['b'], ['more'], ['a'], ['x', 'y'], True, ['20240228', '20240229', '20240301'], 'get_incremental_delete_insert_sql', 'default', '2024-01-01']");
        (await project.QueryAsync("select a, more from copied__dbt_backup")).Should().Equal("1|7");
    }

    [Theory]
    [InlineData("select 1; select 2;\n", "select 1|select 2")]
    [InlineData("select ';' as \"a;b\" -- one; two\n; /* ; */ select 2", "select ';' as \"a;b\" -- one; two|/* ; */ select 2")]
    [InlineData("do $x$ begin; end $x$; select a$1; select $$;$$", "do $x$ begin; end $x$|select a$1|select $$;$$")]
    [InlineData("select 'open; ", "select 'open;")]
    public void Splits_statements(string sql, string expected) => string.Join('|', SqlStatements.Split(sql).Select(statement => statement.Trim())).Should().Be(expected);
}
