using System.Globalization;
using System.Text.Json;

namespace DataPlatform.Core.Tests.Jobs;

/// <summary>What a job prints, and where.</summary>
public class OutputTests : JobTest
{
    [Fact]
    public async Task A_run_logs_json_lines_on_stdout_that_tell_run_pipeline_step_environment_and_trace()
    {
        var result = await RunAsync("run", ("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));

        var lines = Lines(result.Output);
        lines.Should().OnlyContain(l => l.GetProperty("environment").GetString() == "Test" && l.GetProperty("pipeline").GetString() == "two-steps"
            && l.GetProperty("trace_id").GetString() == "0af7651916cd43dd8448eb211c80319c");
        lines.Select(l => l.GetProperty("run_id").GetString()).Distinct().Should().ContainSingle();
        var line = lines.Single(l => l.GetProperty("message").GetString() == "Read 3 rows of inbox");
        line.GetProperty("step").GetString().Should().Be("first");
        line.GetProperty("level").GetString().Should().Be("Information");
        line.GetProperty("Count").GetInt32().Should().Be(3);
        line.GetProperty("span_id").GetString().Should().HaveLength(16).And.NotBe("b7ad6b7169203331");
        DateTimeOffset.Parse(line.GetProperty("timestamp").GetString()!, CultureInfo.InvariantCulture).Should().BeCloseTo(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(2));
    }

    [Fact]
    public async Task The_last_line_of_the_log_is_the_summary()
    {
        var result = await RunAsync("run --run-id r-1");

        var summary = Lines(result.Output)[^1].GetProperty("summary");
        Normalized(summary).Should().Be(
            """{"runId":"r-1","pipeline":"two-steps","status":"succeeded","exitCode":0,"failureClass":null,"error":null,"startedAt":…,"durationSeconds":…,"steps":[{"name":"first","status":"succeeded","rowsRead":3,"rowsWritten":2,"rowsRejected":1,"durationSeconds":…,"error":null},{"name":"second","status":"succeeded","rowsRead":10,"rowsWritten":10,"rowsRejected":0,"durationSeconds":…,"error":null}]}""");
    }

    [Fact]
    public async Task With_output_json_stdout_is_exactly_one_object_and_logs_go_to_stderr()
    {
        var result = await RunAsync("run --output json --run-id r-1", ("JOB_PIPELINES", "prints"));

        Normalized(SingleObject(result.Output)).Should().Be(
            """{"runId":"r-1","pipeline":"prints","status":"succeeded","exitCode":0,"failureClass":null,"error":null,"startedAt":…,"durationSeconds":…,"steps":[{"name":"print","status":"succeeded","rowsRead":0,"rowsWritten":0,"rowsRejected":0,"durationSeconds":…,"error":null}]}""");
        Lines(result.Error).Select(l => l.GetProperty("message").GetString()).Should().Contain(["plain {text} on stdout", "plain text on stderr", "no newline"]);
    }

    [Theory]
    [InlineData("run --output json --date wrong")]
    [InlineData("run --output=json --step nope")]
    [InlineData("--output json --resume nope")]
    public async Task A_run_that_never_began_prints_its_object_too(string arguments)
    {
        var result = await RunAsync(arguments);

        result.ExitCode.Should().Be(78);
        var summary = SingleObject(result.Output);
        summary.GetProperty("runId").ValueKind.Should().Be(JsonValueKind.Null);
        summary.GetProperty("status").GetString().Should().Be("failed");
        summary.GetProperty("failureClass").GetString().Should().Be("configuration");
        summary.GetProperty("steps").GetArrayLength().Should().Be(0);
        summary.GetProperty("error").GetString().Should().NotBeEmpty();
    }

    [Fact]
    public async Task A_failed_run_says_why_in_each_step()
    {
        var summary = SingleObject((await RunAsync("run --output json", ("JOB_PIPELINES", "fails-data"))).Output);

        summary.GetProperty("status").GetString().Should().Be("failed");
        summary.GetProperty("exitCode").GetInt32().Should().Be(65);
        summary.GetProperty("failureClass").GetString().Should().Be("data");
        summary.GetProperty("error").GetString().Should().Be("It is Data. Look here.");
        summary.GetProperty("steps")[0].GetProperty("error").GetString().Should().Be("It is Data. Look here.");
    }

    [Fact]
    public async Task What_steps_print_becomes_log_lines_with_their_run_and_step()
    {
        var result = await RunAsync("run", ("JOB_PIPELINES", "prints"));

        result.Error.Should().BeEmpty();
        var printed = Lines(result.Output).Single(l => l.GetProperty("message").GetString() == "plain {text} on stdout");
        printed.GetProperty("step").GetString().Should().Be("print");
        printed.GetProperty("logger").GetString().Should().Be("Console");
    }

    [Fact]
    public async Task The_stack_trace_of_a_bug_is_in_the_log()
    {
        var result = await RunAsync("run", ("JOB_PIPELINES", "throws-bug"));

        Lines(result.Output).Where(l => l.TryGetProperty("exception", out _)).Should().ContainSingle()
            .Which.GetProperty("exception").GetString().Should().Contain("System.InvalidOperationException: A bug.").And.Contain(" at ");
    }

    [Fact]
    public async Task At_a_terminal_a_run_shows_progress_and_a_table()
    {
        // script(1) gives the job a terminal.
        var job = $"dotnet {Path.Combine(AppContext.BaseDirectory, "DataPlatform.Core.Tests.Job.dll")} run --run-id r-1";
        var start = new System.Diagnostics.ProcessStartInfo("script", ["-qec", job, "/dev/null"]) { RedirectStandardOutput = true, RedirectStandardInput = true, WorkingDirectory = Folder.Path };
        foreach (var (name, value) in Environment([("JOB_PIPELINES", "fails-data"), ("TERM", "xterm-256color")])) start.Environment[name] = value;
        using var process = System.Diagnostics.Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();

        process.ExitCode.Should().Be(65, output);
        var text = System.Text.RegularExpressions.Regex.Replace(output, "\u001b\\[[0-9;?]*[a-zA-Z]", "").Replace("\r", "", StringComparison.Ordinal);
        text.Should().Contain("err fail Step fail failed (Data): It is Data. Look here.\n").And.Contain("│ fail │ failed │    0 │       0 │        0 │")
            .And.Contain("Run r-1 failed in").And.Contain("exit code 65 (data)").And.NotContain("{\"timestamp\"");
        output.Should().Contain("\u001b[?25l", "a live display hides the cursor").And.Contain("\u001b[?25h", "and shows it again");
    }

    [Fact]
    public async Task Log_levels_are_set_as_usual()
    {
        var quiet = await RunAsync("run", ("Logging:LogLevel:Default", "Warning"));
        Lines(quiet.Output).Should().ContainSingle().Which.TryGetProperty("summary", out _).Should().BeTrue();

        var chatty = await RunAsync("run", ("Logging:LogLevel:Microsoft.Extensions.Hosting", "Debug"));
        chatty.Output.Should().Contain("Hosting starting");
    }

    [Fact]
    public async Task The_summary_goes_to_the_termination_log()
    {
        var path = Folder.Combine("termination-log");
        await File.WriteAllTextAsync(path, "");

        await RunAsync("run --run-id r-1", ("DataPlatform:TerminationLogPath", path));

        using var summary = JsonDocument.Parse(await File.ReadAllBytesAsync(path));
        summary.RootElement.GetProperty("runId").GetString().Should().Be("r-1");
        summary.RootElement.GetProperty("status").GetString().Should().Be("succeeded");
    }

    [Fact]
    public async Task A_failure_before_the_run_goes_to_the_termination_log_too()
    {
        var path = Folder.Combine("termination-log");
        await File.WriteAllTextAsync(path, "");

        await RunAsync("run", ("DataPlatform:TerminationLogPath", path), ("Api:Token", "${secret://env/ABSENT_TOKEN}"));

        using var summary = JsonDocument.Parse(await File.ReadAllBytesAsync(path));
        summary.RootElement.GetProperty("runId").ValueKind.Should().Be(JsonValueKind.Null);
        summary.RootElement.GetProperty("error").GetString().Should().Contain("ABSENT_TOKEN");
    }

    [Fact]
    public async Task Argo_gets_the_progress()
    {
        var path = Folder.Combine("progress");

        await RunAsync("run", ("ARGO_PROGRESS_FILE", path));

        (await File.ReadAllTextAsync(path)).Should().Be("200/200");
    }

    [Fact]
    public async Task A_file_of_arguments_is_read()
    {
        await File.WriteAllTextAsync(Folder.Combine("args"), "--output\njson\n--run-id\nr-1\n");

        SingleObject((await RunAsync("run two-steps @args")).Output).GetProperty("runId").GetString().Should().Be("r-1");
    }

    [Fact]
    public async Task Steps_of_one_run_can_be_run_by_processes_of_their_own_and_a_failed_run_resumed()
    {
        (await RunAsync("run --step first --run-id wf-1")).ExitCode.Should().Be(0);
        (await RunAsync("run --step second --run-id wf-1")).ExitCode.Should().Be(0);

        var run = SingleObject((await RunAsync("runs show wf-1 --output json")).Output);

        run.GetProperty("steps").EnumerateArray().Select(s => $"{s.GetProperty("name")} {s.GetProperty("status")} {s.GetProperty("rowsWritten")}")
            .Should().Equal("first succeeded 2", "second succeeded 10");
        var resumed = SingleObject((await RunAsync("run --resume wf-1 --output json")).Output);
        resumed.GetProperty("steps").EnumerateArray().Select(s => s.GetProperty("status").GetString()).Should().Equal("skipped", "skipped");
    }

    [Fact]
    public async Task Runs_lists_the_latest_first()
    {
        await RunAsync("run --run-id r-1 --date 2026-01-01");
        await RunAsync("run --run-id r-2 --date 2026-01-02", ("JOB_PIPELINES", "fails-data"));

        var runs = SingleObject((await RunAsync("runs --output json")).Output).GetProperty("runs");
        runs.EnumerateArray().Select(r => $"{r.GetProperty("runId")} {r.GetProperty("pipeline")} {r.GetProperty("logicalDate")} {r.GetProperty("status")} {r.GetProperty("failureClass")}")
            .Should().Equal("r-2 fails-data 2026-01-02 failed data", "r-1 two-steps 2026-01-01 succeeded ");
        (await RunAsync("runs --pipeline two-steps")).Output.Should().Contain("r-1").And.NotContain("r-2");
    }

    [Fact]
    public async Task Commands_that_touch_no_system_need_no_configuration()
    {
        var broken = new (string, string?)[] { ("ConnectionStrings:warehouse", null), ("Api:Token", "${secret://env/ABSENT}"), ("JOB_PIPELINES", "two-steps,prints") };

        (await RunAsync("list", broken)).Output.Should().Be("two-steps: first, second\nprints: print\n");
        (await RunAsync("describe prints", broken)).Output.Should().Be("prints\n  print  step\n");
        (await RunAsync("--version", broken)).Output.Should().Be("1.2.3\n");
    }

    [Fact]
    public async Task Help_tells_the_commands_and_the_pipelines()
    {
        var help = await RunAsync("--help");

        help.ExitCode.Should().Be(0);
        help.Output.Should().Be("""
            Description:
              Runs data pipelines. Without a command it runs the only pipeline, as `run` does.

            Usage:
              DataPlatform.Core.Tests.Job [command] [options]

            Options:
              --step <step>         Run this step alone; the steps before it are taken as done.
              --from <step>         Run this step and all that depend on it.
              --resume <run-id>     Continue this run: steps that succeeded in it are not run again.
              --run-id <run-id>     Run under this id. Steps that an orchestrator runs in containers of their own share a run so.
              --date <yyyy-MM-dd>   The date the run is for. Default: today in UTC.
              --output <text|json>  json prints exactly one JSON object on standard output at the end; logs go to standard error.
              --environment <name>  The host environment: Development, Staging, Production.
              -?, -h, --help        Show help and usage information
              --version             Show version information

            Commands:
              run <two-steps>       Run a pipeline, or a part of it.
              list                  List the pipelines and their steps.
              describe <two-steps>  Show a pipeline's steps and what they depend on.
              runs                  List the latest runs.
              doctor                Check settings, secrets, connections and steps without running anything.
              loads                 Look at what was loaded, and undo it.
              contracts             Look at what loaded rows had to look like, and how that changed.
              lineage               Look at which tables and files were made of which.
              echo <key>            Say what a setting is.


            """);
    }

    // Times differ from run to run.
    private static string Normalized(JsonElement summary) => System.Text.RegularExpressions.Regex.Replace(
        summary.GetRawText(), """("startedAt":"[^"]+Z")|("durationSeconds":[0-9.]+)""", match => $"{match.Value.Split(':')[0]}:…");
}
