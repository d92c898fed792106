namespace DataPlatform.Dbt.Engine;

/// <summary>How relations are named and where they are.</summary>
public sealed class RelationTests
{
    [Theory]
    [OnBothWarehouses]
    public async Task Names_are_quoted_as_the_project_and_its_sources_say(string system)
    {
        await using var project = await EngineFixture.OnAsync(system, "name: shop\nquoting: {database: false, schema: false, identifier: false}\nmodels: {+schema: Marts}\n");
        project.Options = project.Options with { Schema = "dbt" };
        await project.ExecuteAsync("create schema \"Raw\"");
        await project.ExecuteAsync("create table \"Raw\".\"Orders\" as select 1 as id");
        project.Write("models/schema.yml", "sources:\n  - name: Raw\n    quoting: {database: false}\n    tables: [{name: Orders}, {name: Others, quoting: {identifier: \"{{ target.type == 'none' }}\"}}]\n")
            .Write("models/Orders.sql", "{{ config(materialized='table') }}select id from {{ source('Raw', 'Orders') }}")
            .Write("models/More.sql", "{{ config(materialized='incremental') }}select id{% if is_incremental() %} + 1 as id{% endif %} from {{ ref('Orders') }} -- {{ source('Raw', 'Others') }} {{ api.Relation.create(schema='S', identifier='T') }}");
        await project.BuildAsync();
        await project.BuildAsync();

        var compiled = (await project.RunAsync(DbtCommand.Compile)).Results.ToDictionary(result => result.Node.Name, result => result.CompiledCode);
        compiled["Orders"].Should().EndWith(".\"Raw\".\"Orders\"").And.NotContain("from \"");
        compiled["More"].Should().Contain(".dbt_Marts.Orders -- ").And.EndWith(".\"Raw\".Others S.T");
        // What is not quoted is lower case in PostgreSQL, and as it is written in DuckDB.
        var name = system == "duckdb" ? "More" : "more";
        (await project.QueryAsync($"select id from dbt_marts.{name} order by 1")).Should().Equal("1", "2");
        (await project.QueryAsync("select table_name from information_schema.tables where table_name in ('More', 'more')")).Should().Equal(name);
    }

    [Theory]
    [InlineData(null, "public")]
    [InlineData("\"$user\", Shop, public", "shop")]
    [InlineData("\"Shop\", public", "Shop")]
    public async Task Are_in_the_first_schema_of_the_search_path(string? searchPath, string expected)
    {
        await using var project = (await EngineFixture.OnAsync("postgres", searchPath: searchPath)).Write("models/m.sql", "select 1 as id");
        await project.BuildAsync();

        (await project.QueryAsync("select table_schema from information_schema.tables where table_name = 'm'")).Should().Equal(expected);
    }

    [Fact]
    public async Task Sources_of_DuckDB_can_be_files_of_the_project()
    {
        await using var project = new EngineFixture();
        project.Write("data/a.csv", "id,name\n1,Ann\n").Write("data/b.csv", "id,name\n2,Bob\n").Write("models/schema.yml", """
            sources:
              - name: files
                meta: {external_location: "data/{identifier}.csv", kind: csv}
                tables:
                  - name: first
                    identifier: a
                  - name: second
                    config: {external_location: "read_csv('data/%(name)s.csv', header = true)", formatter: oldstyle}
                    identifier: b
                  - name: b
                    meta: {external_location: "'data/${name}.$kind'", formatter: template}
            """)
            .Write("models/both.sql", "select {% for column in adapter.get_columns_in_relation(source('files', 'first')) %}{{ column.name }}{{ ',' if not loop.last }}{% endfor %} from {{ source('files', 'first') }} union all select * from {{ source('files', 'b') }}")
            .Write("models/old.sql", "{{ config(enabled=false) }}select * from {{ source('files', 'second') }}");
        await project.BuildAsync();

        (await project.CompileAsync("m", "select * from {{ source('files', 'first') }}, {{ source('files', 'second') }}")).Should().Be("select * from 'data/a.csv', read_csv('data/second.csv', header = true)");
        (await project.CompileAsync("n", "{{ source('files', 'first').identifier }}")).Should().Be("a");
    }

    [Fact]
    public async Task A_location_of_files_that_names_what_is_not_there_stops()
    {
        await using var project = new EngineFixture();
        project.Write("models/schema.yml", "sources:\n  - name: files\n    tables:\n      - name: a\n        meta: {external_location: '{nope}.csv'}\n");

        (await project.FailAsync()).Should().Be("models/schema.yml:4: external_location '{nope}.csv' names 'nope', which the source does not have. | There are name, identifier, schema, database and what is in its meta.");
    }
}
