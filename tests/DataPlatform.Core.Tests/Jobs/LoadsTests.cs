namespace DataPlatform.Core.Tests.Jobs;

/// <summary>The commands <c>loads list</c> and <c>loads undo</c>, as a user runs them.</summary>
public sealed class LoadsTests : JobTest
{
    [Fact]
    public async Task Loads_are_listed_and_one_that_is_not_there_cannot_be_undone()
    {
        var none = await RunAsync("loads list");
        none.ExitCode.Should().Be(0, none.Error);
        none.Output.Should().Contain("No loads yet.");
        SingleObject((await RunAsync("loads list --table raw.trips --limit 3 --output json")).Output).GetProperty("loads").GetArrayLength().Should().Be(0);

        var missing = await RunAsync("loads undo 42");
        missing.ExitCode.Should().Be(78);
        missing.Error.Should().Contain("There is no load 42 in warehouse 'warehouse'.").And.Contain("loads list");
        (await RunAsync("loads list --table trips")).Error.Should().Contain("'trips' does not name a table");
    }
}
