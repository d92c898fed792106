using DataPlatform.Testing;
using DataPlatform.Transform;
using static DataPlatform.Testing.Eventually;

namespace DataPlatform.Crash.Tests;

/// <summary>dbt in a job that is stopped or killed: nothing of it goes on, and the next attempt takes up what is left.</summary>
public sealed class DbtTests : IAsyncLifetime
{
    private const string Program = "DataPlatform.Crash.Tests.Job";

    // How far the recording goes before dbt hangs: ok_b, inc, a seed and others are done, a snapshot and tests run, the rest has not begun.
    private const string LastLine = "32";

    private JobEnvironment _environment = null!;

    private string Log => Path.Combine(_environment.Folder, "log");

    public async ValueTask InitializeAsync()
    {
        _environment = await JobEnvironment.CreateAsync("postgresql");
        RecordedDbt.WriteListing("lab_build", Path.Combine(_environment.Folder, "listing"));
        foreach (var (name, value) in new Dictionary<string, string?>
        {
            ["DBT_PROJECT"] = RecordedDbt.Project,
            ["Dbt__Executable"] = RecordedDbt.Executable,
            ["RECORDED_DBT_CASE"] = "lab_build",
            ["RECORDED_DBT_LOG"] = Directory.CreateDirectory(Log).FullName,
            ["RECORDED_DBT_LIST"] = Path.Combine(_environment.Folder, "listing"),
            ["DataPlatform__Resilience__step__MaxRetries"] = "0",
        }) _environment.Variables[name] = value;
    }

    public ValueTask DisposeAsync() => _environment.DisposeAsync();

