namespace DataPlatform.Dbt.Tool;

/// <summary>What a retry takes from the run before it.</summary>
public sealed class RetryTests
{
    [Theory]
    [OnBothWarehouses]
    public async Task Runs_what_failed_and_what_was_skipped_with_the_options_of_before(string system)
    {
        using var shop = (await ToolFixture.OnAsync(system))
            .Write("models/good.sql", "select 1 as n")
            .Write("models/bad.sql", "select * from {{ var('from') }}")
            .Write("models/after.sql", "select * from {{ ref('bad') }}")
            .Write("models/other.sql", "select 1 as n");

        (await shop.CallAsync("build --target prod --exclude other --vars {\"from\":\"nowhere\"}")).ExitCode.Should().Be(1);
        shop.Results().Should().BeEquivalentTo(new Dictionary<string, string> { ["good"] = "success", ["bad"] = "error", ["after"] = "skipped" });

        (await shop.CallAsync("retry")).ExitCode.Should().Be(1);
        shop.Results().Should().BeEquivalentTo(new Dictionary<string, string> { ["bad"] = "error", ["after"] = "skipped" });

        (await shop.CallAsync("retry --vars {\"from\":\"(values(7))t(n)\"}")).ExitCode.Should().Be(0);
        shop.Results().Should().BeEquivalentTo(new Dictionary<string, string> { ["bad"] = "success", ["after"] = "success" });
        (await shop.QueryAsync("select n from prod.after")).Should().Equal("7");

        var (exitCode, output) = await shop.CallAsync("retry");
        exitCode.Should().Be(0);
        output.Should().Contain("Nothing to do.");
        shop.Results().Should().BeEmpty();
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Calls_a_macro_again_with_its_arguments(string system)
    {
        using var shop = (await ToolFixture.OnAsync(system)).Write("macros/fill.sql", "{% macro fill(table) %}{% do run_query('create table made as select * from ' ~ table) %}{% endmacro %}");
        (await shop.CallAsync("run-operation fill --args {\"table\":\"later\"}")).ExitCode.Should().Be(1);
        await shop.QueryAsync("create table later as select 5 as n");

        (await shop.CallAsync("retry")).ExitCode.Should().Be(0);

        (await shop.QueryAsync("select n from made")).Should().Equal("5");
        shop.Results().Should().BeEquivalentTo(new Dictionary<string, string> { ["fill"] = "success" });
        (await shop.CallAsync("retry")).ExitCode.Should().Be(0);
    }

    [Fact]
    public async Task Without_a_run_before_it_there_is_nothing_to_retry()
    {
        using var shop = new ToolFixture();
        var (exitCode, output) = await shop.CallAsync("retry");
        exitCode.Should().Be(2);
        output.Should().Contain("Could not find previous run in '").And.Contain("/target' target directory");
        shop.Write("target/run_results.json", "{}");
        (await shop.CallAsync("retry")).Output.Should().Contain("target/run_results.json cannot be read as the results of a run");
    }
}
