using DataPlatform.Testing;

namespace DataPlatform.Core.Tests.Jobs;

/// <summary>What the orchestrator sees of a job: its exit code, for each way it can end.</summary>
public class ExitCodeTests : JobTest
{
    [Fact]
    public async Task Success_is_0()
    {
        var result = await RunAsync("run");

        result.ExitCode.Should().Be(0, result.All);
        result.Error.Should().BeEmpty();
    }

    [Theory]
    [InlineData("fails-data", 65)]
    [InlineData("fails-unavailable", 69)]
    [InlineData("fails-bug", 70)]
    [InlineData("fails-cannot-write", 73)]
    [InlineData("fails-transient", 75)]
    [InlineData("fails-not-authorized", 77)]
    [InlineData("fails-configuration", 78)]
    [InlineData("throws-bug", 70)]
    [InlineData("fails-none", 70)]
    public async Task A_failed_step_ends_the_job_with_the_code_of_its_class(string pipeline, int exitCode)
    {
        var result = await RunAsync("run", ("JOB_PIPELINES", pipeline));

        result.ExitCode.Should().Be(exitCode, result.All);
    }

    [Theory]
    [InlineData("rnu", "'rnu' was not matched. Did you mean one of the following?\nrun")]
    [InlineData("run --stpe first", "Unrecognized option '--stpe'. Did you mean --step?")]
    [InlineData("run --date today", "'today' is not a date: write it as 2026-01-31.")]
    [InlineData("run nope", "There is no pipeline 'nope'.\n  The pipelines are: two-steps.")]
    [InlineData("run --step nope", "Pipeline 'two-steps' has no step 'nope'.\n  Its steps are: first, second.")]
    [InlineData("run --step first --from second", "Use --step or --from, not both.")]
    [InlineData("run --resume nope", "There is no run 'nope' to resume.")]
    [InlineData("runs show nope", "There is no run 'nope'.")]
    public async Task A_wrong_command_line_is_78_and_says_what_is_wrong(string arguments, string message)
    {
        var result = await RunAsync(arguments);

        result.ExitCode.Should().Be(78, result.All);
        result.Error.Should().Contain(message);
    }

    [Fact]
    public async Task A_pipeline_that_is_not_valid_is_78()
    {
        var result = await RunAsync("run", ("JOB_PIPELINES", "cycle"));

        result.ExitCode.Should().Be(78);
        result.Error.Should().StartWith("error: Pipeline 'cycle' has a cycle: one → two → one.");
    }

    [Fact]
    public async Task Several_pipelines_need_a_name()
    {
        var result = await RunAsync("run", ("JOB_PIPELINES", "two-steps,prints"));

        result.ExitCode.Should().Be(78);
        result.Error.Should().Be("error: The job has several pipelines.\n  Name the one to use: two-steps, prints.\n");
    }

    [Fact]
    public async Task A_connection_that_cannot_be_opened_is_reported_before_anything_runs()
    {
        var result = await RunAsync("run", ("ConnectionStrings:warehouse", "nonsense"), ("ConnectionStrings:lake", null));

        result.ExitCode.Should().Be(78);
        result.Error.Should().StartWith("error: 2 checks failed before the run began:").And.Contain("ConnectionStrings:lake").And.Contain("ConnectionStrings:warehouse");
        result.Output.Should().NotContain("run_id");
    }

    [Fact]
    public async Task An_unreachable_server_is_69()
    {
        var result = await RunAsync("run", ("ConnectionStrings:warehouse", "Host=127.0.0.1;Port=1;Username=etl;Password=let-me-in;Database=x"));

        result.ExitCode.Should().Be(69, result.All);
        result.All.Should().Contain("127.0.0.1").And.NotContain("let-me-in");
    }

    [Fact]
    public async Task A_step_that_is_not_ready_does_not_run()
    {
        var result = await RunAsync("run", ("JOB_PIPELINES", "preflight-fails"));

        result.ExitCode.Should().Be(73);
        result.Error.Should().Be("error: The target is read-only.\n  Make it writable.\n");
        result.Output.Should().NotContain("It ran");
    }

    [Fact]
    public async Task A_wrong_setting_is_78_and_all_wrong_settings_are_named()
    {
        var result = await RunAsync("run", ("DataPlatform:GracePeriod", "soon"), ("DataPlatform:MaxParallelSteps", "0"));

        result.ExitCode.Should().Be(78);
        result.Error.Should().Contain("'DataPlatform:GracePeriod' is 'soon'").And.Contain("'DataPlatform:MaxParallelSteps' must be 1 or more.");
    }

