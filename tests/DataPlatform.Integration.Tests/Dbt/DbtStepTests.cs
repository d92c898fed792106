using DataPlatform.Integration.Tests.Warehouses;
using DataPlatform.Ledger;
using DataPlatform.Lineage;
using DataPlatform.Pipelines;
using DataPlatform.Resilience;
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

    private static DbtNode Node(string id) => new(id, id.Split('.')[0], id.Split('.')[2], id.Split('.')[1..], "x.sql");

    private sealed class Job : IAsyncDisposable, IRunObserver
    {
        private readonly OpenedWarehouse _opened;
        private readonly RunLedgers _ledgers;
        private IDbtRunner _dbt;

        private Job(OpenedWarehouse opened, IDbtRunner dbt) => (_opened, _ledgers, _dbt) = (opened, new RunLedgers(opened.Warehouse), dbt);

        public IRunLedger Ledger => _ledgers.Primary;

        public List<LineageReport> Reports { get; } = [];

        public static async Task<Job> OpenAsync(string system, IDbtRunner dbt) => new(await OpenedWarehouse.OpenAsync(system), dbt);

        public Dataset Table(TableName table) => _opened.Warehouse.GetDataset(table);

        public void Use(IDbtRunner dbt) => _dbt = dbt;

        public async Task<PipelineRunResult> RunAsync(string? runId = null, Action<DbtInvocation>? configure = null)
        {
            var builder = new PipelineBuilder("shop");
            builder.Dbt("marts", "dbt", configure);
            await using var services = new ServiceCollection()
                .AddSingleton(new StepResilience(new FailureClassification()))
                .AddSingleton(_opened.Warehouse)
                .AddKeyedSingleton(DbtRunnerKind.BuiltIn, _dbt)
                .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?> { ["Dbt:Runner"] = "BuiltIn" }).Build())
                .BuildServiceProvider();
            return await new PipelineRunner(_ledgers, services, observers: [this]).RunAsync(builder.Build(), new PipelineRunOptions { RunId = runId }, TestContext.Current.CancellationToken);
        }

        void IRunObserver.LineageReported(RunInfo run, string step, LineageReport report) => Reports.Add(report);

        public async ValueTask DisposeAsync()
        {
            await _ledgers.DisposeAsync();
            await _opened.DisposeAsync();
        }
    }
}
