using DataPlatform.Dbt.Jinja;
using FluentAssertions.Execution;

namespace DataPlatform.Dbt.Engine;

/// <summary>What templates get from <c>adapter</c>.</summary>
public sealed class AdapterCallTests
{
    /// <summary>Calls one after the other in one macro, and what Python prints of what they give.</summary>
    private static readonly AdapterCase[] Cases =
    [
        new("type", "adapter.type()", "'duckdb'", "'postgres'"),
        new("dispatch", "adapter.dispatch('mine', 'shop')('x')", "'duckdb x'", "'default x'"),
        new("dispatch", "adapter.dispatch('theirs', 'utils')()", "'of the project'"),
        new("quote", "adapter.quote('a \"b\" c')", "'\"a \"\"b\"\" c\"'"),
        new("quote_as_configured", "[adapter.quote_as_configured('A', 'schema'), adapter.quote_as_configured('A', 'identifier'), adapter.quote_as_configured('A', 'none')]", "['\"A\"', 'A', 'A']"),
        new("check_schema_exists", "[adapter.check_schema_exists(target.database, 'made'), adapter.check_schema_exists(target.database, 'main')]", "[False, True]"),
        new("create_schema", "adapter.create_schema(api.Relation.create(database=target.database, schema='made'))", "''"),
        new("create_schema", "adapter.create_schema(api.Relation.create(database=target.database, schema='made'))", "''"),
        new("check_schema_exists", "adapter.check_schema_exists(target.database, 'made')", "True"),
        new("list_schemas", "['made' in adapter.list_schemas(target.database), 'main' in adapter.list_schemas(target.database), 'other' in adapter.list_schemas(target.database)]", "[True, True, False]"),
        new("execute", "adapter.execute('create table made.a (id integer, name varchar(5), amount decimal(9, 2))')[0].code", "'OK'"),
        // DuckDB does not say how many.
        new("execute", "adapter.execute(\"insert into made.a values (1, 'x', 1.50), (2, 'y', null)\")[0].rows_affected", "-1", "2"),
        new("execute", "adapter.execute('create view made.v as select 1 as id, 2 as n') and ''", "''"),
        new("execute", "adapter.execute('select id, name from made.a order by 1', fetch=true)[1].rows | map('list') | list", "[[1, 'x'], [2, 'y']]"),
        new("get_relation", "adapter.get_relation(target.database, 'made', 'none')", "None"),
        new("get_relation", "[adapter.get_relation(target.database, 'made', 'a').type, adapter.get_relation(database=target.database, schema='made', identifier='v').is_view]", "['table', True]"),
        new("load_relation", "[adapter.load_relation(relation('a')).include(database=false) | string, adapter.load_relation(relation('none'))]", "['\"made\".\"a\"', None]"),
        new("list_relations", "adapter.list_relations(target.database, 'made') | map(attribute='identifier') | list", "['a', 'v']"),
        new("get_columns_in_relation", "columns('a')", "['id INTEGER', 'name VARCHAR', 'amount DECIMAL(9,2)']", "['id integer', 'name character varying(5)', 'amount numeric(9,2)']"),
        new("get_missing_columns", "adapter.get_missing_columns(relation('a'), relation('v')) | map(attribute='name') | list", "['name', 'amount']"),
        new("get_column_schema_from_query", "names(adapter.get_column_schema_from_query('select 1 as n, cast(1.5 as decimal(9, 2)) as d, cast(null as varchar(3)) as t, true as b, date \\'2024-01-01\\' as day'))",
            "['n INTEGER', 'd DECIMAL(9,2)', 't VARCHAR', 'b BOOLEAN', 'day DATE']", "['n integer', 'd numeric', 't character varying', 'b boolean', 'day date']"),
        new("execute", "adapter.execute('create table made.wide (id integer, name varchar(50))') and ''", "''"),
        new("expand_target_column_types", "adapter.expand_target_column_types(from_relation=relation('wide'), to_relation=relation('a'))", "''"),
        // DuckDB keeps no sizes of texts.
        new("expand_target_column_types", "columns('a')[1]", "'name VARCHAR'", "'name character varying(50)'"),
        new("rename_relation", "adapter.rename_relation(relation('a'), relation('b'))", "''"),
        new("rename_relation", "adapter.list_relations(target.database, 'made') | map(attribute='identifier') | list", "['b', 'v', 'wide']"),
        new("truncate_relation", "adapter.truncate_relation(relation('b'))", "''"),
        new("truncate_relation", "run_query('select count(*) from made.b').columns[0][0]", "0"),
        new("drop_relation", "[adapter.drop_relation(relation('v')), adapter.drop_relation(relation('b').incorporate(type='table')), adapter.drop_relation(relation('none'))]", "['', '', '']"),
        new("drop_relation", "adapter.list_relations(target.database, 'made') | map(attribute='identifier') | list", "['wide']"),
        new("commit", "adapter.commit()", "''"),
        new("drop_schema", "adapter.drop_schema(api.Relation.create(database=target.database, schema='made'))", "''"),
        new("drop_schema", "[adapter.check_schema_exists(target.database, 'made'), adapter.list_relations(target.database, 'made')]", "[False, []]"),
        new("valid_incremental_strategies", "adapter.valid_incremental_strategies()", "['append', 'delete+insert', 'merge', 'microbatch']"),
        new("get_incremental_strategy_macro", "adapter.get_incremental_strategy_macro(context, 'append').name", "'get_incremental_append_sql'"),
        new("standardize_grants_dict", "adapter.standardize_grants_dict(run_query(\"select 'ann' as grantee, 'select' as privilege_type union all select 'bob', 'select' order by 1\"))", "{'select': ['ann', 'bob']}"),
        new("render_raw_columns_constraints", "adapter.render_raw_columns_constraints(raw_columns={'id': {'name': 'id', 'data_type': 'int', 'constraints': [{'type': 'not_null'}, {'type': 'check', 'expression': 'id > 0'}]}})", "['id int not null check (id > 0)']"),
        new("render_raw_model_constraints", "adapter.render_raw_model_constraints(raw_constraints=[{'type': 'unique', 'columns': ['a', 'b']}, {'type': 'primary_key', 'name': 'k', 'columns': ['a']}])", "['unique (a, b)', 'constraint k primary key (a)']"),
        new("parse_index", "[adapter.parse_index({'columns': ['a', 'b'], 'unique': true}).columns, adapter.parse_index({'columns': ['a']}).unique]", "[['a', 'b'], False]"),
    ];