    [Fact]
    public async Task All_missing_secrets_are_named_at_once()
    {
        var result = await RunAsync("run", ("Api:Url", "${secret://env/API_URL_ABSENT}"), ("Api:Token", "${secret://file/api-token}"));

        result.ExitCode.Should().Be(78);
        result.Error.Should().Contain("there is no environment variable API_URL_ABSENT. It is used by 'Api:Url'")
            .And.Contain("there is no file /etc/secrets/api-token. It is used by 'Api:Token'");
    }

    [Theory]
    [InlineData("fails-at-start", "The broker is not there.")]
    [InlineData("fails-in-background", "Hosted service FailsInBackground failed. The tunnel broke.")]
    public async Task A_hosted_service_that_fails_ends_the_job_with_the_code_of_its_class(string service, string message)
    {
        var result = await RunAsync("run --output json", ("JOB_HOSTED_SERVICE", service), ("JOB_PIPELINES", service == "fails-at-start" ? "two-steps" : "hangs"));

        result.ExitCode.Should().Be(69, result.All);
        SingleObject(result.Output).GetProperty("error").GetString().Should().StartWith(message);
    }

    [Fact]
    public async Task A_failure_while_the_program_is_put_together_is_reported_like_any_other()
    {
        var result = await RunAsync("run --output json", ("JOB_THROW", "The program is wrong."));

        result.ExitCode.Should().Be(78);
        result.Error.Should().Be("error: The program is wrong.\n  Do not set JOB_THROW.\n");
        SingleObject(result.Output).GetProperty("exitCode").GetInt32().Should().Be(78);
    }

    [Theory]
    [InlineData(JobSignal.Terminate)]
    [InlineData(JobSignal.Interrupt)]
    public async Task A_signal_drains_and_is_143(JobSignal signal)
    {
        await using var job = Start("run --output json", ("JOB_PIPELINES", "hangs"));
        await job.WaitForAsync("Waiting");
        var clock = System.Diagnostics.Stopwatch.StartNew();

        job.Send(signal);
        var result = await job.WaitAsync();

        result.ExitCode.Should().Be(143, result.All);
        clock.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(5));
        var summary = SingleObject(result.Output);
        summary.GetProperty("status").GetString().Should().Be("terminated");
        summary.GetProperty("steps")[0].GetProperty("status").GetString().Should().Be("terminated");
        (await RunAsync("runs --output json")).Output.Should().Contain("\"status\":\"terminated\"", "the ledger knows, and its lease is free");
    }

    [Fact]
    public async Task A_step_that_does_not_stop_is_left_behind_when_the_grace_period_is_over()
    {
        await using var job = Start("run --output json", ("JOB_PIPELINES", "hangs-for-good"), ("DataPlatform:GracePeriod", "500ms"));
        await job.WaitForAsync("Waiting");

        job.Send(JobSignal.Terminate);
        var result = await job.WaitAsync();

        result.ExitCode.Should().Be(75, result.All);
        var summary = SingleObject(result.Output);
        summary.GetProperty("error").GetString().Should().StartWith("The job was told to stop and did not drain in time.");
        summary.GetProperty("steps")[0].GetProperty("status").GetString().Should().Be("terminated");
    }

    [Fact]
    public async Task A_second_signal_ends_the_job_at_once()
    {
        await using var job = Start("run", ("JOB_PIPELINES", "hangs-for-good"));
        await job.WaitForAsync("Waiting");

        job.Send(JobSignal.Terminate);
        await job.WaitForAsync("SIGTERM: stopping, in 25 s at most.");
        var clock = System.Diagnostics.Stopwatch.StartNew();
        job.Send(JobSignal.Terminate);
        var result = await job.WaitAsync();

        result.ExitCode.Should().Be(75, result.All);
        clock.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task A_hosted_service_that_never_stops_does_not_hold_the_job_beyond_the_grace_period()
    {
        await using var job = Start("run", ("JOB_PIPELINES", "hangs"), ("JOB_HOSTED_SERVICE", "never-stops"), ("DataPlatform:GracePeriod", "1s"));
        await job.WaitForAsync("Waiting");

        job.Send(JobSignal.Terminate);
        var result = await job.WaitAsync();

        result.ExitCode.Should().Be(75, result.All);
    }
}
