using DataPlatform.Integration.Tests.Warehouses;
using DataPlatform.Ledger;
using DataPlatform.Lineage;
using DataPlatform.ObjectStores.Folder;
using DataPlatform.Pipelines;
using DataPlatform.Resilience;
using DataPlatform.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Integration.Tests.Lineage;

/// <summary>What steps tell of their datasets is in the ledger, on whatever warehouse.</summary>
public sealed class LineageTests
{
    private static readonly Dataset File = new("s3://lake", "inbox/trips-*.csv"), Trips = new("postgres://db:5432", "dp.raw.trips"), Daily = new("postgres://db:5432", "dp.marts.daily");

    public static TheoryData<string> Systems => ["duckdb", "postgresql"];

    [Theory]
    [MemberData(nameof(Systems))]
    public async Task What_succeeded_is_kept_also_when_the_step_fails(string system)
    {
        await using var opened = await OpenedWarehouse.OpenAsync(system);
        await using var ledgers = new RunLedgers(opened.Warehouse);
        var failed = await RunAsync(ledgers, (context, _) =>
        {
            context.ReportLineage(new LineageReport { Part = "model.a", Inputs = [File, Trips], Outputs = [Trips] });
            context.ReportLineage(new LineageReport { Part = "model.b", Status = RunStatus.Failed, Inputs = [Trips], Outputs = [Daily] });
            context.ReportLineage(new LineageReport { Part = "seed.c", Outputs = [new Dataset("x", "o'clock")] });
            context.ReportLineage(new LineageReport { Part = "test.d", Inputs = [Trips] });
            throw new DataPlatformException(FailureClass.Data, "b is wrong");
        });

        (await ledgers.Primary.ListLineageAsync(failed.RunId)).Select(record => record with { RecordedAt = default }).Should().BeEquivalentTo(
        [
            new LineageRecord(failed.RunId, "demo", "load", "model.a", File, Trips, default), new LineageRecord(failed.RunId, "demo", "load", "model.a", Trips, Trips, default),
            new LineageRecord(failed.RunId, "demo", "load", "seed.c", null, new Dataset("x", "o'clock"), default),
        ]);
        (await ledgers.Primary.ListLineageAsync("another")).Should().BeEmpty();
    }

    [Theory]
    [MemberData(nameof(Systems))]
    public async Task Without_a_run_the_latest_of_each_part_is_listed(string system)
    {
        await using var opened = await OpenedWarehouse.OpenAsync(system);
        await using var ledgers = new RunLedgers(opened.Warehouse);
        Func<StepContext, CancellationToken, Task> Report(params LineageReport[] reports) => (context, _) =>
        {
            foreach (var report in reports) context.ReportLineage(report);
            return Task.CompletedTask;
        };
        var old = await RunAsync(ledgers, Report(new LineageReport { Inputs = [File], Outputs = [Trips] }, new LineageReport { Part = "daily", Inputs = [Trips, File], Outputs = [Daily] }));
        var latest = await RunAsync(ledgers, Report(new LineageReport { Part = "daily", Inputs = [Trips], Outputs = [Daily] }));
        // Thousands of rows, and one that the run had before.
        var many = await RunAsync(ledgers, Report([.. Enumerable.Range(0, 1200).Select(i => new LineageReport { Part = $"n{i}", Inputs = [Daily], Outputs = [new Dataset("m", $"{i}")] })]), latest.RunId);

        var records = await ledgers.Primary.ListLineageAsync();

        many.RunId.Should().Be(latest.RunId);
        records.Where(record => record.Part is null or "daily").Select(record => (record.RunId, record.Part, record.Input, record.Output)).Should().BeEquivalentTo<(string, string?, Dataset?, Dataset)>(
            [(old.RunId, null, File, Trips), (latest.RunId, "daily", Trips, Daily)]);
        records.Where(record => record.RunId == latest.RunId).Should().HaveCount(1201);
    }

    [Theory]
    [MemberData(nameof(Systems))]
    public async Task An_ingest_step_tells_what_it_loads_also_when_nothing_is_new(string system)
    {
        await using var opened = await OpenedWarehouse.OpenAsync(system);
        await using var ledgers = new RunLedgers(opened.Warehouse);
        using var folder = new ScratchFolder();
        var lake = new FolderObjectStore("lake", folder.Path);
        Directory.CreateDirectory(folder.Combine("inbox"));
        await System.IO.File.WriteAllTextAsync(folder.Combine("inbox/trips-1.csv"), "id,name\n1,a\n", TestContext.Current.CancellationToken);
        await using (var transaction = await opened.Warehouse.BeginAsync(TestContext.Current.CancellationToken))
        {
            await transaction.ReplaceTableAsync("raw.names", "SELECT 1 AS id", TestContext.Current.CancellationToken);
            await transaction.CommitAsync(TestContext.Current.CancellationToken);
        }

        void Configure(PipelineBuilder pipeline)
        {
            pipeline.Ingest("load", From.Csv(lake, "inbox/trips-*.csv")).Into(opened.Warehouse, "raw.trips", load => load.Append());
            pipeline.Ingest("copy", From.Sql(opened.Warehouse, "raw.names")).Into(opened.Warehouse, "raw.copies", load => load.Append()).After("load");
        }

        await RunAsync(ledgers, Configure);
        var again = await RunAsync(ledgers, Configure);

        var (trips, names, copies) = (opened.Warehouse.GetDataset("raw.trips"), opened.Warehouse.GetDataset("raw.names"), opened.Warehouse.GetDataset("raw.copies"));
        (await ledgers.Primary.ListLineageAsync(again.RunId, TestContext.Current.CancellationToken)).Select(record => (record.Step, record.Part, record.Input, record.Output)).Should().BeEquivalentTo<(string, string?, Dataset?, Dataset)>(
            [("load", null, new Dataset("file", folder.Combine("inbox/trips-*.csv")), trips), ("copy", null, names, copies)]);
    }

    [Theory]
    [MemberData(nameof(Systems))]
    public async Task A_table_is_named_as_its_system_names_it(string system)
    {
        await using var opened = await OpenedWarehouse.OpenAsync(system);
        await using var transaction = await opened.Warehouse.BeginAsync(TestContext.Current.CancellationToken);
        var database = (string)(await transaction.QueryAsync("SELECT CAST(current_database() AS text)", cancellationToken: TestContext.Current.CancellationToken))[0][0]!;

        var dataset = opened.Warehouse.GetDataset("raw.trips");

        dataset.Name.Should().Be($"{database}.raw.trips");
        dataset.Namespace.Should().Be(system == "duckdb" ? $"duckdb://{opened.Warehouse.Location}" : $"postgres://{opened.Warehouse.Location.Split('/')[0]}");
    }

    private static Task<RunInfo> RunAsync(RunLedgers ledgers, Func<StepContext, CancellationToken, Task> step, string? runId = null) => RunAsync(ledgers, pipeline => pipeline.Step("load", step), runId);

    private static async Task<RunInfo> RunAsync(RunLedgers ledgers, Action<PipelineBuilder> configure, string? runId = null)
    {
        var builder = new PipelineBuilder("demo");
        configure(builder);
        await using var services = new ServiceCollection().AddSingleton(new StepResilience(new FailureClassification())).BuildServiceProvider();
        var result = await new PipelineRunner(ledgers, services).RunAsync(builder.Build(), runId is null ? null : new PipelineRunOptions { RunId = runId }, TestContext.Current.CancellationToken);
        result.Failure?.Message.Should().Be("b is wrong");
        return result.Run;
    }
}
