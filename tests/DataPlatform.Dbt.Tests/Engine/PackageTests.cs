namespace DataPlatform.Dbt.Engine;

/// <summary>A package of utility macros, as such packages are written: by dispatch, by queries at compile time, and overridable.</summary>
public sealed class PackageTests
{
    private const string Macros = """
        {%- macro surrogate_key(fields) -%}{{ return(adapter.dispatch('surrogate_key', 'utils')(fields)) }}{% endmacro %}
        {%- macro default__surrogate_key(fields) -%}
          {%- set parts = [] -%}
          {%- for field in fields -%}
            {%- do parts.append("coalesce(cast(" ~ field ~ " as " ~ dbt.type_string() ~ "), '" ~ var('null_mark', '_null_') ~ "')") -%}
            {%- if not loop.last %}{%- do parts.append("'-'") -%}{%- endif -%}
          {%- endfor -%}
          {{ dbt.hash(dbt.concat(parts)) }}
        {%- endmacro -%}

        {% macro star(from, except=[]) -%}
          {%- if not execute %}{{ return('*') }}{% endif -%}
          {%- for column in adapter.get_columns_in_relation(from) if column.name not in except -%}
            {{ adapter.quote(column.column) | trim }}{{ ', ' if not loop.last }}
          {%- endfor -%}
        {%- endmacro %}

        {% macro get_column_values(table, column, order_by='count(*) desc', default=none) -%}
          {%- if not execute -%}{{ return('') }}{%- endif -%}
          {%- if load_relation(table) is none -%}{{ return(default) }}{%- endif -%}
          {%- call statement('get_column_values', fetch_result=true) %}
            select {{ column }} as value from {{ table }} group by {{ column }} order by {{ order_by }}
          {%- endcall -%}
          {{ return(load_result('get_column_values')['data'] | map(attribute=0) | list) }}
        {%- endmacro %}

        {% macro pivot(column, values, agg='sum', then_value=1, else_value=0, prefix='') %}
          {% for value in values %}
            {{ agg }}(case when {{ column }} = '{{ dbt.escape_single_quotes(value) }}' then {{ then_value }} else {{ else_value }} end) as {{ adapter.quote(prefix ~ value) }}{% if not loop.last %},{% endif %}
          {% endfor %}
        {% endmacro %}

        {% macro union_relations(relations, source_column_name='_source') -%}
          {%- set superset = {} -%}
          {%- for relation in relations if execute -%}
            {%- for column in adapter.get_columns_in_relation(relation) -%}{%- do superset.update({column.column: column}) -%}{%- endfor -%}
          {%- endfor -%}
          {%- for relation in relations -%}
            {%- set have = adapter.get_columns_in_relation(relation) | map(attribute='column') | list if execute else [] %}
            (select cast({{ dbt.string_literal(relation.identifier) }} as {{ dbt.type_string() }}) as {{ source_column_name }}
              {%- for name, column in superset.items() %}, cast({{ column.quoted if name in have else 'null' }} as {{ column.data_type }}) as {{ column.quoted }}{% endfor %}
            from {{ relation }})
            {% if not loop.last %} union all {% endif %}
          {%- endfor -%}
        {%- endmacro %}

        {%- macro group_by(n) -%} group by {% for i in range(1, n + 1) -%}{{ i }}{{ ',' if not loop.last }}{%- endfor -%}{%- endmacro -%}

        {% macro safe_divide(a, b) -%}{{ return(adapter.dispatch('safe_divide', 'utils')(a, b)) }}{%- endmacro %}
        {% macro default__safe_divide(a, b) %}( {{ a }} ) / nullif( ( {{ b }} ), 0){% endmacro %}

        {%- macro deduplicate(relation, partition_by, order_by) -%}{{ return(adapter.dispatch('deduplicate', 'utils')(relation, partition_by, order_by)) }}{%- endmacro -%}
        {%- macro default__deduplicate(relation, partition_by, order_by) -%}{{ exceptions.raise_not_implemented('no default') }}{%- endmacro -%}
        {%- macro postgres__deduplicate(relation, partition_by, order_by) -%}
          select distinct on ({{ partition_by }}) * from {{ relation }} order by {{ partition_by }}{{ ',' ~ order_by }}
        {%- endmacro -%}
        {%- macro duckdb__deduplicate(relation, partition_by, order_by) -%}
          select * from {{ relation }} qualify row_number() over (partition by {{ partition_by }} order by {{ order_by }}) = 1
        {%- endmacro -%}

        {% macro unpivot(relation, exclude=[], field_name='field_name', value_name='value') -%}
          {%- set columns = namespace(names=[]) -%}
          {%- for column in adapter.get_columns_in_relation(relation) if column.name.lower() not in exclude -%}{%- set columns.names = columns.names + [column.name] -%}{%- endfor -%}
          {%- for name in columns.names %}
            select {% for kept in exclude %}{{ kept }}, {% endfor %}cast('{{ name }}' as {{ dbt.type_string() }}) as {{ field_name }}, cast({{ name }} as {{ dbt.type_string() }}) as {{ value_name }} from {{ relation }}
            {% if not loop.last %} union all {% endif %}
          {%- endfor -%}
        {%- endmacro %}

        {% test at_least_one(model, column_name) %}
          select count(*) as n from {{ model }} having count({{ column_name }}) = 0
        {% endtest %}
        """;

