namespace DataPlatform.Dbt.Tool;

/// <summary><c>show</c>, <c>clone</c> and queries at the command line.</summary>
public sealed class ShowToolTests
{
    [Fact]
    public async Task Writes_rows_as_text_or_JSON()
    {
        using var shop = new ToolFixture().Write("models/m.sql", "select i as n, 'word ' || i as word, case when i > 1 then date '2026-01-02' end as day from range(9) t(i)").Write("models/other.sql", "select 1 as n");

        var (exitCode, output) = await shop.CallAsync("show --select m other+ --limit 3");
        exitCode.Should().Be(0, output);
        output.Should().Contain("Previewing node 'm':\n| n | word   | day        |\n| - | ------ | ---------- |\n| 0 | word 0 |            |\n| 1 | word 1 |            |\n| 2 | word 2 | 2026-01-02 |\n").And.NotContain("Previewing node 'other'").And.NotContain("Completed");

        (exitCode, output) = await shop.CallAsync("show -q --select m --limit 1 --output json");
        exitCode.Should().Be(0);
        output.Should().Be("{\n  \"node\": \"m\",\n  \"show\": [\n    {\n      \"n\": 0,\n      \"word\": \"word 0\",\n      \"day\": null\n    }\n  ]\n}\n");
        (await shop.CallAsync("show -q --select m --limit -1")).Output.Split('\n').Should().HaveCount(13);
    }

    [Fact]
    public async Task Takes_a_query_in_place_of_nodes()
    {
        using var shop = new ToolFixture().Write("models/e.sql", "{{ config(materialized='ephemeral') }} select 5 as n");
        var query = new[] { "--inline", "select n + 1 as m from {{ ref('e') }}" };

        (await shop.CallAsync("show", query)).Output.Should().Contain("Previewing inline node:\n| m |\n| - |\n| 6 |\n");
        (await shop.CallAsync("compile", query)).Output.Should().Contain("Compiled inline node is:\nwith __dbt__cte__e as (\n select 5 as n\n) select n + 1 as m from __dbt__cte__e\n");
        var (exitCode, output) = await shop.CallAsync("show", ["--inline", "select * from nowhere"]);
        exitCode.Should().Be(1);
        output.Should().Contain("Table with name nowhere does not exist!");
        (await shop.CallAsync("show", ["--inline", "select * from {{ ref('nowhere') }}"])).Output.Should().Contain("depends on a node named 'nowhere' which was not found");
        (await shop.CallAsync("show")).Output.Should().Contain("Either --select or --inline must be passed to show");
        (await shop.CallAsync("show --select e --limit x")).Output.Should().Contain("Invalid value for '--limit': 'x' is not a valid integer.");
    }

    [Fact]
    public async Task Clones_from_the_artifacts_of_another_target()
    {
        using var shop = new ToolFixture().Write("models/t.sql", "{{ config(materialized='table') }} select 7 as n");
        (await shop.CallAsync("run --target prod --target-path prod-run")).ExitCode.Should().Be(0);

        var (exitCode, output) = await shop.CallAsync("clone --state prod-run");
        exitCode.Should().Be(0, output);
        output.Should().Contain("Completed successfully").And.Contain("Done. PASS=1 WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL=1");
        (await shop.QueryAsync("select n, table_type from main.t, information_schema.tables where table_schema = 'main' and table_name = 't'")).Should().Equal("7|VIEW");
        (await shop.CallAsync("clone")).ExitCode.Should().Be(2);
    }
}
