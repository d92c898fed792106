using System.Text.Json;

namespace DataPlatform.Dbt.Tool;

/// <summary>How old sources are, and what is known of relations.</summary>
public sealed class SourceFreshnessTests
{
    [Theory]
    [OnBothWarehouses]
    public async Task Finds_how_old_sources_are(string system)
    {
        using var shop = await ShopAsync(system);

        var (exitCode, output) = await shop.CallAsync("source freshness --log-format json");

        exitCode.Should().Be(1, output);
        using var sources = JsonDocument.Parse(shop["target/sources.json"]);
        sources.RootElement.GetProperty("metadata").GetProperty("dbt_schema_version").GetString().Should().Be("https://schemas.getdbt.com/dbt/sources/v3.json");
        var results = sources.RootElement.GetProperty("results").EnumerateArray().ToDictionary(result => result.GetProperty("unique_id").GetString()!.Split('.')[^1]);
        results.ToDictionary(pair => pair.Key, pair => pair.Value.GetProperty("status").GetString()).Should().BeEquivalentTo(
            new Dictionary<string, string> { ["fresh"] = "pass", ["old"] = "warn", ["stale"] = "error", ["filtered"] = "error", ["empty"] = "error", ["asked"] = "pass" }, "'missing' has no result, and 'unchecked' is not asked");
        results["old"].GetProperty("max_loaded_at_time_ago_in_s").GetDouble().Should().BeApproximately(3 * 3600, 60);
        results["old"].GetProperty("criteria").GetRawText().Should().Be("""{"warn_after": {"count": 1, "period": "hour"}, "error_after": {"count": 1, "period": "day"}, "filter": null}""");
        results["filtered"].GetProperty("criteria").GetProperty("filter").GetString().Should().Be("keep");
        output.Should().Contain("freshness of raw.stale").And.Contain("\"name\": \"LogFreshnessResult\"").And.Contain("\"name\": \"RunResultErrorNoMessage\"").And.Contain("\"name\": \"FreshnessCheckComplete\"")
            .And.Contain("Database Error in source missing (models/sources.yml)");

        (await shop.CallAsync("source freshness -s source:raw.fresh source:raw.old")).ExitCode.Should().Be(0, "a warning is no failure");
        shop.Write("models/late.sql", "select 1 from {{ source('raw', 'unchecked') }}");
        (await shop.CallAsync("source freshness -s +late")).Output.Should().Contain("Nothing to do.");
    }

    [Theory]
    [OnBothWarehouses]
    public async Task Selects_sources_that_are_fresher_than_before(string system)
    {
        using var shop = await ShopAsync(system);
        await shop.CallAsync("source freshness");
        shop.Copy("target", "before");
        await shop.QueryAsync("insert into raw.old values (now() - interval '2 hour')");
        await shop.CallAsync("source freshness");

        (await shop.ListAsync("-s source_status:fresher --state before")).Should().Be("raw.asked raw.old");
    }

    [Theory]
    [InlineData("duckdb", "n INTEGER 1", "name VARCHAR 2")]
    [InlineData("postgres", "n integer 1", "name character varying 2")]
    public async Task Writes_a_catalog_of_what_there_is(string system, params string[] columns)
    {
        using var shop = await ShopAsync(system);
        shop.Write("models/total.sql", "{{ config(materialized='table') }} select 1::integer as n, 'x'::varchar as name");
        shop.Write("models/unbuilt.sql", "select 1 as n");
        (await shop.CallAsync("run -s total")).ExitCode.Should().Be(0);

        var (exitCode, output) = await shop.CallAsync("docs generate");

        exitCode.Should().Be(0, output);
        output.Should().Contain("Building catalog").And.Contain("Catalog written to ");
        using var catalog = JsonDocument.Parse(shop["target/catalog.json"]);
        catalog.RootElement.GetProperty("metadata").GetProperty("dbt_schema_version").GetString().Should().Be("https://schemas.getdbt.com/dbt/catalog/v1.json");
        var nodes = catalog.RootElement.GetProperty("nodes");
        nodes.EnumerateObject().Select(node => node.Name).Should().Equal("model.shop.total");
        var total = nodes.GetProperty("model.shop.total");
        var owner = system == "duckdb" ? "" : (await shop.QueryAsync("select current_user")).Single();
        total.GetProperty("metadata").GetRawText().Should().Be($$"""{"type": "BASE TABLE", "schema": "main", "name": "total", "database": "{{shop.Database}}", "comment": null, "owner": "{{owner}}"}""");
        total.GetProperty("columns").EnumerateObject().Select(column => $"{column.Name} {column.Value.GetProperty("type")} {column.Value.GetProperty("index")}").Should().Equal(columns);
        catalog.RootElement.GetProperty("sources").EnumerateObject().Should().Contain(source => source.Name == "source.shop.raw.fresh").And.NotContain(source => source.Name == "source.shop.raw.missing");
        using var manifest = JsonDocument.Parse(shop["target/manifest.json"]);
        manifest.RootElement.GetProperty("nodes").GetProperty("model.shop.unbuilt").GetProperty("compiled_code").GetString().Should().Be("select 1 as n");

        shop.Write("models/bad.sql", "{{ exceptions.raise_compiler_error('oh') if execute }}");
        (await shop.CallAsync("docs generate")).ExitCode.Should().Be(1);
        (await shop.CallAsync("docs generate --no-compile")).ExitCode.Should().Be(0);
    }

