using DataPlatform.Dbt.Run;

namespace DataPlatform.Dbt.Engine;

/// <summary>What <c>clone</c> and <c>show</c> do with nodes.</summary>
public sealed class CloneTests
{
    [Theory]
    [OnBothWarehouses]
    public async Task Points_at_what_the_earlier_run_has(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system, "name: shop\nmodels: {shop: {+post-hook: \"{{ log('hook of ' ~ this.schema ~ '.' ~ this.name, info=true) }}\"}}\n"))
            .Write("seeds/numbers.csv", "n\n1\n2\n")
            .Write("models/t.sql", "{{ config(materialized='table') }} select n from {{ ref('numbers') }}")
            .Write("models/i.sql", "{{ config(materialized='incremental') }} select n from {{ ref('e') }}")
            .Write("models/e.sql", "{{ config(materialized='ephemeral') }} select n from {{ ref('t') }}");
        project.Options = project.Options with { Schema = "prod" };
        await project.BuildAsync();
        var state = project.Target + "-prod";
        Directory.Move(project.Target, state);

        project.Options = project.Options with { Schema = "dev", StateFolder = state };
        project.Write("models/new.sql", "select 1 as n");
        project.Lines.Clear();
        (await CloneAsync(project)).Should().Equal("model.shop.i success CREATE VIEW", "model.shop.new success No-op", "model.shop.t success CREATE VIEW", "seed.shop.numbers success CREATE VIEW");
        (await project.QueryAsync("select t.n, (select count(*) from dev.numbers) from dev.t join dev.i on t.n = i.n order by 1")).Should().Equal("1|2", "2|2");
        project.Lines.Should().Contain("info: No relation found in state manifest for model.shop.new").And.Contain("info: hook of dev.t");
        var kinds = await project.QueryAsync("select table_name, table_type from information_schema.tables where table_schema = 'dev' order by 1");
        kinds.Should().Equal("i|VIEW", "numbers|VIEW", "t|VIEW");

        // What is there stays, unless all is to be made anew.
        (await CloneAsync(project)).Should().OnlyContain(line => line.EndsWith(" No-op", StringComparison.Ordinal));
        project.Options = project.Options with { FullRefresh = true };
        (await CloneAsync(project)).Should().Contain("model.shop.t success CREATE VIEW");

        // A view of itself would be nothing.
        project.Options = project.Options with { Schema = "prod" };
        (await CloneAsync(project)).Should().OnlyContain(line => line.EndsWith(" No-op", StringComparison.Ordinal));
        (await project.QueryAsync("select count(*) from prod.t")).Should().Equal("2");
    }

    [Fact]
    public async Task Without_an_earlier_run_there_is_nothing_to_clone()
    {
        await using var project = new EngineFixture().Write("models/t.sql", "select 1 as n");
        await FluentActions.Awaiting(() => CloneAsync(project)).Should().ThrowAsync<DataPlatformException>().WithMessage("Deferral needs the artifacts of an earlier run.");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Shows_the_rows_of_nodes_and_makes_nothing(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system, "name: shop\non-run-start: create table hooked as select 1 as n\n"))
            .Write("seeds/numbers.csv", "n,word\n1,a\n2,b\n3,\n").Write("models/e.sql", "{{ config(materialized='ephemeral') }} select n, word from {{ ref('numbers') }}")
            .Write("models/v.sql", "select * from {{ ref('e') }} order by n desc limit 2").Write("tests/none_empty.sql", "select * from {{ ref('numbers') }} where word is null");
        project.Options = project.Options with { Select = ["numbers"] };
        await project.RunAsync(DbtCommand.Seed);
        await project.ExecuteAsync("drop table hooked");

        project.Options = project.Options with { Select = [] };
        var results = await project.RunAsync(EngineCommand.Show);
        results.Results.ToDictionary(result => result.Node.Name, result => string.Join(' ', result.Table!.Rows.Select(row => $"{row[0]}{row[1]}"))).Should().BeEquivalentTo(
            new Dictionary<string, string> { ["numbers"] = "1a 2b 3", ["e"] = "1a 2b 3", ["v"] = "3 2b", ["none_empty"] = "3" });
        project.Options = project.Options with { Limit = 1 };
        (await project.RunAsync(EngineCommand.Show)).Results.Should().OnlyContain(result => result.Table!.Rows.Count() == 1);
        project.Options = project.Options with { Inline = "select count(*) as n from {{ ref('e') }}", Limit = -1 };
        (await project.RunAsync(EngineCommand.Show)).Results.Single().Table!.Rows.Single().Should().Equal(3L);
        (await project.QueryAsync("select table_name from information_schema.tables where table_schema in ('main', 'public') order by 1")).Should().Equal("numbers");
    }

    private static async Task<IEnumerable<string>> CloneAsync(EngineFixture project) =>
        (await project.RunAsync(EngineCommand.Clone)).Results.Select(result => $"{result.Node.UniqueId} {result.Status} {result.Message}").Order(StringComparer.Ordinal);
}
