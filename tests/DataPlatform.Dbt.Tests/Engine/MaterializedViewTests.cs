namespace DataPlatform.Dbt.Engine;

/// <summary>Materialized views of PostgreSQL.</summary>
public sealed class MaterializedViewTests
{
    private const string Model = "{{ config(materialized='materialized_view', indexes=[{'columns': ['n'], 'unique': true}, {'columns': ['word', 'n'], 'type': 'btree'}]) }} select n, word from {{ ref('t') }}";

    private const string Indexes = "select indexdef from pg_indexes where tablename = 'm' order by indexdef like '%word%'";

    [Fact]
    public async Task Is_made_then_refreshed()
    {
        await using var project = await ShopAsync(Model);
        (await RunAsync(project)).Should().Be("success SELECT 1");
        (await project.QueryAsync("select relkind::text from pg_class where relname = 'm'")).Should().Equal("m");
        (await project.QueryAsync(Indexes)).Should().SatisfyRespectively(
            one => one.Should().StartWith("CREATE UNIQUE INDEX").And.EndWith("USING btree (n)"),
            other => other.Should().StartWith("CREATE INDEX").And.EndWith("USING btree (word, n)"));
        await project.ExecuteAsync("create view reader as select n from m");

        await project.ExecuteAsync("insert into t values (2, 'b')");
        (await project.QueryAsync("select count(*) from m")).Should().Equal("1");
        (await RunAsync(project)).Should().Be("success REFRESH MATERIALIZED VIEW");
        (await project.QueryAsync("select count(*) from reader")).Should().Equal("2");

        project.Options = project.Options with { FullRefresh = true };
        (await RunAsync(project)).Should().Be("success SELECT 2");
        (await project.QueryAsync("select count(*) from pg_class where relname = 'reader'")).Should().Equal("0");
    }

    [Theory]
    [InlineData("apply", "success ALTER MATERIALIZED VIEW", "(word)")]
    [InlineData("continue", "success skip \"shop\".\"main\".\"m\"", "(n) (word, n)")]
    [InlineData("fail", "error Compilation Error in model m (models/m.sql)", "(n) (word, n)")]
    public async Task Other_indexes_are_made_warned_of_or_refused(string mode, string expected, string indexes)
    {
        await using var project = await ShopAsync(Model);
        await RunAsync(project);
        project.Write("models/m.sql", $"{{{{ config(materialized='materialized_view', on_configuration_change='{mode}', indexes=[{{'columns': ['word']}}]) }}}} select n, word from {{{{ ref('t') }}}}");

        (await RunAsync(project)).Split('\n')[0].Replace(project.Options.Database ?? (await project.QueryAsync("select current_database()"))[0], "shop", StringComparison.Ordinal).Should().Be(expected);
        string.Join(' ', (await project.QueryAsync(Indexes)).Select(index => index[index.IndexOf('(', StringComparison.Ordinal)..])).Should().Be(indexes);
        project.Lines.Exists(line => line.Contains("Configuration changes were identified", StringComparison.Ordinal)).Should().Be(mode == "continue");
    }

    [Theory]
    [InlineData("view", "v")]
    [InlineData("table", "r")]
    [InlineData("incremental", "r")]
    public async Task Takes_the_place_of_what_was_there_and_leaves_it(string other, string kind)
    {
        await using var project = await ShopAsync($"{{{{ config(materialized='{other}') }}}} select n, word from {{{{ ref('t') }}}}");
        await RunAsync(project);
        (await RunAsync(project.Write("models/m.sql", Model))).Should().Be("success SELECT 1");
        (await project.QueryAsync("select relkind::text from pg_class where relname = 'm'")).Should().Equal("m");

        (await RunAsync(project.Write("models/m.sql", $"{{{{ config(materialized='{other}') }}}} select n, word from {{{{ ref('t') }}}}"))).Should().StartWith("success");
        (await project.QueryAsync("select relkind::text from pg_class where relname = 'm'")).Should().Equal(kind);
    }

    [Fact]
    public async Task Has_comments_grants_and_hooks()
    {
        await using var project = await ShopAsync("{{ config(materialized='materialized_view', persist_docs={'relation': true, 'columns': true}, grants={'select': ['public']}, post_hook='insert into t values (9, null)') }} select n from {{ ref('t') }}");
        project.Write("models/m.yml", "models: [{name: m, description: all words, columns: [{name: n, description: how many}]}]");
        (await RunAsync(project)).Should().Be("success SELECT 1");

        (await project.QueryAsync("select obj_description('m'::regclass), col_description('m'::regclass, 1), (select count(*) from t), has_table_privilege('pg_monitor', 'm', 'select')")).Should().Equal("all words|how many|2|True");
    }

    [Fact]
    public async Task Something_else_to_do_with_changes_stops()
    {
        await using var project = await ShopAsync("{{ config(materialized='materialized_view', on_configuration_change='ask') }} select 1 as n");

        (await project.FailAsync()).Should().StartWith("models/m.sql:1: on_configuration_change is apply, continue or fail, not 'ask'.");
    }

    private static async Task<EngineFixture> ShopAsync(string model)
    {
        var project = (await EngineFixture.OnAsync("postgres")).Write("models/t.sql", "{{ config(materialized='incremental') }} select 1 as n, 'a' as word {{ 'limit 0' if is_incremental() }}").Write("models/m.sql", model);
        project.Options = project.Options with { Select = ["m"] };
        await project.ExecuteAsync("create table t as select 1 as n, 'a' as word");
        return project;
    }

    private static async Task<string> RunAsync(EngineFixture project)
    {
        var result = (await project.RunAsync(DbtCommand.Run)).Results.Single();
        return $"{result.Status} {result.Message}";
    }
}
