namespace DataPlatform.Core.Tests.Jobs;

/// <summary>A command that a program adds, in its process.</summary>
public class AddedCommandTests : JobTest
{
    private static readonly (string, string?)[] Secret = [("API_PASSWORD", "steps\"hunter2"), ("Api:Password", "${secret://env/API_PASSWORD}")];

    [Fact]
    public async Task It_knows_secrets_and_prints_none()
    {
        var text = await RunAsync("echo Api:Password", Secret);
        text.ExitCode.Should().Be(0, text.All);
        text.Output.Should().Contain("That was ***.").And.MatchRegex(@"\*\*\* +2 ").And.NotContain("hunter2");

        var json = await RunAsync("echo Api:Password --output json --end cannotWrite", Secret);
        json.ExitCode.Should().Be(73, json.All);
        json.Output.Trim().Should().Be("""{"Value":"***","Steps":2}""");
    }

    [Fact]
    public async Task It_fails_as_a_job_does()
    {
        var result = await RunAsync("echo Nothing:There --output json");
        result.ExitCode.Should().Be(65);
        result.Output.Should().BeEmpty();
        result.Error.Should().Contain("error: There is no such setting.\n  Set it.");

        (await RunAsync("echo Api:Password", ("Api:Password", "${secret://env/MISSING}"))).Should().Match<DataPlatform.Testing.JobResult>(r => r.ExitCode == 78 && r.Error.Contains("MISSING"));
        (await RunAsync("echo")).Should().Match<DataPlatform.Testing.JobResult>(r => r.ExitCode == 78 && r.Error.Contains("Required argument missing"));
    }
}
