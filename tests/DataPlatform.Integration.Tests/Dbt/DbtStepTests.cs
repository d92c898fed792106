using DataPlatform.Dbt;
using DataPlatform.DuckDb;
using DataPlatform.Integration.Tests.Warehouses;
using DataPlatform.Ledger;
using DataPlatform.Lineage;
using DataPlatform.Pipelines;
using DataPlatform.Resilience;
using DataPlatform.Testing;
using DataPlatform.Transform;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Integration.Tests.Dbt;

/// <summary>What a dbt step tells the rest of the platform, whatever runs dbt and on whatever warehouse.</summary>
public sealed class DbtStepTests
{
    private static readonly DbtResult Built = new(
        [
            new DbtNodeResult("seed.shop.zones", DbtStatus.Success), new DbtNodeResult("model.shop.trips", DbtStatus.Success) { RowsAffected = 7 },
            new DbtNodeResult("test.shop.unique_trips.1a", DbtStatus.Pass), new DbtNodeResult("model.shop.broken", DbtStatus.Error) { Message = "division by zero" },
            new DbtNodeResult("model.shop.after", DbtStatus.Skipped),
        ],
        new DbtFailure(FailureClass.Data, "1 of 5 dbt nodes failed"))
    {
        Version = "1.11.0",
        Lineage =
        [
            new DbtLineage("seed.shop.zones", [], """ "raw"."zones" """.Trim()), new DbtLineage("model.shop.trips", [""" "raw"."trips" """.Trim(), "raw.zones"], """ "other""db"."marts"."trips" """.Trim()),
            new DbtLineage("test.shop.unique_trips.1a", ["marts.trips"], null), new DbtLineage("model.shop.broken", ["marts.trips"], "marts.broken"), new DbtLineage("model.shop.after", ["marts.broken"], "marts.after"),
        ],
    };

    public static TheoryData<string> Systems => ["duckdb", "postgresql"];

    [Theory]
    [MemberData(nameof(Systems))]
    public async Task Nodes_that_succeeded_are_in_the_ledger_with_their_datasets(string system)
    {
        await using var job = await Job.OpenAsync(system, new ScriptedDbt(_ => Built));
        var result = await job.RunAsync();

        result.Failure.Should().BeEquivalentTo(new { Class = FailureClass.Data, Message = "1 of 5 dbt nodes failed" });
        var (zones, raw) = (job.Table("raw.zones"), job.Table("raw.trips"));
        (await job.Ledger.ListLineageAsync(result.Run.RunId)).Select(record => (record.Step, record.Part, record.Input, record.Output)).Should().BeEquivalentTo<(string, string?, Dataset?, Dataset)>(
        [
            ("marts", "seed.shop.zones", null, zones),
            ("marts", "model.shop.trips", raw, zones with { Name = "other\"db.marts.trips" }), ("marts", "model.shop.trips", zones, zones with { Name = "other\"db.marts.trips" }),
        ]);
    }

    [Fact]
    public async Task Nodes_are_told_as_they_begin_and_with_their_datasets_when_dbt_has_ended()
    {
        await using var job = await Job.OpenAsync("duckdb", new ScriptedDbt(_ => Built));
        await job.RunAsync();

        job.Reports.Select(report => (report.Part, report.Status, report.Inputs.Count, report.Outputs.Count)).Should().Equal(
            ("seed.shop.zones", RunStatus.Running, 0, 0), ("model.shop.trips", RunStatus.Running, 0, 0), ("test.shop.unique_trips.1a", RunStatus.Running, 0, 0), ("model.shop.broken", RunStatus.Running, 0, 0),
            ("seed.shop.zones", RunStatus.Succeeded, 0, 1), ("model.shop.trips", RunStatus.Succeeded, 2, 1), ("test.shop.unique_trips.1a", RunStatus.Succeeded, 1, 0), ("model.shop.broken", RunStatus.Failed, 1, 1));
        job.Reports.Single(report => report is { Part: "model.shop.trips", Status: RunStatus.Succeeded }).Should().BeEquivalentTo(new { PartType = "model", Rows = 7L, Engine = "dbt", EngineVersion = "1.11.0" });
        job.Reports.Single(report => report.Status == RunStatus.Failed).Error.Should().Be("division by zero");
    }

