using System.Text.Json;

namespace DataPlatform.Core.Tests.Jobs;

public class DoctorTests : JobTest
{
    [Fact]
    public async Task A_job_that_is_ready_passes_every_check()
    {
        await File.WriteAllTextAsync(Folder.Combine("api-token"), "top-secret-token\n");
        File.SetLastWriteTimeUtc(Folder.Combine("api-token"), new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        var settings = new (string, string?)[] { ("DataPlatform:Secrets:File:Directory", Folder.Path), ("Api:Token", "${secret://file/api-token}") };

        var result = await RunAsync("doctor --output json", settings);

        result.ExitCode.Should().Be(0, result.All);
        var report = SingleObject(result.Output);
        report.GetProperty("status").GetString().Should().Be("ok");
        report.GetProperty("checks").EnumerateArray().Select(Describe).Should().Equal(
            "secret file/api-token ok",
            "settings DataPlatform ok",
            "pipeline two-steps ok",
            "object store lake ok",
            "warehouse warehouse ok",
            "ledger ledger ok",
            "step two-steps/first ok",
            "step two-steps/second ok");
        report.GetProperty("checks")[0].GetProperty("detail").GetString().Should().Match($"file {Folder.Combine("api-token")}, version 2026-01-01T00:00:00Z, read * s ago");

        var table = await RunAsync("doctor", settings);
        table.Output.Should().Contain("secret file/api-token").And.Contain("The job is ready to run.").And.NotContain("top-secret-token");
    }

    [Fact]
    public async Task A_job_that_is_not_is_told_everything_that_can_be_found_out()
    {
        await File.WriteAllTextAsync(Folder.Combine("file"), "");
        var result = await RunAsync(
            "doctor --output json",
            ("JOB_PIPELINES", "cycle,two-steps"), ("ConnectionStrings:lake", Folder.Combine("file", "lake")), ("ConnectionStrings:warehouse", null),
            ("DataPlatform:LeaseWait", "soon"));

        result.ExitCode.Should().Be(78, result.All);
        var report = SingleObject(result.Output);
        report.GetProperty("exitCode").GetInt32().Should().Be(78);
        report.GetProperty("checks").EnumerateArray().Select(Describe).Should().Equal(
            "settings DataPlatform failed configuration",
            "pipeline cycle failed configuration",
            "pipeline two-steps ok",
            "object store lake failed cannotWrite",
            "warehouse warehouse failed configuration");
        report.GetProperty("checks")[3].GetProperty("hint").GetString().Should().NotBeEmpty();
    }

    [Fact]
    public async Task It_checks_the_steps_of_every_pipeline()
    {
        var result = await RunAsync("doctor", ("JOB_PIPELINES", "preflight-fails,two-steps"));

        result.ExitCode.Should().Be(73);
        result.Output.Should().Contain("step preflight-fails/unready").And.Contain("The target is read-only.").And.Contain("Make it writable.")
            .And.Contain("1 of ").And.Contain("`run` would exit with 73.");
    }

    private static string Describe(JsonElement check) =>
        $"{check.GetProperty("kind").GetString()} {check.GetProperty("name").GetString()} {check.GetProperty("status").GetString()} {check.GetProperty("failureClass").GetString()}".TrimEnd();
}
