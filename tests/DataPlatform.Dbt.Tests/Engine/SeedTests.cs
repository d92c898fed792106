namespace DataPlatform.Dbt.Engine;

/// <summary>How seeds are loaded.</summary>
public sealed class SeedTests
{
    [Theory]
    [OnBothWarehouses]
    public async Task A_project_says_how_many_rows_one_statement_loads(string system)
    {
        await using var project = (await EngineFixture.OnAsync(system)).Write("seeds/numbers.csv", "n\n" + string.Join('\n', Enumerable.Range(1, 7)))
            .Write("macros/size.sql", "{% macro get_batch_size() %}{{ return(var('size', 3)) }}{% endmacro %}");
        await project.BuildAsync();

        (await project.QueryAsync("select count(*), sum(n) from numbers")).Should().Equal("7|28");
        project.Options = project.Options with { Vars = EngineFixture.Dict(("size", 0L)) };
        (await project.RunAsync()).Results.Single().Message.Should().Contain("get_batch_size() is to give a whole number above zero, not 0.");
    }
}