    [Fact]
    public async Task What_a_killed_attempt_had_done_is_told_by_the_next()
    {
        var killed = new ScriptedDbt(_ => Built with { Nodes = [.. Built.Nodes.Take(2)] }) { Hanging = ["model.shop.trips"] };
        var rest = new ScriptedDbt(_ => Built with { Nodes = [Built.Nodes[1]], Failure = null }) { Nodes = [Node("seed.shop.zones"), Node("model.shop.trips")] };
        await using var job = await Job.OpenAsync("duckdb", killed);
        var run = (await job.RunAsync()).Run;
        job.Reports.Select(report => (report.Part, report.Status)).Should().EndWith([("seed.shop.zones", RunStatus.Succeeded), ("model.shop.trips", RunStatus.Terminated)]);
        (await job.Ledger.ListLineageAsync(run.RunId)).Should().BeEmpty("no manifest was written");

        job.Use(rest);
        await job.RunAsync(run.RunId);

        rest.Runs.Should().ContainSingle().Which.Nodes.Should().ContainSingle().Which.UniqueId.Should().Be("model.shop.trips");
        (await job.Ledger.ListLineageAsync(run.RunId)).Select(record => record.Part).Should().BeEquivalentTo("seed.shop.zones", "model.shop.trips", "model.shop.trips");
    }

    [Theory]
    [MemberData(nameof(Systems))]
    public async Task Rows_that_a_failed_test_found_are_shown(string system)
    {
        DbtNodeResult Test(string name, DbtStatus status, long failures) => new($"test.shop.{name}.1a", status) { Failures = failures, Message = $"Got {failures} results" };
        var result = new DbtResult(
            [
                Test("by_query", DbtStatus.Fail, 7) with { CompiledCode = "with q as (select * from shop.trips where id > 3)\nselect id, name from q order by id -- the end" },
                Test("stored", DbtStatus.Fail, 1) with { CompiledCode = "select 1 from shop.gone", Relation = "shop.audit" },
                Test("passed", DbtStatus.Pass, 0) with { CompiledCode = "select 'not looked at' from shop.trips" },
                Test("broken", DbtStatus.Fail, 1) with { CompiledCode = "select nothing from shop.gone" },
                Test("writes", DbtStatus.Fail, 1) with { CompiledCode = "select 1) as q; delete from shop.trips; --" },
            ],
            new DbtFailure(FailureClass.Data, "4 of 5 dbt nodes failed"));
        await using var job = await Job.OpenAsync(system, new ScriptedDbt(_ => result));
        await job.ExecuteAsync(
            "CREATE SCHEMA shop", "CREATE TABLE shop.trips AS SELECT i AS id, CASE WHEN i = 4 THEN NULL ELSE concat('t', i) END AS name FROM generate_series(1, 10) AS g (i)",
            "CREATE TABLE shop.audit AS SELECT CAST('2026-01-31' AS date) AS day");

        var failure = (await job.RunAsync(settings: [("Dbt:ShowFailedRows", "2")])).Failure!;
        var none = (await job.RunAsync(settings: [("Dbt:ShowFailedRows", "0")])).Failure!;

        failure.Class.Should().Be(FailureClass.Data);
        failure.Message.Should().Be("""
            4 of 5 dbt nodes failed
              test.shop.by_query.1a found 7 rows, such as:
                id=4, name=NULL
                id=5, name=t5
              test.shop.stored.1a found:
                day=2026-01-31
            """);
        none.Message.Should().Be("4 of 5 dbt nodes failed");
        (await job.QueryAsync("SELECT count(*) FROM shop.trips"))[0][0].Should().Be(10L);
    }