    [Fact]
    public async Task Cleans_what_it_is_told_to_and_nothing_else()
    {
        using var shop = new ToolFixture("name: shop\nprofile: shop\nclean-targets: [target, made]\n").Write("made/a", "").Write("target/b", "").Write("models/a.sql", "select 1");
        (await shop.CallAsync("clean")).ExitCode.Should().Be(0);
        (shop.Exists("made"), shop.Exists("target"), shop.Exists("models/a.sql")).Should().Be((false, false, true));
        shop.Write("dbt_project.yml", "name: shop\nprofile: shop\nclean-targets: [models]\n");
        (await shop.CallAsync("clean")).Output.Should().Contain("dbt will not clean the following source paths");
        shop.Write("dbt_project.yml", "name: shop\nprofile: shop\nclean-targets: [../elsewhere]\n");
        (await shop.CallAsync("clean")).Output.Should().Contain("outside the project");
        shop.Exists("models/a.sql").Should().BeTrue();
    }

    [Fact]
    public async Task Finds_the_packages_that_are_there_and_names_those_that_are_not()
    {
        using var shop = new ToolFixture().Write("models/a.sql", "select 1 as n");
        (await shop.CallAsync("deps")).Output.Should().Contain("The project asks for no packages.");

        shop.Write("packages.yml", "packages:\n  - local: near\n  - package: dbt-labs/dbt_utils\n    version: 1.3.0\n").Write("near/dbt_project.yml", "name: near\n");
        var missing = await shop.CallAsync("deps");
        missing.ExitCode.Should().Be(2);
        missing.Output.Should().Contain("packages.yml:3").And.Contain("1 packages are to be installed, and dbt_packages does not have them all.").And.Contain("copy the packages there");

        shop.Write("dbt_packages/dbt_utils/dbt_project.yml", "name: dbt_utils\n");
        var found = await shop.CallAsync("deps");
        found.ExitCode.Should().Be(0, found.Output);
        found.Output.Should().Contain("Found near/").And.Contain("Found dbt_packages/dbt_utils/");
        (await shop.CallAsync("build")).ExitCode.Should().Be(0);

        shop.Write("packages.yml", "packages: [{local: far}]\n");
        var wrong = await shop.CallAsync("deps");
        (wrong.ExitCode, wrong.Output).Should().Match<(int Code, string Text)>(call => call.Code == 2 && call.Text.Contains("There is no dbt_project.yml at"));
    }

    private static async Task<ToolFixture> ShopAsync(string system)
    {
        var shop = (await ToolFixture.OnAsync(system)).Write("models/sources.yml", """
            sources:
              - name: raw
                loaded_at_field: loaded_at
                freshness: {warn_after: {count: 1, period: hour}, error_after: {count: 1, period: day}}
                tables:
                  - name: fresh
                  - name: old
                  - name: stale
                    freshness: {error_after: {count: 100, period: minute}}
                  - name: filtered
                    freshness: {filter: keep}
                  - name: empty
                  - name: missing
                  - name: asked
                    loaded_at_query: select now()
                  - name: unchecked
                    freshness: null
            """);
        await shop.QueryAsync("create schema raw");
        foreach (var (table, age) in new[] { ("fresh", "1 minute"), ("old", "3 hour"), ("stale", "3 hour"), ("unchecked", "9 day") })
            await shop.QueryAsync($"create table raw.{table} as select now() - interval '{age}' as loaded_at");
        await shop.QueryAsync("create table raw.filtered as select now() - interval '3 day' as loaded_at, true as keep union all select now(), false");
        await shop.QueryAsync("create table raw.empty (loaded_at timestamptz)");
        await shop.QueryAsync("create table raw.asked (n integer)");
        return shop;
    }
}
