namespace DataPlatform.Core.Tests.Jobs;

/// <summary>The commands <c>lineage list</c> and <c>lineage show</c>, as a user runs them.</summary>
public sealed class LineageTests : JobTest
{
    [Fact]
    public async Task A_table_is_followed_both_ways()
    {
        (await RunAsync("lineage list")).Output.Should().Contain("Nothing has been made yet.");
        var run = await RunAsync("run --run-id r1", ("JOB_PIPELINES", "lineage"));
        run.ExitCode.Should().Be(0, run.Output);

        var shown = await RunAsync("lineage show staging.trips");
        shown.ExitCode.Should().Be(0, shown.Error);
        System.Text.RegularExpressions.Regex.Replace(shown.Output, ", [0-9-]{10} [0-9:]{8}", "").Should().Be($"""
            duckdb://{Folder.Combine("warehouse.duckdb")}/warehouse.staging.trips
              made of
                warehouse.raw.trips  (lineage/transform model.trips)
                  file://{Folder.Combine("lake")}/inbox/trips-*.csv  (lineage/load)
                warehouse.raw.zones  (lineage/transform model.trips)
              read for
                warehouse.marts.daily  (lineage/transform model.daily)

            """);
        var item = SingleObject((await RunAsync("lineage show raw.zones --output json")).Output);
        item.GetProperty("dataset").GetProperty("name").GetString().Should().Be("warehouse.raw.zones");
        item.GetProperty("upstream").GetArrayLength().Should().Be(0);
        item.GetProperty("downstream").EnumerateArray().Select(edge => edge.GetProperty("output").GetProperty("name").GetString()).Should().Equal("warehouse.staging.trips", "warehouse.marts.daily");

        SingleObject((await RunAsync("lineage list --run r1 --output json")).Output).GetProperty("lineage").GetArrayLength().Should().Be(4);
        SingleObject((await RunAsync("lineage list --run r2 --output json")).Output).GetProperty("lineage").GetArrayLength().Should().Be(0);
        var unknown = await RunAsync("lineage show raw.nothing");
        unknown.ExitCode.Should().Be(78);
        unknown.Error.Should().Contain("No run has told of a dataset 'raw.nothing'.");
        (await RunAsync("lineage show trips")).Error.Should().Contain("There are 2 datasets 'trips': ");
    }
}