    [Theory]
    [MemberData(nameof(Systems))]
    public async Task What_a_step_requires_and_does_not_hold_is_said_in_one_go_before_dbt_begins(string system)
    {
        var dbt = new ScriptedDbt(invocation => invocation.Command == DbtCommand.SourceFreshness
            ? new DbtResult([new DbtNodeResult("source.shop.raw.trips", DbtStatus.Error) { Message = "max loaded 3 days ago" }, new DbtNodeResult("source.shop.raw.zones", DbtStatus.Warn)], new DbtFailure(FailureClass.Data, "stale"))
            : Built with { Failure = null })
        {
            Nodes = [Node("model.shop.trips") with { Sources = [new("source.shop.raw.trips", "\"db\".\"raw\".\"trips\""), new("source.shop.raw.zones", "raw.zones")] }, Node("model.shop.after")],
        };
        await using var job = await Job.OpenAsync(system, dbt);
        await job.LoadAsync("raw.trips", "night", "v1", "id bigint\nname text");
        await job.LoadAsync("raw.trips", "night", "v2", "id text\nname text\nmore text");

        var failure = (await job.RunAsync("day", step => step.Require.LoadedInThisRun().LoadedWithin(TimeSpan.FromTicks(1), "raw.trips", "raw.never").LoadedWithin(TimeSpan.FromDays(1), "raw.trips")
            .Contract("raw.trips", "v1").Contract("raw.trips", "v0").Contract("raw.zones", "v1").FreshSources())).Failure!;

        failure.Class.Should().Be(FailureClass.Data);
        const string Moment = "[0-9-]{10} [0-9:]{8} UTC in run night";
        failure.Message.Should().MatchRegex("^" + string.Join("\n", """
            dbt was not begun, for what step 'marts' requires does not hold:
              raw.trips: no load into it was committed in this run; the latest load, 2, was committed at MOMENT
              raw.zones: no load into it was ever committed
              raw.trips: the latest load, 2, was committed at MOMENT, 0\.00:00:[0-9]{2} ago, and may be 0\.00:00:00 old
              raw.never: no load into it was ever committed
              raw.trips: load 2 has contract v2, which no longer has these columns of v1: id bigint
              raw.trips: contract v0 was never loaded here; load 2 has v2
              raw.zones: no load with a contract was ever committed into it
              source\.shop\.raw\.trips is not fresh: max loaded 3 days ago
            """.Split('\n')).Replace("MOMENT", Moment, StringComparison.Ordinal) + "$");
        dbt.Runs.Should().ContainSingle().Which.Should().BeEquivalentTo(new { Command = DbtCommand.SourceFreshness, Select = new[] { "source:shop.raw.trips", "source:shop.raw.zones" } });
        (await job.QueryAsync("SELECT count(*) FROM dataplatform.dbt_nodes"))[0][0].Should().Be(0L);
    }

    [Fact]
    public async Task What_is_required_and_holds_is_in_nobodys_way()
    {
        var dbt = new ScriptedDbt(_ => Built with { Failure = null }) { Nodes = [Node("model.shop.trips") with { Sources = [new("source.shop.raw.trips", "raw.trips")] }] };
        await using var job = await Job.OpenAsync("duckdb", dbt);
        await job.LoadAsync("raw.trips", "day", "v1", "id bigint");
        await job.LoadAsync("raw.trips", "day", "v2", "id bigint\nmore text");
        await job.LoadAsync("raw.trips", "another", "v2", "id bigint\nmore text");

        (await job.RunAsync("day", step => step.Require.LoadedInThisRun().LoadedWithin(TimeSpan.FromHours(1)).Contract("raw.trips", "v1").FreshSources())).Failure.Should().BeNull();

        dbt.Runs.Select(run => run.Command).Should().Equal(DbtCommand.SourceFreshness, DbtCommand.Build);
    }

    [Fact]
    public async Task The_built_in_engine_is_not_begun_while_a_source_that_its_models_read_is_stale()
    {
        using var folder = new ScratchFolder();
        await WriteAsync(
            folder,
            ("models/trips.sql", "select count(*) as trips from {{ source('raw', 'trips') }}"),
            ("models/sources.yml", """
                sources:
                  - name: raw
                    loaded_at_field: loaded_at
                    freshness: {error_after: {count: 1, period: hour}}
                    tables: [{name: trips}, {name: not_read}]
                """));

        await using var job = await Job.OpenAsync("duckdb", new BuiltInDbtRunner([new DuckDbFailureClassifier()]));
        job.Project = folder.Path;
        await job.ExecuteAsync("CREATE SCHEMA raw", "CREATE TABLE raw.trips AS SELECT now() - INTERVAL 2 HOUR AS loaded_at", "CREATE TABLE raw.not_read AS SELECT now() - INTERVAL 9 DAY AS loaded_at");

        var stale = await job.RunAsync(configure: step => step.Require.FreshSources());
        var built = (await job.QueryAsync("SELECT count(*) FROM duckdb_views() WHERE view_name = 'trips'"))[0][0];
        await job.ExecuteAsync("INSERT INTO raw.trips VALUES (now())");
        var fresh = await job.RunAsync(configure: step => step.Require.FreshSources());

        stale.Failure.Should().BeEquivalentTo(new
        {
            Class = FailureClass.Data,
            Message = "dbt was not begun, for what step 'marts' requires does not hold:\n  source.shop.raw.trips is not fresh: error",
        });
        built.Should().Be(0L);
        fresh.Failure.Should().BeNull();
        (await job.QueryAsync("SELECT trips FROM trips"))[0][0].Should().Be(2L);
        (await job.QueryAsync("SELECT unique_id, status FROM dataplatform.dbt_nodes")).Should().ContainSingle().Which.Should().Equal("model.shop.trips", "success");
    }

