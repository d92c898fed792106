using System.Diagnostics;
using DataPlatform.Testing;
using DataPlatform.Warehouses.PostgreSql;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace DataPlatform.Transform.Tests;

/// <summary>The runner of the dbt command against recordings of a real one, with a real PostgreSQL.</summary>
[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class DbtCliRunnerTests : IAsyncDisposable
{
    private const string Password = "dp-test-password";

    private readonly ScratchFolder _folder = new();
    private readonly PostgreSqlWarehouse _warehouse = new("warehouse", TestPostgres.ConnectionString);
    private readonly LogLines _lines = new();
    private readonly List<DbtNodeChange> _changes = [];

    public async ValueTask DisposeAsync()
    {
        await _warehouse.DisposeAsync();
        _folder.Dispose();
    }

    public static TheoryData<string> Recordings() => [.. RecordedDbt.Cases];

    [Theory]
    [MemberData(nameof(Recordings))]
    public async Task A_recorded_invocation_has_the_results_of_its_artifact(string recording)
    {
        var result = await RunAsync(recording);

        var ours = result.InvocationId;
        ours.Should().NotBeNullOrEmpty();
        result.Version.Should().Be("1.11.14");
        var artifact = RecordedDbt.File(recording, "run_results.json");
        var expected = File.Exists(artifact) && DbtRunResults.Read(artifact) is { } written && written.InvocationId == ours ? written.Nodes : [];
        foreach (var node in expected)
            result.Nodes.Should().ContainSingle(found => found.UniqueId == node.UniqueId).Which.Should().BeEquivalentTo(node, options => options.Excluding(n => n.Name).Excluding(n => n.ResourceType));
        if (recording == "f_fresh_all") return; // It has sources.json, and hooks.

        result.Nodes.Should().HaveCount(expected.Count);
        // What was told while it ran is what the artifact says at the end.
        foreach (var change in _changes.Where(change => change.Node.Status != DbtStatus.Running))
            expected.Should().ContainSingle(node => node.UniqueId == change.Node.UniqueId).Which.Status.Should().Be(change.Node.Status);
    }

    [Theory]
    [InlineData("lab_build", FailureClass.Data)]
    [InlineData("mb_run", FailureClass.Data)]
    [InlineData("f_fresh_all", FailureClass.Data)]
    [InlineData("f_dbdown_run", FailureClass.Unavailable)]
    [InlineData("f_op_ok", FailureClass.None)]
    [InlineData("f_sel_empty", FailureClass.None)]
    [InlineData("f_profile", FailureClass.Configuration)]
    [InlineData("f_ref_missing", FailureClass.Configuration)]
    [InlineData("f_yaml", FailureClass.Configuration)]
    [InlineData("f_warn_error", FailureClass.Configuration)]
    public async Task A_recorded_failure_has_its_class(string recording, FailureClass expected) =>
        ((await RunAsync(recording)).Failure?.Class ?? FailureClass.None).Should().Be(expected);

    [Fact]
    public async Task Nodes_are_told_as_they_begin_and_end()
    {
        var result = await RunAsync("lab_build");

        _changes.Where(change => change.Node.UniqueId == "model.lab.ok_b").Select(change => (change.Node.Status, change.Node.RowsAffected, change.Total)).Should().Equal(
            (DbtStatus.Running, null, 19), (DbtStatus.Success, 4, 19));
        _changes.Should().ContainSingle(change => change.Node.Status == DbtStatus.Fail && change.Node.ResourceType == "unit_test").Which.Node.Failures.Should().Be(1);
        result.Nodes.Should().OnlyContain(node => node.Message == null || !node.Message.Contains('\u001b'));
        result.Lineage.Should().Contain(node => node.UniqueId == "model.lab.ok_b");
        result.Failure!.Message.Should().Contain("model.lab.bad_sql: Database Error in model bad_sql (models/bad_sql.sql)\n      division by zero");
    }

    [Fact]
    public async Task Sources_that_are_missing_in_the_artifact_are_taken_from_events()
    {
        (await RunAsync("f_fresh_all")).Nodes.Where(node => node.ResourceType == "source").Select(node => (node.Name, node.Status)).Should().BeEquivalentTo(
            [("events", DbtStatus.Pass), ("events_warn", DbtStatus.Warn), ("events_stale", DbtStatus.Error), ("events_missing", DbtStatus.RuntimeError)]);
    }

    [Fact]
    public async Task An_artifact_of_an_earlier_invocation_is_left_alone()
    {
        (await RunAsync("f_warn_error")).Nodes.Should().BeEmpty("its run_results.json was there before");
    }

    [Fact]
    public async Task Lines_that_are_no_events_are_passed_on_and_colours_are_not()
    {
        await RunAsync("lab_build", ("RECORDED_DBT_NOISE", "1"));

        _lines.All.Should().Contain([
            (LogLevel.Information, "stdout", "/usr/lib/python3/site.py:12: DeprecationWarning: this is no event"), (LogLevel.Information, "stdout", "{\"not\": \"an event\"}"),
            (LogLevel.Information, "stdout", "{\"cut off"), (LogLevel.Information, "stdout", "coloured words"), (LogLevel.Warning, "stderr", "said to stderr"),
            (LogLevel.Information, "FoundStats", "Found 9 models, 5 data tests, 1 seed, 2 operations, 1 snapshot, 4 sources, 1 exposure, 481 macros, 2 unit tests"),
            (LogLevel.Warning, "LogTestResult", "16 of 19 WARN 1 unique_ok_b_id ................................................. [WARN 1 in 0.07s]"),
        ]);
        _lines.All.Should().NotContain(line => line.Message.Contains('\u001b') || line.Message.Length == 0);
    }

    [Fact]
    public async Task A_hundred_thousand_lines_are_no_trouble()
    {
        var result = await RunAsync("lab_build", ("RECORDED_DBT_REPEAT", "100000"));

        _lines.All.Count(line => line.Event == "MainReportVersion").Should().Be(100_001);
        result.Nodes.Should().HaveCount(21);
    }

    [Fact]
    public async Task The_password_is_in_the_environment_and_nowhere_else()
    {
        var kept = _folder.Combine("artifacts");
        await RunAsync(new DbtInvocation(RecordedDbt.Project) { ArtifactsPath = kept, Schema = "marts", Threads = 7 }, "lab_build");

        var given = Given("build");
        given["env"].Should().Contain($"DBT_ENV_SECRET_DATAPLATFORM_PASSWORD={Password}").And.Contain("DBT_ENV_CUSTOM_ENV_RUN_ID=run-1").And.MatchRegex("PGOPTIONS=-c client_connection_check_interval=1");
        given["profile"].Should().Be($$$"""
            dataplatform:
              target: "default"
              outputs:
                "default":
                  type: "postgres"
                  host: "127.0.0.1"
                  port: 25432
                  user: "dp"
                  password: "{{ env_var('DBT_ENV_SECRET_DATAPLATFORM_PASSWORD') }}"
                  dbname: "dp"
                  schema: "marts"
                  threads: 7
                  application_name: "dataplatform-dbt-test"
                  connect_timeout: 15
                  keepalives_idle: 30
                  sslmode: "prefer"

            """.Replace("25432", new NpgsqlConnectionStringBuilder(TestPostgres.ConnectionString).Port.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal));
        given["mode"].Should().Be("600\n700\n");
        File.ReadAllText(Path.Combine(kept, "run_results.json")).Should().Be(File.ReadAllText(RecordedDbt.File("lab_build", "run_results.json")));
        var written = Directory.EnumerateFiles(kept).Select(File.ReadAllText).Append(given["profile"]).Append(given["arguments"]).Concat(_lines.All.Select(line => line.Message));
        written.Should().NotContain(text => text.Contains(Password, StringComparison.Ordinal));
        Path.Exists(Argument(given["arguments"], "--profiles-dir")).Should().BeFalse("it is removed");
    }

    [Fact]
    public async Task The_folder_is_removed_when_dbt_fails()
    {
        (await RunAsync("f_dbdown_run")).Failure.Should().NotBeNull();
        Path.Exists(Path.GetDirectoryName(Argument(Given("build")["arguments"], "--profiles-dir"))).Should().BeFalse();
    }

    [Fact]
    public async Task A_command_that_is_not_there_is_named()
    {
        var run = () => RunAsync(new DbtInvocation(RecordedDbt.Project), "lab_build", new DbtRunnerOptions { Executable = "no-such-dbt" });
        var thrown = (await run.Should().ThrowAsync<DataPlatformException>()).Which;
        (thrown.FailureClass, thrown.Message).Should().Be((FailureClass.Configuration, "There is no command 'no-such-dbt'."));
    }

    [Fact]
    public async Task The_projects_folder_is_only_read()
    {
        var project = Directory.CreateDirectory(_folder.Combine("project")).FullName;
        File.Copy(Path.Combine(RecordedDbt.Project, "dbt_project.yml"), Path.Combine(project, "dbt_project.yml"));
        var before = Directory.GetLastWriteTimeUtc(project);
        File.SetUnixFileMode(project, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            (await RunAsync(new DbtInvocation(project), "lab_build")).Nodes.Should().HaveCount(21);
            Directory.EnumerateFileSystemEntries(project).Should().ContainSingle();
            Directory.GetLastWriteTimeUtc(project).Should().Be(before);
        }
        finally
        {
            File.SetUnixFileMode(project, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    [Fact]
    public async Task Options_become_dbts_arguments()
    {
        var state = _folder.Combine("state");
        await RunAsync(
            new DbtInvocation(RecordedDbt.Project)
            {
                Command = DbtCommand.Run,
                Select = { "tag:a", "+b" },
                Exclude = { "c" },
                Vars = { ["from"] = "2026-01-01", ["n"] = 3 },
                Target = "prod",
                FullRefresh = true,
                EventTime = new DbtTimeRange(new DateTime(2026, 1, 1), new DateTime(2026, 1, 2, 6, 30, 0)),
                State = state,
                Defer = true,
                FailFast = true,
                WarnError = true,
            },
            "f_sel_empty");
        var arguments = Given("run")["arguments"].Split('\n');
        arguments[..3].Should().Equal("run", "--project-dir", RecordedDbt.Project);
        arguments[Array.IndexOf(arguments, "--target-path") + 1].Should().NotStartWith(RecordedDbt.Project);
        string.Join(' ', arguments).Should().Contain("--profile dataplatform --target prod ").And.Contain(
            $"--log-format json --vars {{\"from\":\"2026-01-01\",\"n\":3}} --select tag:a +b --exclude c --state {state} --defer --full-refresh --event-time-start 2026-01-01T00:00:00 --event-time-end 2026-01-02T06:30:00 --fail-fast --warn-error");

        await RunAsync(new DbtInvocation(RecordedDbt.Project) { Command = DbtCommand.RunOperation, Macro = "hello", MacroArguments = { ["who"] = "bob" } }, "f_op_ok");
        string.Join(' ', Given("run-operation")["arguments"].Split('\n')).Should().StartWith("run-operation hello --project-dir ").And.Contain("--args {\"who\":\"bob\"}");
    }

    [Fact]
    public async Task Two_at_once_do_not_meet()
    {
        var results = await Task.WhenAll(RunAsync("lab_build"), RunAsync("mb_run"));

        results[0].Nodes.Select(node => node.UniqueId).Should().OnlyContain(id => id.Contains(".lab.", StringComparison.Ordinal)).And.HaveCount(21);
        results[1].Nodes.Select(node => node.UniqueId).Should().Equal("model.mb.mb_src", "model.mb.mb");
        Directory.EnumerateFiles(_folder.Combine("log"), "*.arguments").Select(file => Argument(File.ReadAllText(file), "--target-path")).Should().OnlyHaveUniqueItems().And.HaveCount(2);
    }

    [Fact]
    public async Task Nodes_are_listed_with_the_sources_that_they_read()
    {
        var listing = _folder.Combine("listing");
        RecordedDbt.WriteListing("lab_build", listing);
        var runner = new DbtCliRunner(TestPostgres.ConnectionString, new DbtRunnerOptions { Executable = Wrapper(("RECORDED_DBT_CASE", "lab_build"), ("RECORDED_DBT_LIST", listing)) });

        var nodes = await runner.ListAsync(new DbtInvocation(RecordedDbt.Project), new DbtRunContext(_warehouse), TestContext.Current.CancellationToken);

        nodes.Single(node => node.UniqueId == "model.lab.uses_src").Sources.Should().Equal(new DbtSource("source.lab.raw.events", "\"dp\".\"lab_raw\".\"events\""));
        nodes.Single(node => node.UniqueId == "model.lab.ok_b").Sources.Should().BeEmpty("it reads a model");
    }

    [Theory]
    [InlineData("query")]
    [InlineData("deaf")]
    public async Task When_it_is_stopped_nothing_of_it_is_left(string hang)
    {
        using var stop = new CancellationTokenSource();
        var session = $"dbt-{Guid.NewGuid():N}"[..30];
        var run = RunAsync(new DbtInvocation(RecordedDbt.Project), "lab_build", new DbtRunnerOptions { Executable = RecordedDbt.Executable, StopGrace = TimeSpan.FromMilliseconds(hang == "deaf" ? 300 : 20_000) },
            session, stop.Token, ("RECORDED_DBT_HANG", hang), ("RECORDED_DBT_TO", "13"));
        while (!await _warehouse.IsSessionAliveAsync(session)) await Task.Delay(20, TestContext.Current.CancellationToken);
        var clock = Stopwatch.StartNew();
        await stop.CancelAsync();

        await run.Awaiting(task => task).Should().ThrowAsync<OperationCanceledException>();
        clock.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(5));
        (await _warehouse.IsSessionAliveAsync(session)).Should().BeFalse();
        var process = int.Parse(Directory.EnumerateFiles(_folder.Combine("log"), "build-*.env").Select(Path.GetFileNameWithoutExtension).Single()!["build-".Length..], System.Globalization.CultureInfo.InvariantCulture);
        GroupMembers(process).Should().BeEmpty();
        _changes.Should().Contain(change => change.Node.UniqueId == "model.lab.ok_a" && change.Node.Status == DbtStatus.Running, "what it did before is told");
    }

    [Fact]
    public async Task When_who_is_told_fails_dbt_is_stopped()
    {
        var session = $"dbt-{Guid.NewGuid():N}"[..30];
        var context = new DbtRunContext(_warehouse) { SessionName = session, NodeChanged = (_, _) => throw new InvalidOperationException("the journal is full") };
        var run = () => RunAsync(new DbtInvocation(RecordedDbt.Project), context, "lab_build", null, CancellationToken.None, ("RECORDED_DBT_HANG", "query"));
        await run.Should().ThrowAsync<InvalidOperationException>().WithMessage("the journal is full");
        (await _warehouse.IsSessionAliveAsync(session)).Should().BeFalse();
    }

    [Fact]
    public async Task What_was_parsed_is_kept_where_a_cache_is_named()
    {
        var cache = _folder.Combine("cache");
        await RunAsync(new DbtInvocation(RecordedDbt.Project), "f_sel_empty", new DbtRunnerOptions { Executable = RecordedDbt.Executable, CachePath = cache }, "s", default, ("RECORDED_DBT_PARSED", "first"));
        File.ReadAllText(Path.Combine(cache, "partial_parse.msgpack")).Should().Be("first\n");
    }

    [Fact]
    public async Task Lines_of_version_2_are_passed_on_and_the_artifacts_tell()
    {
        DbtEvent.Parse("""{"severity_text": "WARN", "body": "Nothing to do", "attributes": {}}""").Should().BeEquivalentTo(new { Name = "stdout", Level = LogLevel.Warning, Message = "Nothing to do" });

        // Not one event, as from a version whose events are not known.
        var result = await RunAsync("mb_run", ("RECORDED_DBT_FROM", "100"));
        result.Nodes.Select(node => (node.UniqueId, node.Status, node.RowsAffected)).Should().Equal(("model.mb.mb_src", DbtStatus.Success, 3), ("model.mb.mb", DbtStatus.PartialSuccess, null));
        _changes.Select(change => change.Node).Should().Equal(result.Nodes);
        result.Failure!.Class.Should().Be(FailureClass.Data);
    }

    [Theory]
    [InlineData("Core:\\n  - installed: 1.11.14\\nPlugins:\\n  - duckdb: 1.9\\n", "0", "has no adapter for PostgreSQL")]
    [InlineData("ModuleNotFoundError: No module named 'dbt'\\n", "1", "--version' ended with 1: ModuleNotFoundError: No module named 'dbt'")]
    [InlineData("dbt 2.0.0-beta.1\\n", "0", null)]
    [InlineData("Core:\\n  - installed: 1.11.14\\nPlugins:\\n  - postgres: 1.11.0\\n", "0", null)]
    public async Task A_dbt_that_will_not_do_is_found_before_the_first_row(string version, string exitCode, string? problem)
    {
        var runner = new DbtCliRunner(TestPostgres.ConnectionString, new DbtRunnerOptions { Executable = Wrapper(("RECORDED_DBT_VERSION", version), ("RECORDED_DBT_VERSION_EXIT", exitCode)) });
        var check = () => runner.CheckAsync(new DbtInvocation(RecordedDbt.Project), _warehouse, TestContext.Current.CancellationToken);
        if (problem is null) await check.Should().NotThrowAsync();
        else (await check.Should().ThrowAsync<DataPlatformException>()).Which.Message.Should().Contain(problem);
    }

    private static List<string> GroupMembers(int group) =>
    [
        .. Directory.EnumerateDirectories("/proc").Where(folder => int.TryParse(Path.GetFileName(folder), out _)).Select(folder =>
        {
            try
            {
                return File.ReadAllText(Path.Combine(folder, "stat"));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return "";
            }
        }).Where(stat => stat.Length > 0 && stat[(stat.LastIndexOf(')') + 2)..].Split(' ') is [not "Z", _, var itsGroup, ..] && itsGroup == $"{group}"),
    ];

    private static string Argument(string arguments, string name) => arguments.Split('\n') is var lines ? lines[Array.IndexOf(lines, name) + 1] : "";

    private Dictionary<string, string> Given(string command) => Directory.EnumerateFiles(_folder.Combine("log"), $"{command}-*")
        .ToDictionary(file => Path.GetExtension(file)[1..], File.ReadAllText);

    private Task<DbtResult> RunAsync(string recording, params (string, string)[] switches) => RunAsync(new DbtInvocation(RecordedDbt.Project), recording, null, "dataplatform-dbt-test", default, switches);

    private Task<DbtResult> RunAsync(
        DbtInvocation invocation, string recording, DbtRunnerOptions? options = null, string session = "dataplatform-dbt-test", CancellationToken cancellationToken = default, params (string, string)[] switches)
    {
        var context = new DbtRunContext(_warehouse)
        {
            SessionName = session,
            RunId = "run-1",
            Logger = _lines,
            NodeChanged = (change, _) =>
            {
                lock (_changes) _changes.Add(change);
                return ValueTask.CompletedTask;
            },
        };
        return RunAsync(invocation, context, recording, options, cancellationToken, switches);
    }

    private Task<DbtResult> RunAsync(DbtInvocation invocation, DbtRunContext context, string recording, DbtRunnerOptions? options, CancellationToken cancellationToken, params (string, string)[] switches)
    {
        options ??= new DbtRunnerOptions { Executable = RecordedDbt.Executable };
        if (options.Executable == RecordedDbt.Executable) options.Executable = Wrapper([("RECORDED_DBT_CASE", recording), ("RECORDED_DBT_LOG", Directory.CreateDirectory(_folder.Combine("log")).FullName), .. switches]);
        return new DbtCliRunner(TestPostgres.ConnectionString, options).RunAsync(invocation, context, cancellationToken);
    }

    // Its switches cannot be variables of this process, which other tests share.
    private string Wrapper(params (string Name, string Value)[] switches)
    {
        var path = _folder.Combine($"dbt-{Guid.NewGuid():N}");
        File.WriteAllText(path, $"#!/bin/sh\n{string.Concat(switches.Select(s => $"export {s.Name}='{s.Value.Replace("'", "'\\''", StringComparison.Ordinal)}'\n"))}exec '{RecordedDbt.Executable}' \"$@\"\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }
}
