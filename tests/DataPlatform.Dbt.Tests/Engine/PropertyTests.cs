using System.Text.Json;

namespace DataPlatform.Dbt.Engine;

/// <summary>What relations have besides their rows: contracts, comments, grants, indexes.</summary>
public sealed class PropertyTests
{
    private const string Contract = """
        models:
          - name: parent
            config: {materialized: table, contract: {enforced: true}}
            columns:
              - {name: id, data_type: integer, constraints: [{type: primary_key}]}
              - {name: Label, data_type: varchar, quote: true}
          - name: child
            config: {materialized: incremental, on_schema_change: fail, contract: {enforced: true}}
            constraints:
              - {type: unique, columns: [id, amount]}
              - {type: check, name: positive, expression: amount > 0}
              - {type: foreign_key, columns: [parent_id], to: ref('parent'), to_columns: [id]}
            columns:
              - {name: amount, data_type: integer}
              - {name: id, data_type: integer, constraints: [{type: not_null}]}
              - {name: parent_id, data_type: integer}
          - name: shown
            config: {materialized: view, contract: {enforced: true}}
            columns: [{name: id, data_type: integer}]
        """;

    [Theory]
    [OnBothWarehouses]
    public async Task Contracts_make_the_columns_and_constraints(string system)
    {
        await using var project = await EngineFixture.OnAsync(system);
        project.Options = project.Options with { Schema = "dbt" };
        project.Write("models/schema.yml", Contract).Write("models/parent.sql", "select cast('a' as varchar) as \"Label\", 1 as id")
            .Write("models/child.sql", "select {{ var('id', 1) }} as id, 1 as parent_id, {{ var('amount', 5) }} as amount").Write("models/shown.sql", "select id from {{ ref('child') }}");
        await project.BuildAsync();

        (await project.OpenAsync()).Project.Nodes["model.shop.child"].DependsOn.Should().Equal("model.shop.parent");
        (await project.QueryAsync("select column_name, is_nullable from information_schema.columns where table_schema = 'dbt' and table_name in ('parent', 'child') order by table_name, ordinal_position"))
            .Should().Equal("amount|YES", "id|NO", "parent_id|YES", "id|NO", "Label|YES");
        project.Options = project.Options with { Vars = EngineFixture.Dict(("id", "cast(null as integer)")), Select = ["child"] };
        (await project.RunAsync()).Results.Single().Message.Should().ContainAny("NOT NULL constraint failed", "violates not-null constraint");
        project.Options = project.Options with { Vars = EngineFixture.Dict(("amount", 0L), ("id", 2L)), FullRefresh = true };
        (await project.RunAsync()).Results.Single().Message.Should().ContainAny("CHECK constraint failed", "violates check constraint \"positive\"");
        (await project.QueryAsync("select id, amount from dbt.child")).Should().Equal("1|5");
        using var manifest = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(project.Target, "manifest.json")));
        manifest.RootElement.GetProperty("nodes").GetProperty("model.shop.child").GetProperty("contract").GetProperty("enforced").GetBoolean().Should().BeTrue();
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Constraints_can_be_SQL_of_ones_own(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system)).Write("models/m.sql", "{{ config(materialized='table') }}select 1 as id, 2 as n")
            .Write("models/schema.yml", """
                models:
                  - name: m
                    config: {contract: {enforced: true}}
                    constraints: [{type: custom, expression: "check (id < n)"}]
                    columns: [{name: id, data_type: integer}, {name: n, data_type: integer, constraints: [{type: custom, expression: default 7}]}]
                """);
        await project.BuildAsync();

        await project.ExecuteAsync("insert into m (id) values (6)");
        (await project.QueryAsync("select id, n from m order by 1")).Should().Equal("1|2", "6|7");
        (await project.Awaiting(made => made.ExecuteAsync("insert into m (id) values (8)")).Should().ThrowAsync<DataPlatformException>()).Which.Message.Should().ContainEquivalentOf("check constraint");
    }

    [Theory]
    [InlineData("duckdb", "INTEGER", "VARCHAR")]
    [InlineData("postgres", "integer", "character varying")]
    public async Task A_query_that_breaks_the_contract_fails_with_the_columns(string system, string number, string text)
    {
        await using var project = await EngineFixture.OnAsync(system);
        project.Write("models/schema.yml", Contract).Write("models/parent.sql", "select 1 as id, 1 as \"Label\", 2 as more").Write("models/child.sql", "{{ config(enabled=false) }}").Write("models/shown.sql", "select 1 as other");

        var messages = (await project.RunAsync()).Results.ToDictionary(result => result.Node.Name, result => result.Message!.Replace("\n  ", "\n", StringComparison.Ordinal));

        messages["parent"].Should().Contain("This model has an enforced contract that failed.\nPlease ensure the name, data_type, and number of columns in your contract match the columns in your model's definition.")
            .And.MatchRegex(@"\| Label +\| " + number + @" +\| " + text + @" +\| data type mismatch +\|").And.MatchRegex(@"\| more +\| " + number + @" +\| +\| missing in contract +\|");
        messages["shown"].Should().MatchRegex(@"\| id +\| +\| " + number + @" +\| missing in definition \|");
    }

    [Theory]
    [InlineData("materialized: ephemeral", "[{name: id, data_type: int}]", "A contract can be enforced of the materializations table, view and incremental, not of 'ephemeral'.")]
    [InlineData("materialized: incremental", "[{name: id, data_type: int}]", "Invalid value for on_schema_change: ignore.")]
    [InlineData("materialized: table", "[{name: id, data_type: int}, {name: a}, {name: b}]", "data_type is missing of the columns 'a', 'b'.")]
    [InlineData("materialized: table", "[{name: id, data_type: int, constraints: [{type: odd}]}]", "models/schema.yml:4: the type of a constraint is check, not_null, unique, primary_key, foreign_key or custom, not 'odd'.")]
    public async Task A_contract_that_cannot_be_kept_stops(string config, string columns, string expected)
    {
        await using var project = new EngineFixture();
        project.Write("models/m.sql", "select 1 as id").Write("models/schema.yml", $"models:\n  - name: m\n    config: {{{config}, contract: {{enforced: true}}}}\n    columns: {columns}\n");

        (await project.FailAsync()).Should().Contain(expected);
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Descriptions_become_comments(string system)
    {
        await using var project = await EngineFixture.OnAsync(system, "name: shop\nmodels: {+persist_docs: {relation: true, columns: true}}\nseeds: {+persist_docs: {relation: true}}\n");
        project.Write("seeds/s.csv", "id\n1\n").Write("models/t.sql", "{{ config(materialized='table') }}select 1 as id, 2 as \"Other\"").Write("models/v.sql", "select 1 as id").Write("models/schema.yml", """
            seeds: [{name: s, description: seeded}]
            models:
              - name: t
                description: "Ann's table"
                columns: [{name: id, description: "it's a key"}, {name: Other, description: quoted, quote: true}, {name: gone, description: not there}]
              - {name: v, description: a view}
            """);
        await project.BuildAsync();

        var (relations, columns) = system == "duckdb"
            ? ("select table_name, comment from duckdb_tables() union all select view_name, comment from duckdb_views() where not internal order by 1", "select column_name, comment from duckdb_columns() where comment is not null order by 1")
            : ("select relname, obj_description(oid) from pg_class where relname in ('s', 't', 'v') order by 1", "select attname, col_description(attrelid, attnum) from pg_attribute where attrelid = 't'::regclass and attnum > 0 order by attname collate \"C\"");
        (await project.QueryAsync(relations)).Should().Equal("s|seeded", "t|Ann's table", "v|a view");
        (await project.QueryAsync(columns)).Should().BeEquivalentTo("Other|quoted", "id|it's a key");
    }

    [Theory]
    [InlineData("duckdb", "select sql from duckdb_indexes() order by 1")]
    [InlineData("postgres", "select indexdef from pg_indexes where schemaname = 'main' order by 1")]
    public async Task Indexes_are_made_with_tables(string system, string query)
    {
        await using var project = await EngineFixture.OnAsync(system);
        project.Write("seeds/s.csv", "id\n1\n").Write("models/m.sql", "{{ config(materialized='incremental', indexes=[{'columns': ['id'], 'unique': true}, {'columns': ['id', 'n'], 'type': 'btree'}]) }}select {{ 2 if is_incremental() else 1 }} as id, 1 as n")
            .Write("models/schema.yml", "seeds: [{name: s, config: {indexes: [{columns: [id]}]}}]");
        await project.BuildAsync();
        await project.BuildAsync();

        var indexes = await project.QueryAsync(query);
        indexes.Should().HaveCount(3);
        indexes.Count(index => index.Contains("UNIQUE", StringComparison.OrdinalIgnoreCase)).Should().Be(1);
        indexes.Count(index => index.Contains("(id, n)", StringComparison.Ordinal) || index.Contains("(id,n)", StringComparison.Ordinal) || index.Contains("\"n\"", StringComparison.Ordinal)).Should().Be(1);
        (await project.QueryAsync("select id from m order by 1")).Should().Equal("1", "2");
    }

    [Fact]
    public async Task Grants_are_given_and_taken()
    {
        await using var project = await EngineFixture.OnAsync("postgres", "name: shop\nmodels: {+grants: {select: [pg_monitor]}}\n");
        project.Write("models/t.sql", "{{ config(materialized='incremental', grants={'+select': ['pg_read_all_stats'], 'insert': 'pg_monitor'}) }}select 1 as id").Write("models/v.sql", "select 1 as id");
        await project.BuildAsync();
        const string Grants = "select table_name, grantee, privilege_type from information_schema.role_table_grants where table_schema = 'main' and grantee like 'pg_%' order by 1, 2, 3";
        (await project.QueryAsync(Grants)).Should().Equal("t|pg_monitor|INSERT", "t|pg_monitor|SELECT", "t|pg_read_all_stats|SELECT", "v|pg_monitor|SELECT");

        project.Write("models/t.sql", "{{ config(materialized='incremental', grants={'select': ['pg_read_all_stats']}) }}select 1 as id");
        await project.BuildAsync();
        (await project.QueryAsync(Grants)).Should().Equal("t|pg_read_all_stats|SELECT", "v|pg_monitor|SELECT");
    }

    [Fact]
    public async Task Grants_are_warned_of_where_there_are_none()
    {
        await using var project = new EngineFixture().Write("models/v.sql", "{{ config(grants={'select': ['someone']}) }}select 1 as id");
        await project.BuildAsync();

        project.Lines.Should().Contain("warn: Grants for relations are not supported by DuckDB");
    }

    [Theory]
    [InlineData("duckdb", "set variable factor = 3", "getvariable('factor')")]
    [InlineData("postgres", "set local shop.factor = 3;", "current_setting('shop.factor')::int")]
    public async Task A_header_runs_before_the_query(string system, string header, string expression)
    {
        await using var project = await EngineFixture.OnAsync(system);
        project.Write("models/t.sql", $"{{{{ config(materialized='table') }}}}{{% call set_sql_header(config) %}}{header}{{% endcall %}}select {expression} as v")
            .Write("models/u.sql", $"{{{{ config(materialized='table', sql_header=\"{header}\") }}}}select {expression} as v");
        await project.BuildAsync();

        (await project.QueryAsync("select v from t union all select v from u")).Should().Equal("3", "3");
    }

    [Fact]
    public async Task Tables_can_be_unlogged()
    {
        await using var project = await EngineFixture.OnAsync("postgres");
        project.Write("models/t.sql", "{{ config(materialized='table', unlogged=true) }}select 1 as id");
        await project.BuildAsync();

        (await project.QueryAsync("select relpersistence::text from pg_class where relname = 't'")).Should().Equal("u");
    }
}