    [Fact]
    public async Task After_kill_9_nothing_goes_on_and_the_same_run_takes_up_what_is_left()
    {
        Hang();
        await using (var job = _environment.Start(Program, "run", "dbt", "--run-id", "night"))
        {
            await UntilAsync(async () => await CountQueriesAsync() == 1 && await JournaledAsync("model.lab.ok_b") == "success");
            job.Send(JobSignal.Kill);
            (await job.WaitAsync()).ExitCode.Should().Be(137);
        }

        await UntilAsync(async () => await CountQueriesAsync() == 0);
        var profiles = File.ReadAllLines(Directory.EnumerateFiles(Log, "build-*.arguments").Single()).SkipWhile(argument => argument != "--profiles-dir").ElementAt(1);
        await UntilAsync(() => Task.FromResult(!Directory.Exists(Path.GetDirectoryName(profiles))));
        var done = (await _environment.QueryAsync("SELECT unique_id FROM dataplatform.dbt_nodes WHERE status IN ('success', 'pass', 'warn', 'no-op')")).Select(row => (string)row[0]!).ToHashSet();
        done.Should().Contain(["model.lab.ok_a", "model.lab.ok_b", "seed.lab.s1", "model.lab.inc", "test.lab.singular"]);
        (await JournaledAsync("snapshot.lab.snap_a")).Should().Be("running");

        Resume();
        var retried = await _environment.RunAsync(Program, "run", "dbt", "--run-id", "night");

        retried.ExitCode.Should().Be(65, retried.All);
        var manifest = DbtManifest.Read(RecordedDbt.File("lab_build", "manifest.macros-trimmed.json"));
        var left = manifest.Nodes.Values.Where(node => node.Node.ResourceType is "model" or "seed" or "snapshot" or "test" or "unit_test" or "function" && node.Materialized != "ephemeral")
            .Where(node => !done.Contains(node.Node.UniqueId)).Select(node => $"fqn:{string.Join('.', node.Node.Fqn)},path:{node.Node.OriginalFilePath}");
        Selected().Should().BeEquivalentTo(left).And.Contain(selector => selector.StartsWith("fqn:lab.snap_a,", StringComparison.Ordinal));
        (await JournaledAsync("snapshot.lab.snap_a")).Should().Be("success");
        Directory.EnumerateFiles(Log).Where(file => !file.EndsWith(".env", StringComparison.Ordinal)).Select(File.ReadAllText).Append(retried.All)
            .Should().NotContain(text => text.Contains("dp-test-password", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_retry_takes_up_what_failed_or_was_skipped_in_the_latest_run()
    {
        (await _environment.RunAsync(Program, "run", "dbt", "--step", "retry")).ExitCode.Should().Be(78, "there is nothing to retry yet");
        (await _environment.RunAsync(Program, "run", "dbt", "--run-id", "night")).ExitCode.Should().Be(65);

        var retried = await _environment.RunAsync(Program, "run", "dbt", "--step", "retry");

        retried.ExitCode.Should().Be(65, retried.All);
        Selected().Select(selector => selector.Split(',')[0]).Should().BeEquivalentTo(
            "fqn:lab.bad_sql", "fqn:lab.downstream_of_bad", "fqn:lab.downstream_of_failed_test", "fqn:lab.ut_model", "fqn:lab.not_null_ok_b_id", "fqn:lab.not_null_ok_b_nope",
            "fqn:lab.ut_model.ut_fail", "fqn:lab.downstream_of_failed_test.ut_pass");
        (await _environment.QueryAsync("SELECT DISTINCT run_id, step FROM dataplatform.dbt_nodes")).Should().BeEquivalentTo(new object[][] { ["night", "marts"] });

        await using (var warehouse = _environment.OpenWarehouse())
        await using (var transaction = await warehouse.BeginAsync())
        {
            await transaction.ExecuteAsync("UPDATE dataplatform.dbt_nodes SET status = 'success'");
            await transaction.CommitAsync();
        }

        var calls = Directory.EnumerateFiles(Log, "build-*.arguments").Count();
        var again = await _environment.RunAsync(Program, "run", "dbt", "--step", "marts", "--run-id", "night");
        again.ExitCode.Should().Be(0, again.All);
        Directory.EnumerateFiles(Log, "build-*.arguments").Should().HaveCount(calls, "nothing is left");
    }

    [Fact]
    public async Task SIGTERM_ends_it_with_143_and_no_query_left()
    {
        Hang();
        await using var job = _environment.Start(Program, "run", "dbt");
        await UntilAsync(async () => await CountQueriesAsync() == 1);
        job.Send(JobSignal.Terminate);
        var result = await job.WaitAsync();

        result.ExitCode.Should().Be(143, result.All);
        (await CountQueriesAsync()).Should().Be(0);
        (await JournaledAsync("model.lab.ok_b")).Should().Be("success");
    }

    [Fact]
    public async Task A_timeout_ends_it_as_transient_and_no_query_is_left()
    {
        Hang();
        var result = await _environment.RunAsync(Program, "run", "dbt-timeout");

        result.ExitCode.Should().Be(75, result.All);
        (await CountQueriesAsync()).Should().Be(0);
        (await JournaledAsync("model.lab.ok_b")).Should().Be("success");
    }

    private void Hang()
    {
        _environment.Variables["RECORDED_DBT_HANG"] = "query";
        _environment.Variables["RECORDED_DBT_TO"] = LastLine;
    }

    private void Resume()
    {
        _environment.Variables.Remove("RECORDED_DBT_HANG");
        _environment.Variables.Remove("RECORDED_DBT_TO");
    }

    // What the one call of build with a selection was given.
    private IReadOnlyList<string> Selected()
    {
        var arguments = Directory.EnumerateFiles(Log, "build-*.arguments").Select(File.ReadAllLines).Should().ContainSingle(lines => lines.Contains("--select")).Subject;
        return [.. arguments.SkipWhile(argument => argument != "--select").Skip(1).TakeWhile(argument => !argument.StartsWith('-'))];
    }

    private async Task<string?> JournaledAsync(string node) =>
        (await _environment.QueryAsync($"SELECT status FROM dataplatform.dbt_nodes WHERE unique_id = '{node}'")) is [[string status]] ? status : null;

    private async Task<long> CountQueriesAsync() => (long)(await _environment.QueryAsync(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'dataplatform-dbt-%'"))[0][0]!;
}