    [Theory]
    [InlineData("duckdb", 0)]
    [InlineData("duckdb", 2)]
    [InlineData("postgresql", 0)]
    [InlineData("postgresql", 2)]
    public async Task An_attempt_that_ended_between_batches_of_a_model_is_taken_up_where_it_was(string system, int batchesDone)
    {
        using var folder = new ScratchFolder();
        await WriteBatchesAsync(folder, "'{{ invocation_id }}' as invocation");
        var engine = new BuiltInDbtRunner([new DuckDbFailureClassifier()]);
        await using var job = await Job.OpenAsync(system, new StoppedDbt(engine, batchesDone));
        job.Project = folder.Path;

        var stopped = await job.RunAsync();
        job.Use(engine);
        var second = await job.RunAsync(stopped.Run.RunId);

        stopped.Failure!.Message.Should().Contain("killed");
        second.Failure.Should().BeNull();
        var rows = await job.QueryAsync("SELECT id, dense_rank() OVER (ORDER BY invocation) FROM words ORDER BY id");
        rows.Select(row => Convert.ToInt64(row[0], System.Globalization.CultureInfo.InvariantCulture)).Should().Equal(0, 1, 2, 3, 4);
        rows.GroupBy(row => row[1]).Select(group => group.Count()).Order().Should().Equal(batchesDone == 0 ? [5] : [2, 3], "what the first attempt built is not built again");
    }

    [Fact]
    public async Task Batches_that_failed_are_all_that_the_next_attempt_builds()
    {
        using var folder = new ScratchFolder();
        await WriteBatchesAsync(folder, "{{ var('word') }} as word");
        await using var job = await Job.OpenAsync("duckdb", new BuiltInDbtRunner([new DuckDbFailureClassifier()]));
        job.Project = folder.Path;

        var first = await job.RunAsync(configure: step => step.Vars["word"] = "case id when 1 then error('not yet') else 'ok' end");
        var second = await job.RunAsync(first.Run.RunId, step => step.Vars["word"] = "'late'");

        first.Failure!.Message.Should().Contain("PARTIAL SUCCESS (4/5)").And.Contain("not yet");
        second.Failure.Should().BeNull();
        (await job.QueryAsync("SELECT id, word FROM words ORDER BY id")).Select(row => string.Join(' ', row)).Should().Equal("0 ok", "1 late", "2 ok", "3 ok", "4 ok");

        var third = await job.RunAsync(configure: step => (step.Vars["word"], step.EventTime) = ("'again'", new DbtTimeRange(DateTime.UtcNow.Date.AddDays(-4), DateTime.UtcNow.Date.AddDays(-2))));
        third.Failure.Should().BeNull();
        (await job.QueryAsync("SELECT id, word FROM words ORDER BY id")).Select(row => string.Join(' ', row)).Should().Equal("0 again", "1 again", "2 ok", "3 ok", "4 ok");
    }

    [Fact]
    public async Task A_requirement_of_sources_that_no_node_reads_is_a_mistake()
    {
        await using var job = await Job.OpenAsync("duckdb", new ScriptedDbt(_ => Built) { Nodes = [Node("model.shop.trips")] });
        (await job.RunAsync(configure: step => step.Require.LoadedInThisRun())).Failure.Should().BeEquivalentTo(
            new { Class = FailureClass.Configuration, Message = "Step 'marts' requires something of the sources that its nodes read, and none of 1 nodes reads a source." });
    }

