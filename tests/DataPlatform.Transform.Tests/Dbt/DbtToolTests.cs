using System.Diagnostics;
using DataPlatform.Testing;
using DataPlatform.Warehouses.PostgreSql;
using Microsoft.Extensions.Logging.Abstractions;

namespace DataPlatform.Transform.Tests;

/// <summary>The runner of the dbt command against the engine's own command as a live process, on a real PostgreSQL.</summary>
[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class DbtToolTests : IAsyncLifetime
{
    private const string Password = "dp-test-password";

    private readonly ScratchFolder _folder = new();
    private readonly List<DbtNodeChange> _changes = [];
    private TestDatabase _database = null!;
    private PostgreSqlWarehouse _warehouse = null!;

    private string Artifacts => _folder.Combine("artifacts");

    public async ValueTask InitializeAsync()
    {
        _database = await TestPostgres.CreateDatabaseAsync(TestContext.Current.CancellationToken);
        _warehouse = new PostgreSqlWarehouse("warehouse", _database.ConnectionString);
        LiveDbt.Write(_folder.Combine("project"));
    }

    public async ValueTask DisposeAsync()
    {
        await _warehouse.DisposeAsync();
        await _database.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_build_has_the_results_of_its_artifact()
    {
        var result = await RunAsync(new DbtInvocation(Project) { ArtifactsPath = Artifacts, Threads = 4 });

        result.Nodes.ToDictionary(node => LiveDbt.Plain(node.UniqueId), node => DbtText.Text(node.Status)).Should().BeEquivalentTo(LiveDbt.Outcomes);
        var written = DbtRunResults.Read(Path.Combine(Artifacts, "run_results.json"));
        (result.InvocationId, result.Version).Should().Be((written.InvocationId, written.Version));
        result.Nodes.Should().BeEquivalentTo(written.Nodes, options => options.Excluding(node => node.Name).Excluding(node => node.ResourceType));
        _changes.Where(change => change.Node.Status != DbtStatus.Running).Select(change => (change.Node.UniqueId, change.Node.Status))
            .Should().Equal(written.Nodes.Select(node => (node.UniqueId, node.Status)), "what was told while it ran is what the artifact says at the end");
        _changes.Where(change => change.Node.UniqueId == "model.lab.ok_b").Select(change => (change.Node.Status, change.Node.RowsAffected, change.Total))
            .Should().Equal((DbtStatus.Running, null, 15), (DbtStatus.Success, 3, 15));
        result.Failure!.Class.Should().Be(FailureClass.Data);
        result.Failure.Message.Should().Contain("model.lab.bad: Database Error in model bad (models/bad.sql)").And.Contain("invalid input syntax for type integer");
        result.Lineage.Should().Contain(node => node.UniqueId == "model.lab.ok_b");
    }

    [Fact]
    public async Task What_is_listed_can_be_run_node_by_node()
    {
        var listed = await Runner().ListAsync(new DbtInvocation(Project), Context(), TestContext.Current.CancellationToken);
        listed.Select(node => LiveDbt.Plain(node.UniqueId)).Should().BeEquivalentTo(LiveDbt.Outcomes.Keys.Where(id => !id.StartsWith("operation", StringComparison.Ordinal)));
        await RunAsync(new DbtInvocation(Project) { Select = { "ok_b" }, Exclude = { "test_type:data" } });

        var chosen = listed.Where(node => node.Name is "ok_b" or "inc" || node.Name.StartsWith("unique", StringComparison.Ordinal)).ToList();
        var result = await RunAsync(new DbtInvocation(Project) { Nodes = chosen });

        result.Nodes.Where(node => node.ResourceType != "operation").Select(node => LiveDbt.Plain(node.UniqueId))
            .Should().BeEquivalentTo(["model.lab.ok_b", "model.lab.inc", "test.lab.unique_ok_b_id"], "no test comes along with what it tests");
    }

    [Fact]
    public async Task The_password_is_in_the_environment_and_nowhere_else()
    {
        // Keeps what the command was given and wrote; with the log that the runner turns off.
        var wrapper = _folder.Combine("dbt");
        File.WriteAllText(wrapper, $$"""
            #!/bin/sh
            printf '%s\n' "$@" >'{{_folder.Combine("arguments")}}'
            '{{LiveDbt.Executable}}' "$@" --log-level debug --log-level-file debug | tee '{{_folder.Combine("lines")}}'
            cp -r "$(dirname "$5")" '{{_folder.Combine("workspace")}}'
            """);
        File.SetUnixFileMode(wrapper, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

        await RunAsync(new DbtInvocation(Project) { ArtifactsPath = Artifacts }, wrapper);

        var files = Directory.EnumerateFiles(_folder.Path, "*", SearchOption.AllDirectories).ToDictionary(file => Path.GetRelativePath(_folder.Path, file), File.ReadAllText);
        files.Keys.Should().Contain(["arguments", "lines", "workspace/profiles/profiles.yml", "workspace/logs/dbt.log", "workspace/target/run_results.json", "artifacts/manifest.json", "workspace/target/run/lab/models/ok_b.sql"]);
        files["workspace/profiles/profiles.yml"].Should().Contain("env_var('DBT_ENV_SECRET_DATAPLATFORM_PASSWORD')");
        files["workspace/logs/dbt.log"].Should().Contain("ok_b");
        files.Where(file => file.Value.Contains(Password, StringComparison.Ordinal)).Select(file => file.Key).Should().BeEmpty();
    }

    [Fact]
    public async Task The_projects_folder_is_only_read()
    {
        var before = Entries();
        var folders = Directory.EnumerateDirectories(Project, "*", SearchOption.AllDirectories).Append(Project).ToList();
        foreach (var folder in folders) File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            (await RunAsync(new DbtInvocation(Project))).Nodes.Should().HaveCount(LiveDbt.Outcomes.Count);
            Entries().Should().BeEquivalentTo(before);
        }
        finally
        {
            foreach (var folder in folders) File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        Dictionary<string, DateTime> Entries() => Directory.EnumerateFileSystemEntries(Project, "*", SearchOption.AllDirectories).ToDictionary(path => path, File.GetLastWriteTimeUtc);
    }

    [Fact]
    public async Task Two_at_once_do_not_meet()
    {
        var results = await Task.WhenAll(RunAsync(new DbtInvocation(Project) { Schema = "one" }), RunAsync(new DbtInvocation(Project) { Schema = "two", Select = { "ok_a+" } }));

        results[0].Nodes.Should().HaveCount(LiveDbt.Outcomes.Count);
        results[1].Nodes.Where(node => node.Relation is not null).Select(node => node.Relation).Should().OnlyContain(relation => relation!.Contains("\"two", StringComparison.Ordinal)).And.NotBeEmpty();
        results[0].InvocationId.Should().NotBe(results[1].InvocationId);
    }

    [Fact]
    public async Task When_it_is_stopped_nothing_of_it_is_left()
    {
        using var stop = new CancellationTokenSource();
        var context = Context();
        File.WriteAllText(Path.Combine(Project, "models", "slow.sql"), "-- depends_on: {{ ref('ok_a') }}\nselect pg_sleep(60)::text as slept");
        var run = Runner().RunAsync(new DbtInvocation(Project) { ArtifactsPath = Artifacts }, context, stop.Token);
        await UntilAsync(() => _changes.Exists(change => change.Node.UniqueId == "model.lab.slow"));
        await UntilAsync(async () => await _warehouse.IsSessionAliveAsync(context.SessionName));
        var clock = Stopwatch.StartNew();
        await stop.CancelAsync();

        await run.Awaiting(task => task).Should().ThrowAsync<OperationCanceledException>();
        clock.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(5), "the query is cancelled");
        (await _warehouse.IsSessionAliveAsync(context.SessionName)).Should().BeFalse();
        var done = DbtRunResults.Read(Path.Combine(Artifacts, "run_results.json")).Nodes.Select(node => node.UniqueId);
        done.Should().BeEquivalentTo(_changes.Where(change => change.Node.Status != DbtStatus.Running).Select(change => change.Node.UniqueId)).And.NotContain("model.lab.slow");
    }

    [Theory]
    [InlineData("name: lab\nprofile: lab\nmodels: [x\n", "dbt_project.yml", FailureClass.Configuration)]
    [InlineData(null, null, FailureClass.Unavailable)]
    public async Task What_it_cannot_go_on_for_has_its_class(string? projectFile, string? named, FailureClass expected)
    {
        if (projectFile is not null) File.WriteAllText(Path.Combine(Project, "dbt_project.yml"), projectFile);
        var connection = projectFile is null ? "Host=127.0.0.1;Port=1;Username=dp;Password=dp;Database=dp" : _database.ConnectionString;
        var result = await new DbtCliRunner(connection, new DbtRunnerOptions { Executable = LiveDbt.Executable }).RunAsync(new DbtInvocation(Project), Context(), TestContext.Current.CancellationToken);
        result.Failure!.Class.Should().Be(expected);
        result.Failure.Message.Should().Contain(named ?? "127.0.0.1:1");
    }

    [Fact]
    public async Task It_passes_for_a_dbt_with_PostgreSQL() =>
        await Runner().Awaiting(runner => runner.CheckAsync(new DbtInvocation(Project), _warehouse, TestContext.Current.CancellationToken)).Should().NotThrowAsync();

    private string Project => _folder.Combine("project");

    private DbtCliRunner Runner(string? executable = null) => new(_database.ConnectionString, new DbtRunnerOptions { Executable = executable ?? LiveDbt.Executable });

    private Task<DbtResult> RunAsync(DbtInvocation invocation, string? executable = null) => Runner(executable).RunAsync(invocation, Context(), TestContext.Current.CancellationToken);

    private DbtRunContext Context() => new(_warehouse)
    {
        RunId = "run-1",
        Logger = NullLogger.Instance,
        NodeChanged = (change, _) =>
        {
            lock (_changes) _changes.Add(change);
            return ValueTask.CompletedTask;
        },
    };

    private static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        while (!await condition()) await Task.Delay(20, TestContext.Current.CancellationToken);
    }
}