    /// <summary>The calls that are tested here.</summary>
    public static IEnumerable<string> Calls => Cases.Select(call => call.Name).Distinct();

    [Theory]
    [OnBothWarehouses]
    public async Task Give_what_dbt_says_of_them(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system, "name: shop\nquoting: {identifier: false}\ndispatch: [{macro_namespace: utils, search_order: [shop, utils]}]\n"))
            .Write("dbt_packages/utils/dbt_project.yml", "name: utils\n").Write("dbt_packages/utils/macros/m.sql", "{% macro default__theirs() %}{{ return('of the package') }}{% endmacro %}")
            .Write("macros/m.sql", $$$"""
                {% macro duckdb__mine(v) %}{{ return('duckdb ' ~ v) }}{% endmacro %}
                {% macro default__mine(v) %}{{ return('default ' ~ v) }}{% endmacro %}
                {% macro default__theirs() %}{{ return('of the project') }}{% endmacro %}
                {% macro relation(name) %}{{ return(api.Relation.create(database=target.database, schema='made', identifier=name).quote(identifier=true)) }}{% endmacro %}
                {% macro names(columns) %}{% set names = [] %}{% for c in columns %}{% do names.append(c.name ~ ' ' ~ c.data_type) %}{% endfor %}{{ return(names) }}{% endmacro %}
                {% macro columns(name) %}{{ return(names(adapter.get_columns_in_relation(relation(name)))) }}{% endmacro %}
                {% macro calls() %}
                {% set given = [] %}
                {{{string.Join('\n', Cases.Select(call => $"{{% do given.append({call.Expression}) %}}"))}}}
                {{ return(given) }}
                {% endmacro %}
                """);

        var given = (PythonList)(await (await project.OpenAsync()).RunOperationAsync("calls", new PythonDict(), TestContext.Current.CancellationToken))!;

        using var all = new AssertionScope();
        foreach (var (call, value) in Cases.Zip(given.Items)) Representation.Of(value).Should().Be((system == "postgres" ? call.PostgreSql : null) ?? call.Value, "that is {0}", call.Expression);
    }

    /// <param name="Name">The method of the adapter.</param>
    /// <param name="Expression">The call, in a template.</param>
    /// <param name="Value">What it gives.</param>
    /// <param name="PostgreSql">What it gives on PostgreSQL, where that is something else.</param>
    private sealed record AdapterCase(string Name, string Expression, string Value, string? PostgreSql = null);
}
