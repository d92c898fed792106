using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using DataPlatform.Testing;
using DataPlatform.Warehouses.PostgreSql;
using Npgsql;

namespace DataPlatform.Dbt.Tool;

/// <summary>The tool as a process: what it is called with, what it says, what it leaves, how it ends.</summary>
public sealed partial class ToolTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Says_what_dbt_says()
    {
        Lab();
        var result = await RunAsync(null, "build", "--project-dir", "lab", "--profiles-dir", "lab", "--log-path", "/nowhere", "--log-level-file", "none");

        result.ExitCode.Should().Be(1, result.All);
        var text = Elapsed().Replace(Time().Replace(result.Output, ""), " in 0.00s");
        text.Should().StartWith("""
            Running with dbt=1.11.0
            Registered adapter: duckdb=0.1.0

            """).And.Contain("""

            Concurrency: 1 threads (target='dev')

            1 of 1 START hook: lab.on-run-start.0 .......................................... [RUN]
            1 of 1 OK hook: lab.on-run-start.0 ............................................. [OK in 0.00s]

            1 of 15 START seed file main.numbers ........................................... [RUN]
            1 of 15 OK loaded seed file main.numbers ....................................... [INSERT 3 in 0.00s]

            """).And.Contain(" of 15 ERROR creating sql table model main.bad ................................ [ERROR in 0.00s]\n")
            .And.Contain(" of 15 SKIP relation main.after_bad ........................................... [SKIP]\n")
            .And.Contain(" of 15 FAIL 1 unique_ok_b_id ................................................. [FAIL 1 in 0.00s]\n")
            .And.Contain(" of 15 WARN 1 not_null_ok_b_name ............................................. [WARN 1 in 0.00s]\n")
            .And.Contain("""

            1 of 1 START hook: lab.on-run-end.0 ............................................ [RUN]
            1 of 1 OK hook: lab.on-run-end.0 ............................................... [OK in 0.00s]

            Finished running 1 incremental model, 2 project hooks, 1 seed, 1 snapshot, 6 table models, 5 data tests, 1 view model in 0 hours 0 minutes and
            """.TrimEnd()).And.Contain("""

            Completed with 3 errors, 0 partial successes, and 1 warning:

            """).And.Contain("""

            Failure in test unique_ok_b_id (models/schema.yml)
              Got 1 result, configured to fail if != 0

              compiled code at target/compiled/lab/models/schema.yml/unique_ok_b_id.sql

            """).And.Contain("""

            Warning in test not_null_ok_b_name (models/schema.yml)
            Got 1 result, configured to warn if != 0

              compiled code at target/compiled/lab/models/schema.yml/not_null_ok_b_name.sql

              See test failures:
              ---------------------------------------------------------
              select * from "lab"."main_dbt_test__audit"."not_null_ok_b_name"
              ---------------------------------------------------------

            Done. PASS=11 WARN=1 ERROR=3 SKIP=2 NO-OP=0 TOTAL=17

            """);
        File.ReadAllText(_folder.Combine("lab", "target", "compiled", "lab", "models", "ok_b.sql")).Should().Be("select id, name from \"lab\".\"main\".\"ok_a\"");
        File.ReadAllText(_folder.Combine("lab", "target", "run", "lab", "models", "ok_a.sql")).Should().Be("create view \"lab\".\"main\".\"ok_a\" as (\n select * from \"lab\".\"main\".\"numbers\"\n)");
        File.Exists(_folder.Combine("lab", "target", "run", "lab", "models", "after_bad.sql")).Should().BeFalse("it was skipped");
    }

    [Fact]
    public async Task Its_events_have_the_shape_of_dbts()
    {
        Lab();
        var result = await RunAsync(new() { ["DBT_ENV_CUSTOM_ENV_RUN_ID"] = "night" }, "--log-format", "json", "build", "--project-dir", "lab", "--profiles-dir", "lab");

        var recorded = RecordedDbt.Cases.SelectMany(name => Shapes(File.ReadLines(RecordedDbt.File(name, "stdout.jsonl")))).GroupBy(pair => pair.Name).ToDictionary(group => group.Key, group => group.Select(pair => pair.Shape).ToHashSet());
        var ours = Shapes(result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)).ToList();
        foreach (var (name, shape) in ours) recorded[name].Should().Contain(shape, $"that is what dbt's {name} is like");
        ours.Select(pair => pair.Name).Should().Contain([
            "MainReportVersion", "AdapterRegistered", "FoundStats", "ConcurrencyLine", "LogHookStartLine", "LogHookEndLine", "LogStartLine", "LogModelResult", "LogSeedResult", "LogSnapshotResult", "LogTestResult",
            "SkippingDetails", "FinishedRunningStats", "EndOfRunSummary", "RunResultFailure", "RunResultError", "RunResultWarning", "SQLCompiledPath", "CheckNodeTestFailure", "StatsLine"]);
        using var results = JsonDocument.Parse(File.ReadAllText(_folder.Combine("lab", "target", "run_results.json")));
        var metadata = results.RootElement.GetProperty("metadata");
        metadata.GetProperty("env").GetProperty("RUN_ID").GetString().Should().Be("night");
        using var first = JsonDocument.Parse(result.Output.Split('\n')[0]);
        first.RootElement.GetProperty("info").GetProperty("invocation_id").GetString().Should().Be(metadata.GetProperty("invocation_id").GetString());
        first.RootElement.GetProperty("info").GetProperty("extra").GetProperty("RUN_ID").GetString().Should().Be("night");
        File.ReadAllText(_folder.Combine("lab", "logs", "dbt.log")).Should().Contain("[info ] [MainThread]: Running with dbt=1.11.0");
    }

    [Theory]
    [InlineData("run -s nosuch", 0, "does not match any enabled nodes")]
    [InlineData("test -s ok_b --exclude unique_ok_b_id test_name:not_null", 0, "Nothing to do.")]
    [InlineData("test -s not_null_ok_b_name", 0, "PASS=2 WARN=1 ERROR=0")]
    [InlineData("test -s not_null_ok_b_name --warn-error", 1, "FAIL 1 not_null_ok_b_name")]
    [InlineData("--warn-error run -s nosuch", 2, "The selection criterion 'nosuch'")]
    [InlineData("run --nope", 2, "Unrecognized command or argument '--nope'")]
    [InlineData("run --log-format xml", 2, "'xml' is not one of 'text', 'debug', 'json', 'default'")]
    [InlineData("run --vars [a]", 2, "must be a YAML dictionary")]
    [InlineData("run --profile nope", 2, "Could not find profile named 'nope'")]
    [InlineData("run --target nope", 2, " - dev")]
    [InlineData("run --target snow", 2, "does not support the adapter 'snowflake'")]
    [InlineData("run --target unset", 2, "Env var required but not provided: 'NO_SUCH_VARIABLE'")]
    [InlineData("run --target down", 2, "Connection refused")]
    [InlineData("debug --target down", 1, "Connection refused")]
    [InlineData("debug", 0, "All checks passed!")]
    [InlineData("run-operation nope", 1, "dbt could not find a macro with the name 'nope'")]
    [InlineData("run-operation hello --args {who:\u00a0bob}", 0, "hello bob")]
    [InlineData("-q ls --output path -s numbers", 0, "seeds/numbers.csv")]
    [InlineData("ls --resource-type snapshot -q", 0, "lab.snap.snap")]
    [InlineData("compile --empty -s ok_b -q", 0, "select id, name from (select * from \"lab\".\"main\".\"ok_a\" where false limit 0)")]
    [InlineData("compile -s ok_b -q", 0, "select id, name from \"lab\".\"main\".\"ok_a\"")]
    [InlineData("init lab", 2, "Unrecognized command or argument 'init'.")]
    [InlineData("docs serve", 2, "Usage: dataplatform-dbt docs [OPTIONS]")]
    [InlineData("--version", 0, "  - installed: 1.11.0")]
    public async Task Ends_as_dbt_does(string arguments, int exitCode, string said)
    {
        Lab();
        if (arguments.StartsWith("test", StringComparison.Ordinal)) await RunInProcessAsync("build", "-s", "+ok_b", "--exclude", "test_type:generic");
        var result = await RunInProcessAsync([.. arguments.Split(' ').Select(argument => argument.Replace('\u00a0', ' '))]);

        result.ExitCode.Should().Be(exitCode, result.All);
        Time().Replace(result.All, "").Should().Contain(said);
        if (arguments.Contains("-q", StringComparison.Ordinal)) Time().Replace(result.Output, "").Trim().Should().Be(said);
    }

    [Fact]
    public async Task Lists_analyses_when_they_are_asked_for()
    {
        using var shop = new ToolFixture().Write("analyses/look.sql", "select 1").Write("models/m.sql", "select 1 as id");

        (await shop.ListAsync("")).Should().Be("m");
        (await shop.ListAsync("--resource-type default")).Should().Be("m");
        (await shop.ListAsync("--resource-type analysis")).Should().Be("look");
        (await shop.ListAsync("--resource-type all")).Should().Be("look m");
    }

    [Theory]
    [InlineData(JobSignal.Interrupt)]
    [InlineData(JobSignal.Terminate)]
    public async Task When_stopped_it_cancels_queries_and_leaves_what_was_done(JobSignal signal)
    {
        await using var database = await TestPostgres.CreateDatabaseAsync(TestContext.Current.CancellationToken);
        await using var warehouse = new PostgreSqlWarehouse("warehouse", database.ConnectionString);
        Lab(new NpgsqlConnectionStringBuilder(database.ConnectionString));
        var session = $"tool-{Guid.NewGuid():N}";
        await using var job = JobProcess.Start("DataPlatform.Dbt.Tool", new Dictionary<string, string?>(Environment) { ["LAB_SLEEP"] = "60", ["LAB_SESSION"] = session }, _folder.Path, "build", "--target", "pg");
        await job.WaitForAsync("START sql table model lab.slow");
        while (await SleepersAsync() == 0) await Task.Delay(20, TestContext.Current.CancellationToken);
        job.Send(signal);
        var result = await job.WaitAsync();

        result.ExitCode.Should().Be(2, result.All);
        result.Output.Should().Contain("Exited because of keyboard interrupt");
        (await SleepersAsync()).Should().Be(0);
        (await warehouse.IsSessionAliveAsync(session, TestContext.Current.CancellationToken)).Should().BeFalse();
        using var results = JsonDocument.Parse(File.ReadAllText(_folder.Combine("lab", "target", "run_results.json")));
        var done = results.RootElement.GetProperty("results").EnumerateArray().Select(node => node.GetProperty("unique_id").GetString()).ToList();
        done.Should().Contain(["seed.lab.numbers", "model.lab.ok_a"]).And.NotContain(["model.lab.slow", "model.lab.after_slow"]);

        async Task<long> SleepersAsync()
        {
            await using var transaction = await warehouse.BeginAsync(TestContext.Current.CancellationToken);
            return (long)(await transaction.QueryAsync($"select count(*) from pg_stat_activity where application_name = '{session}' and state = 'active' and query like '%pg_sleep%'"))[0][0]!;
        }
    }

    private Dictionary<string, string?> Environment => new()
    {
        ["DBT_PROJECT_DIR"] = _folder.Combine("lab"),
        ["DBT_ENGINE_PROFILES_DIR"] = _folder.Combine("lab"),
        ["DBT_LOG_LEVEL_FILE"] = "none",
        ["LAB_PASSWORD"] = "dp-test-password",
    };

    private void Lab(NpgsqlConnectionStringBuilder? server = null)
    {
        LiveDbt.Write(_folder.Combine("lab"));
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(_folder.Combine("lab", "macros")).FullName, "hello.sql"), "{% macro hello(who) %}{{ log('hello ' ~ who, info=true) }}{% endmacro %}");
        File.WriteAllText(_folder.Combine("lab", "profiles.yml"), string.Create(CultureInfo.InvariantCulture, $$$"""
            lab:
              target: "{{ env_var('LAB_TARGET', 'dev') }}"
              outputs:
                dev: {type: duckdb, path: lab.duckdb}
                pg:
                  type: postgres
                  host: {{{server?.Host ?? "127.0.0.1"}}}
                  port: {{{server?.Port ?? 1}}}
                  user: {{{server?.Username ?? "dp"}}}
                  password: "{{ env_var('LAB_PASSWORD') }}"
                  dbname: {{{server?.Database ?? "dp"}}}
                  schema: lab
                  threads: 2
                  application_name: "{{ env_var('LAB_SESSION', 'lab') }}"
                down: {type: postgres, host: 127.0.0.1, port: 1, user: dp, password: dp, dbname: dp, schema: lab}
                unset: {type: postgres, host: "{{ env_var('NO_SUCH_VARIABLE') }}", user: dp, dbname: dp, schema: lab}
                snow: {type: snowflake}
            """));
    }

    private Task<JobResult> RunAsync(Dictionary<string, string?>? environment, params string[] arguments) => JobProcess.RunAsync("DataPlatform.Dbt.Tool", environment ?? [], _folder.Path, arguments);

    private async Task<JobResult> RunInProcessAsync(params string[] arguments)
    {
        using StringWriter output = new(), error = new();
        var variables = Environment.ToDictionary(pair => pair.Key, pair => pair.Value!);
        var exitCode = await new ToolCommandLine(new ToolHost(variables, _folder.Path, output, error)).RunAsync(arguments);
        return new JobResult(exitCode, output.ToString(), error.ToString(), TimeSpan.Zero);
    }

    // The name of each event with its keys, those within too, but for what depends on the project.
    private static IEnumerable<(string Name, string Shape)> Shapes(IEnumerable<string> lines)
    {
        foreach (var line in lines)
        {
            if (!line.StartsWith('{')) continue;
            using var document = JsonDocument.Parse(line);
            yield return (document.RootElement.GetProperty("info").GetProperty("name").GetString()!, $"{document.RootElement.GetProperty("info").GetProperty("code").GetString()} {Shape(document.RootElement)}");
        }
    }

    private static string Shape(JsonElement element) => element.ValueKind == JsonValueKind.Object
        ? $"{{{string.Join(", ", element.EnumerateObject().OrderBy(property => property.Name, StringComparer.Ordinal).Select(property => property.Name is "cfg" or "meta" or "extra" ? property.Name : $"{property.Name}: {Shape(property.Value)}"))}}}"
        : element.ValueKind is JsonValueKind.True or JsonValueKind.False ? "flag" : element.ValueKind.ToString();

    [GeneratedRegex(@"^\d\d:\d\d:\d\d  ", RegexOptions.Multiline)]
    private static partial Regex Time();

    [GeneratedRegex(@" in \d+\.\d\ds")]
    private static partial Regex Elapsed();
}
