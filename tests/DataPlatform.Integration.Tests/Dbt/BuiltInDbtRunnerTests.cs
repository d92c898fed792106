using System.Text.Json;
using DataPlatform.Dbt;
using DataPlatform.DuckDb;
using DataPlatform.Integration.Tests.Warehouses;
using DataPlatform.Testing;
using DataPlatform.Transform;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace DataPlatform.Integration.Tests.Dbt;

/// <summary>The built-in engine as steps use it: what it tells, what it leaves, several nodes and several runs at once.</summary>
[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class BuiltInDbtRunnerTests : IAsyncDisposable
{
    // Ends for no one who does not stop it.
    private const string Endless = """
        {% if target.type == 'postgres' %} select 1 as id from pg_sleep(600)
        {% else %} select count(*) as id from range(10000000) a, range(10000000) b where a.range + b.range = 3 {% endif %}
        """;

    private readonly ScratchFolder _folder = new();
    private readonly List<DbtNodeChange> _changes = [];
    private readonly LogLines _lines = new();
    private OpenedWarehouse? _opened;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private IWarehouse Warehouse => _opened!.Warehouse;

    public async ValueTask DisposeAsync()
    {
        if (_opened is not null) await _opened.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("duckdb")]
    [InlineData("postgresql")]
    public async Task Nodes_are_told_and_logged_as_they_begin_and_end(string system)
    {
        await OpenAsync(system);
        var project = Write(
            ("seeds/raw.csv", "id\n1\n2\n"),
            ("models/staged.sql", "select id from {{ ref('raw') }}"),
            ("models/mart.sql", "{{ config(materialized='table') }}{{ log('hello', info=true) }}select id from {{ ref('staged') }}"),
            ("models/schema.yml", "models: [{name: mart, columns: [{name: id, data_tests: [unique, {accepted_values: {arguments: {values: [1]}, config: {severity: warn}}}]}]}]"));

        var result = await RunAsync(project);

        result.Failure.Should().BeNull();
        result.Nodes.Select(node => $"{node.ResourceType} {node.Name} {node.Status} {node.RowsAffected} {node.Failures} {node.Relation?.Split('.')[^1]} {node.Message}").Should().BeEquivalentTo(
            "seed raw Success 2  \"raw\" INSERT 2", "model staged Success   \"staged\" CREATE VIEW", "model mart Success 2  \"mart\" SELECT 2",
            "test unique_mart_id Pass  0  ", "test accepted_values_mart_id__1 Warn  1  Got 1 result, configured to warn if != 0");
        foreach (var node in result.Nodes)
        {
            _changes.Where(change => change.Node.UniqueId == node.UniqueId).Select(change => (change.Node.Status, change.Total)).Should().Equal((DbtStatus.Running, 5), (node.Status, 5));
            _changes.Last(change => change.Node.UniqueId == node.UniqueId).Node.Should().Be(node);
        }

        var schema = system == "duckdb" ? "main" : "public";
        _lines.All.Select(line => (line.Level, line.Event, line.Message.Split(" in ")[0])).Should().Contain(
        [
            (LogLevel.Information, "LogStartLine", $"{$"1 of 5 START seed file {schema}.raw ".PadRight(80, '.')} [RUN]"),
            (LogLevel.Information, "JinjaLogInfo", "hello"),
            (LogLevel.Warning, "LogTestResult", $"{"5 of 5 WARN 1 accepted_values_mart_id__1 ".PadRight(80, '.')} [WARN 1"),
            (LogLevel.Warning, "RunResultWarningMessage", "Got 1 result, configured to warn if != 0"),
        ]);
        result.Lineage.Should().ContainSingle(node => node.UniqueId == "model.shop.mart").Which.Inputs.Should().ContainSingle().Which.Should().EndWith("\"staged\"");
    }

    [Theory]
    [InlineData("duckdb", "VARCHAR")]
    [InlineData("postgresql", "text")]
    public async Task How_old_sources_are_and_what_there_is_stands_in_artifacts(string system, string text)
    {
        await OpenAsync(system);
        foreach (var sql in new[]
        {
            "create schema raw", "create table raw.trips as select current_timestamp - interval '3 hours' as loaded_at",
            "create table raw.zones as select current_timestamp as loaded_at, cast('a' as varchar(9)) as name",
        }) await ExecuteAsync(sql);
        var project = Write(
            ("models/sources.yml", """
                sources:
                  - name: raw
                    loaded_at_field: loaded_at
                    freshness: {warn_after: {count: 10, period: hour}, error_after: {count: 1, period: day}}
                    tables: [{name: zones}, {name: trips, freshness: {error_after: {count: 2, period: hour}}}, {name: gone, freshness: null}]
                """),
            ("models/named.sql", $"{{{{ config(materialized='table') }}}}select 1 as id, cast(name as {text}) as name from {{{{ source('raw', 'zones') }}}}"));
        var kept = _folder.Combine("artifacts");
        (await RunAsync(new DbtInvocation(project) { Command = DbtCommand.Run })).Failure.Should().BeNull();

        var freshness = await RunAsync(new DbtInvocation(project) { Command = DbtCommand.SourceFreshness, ArtifactsPath = kept });
        var docs = await RunAsync(new DbtInvocation(project) { Command = DbtCommand.DocsGenerate, ArtifactsPath = kept });

        freshness.Failure!.Class.Should().Be(FailureClass.Data);
        freshness.Nodes.Select(node => $"{node.UniqueId} {node.Status}").Should().BeEquivalentTo("source.shop.raw.trips Error", "source.shop.raw.zones Pass");
        _lines.All.Where(line => line.Event == "LogFreshnessResult").Select(line => (line.Level, line.Message.Split(" .")[0][7..])).Should().BeEquivalentTo(
            [(LogLevel.Error, "ERROR STALE freshness of raw.trips"), (LogLevel.Information, "PASS freshness of raw.zones")]);
        using var sources = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(kept, "sources.json"), Cancelled));
        sources.RootElement.GetProperty("results").EnumerateArray().Single(result => result.GetProperty("unique_id").GetString() == "source.shop.raw.trips")
            .GetProperty("max_loaded_at_time_ago_in_s").GetDouble().Should().BeApproximately(3 * 3600, 60);
        docs.Failure.Should().BeNull();
        using var catalog = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(kept, "catalog.json"), Cancelled));
        string[] Columns(string section, string id) =>
            [.. catalog.RootElement.GetProperty(section).GetProperty(id).GetProperty("columns").EnumerateObject().Select(column => $"{column.Name} {column.Value.GetProperty("type")} {column.Value.GetProperty("index")}")];
        Columns("nodes", "model.shop.named").Should().Equal("id integer 1".Replace("integer", system == "duckdb" ? "INTEGER" : "integer", StringComparison.Ordinal), $"name {text} 2");
        Columns("sources", "source.shop.raw.zones").Should().HaveCount(2).And.StartWith($"loaded_at {(system == "duckdb" ? "TIMESTAMP WITH TIME ZONE" : "timestamp with time zone")} 1");
        catalog.RootElement.GetProperty("sources").EnumerateObject().Select(source => source.Name).Should().BeEquivalentTo("source.shop.raw.trips", "source.shop.raw.zones");
        using var manifest = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(kept, "manifest.json"), Cancelled));
        manifest.RootElement.GetProperty("nodes").GetProperty("model.shop.named").GetProperty("compiled_code").GetString().Should().Contain("\"raw\".\"zones\"");
    }

    [Fact]
    public async Task The_projects_folder_is_only_read_and_artifacts_are_kept_where_they_are_asked_for()
    {
        await OpenAsync("duckdb");
        var project = Write(("models/one.sql", "select 1 as id"));
        var before = Contents(project);
        var kept = _folder.Combine("artifacts");

        var result = await RunAsync(new DbtInvocation(project) { ArtifactsPath = kept }, new DbtRunContext(Warehouse) { RunId = "night" });

        Contents(project).Should().Equal(before);
        Directory.EnumerateFileSystemEntries(kept).Select(Path.GetFileName).Should().BeEquivalentTo("manifest.json", "run_results.json");
        var results = DbtRunResults.Read(Path.Combine(kept, "run_results.json"));
        (results.InvocationId, results.Version).Should().Be((result.InvocationId!, result.Version!));
        results.Nodes.Should().BeEquivalentTo(result.Nodes, options => options.Excluding(node => node.Seconds));
        File.ReadAllText(Path.Combine(kept, "manifest.json")).Should().Contain("\"env\": {\"RUN_ID\": \"night\"}");
    }

    [Fact]
    public async Task Options_reach_the_project()
    {
        await OpenAsync("duckdb");
        var project = Write(
            ("models/a.sql", "{{ config(tags=['x']) }}select '{{ target.name }}' as target, {{ var('n') + 1 }} as n, '{{ var('list') | join('-') }}' as list, {{ var('missing', none) is none }} as missing"),
            ("models/b.sql", "{{ config(tags=['x']) }}select 1 as id"),
            ("models/c.sql", "select 1 as id"),
            ("macros/note.sql", "{% macro note(who) %}{% do run_query(\"create table notes as select '\" ~ who ~ \"' as who\") %}{% endmacro %}"));
        var invocation = new DbtInvocation(project) { Select = { "tag:x" }, Exclude = { "b" }, Target = "prod", Schema = "marts", Vars = { ["n"] = 41, ["list"] = new[] { "p", "q" } } };

        (await RunAsync(invocation)).Nodes.Select(node => node.Name).Should().Equal("a");

        (await RowsAsync("select * from marts.a")).Should().Equal("prod|42|p-q|True");
        var listed = await new BuiltInDbtRunner().ListAsync(invocation with { Select = ["tag:x", "c"] }, new DbtRunContext(Warehouse), Cancelled);
        listed.Select(node => (node.UniqueId, node.ResourceType, node.Name, string.Join('.', node.Fqn), node.OriginalFilePath)).Should().Equal(
            ("model.shop.a", "model", "a", "shop.a", "models/a.sql"), ("model.shop.c", "model", "c", "shop.c", "models/c.sql"));
        (await RunAsync(invocation with { Nodes = [.. listed.Where(node => node.Name == "c")] })).Nodes.Select(node => node.Name).Should().Equal(["c"], "these and no others");
        (await RunAsync(invocation with { Command = DbtCommand.RunOperation, Macro = "note", MacroArguments = new Dictionary<string, object?> { ["who"] = "bob" } })).Failure.Should().BeNull();
        (await RowsAsync("select who from notes")).Should().Equal("bob");
    }

    [Theory]
    [InlineData("duckdb")]
    [InlineData("postgresql")]
    public async Task Fail_fast_begins_nothing_after_the_first_failure(string system)
    {
        await OpenAsync(system);
        var project = Write(("models/a.sql", "{{ config(materialized='table') }}select 1/0 as id, no_such_column"), ("models/b.sql", "select 1 as id"), ("models/c.sql", "select 2 as id"));

        var result = await RunAsync(new DbtInvocation(project) { Threads = 1, FailFast = true });

        result.Nodes.Select(node => (node.Name, node.Status)).Should().Equal(("a", DbtStatus.Error), ("b", DbtStatus.Skipped), ("c", DbtStatus.Skipped));
        (result.Failure!.Class, result.Failure.Message.Split('\n')[..2]).Should().BeEquivalentTo(
            (FailureClass.Data, new[] { "1 of 3 dbt nodes failed:", "  model.shop.a: Database Error in model a (models/a.sql)" }));
        _lines.All.Should().Contain(line => line.Level == LogLevel.Error && line.Event == "RunResultError" && line.Message.Contains("no_such_column", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Nodes_that_fail_for_the_same_outer_cause_have_its_class()
    {
        await OpenAsync("postgresql");
        await ExecuteAsync("create schema locked; create role dp_reader_of_nothing; grant all on schema public to dp_reader_of_nothing");
        try
        {
            var project = Write(("models/a.sql", "{{ config(pre_hook='set local role dp_reader_of_nothing') }}select * from locked.t"));

            var result = await RunAsync(project);

            result.Failure!.Class.Should().Be(FailureClass.NotAuthorized);
            result.Nodes[0].Message.Should().StartWith("Database Error in model a (models/a.sql)\n  permission denied for schema locked");
        }
        finally
        {
            await ExecuteAsync("drop owned by dp_reader_of_nothing; drop role dp_reader_of_nothing");
        }
    }

    [Theory]
    [InlineData("duckdb")]
    [InlineData("postgresql")]
    public async Task When_it_is_stopped_no_query_is_left_and_what_was_done_is_told(string system)
    {
        await OpenAsync(system);
        var project = Write(("models/first.sql", "select 1 as id"), ("models/endless.sql", $"{{{{ config(materialized='table') }}}}-- depends_on: {{{{ ref('first') }}}}\n{Endless}"), ("models/last.sql", "select * from {{ ref('endless') }}"));
        using var stop = new CancellationTokenSource();
        var began = new TaskCompletionSource();
        var run = RunAsync(new DbtInvocation(project), new DbtRunContext(Warehouse) { NodeChanged = Told(change => change.Node is { Name: "endless", Status: DbtStatus.Running }, began) }, stop.Token);
        await began.Task.WaitAsync(Cancelled);
        // PostgreSQL's query is seen there; DuckDB's may be stopped at any moment of its beginning.
        if (system == "postgresql")
            while (await CountBusyAsync("pg_sleep") == 0) await Task.Delay(10, Cancelled);
        await stop.CancelAsync();

        await run.Awaiting(task => task.WaitAsync(TimeSpan.FromSeconds(20))).Should().ThrowAsync<OperationCanceledException>();

        if (system == "postgresql") (await CountBusyAsync("")).Should().Be(0);
        _changes.Select(change => (change.Node.Name, change.Node.Status)).Should().Equal(("first", DbtStatus.Running), ("first", DbtStatus.Success), ("endless", DbtStatus.Running));
        (await RowsAsync("select table_name from information_schema.tables where table_schema in ('main', 'public')")).Should().Equal("first");
    }

    [Fact]
    public async Task When_who_is_told_fails_it_is_stopped()
    {
        await OpenAsync("postgresql");
        var project = Write(("models/endless.sql", "{{ config(materialized='table') }}" + Endless));

        var run = () => RunAsync(new DbtInvocation(project), new DbtRunContext(Warehouse) { NodeChanged = (_, _) => throw new InvalidOperationException("the journal is full") });

        await run.Should().ThrowAsync<InvalidOperationException>().WithMessage("the journal is full");
        (await CountBusyAsync("")).Should().Be(0);
    }

    [Fact]
    public async Task Nodes_run_at_the_same_time()
    {
        await OpenAsync("postgresql");
        // Who comes waits until both have come; a sequence shows at once what a transaction does, and never goes back.
        await ExecuteAsync("""
            create sequence arrivals;
            create function meet() returns int language plpgsql as $$
            begin
                perform nextval('arrivals');
                while (select last_value from arrivals) < 2 loop
                    if clock_timestamp() > statement_timestamp() + interval '20 s' then raise 'nobody came'; end if;
                    perform pg_sleep(0.005);
                end loop;
                return 1;
            end $$
            """);
        var project = Write(("models/a.sql", "{{ config(materialized='table') }}select meet() as id"), ("models/b.sql", "{{ config(materialized='table') }}select meet() as id"));

        (await RunAsync(new DbtInvocation(project) { Threads = 2 })).Failure.Should().BeNull();
    }

    [Theory]
    [InlineData("duckdb")]
    [InlineData("postgresql")]
    public async Task Many_threads_make_what_one_makes(string system)
    {
        await OpenAsync(system);
        var project = Write([.. Wide()]);

        (await RunAsync(new DbtInvocation(project) { Threads = 1, Schema = "one" })).Failure.Should().BeNull();
        // The second time there are tables in the place of those that are built.
        for (var round = 0; round < 2; round++) (await RunAsync(new DbtInvocation(project) { Threads = 8, Schema = "many" })).Failure.Should().BeNull();

        var (one, many) = (await TableContents.HashAsync(Warehouse, "one"), await TableContents.HashAsync(Warehouse, "many"));
        one.Should().HaveCount(25);
        many.Select(pair => pair.Value).Should().Equal(one.Select(pair => pair.Value));
    }

    [Fact]
    public async Task Nodes_use_no_more_connections_than_threads_and_wait_for_those_of_the_pool()
    {
        await OpenAsync("postgresql");
        var project = Write([
            ("models/schema.yml", "models: [{name: seen, columns: [{name: n, data_tests: [not_null]}]}]"),
            ("models/seen.sql", string.Join("\nunion all\n", Enumerable.Range(0, 10).Select(i => $"select n from {{{{ ref('m{i}') }}}}"))),
            .. Enumerable.Range(0, 10).Select(i => ($"models/m{i}.sql", """
                {{ config(materialized='table', post_hook="select pg_sleep(0.02)") }}
                select count(*) as n from pg_stat_activity where application_name = current_setting('application_name') and state <> 'idle'
                """))]);

        (await RunAsync(new DbtInvocation(project) { Threads = 3 })).Failure.Should().BeNull();
        var most = int.Parse((await RowsAsync("select max(n) from seen"))[0], System.Globalization.CultureInfo.InvariantCulture);
        most.Should().BeInRange(1, 3);

        await using var small = new PostgreSqlWarehouse("small", new NpgsqlConnectionStringBuilder(_opened!.ConnectionString) { MaxPoolSize = 2 }.ConnectionString);
        (await RunAsync(new DbtInvocation(project) { Threads = 8 }, new DbtRunContext(small))).Failure.Should().BeNull();
    }

    [Theory]
    [InlineData("duckdb")]
    [InlineData("postgresql")]
    public async Task Two_runs_at_once_do_not_meet(string system)
    {
        await OpenAsync(system);
        var project = Write([.. Wide()]);

        var results = await Task.WhenAll(
            RunAsync(new DbtInvocation(project) { Schema = "left", Vars = { ["factor"] = 1 } }, new DbtRunContext(Warehouse)),
            RunAsync(new DbtInvocation(project) { Schema = "right", Vars = { ["factor"] = 3 } }, new DbtRunContext(Warehouse)));

        results.Should().OnlyContain(result => result.Failure == null).And.OnlyContain(result => result.Nodes.Count == 50);
        results.Select(result => result.InvocationId).Should().OnlyHaveUniqueItems();
        (await RowsAsync("select sum(n) from \"left\".total")).Should().Equal("825");
        (await RowsAsync("select sum(n) from \"right\".total")).Should().Equal("2475");
    }

    [Fact]
    public async Task What_it_cannot_do_is_found_before_the_first_row()
    {
        await OpenAsync("duckdb");
        var runner = new BuiltInDbtRunner();
        var project = Write(("models/a.sql", "select * from {{ ref('nowhere') }}"));

        (await Failure(new DbtInvocation(project))).Should().Be("models/a.sql:1: Model 'model.shop.a' (models/a.sql) depends on a node named 'nowhere' which was not found");
        (await Failure(new DbtInvocation(project) { Command = DbtCommand.Deps })).Should().Be("The built-in dbt engine installs no packages.");
        (await Failure(new DbtInvocation(_folder.Combine("nothing")))).Should().StartWith("There is no dbt project in ");

        async Task<string> Failure(DbtInvocation invocation)
        {
            var check = () => runner.CheckAsync(invocation, Warehouse, Cancelled);
            var thrown = (await check.Should().ThrowAsync<DataPlatformException>()).Which;
            thrown.FailureClass.Should().Be(FailureClass.Configuration);
            return thrown.Message;
        }
    }

    /// <summary>A seed, twenty models of each kind in four layers, one that reads all of the last, and tests of them: fifty nodes, 25 of them tables and views.</summary>
    private static IEnumerable<(string Path, string Content)> Wide()
    {
        yield return ("seeds/raw.csv", "id\n" + string.Join('\n', Enumerable.Range(1, 10)) + "\n");
        for (var i = 0; i < 20; i++)
        {
            var kind = (string[])["view", "table", "incremental", "table"];
            var from = i < 5 ? "raw" : $"m{i - 5}";
            yield return ($"models/m{i}.sql", $"{{{{ config(materialized='{kind[i % 4]}', unique_key='id') }}}}\nselect id, {(i < 5 ? $"id * {i + 1} * {{{{ var('factor', 2) }}}}" : "n")} as n from {{{{ ref('{from}') }}}}");
        }

        for (var i = 0; i < 3; i++) yield return ($"models/extra{i}.sql", $"{{{{ config(materialized='table') }}}}select max(n) as n from {{{{ ref('m{15 + i}') }}}}");
        yield return ("models/total.sql", $"{{{{ config(materialized='table') }}}}select id, sum(n) as n from (\n{string.Join(" union all ", Enumerable.Range(15, 5).Select(i => $"select * from {{{{ ref('m{i}') }}}}"))}) as t group by id");
        var tested = Enumerable.Range(0, 20).Select(i => $"  - {{name: m{i}, columns: [{{name: id, data_tests: [unique]}}]}}")
            .Append("  - {name: total, columns: [{name: id, data_tests: [unique, not_null]}, {name: n, data_tests: [not_null]}]}")
            .Append("  - {name: extra0, columns: [{name: n, data_tests: [unique, not_null]}]}");
        yield return ("models/schema.yml", $"models:\n{string.Join('\n', tested)}\n");
    }

    private async Task OpenAsync(string system) => _opened = await OpenedWarehouse.OpenAsync(system);

    private string Write(params (string Path, string Content)[] files)
    {
        var folder = _folder.Combine("project");
        foreach (var (path, content) in files.Prepend(("dbt_project.yml", "name: shop\n")))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, path))!);
            File.WriteAllText(Path.Combine(folder, path), content);
        }

        return folder;
    }

    private Task<DbtResult> RunAsync(string project) => RunAsync(new DbtInvocation(project));

    private Task<DbtResult> RunAsync(DbtInvocation invocation) => RunAsync(invocation, new DbtRunContext(Warehouse) { Logger = _lines, NodeChanged = Told(_ => false, new TaskCompletionSource()) });

    private static Task<DbtResult> RunAsync(DbtInvocation invocation, DbtRunContext context) => RunAsync(invocation, context, Cancelled);

    private static Task<DbtResult> RunAsync(DbtInvocation invocation, DbtRunContext context, CancellationToken cancellationToken) =>
        new BuiltInDbtRunner([new PostgreSqlFailureClassifier(), new DuckDbFailureClassifier()]).RunAsync(invocation, context, cancellationToken);

    private Func<DbtNodeChange, CancellationToken, ValueTask> Told(Predicate<DbtNodeChange> awaited, TaskCompletionSource came) => (change, _) =>
    {
        _changes.Add(change);
        if (awaited(change)) came.TrySetResult();
        return ValueTask.CompletedTask;
    };

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = await Warehouse.OpenConnectionAsync(Cancelled);
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync(Cancelled);
    }

    private async Task<string[]> RowsAsync(string sql)
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        return [.. (await transaction.QueryAsync(sql, cancellationToken: Cancelled)).Select(row => string.Join('|', row))];
    }

    private async Task<int> CountBusyAsync(string query) => (await RowsAsync(
        $"select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle' and query like '%{query}%'")).Length;

    private static List<string> Contents(string folder) =>
        [.. Directory.EnumerateFileSystemEntries(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(path => $"{path} {Directory.GetLastWriteTimeUtc(path):O}")];
}
