namespace DataPlatform.Dbt.Engine;

/// <summary>Models of several versions.</summary>
public sealed class VersionTests
{
    private const string Schema = """
        models:
          - name: dim
            latest_version: 2
            description: all
            config: {materialized: table}
            columns:
              - name: id
                data_tests: [not_null]
              - name: old
            versions:
              - v: 1
                defined_in: dim_first
                config: {alias: dim_old}
              - v: 2
                description: second
                columns:
                  - include: all
                    exclude: [old]
                  - name: new
                    data_tests: [unique]
              - v: 3
                config: {materialized: ephemeral}
        """;

    [Theory]
    [OnBothWarehouses]
    public async Task Are_nodes_of_one_name(string system)
    {
        await using var project = await ProjectAsync(system);
        await project.BuildAsync();

        (await project.QueryAsync("select * from main.reader")).Should().Equal("2|1|2|3");
        var nodes = (await project.OpenAsync()).Project.Nodes;
        nodes.Keys.Where(id => id.StartsWith("model.", StringComparison.Ordinal)).Should().BeEquivalentTo("model.shop.dim.v1", "model.shop.dim.v2", "model.shop.dim.v3", "model.shop.reader");
        var (first, second) = (nodes["model.shop.dim.v1"], nodes["model.shop.dim.v2"]);
        (first.Name, first.Alias, first.Description, string.Join('.', first.Fqn)).Should().Be(("dim", "dim_old", "all", "shop.dim.v1"));
        (second.Name, second.Alias, second.Description, string.Join('.', second.Fqn)).Should().Be(("dim", "dim_v2", "second", "shop.dim.v2"));
        first.Columns.Select(column => column.Name).Should().Equal("id", "old");
        second.Columns.Select(column => column.Name).Should().Equal("id", "new");
        nodes.Values.Where(node => node.Test is not null).Select(node => $"{node.Name} {node.DependsOn[0]}").Should().BeEquivalentTo(
            "not_null_dim_v1_id model.shop.dim.v1", "not_null_dim_v2_id model.shop.dim.v2", "unique_dim_v2_new model.shop.dim.v2", "not_null_dim_v3_id model.shop.dim.v3");
        (await project.CompileAsync("m", "select * from {{ ref('dim', v=3) }}")).Should().Be("with __dbt__cte__dim_v3 as ( select 3 as id, 3 as new ) select * from __dbt__cte__dim_v3");
    }

    [Theory]
    [InlineData("dim", "model.shop.dim.v1 model.shop.dim.v2 model.shop.dim.v3")]
    [InlineData("dim.v1", "model.shop.dim.v1")]
    [InlineData("version:latest", "model.shop.dim.v2")]
    [InlineData("version:prerelease", "model.shop.dim.v3")]
    public async Task Are_selected(string selection, string expected)
    {
        await using var project = await ProjectAsync("duckdb");
        project.Options = project.Options with { Select = [selection], Exclude = ["resource_type:test"] };

        (await project.OpenAsync()).Select(DbtCommand.List).Select(node => node.UniqueId).Should().BeEquivalentTo(expected.Split(' '));
    }

    [Fact]
    public async Task A_version_that_is_not_there_stops()
    {
        await using var project = await ProjectAsync("duckdb");
        project.Write("models/m.sql", "select * from {{ ref('dim', version=9) }}");

        (await project.FailAsync()).Should().Contain("Model 'model.shop.m' (models/m.sql) depends on a node named 'dim' with version '9' which was not found");
    }

    private static async Task<EngineFixture> ProjectAsync(string system) => (await EngineFixture.OnAsync(system))
        .Write("models/dim_first.sql", "select 1 as id, 1 as old").Write("models/dim.sql", "select 2 as id, 2 as new").Write("models/dim_v3.sql", "select 3 as id, 3 as new").Write("models/schema.yml", Schema)
        .Write("models/reader.sql", "select (select id from {{ ref('dim') }}) as a, (select id from {{ ref('dim', v=1) }}) as b, (select id from {{ ref('shop', 'dim', version='2') }}) as c, (select id from {{ ref('dim', v=3) }}) as d");
}
