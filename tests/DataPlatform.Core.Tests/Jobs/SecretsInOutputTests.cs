using System.Text;

namespace DataPlatform.Core.Tests.Jobs;

/// <summary>A step that tries to let a secret out in every way, and everything the job leaves behind.</summary>
public class SecretsInOutputTests : JobTest
{
    private const string Secret = "hunter2/\"ünter<wegs>";

    [Theory]
    [InlineData("run")]
    [InlineData("run --output json")]
    public async Task No_secret_is_in_what_a_job_prints_or_writes(string arguments)
    {
        var terminationLog = Folder.Combine("termination-log");
        await File.WriteAllTextAsync(terminationLog, "");

        var result = await RunAsync(
            arguments, ("JOB_PIPELINES", "prints-secrets"), ("API_PASSWORD", Secret), ("Api:Password", "${secret://env/API_PASSWORD}"), ("DataPlatform:TerminationLogPath", terminationLog));
        var runs = await RunAsync("runs");

        result.ExitCode.Should().Be(65, result.All);
        result.All.Should().Contain("out ***").And.Contain("err ***").And.Contain("message *** hint ***");
        runs.Output.Should().Contain("message ***");
        (await File.ReadAllTextAsync(terminationLog)).Should().Contain("message *** hint ***");
        var everything = result.All + runs.All + await File.ReadAllTextAsync(terminationLog)
            + Encoding.UTF8.GetString(await File.ReadAllBytesAsync(Folder.Combine("warehouse.duckdb")));
        foreach (var form in new[]
        {
            Secret, "hunter2", Uri.EscapeDataString(Secret), "ünter<wegs>", "\\u0022\\u00FCnter",
            Convert.ToBase64String(Encoding.UTF8.GetBytes(Secret)), Convert.ToBase64String(Encoding.UTF8.GetBytes($"user:{Secret}"))[8..^4],
        }) everything.Should().NotContain(form);
    }

    [Fact]
    public async Task A_secret_too_short_to_be_masked_is_warned_of()
    {
        var result = await RunAsync("run", ("API_PIN", "12"), ("Api:Pin", "${secret://env/API_PIN}"));

        Lines(result.Output)[0].GetProperty("message").GetString().Should().Be("Secret env/API_PIN is too short to be masked in logs: use one of at least 4 characters");
    }
}