    [Theory]
    [OnBothWarehouses("select {{ utils.surrogate_key(['id', 'kind']) }} as k from {{ ref('facts') }} where id = 1", "fd863b01647cb662580dd67b9839d8de")]
    [OnBothWarehouses("select {{ utils.star(ref('facts'), except=['id']) }} from {{ ref('facts') }} where id = 3", "b|7")]
    [OnBothWarehouses("select {{ utils.get_column_values(ref('facts'), 'kind') | join('+') | tojson | replace('\"', \"'\") }} as v", "a+b")]
    [OnBothWarehouses("select {{ utils.pivot('kind', utils.get_column_values(ref('facts'), 'kind'), then_value='amount') }} from {{ ref('facts') }}", "7|7")]
    [OnBothWarehouses("select _source, count(*) as n, count(more) as more from ({{ utils.union_relations([ref('facts'), ref('others')]) }}) u {{ utils.group_by(1) }} order by 1", "facts|3|0,others|1|1")]
    [OnBothWarehouses("select {{ utils.safe_divide(6, 0) }} as a, {{ utils.safe_divide(6, 2) }} as b", "null|3")]
    [OnBothWarehouses("select id from ({{ utils.deduplicate(ref('facts'), 'kind', 'id desc') }}) d order by 1", "2,3")]
    [OnBothWarehouses("select * from ({{ utils.unpivot(ref('facts'), exclude=['id'], value_name='v') }}) u where id = 3 order by field_name", "3|amount|7,3|kind|b")]
    [OnBothWarehouses("select count(*), min(date_day)::date as first, max(date_day)::date as last from ({{ dbt.date_spine('day', \"date '2020-01-30'\", \"date '2020-02-02'\") }}) d where date_day < date '2020-02-02'", "3|2020-01-30|2020-02-01")]
    public async Task Runs_macros_of_a_package(string system, string sql, string expected)
    {
        await using var project = await ProjectAsync(system);
        project.Write("models/m.sql", sql);
        await project.BuildAsync();

        string.Join(',', await project.QueryAsync("select * from main.m")).Should().Be(expected);
    }

    [Theory]
    [OnBothWarehouses]
    public async Task The_project_overrides_what_a_package_dispatches(string system)
    {
        await using var project = await ProjectAsync(system, "dispatch:\n  - macro_namespace: utils\n    search_order: [shop, utils]\n");
        project.Write("macros/mine.sql", $$$"""{% macro {{{system}}}__safe_divide(a, b) %}try_divide({{ a }}, {{ b }}){% endmacro %}""");

        (await project.CompileAsync("m", "{{ utils.safe_divide(1, 2) }}")).Should().Be("try_divide(1, 2)");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Vars_of_a_package_and_its_models_are_set_by_the_project(string system)
    {
        await using var project = await ProjectAsync(system, "vars:\n  utils: {null_mark: 'x'}\nmodels:\n  utils: {+schema: util, +materialized: table}\n");
        project.Write("packages/utils/models/inner.sql", "{{ config(materialized='view') }}select '{{ var('null_mark') }}' as mark");
        await project.BuildAsync();

        (await project.QueryAsync("select mark from main_util.inner")).Should().Equal("x");
        (await project.QueryAsync("select table_type from information_schema.tables where table_name = 'inner'")).Should().Equal("BASE TABLE");
    }

    [Theory]
    [InlineData("packages.yml")]
    [InlineData("dependencies.yml")]
    public async Task Are_those_that_the_project_names_and_those_that_are_installed(string file)
    {
        await using var project = new EngineFixture().Write(file, "packages: [{local: packages/near}]").Write("packages/near/dbt_project.yml", "name: near\n").Write("packages/near/models/a.sql", "select 1 as id")
            .Write("dbt_packages/installed/dbt_project.yml", "name: installed\n").Write("dbt_packages/installed/models/b.sql", "select 1 as id");

        (await project.OpenAsync()).Project.Nodes.Keys.Should().BeEquivalentTo("model.near.a", "model.installed.b");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Says_what_was_looked_for_when_nothing_is_dispatched_to(string system)
    {
        await using var project = await ProjectAsync(system);
        project.Write("models/m.sql", "{{ adapter.dispatch('nope', 'utils')() }}");

        (await project.FailAsync()).Should().Contain(
            $"No macro named 'nope' found within namespace: 'utils'. Searched for: 'shop.{system}__nope', 'shop.default__nope', 'utils.{system}__nope', 'utils.default__nope'");
    }

    private static async Task<EngineFixture> ProjectAsync(string system, string more = "") => (await EngineFixture.OnAsync(system, $"name: shop\n{more}"))
        .Write("packages.yml", "packages:\n  - local: packages/utils\n")
        .Write("packages/utils/dbt_project.yml", "name: utils\nversion: 1.0.0\nrequire-dbt-version: ['>=1.3.0', '<2.0.0']\nconfig-version: 2\nmacro-paths: [macros]\n")
        .Write("packages/utils/macros/utils.sql", Macros)
        .Write("seeds/facts.csv", "id,kind,amount\n1,a,3\n2,a,4\n3,b,7\n")
        .Write("seeds/others.csv", "id,more\n9,x\n")
        .Write("models/schema.yml", "seeds:\n  - name: facts\n    columns:\n      - name: id\n        data_tests: [utils.at_least_one]\n");
}