    /// <summary>A model <c>words</c> of five days, up to today, built by days.</summary>
    private static Task WriteBatchesAsync(ScratchFolder folder, string column)
    {
        var begin = DateTime.UtcNow.AddDays(-4).ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);
        return WriteAsync(
            folder,
            ("models/days.sql", $"{{{{ config(materialized='table', event_time='moment') }}}} select i as id, cast('{begin}' as timestamp) + i * interval '1 day' as moment from generate_series(0, 4) as s(i)"),
            ("models/words.sql", $$$"""
                {{ config(materialized='incremental', incremental_strategy='microbatch', event_time='moment', batch_size='day', begin='{{{begin}}}', unique_key=('id' if target.type == 'postgres' else none)) }}
                select id, moment, {{{column}}} from {{ ref('days') }}
                """));
    }

    private static async Task WriteAsync(ScratchFolder folder, params (string Path, string Content)[] files)
    {
        foreach (var (file, content) in files.Prepend(("dbt_project.yml", "name: shop\n")))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(folder.Combine(file))!);
            await File.WriteAllTextAsync(folder.Combine(file), content, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>A runner whose process ends when some batches of a model are done and the next was begun.</summary>
    private sealed class StoppedDbt(IDbtRunner dbt, int batchesDone) : IDbtRunner
    {
        public Task CheckAsync(DbtInvocation invocation, IWarehouse warehouse, CancellationToken cancellationToken = default) => dbt.CheckAsync(invocation, warehouse, cancellationToken);

        public Task<IReadOnlyList<DbtNode>> ListAsync(DbtInvocation invocation, DbtRunContext context, CancellationToken cancellationToken = default) => dbt.ListAsync(invocation, context, cancellationToken);

        public Task<DbtResult> RunAsync(DbtInvocation invocation, DbtRunContext context, CancellationToken cancellationToken = default)
        {
            var tell = context.NodeChanged!;
            return dbt.RunAsync(
                invocation,
                new DbtRunContext(context.Warehouse)
                {
                    SessionName = context.SessionName,
                    RunId = context.RunId,
                    Logger = context.Logger,
                    NodeChanged = async (change, token) =>
                    {
                        await tell(change, token);
                        if (change.Node.Batches?.Done.Sum(time => (time.End - time.Start).Days) == batchesDone) throw new InvalidOperationException("killed");
                    },
                },
                cancellationToken);
        }
    }

    private static DbtNode Node(string id) => new(id, id.Split('.')[0], id.Split('.')[2], id.Split('.')[1..], "x.sql");

    private sealed class Job : IAsyncDisposable, IRunObserver
    {
        private readonly OpenedWarehouse _opened;
        private readonly RunLedgers _ledgers;
        private IDbtRunner _dbt;

        private Job(OpenedWarehouse opened, IDbtRunner dbt) => (_opened, _ledgers, _dbt) = (opened, new RunLedgers(opened.Warehouse), dbt);

        public IRunLedger Ledger => _ledgers.Primary;

        public List<LineageReport> Reports { get; } = [];

        public string Project { get; set; } = "dbt";

        public static async Task<Job> OpenAsync(string system, IDbtRunner dbt) => new(await OpenedWarehouse.OpenAsync(system), dbt);

        public Dataset Table(TableName table) => _opened.Warehouse.GetDataset(table);

        public void Use(IDbtRunner dbt) => _dbt = dbt;

        public async Task<PipelineRunResult> RunAsync(string? runId = null, Action<DbtInvocation>? configure = null, params (string Key, string? Value)[] settings)
        {
            var builder = new PipelineBuilder("shop");
            builder.Dbt("marts", Project, configure);
            await using var services = new ServiceCollection()
                .AddSingleton(new StepResilience(new FailureClassification()))
                .AddSingleton(_opened.Warehouse)
                .AddKeyedSingleton(DbtRunnerKind.BuiltIn, _dbt)
                .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection([new("Dbt:Runner", "BuiltIn"), .. settings.Select(setting => KeyValuePair.Create(setting.Key, setting.Value))]).Build())
                .BuildServiceProvider();
            return await new PipelineRunner(_ledgers, services, observers: [this]).RunAsync(builder.Build(), new PipelineRunOptions { RunId = runId }, TestContext.Current.CancellationToken);
        }

        public async Task ExecuteAsync(params string[] statements)
        {
            await using var transaction = await _opened.Warehouse.BeginAsync(TestContext.Current.CancellationToken);
            foreach (var statement in statements) await transaction.ExecuteAsync(statement, cancellationToken: TestContext.Current.CancellationToken);
            await transaction.CommitAsync(TestContext.Current.CancellationToken);
        }

        public async Task<IReadOnlyList<object?[]>> QueryAsync(string sql)
        {
            await using var transaction = await _opened.Warehouse.BeginAsync(TestContext.Current.CancellationToken);
            return await transaction.QueryAsync(sql, cancellationToken: TestContext.Current.CancellationToken);
        }

        public async Task LoadAsync(TableName table, string runId, string contract, string columns)
        {
            var run = new RunInfo(runId, "shop", "Test", new DateOnly(2026, 1, 31), null, null);
            await Ledger.StartRunAsync(run, TestContext.Current.CancellationToken);
            await using var lease = await Ledger.AcquireLeaseAsync("shop/load", run, TimeSpan.Zero, TestContext.Current.CancellationToken);
            await using var load = await Ledger.BeginLoadAsync(run, "load", table, "append", lease, TestContext.Current.CancellationToken);
            load.SetContract(contract, columns);
            await load.CommitAsync(default, TestContext.Current.CancellationToken);
        }

        void IRunObserver.LineageReported(RunInfo run, string step, LineageReport report) => Reports.Add(report);

        public async ValueTask DisposeAsync()
        {
            await _ledgers.DisposeAsync();
            await _opened.DisposeAsync();
        }
    }
}
