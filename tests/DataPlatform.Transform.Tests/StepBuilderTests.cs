using DataPlatform.Pipelines;
using DataPlatform.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Transform.Tests;

public sealed class StepBuilderTests
{
    [Fact]
    public void Steps_are_described_and_depend_on_what_they_follow()
    {
        var pipeline = new PipelineBuilder("test");
        pipeline.Sql("hourly", "SELECT 1 AS a").AsTable("warehouse", "marts.hourly");
        pipeline.Sql("open", "SELECT 1 AS a").AsView("warehouse", "marts.open").After("hourly").WithTimeout(TimeSpan.FromMinutes(1));
        pipeline.Transform<Row, Row>("clean", row => row).From("warehouse", "SELECT 1 AS a").Into("staging.clean").After("open");
        pipeline.Check("quality", "warehouse", "marts.hourly", check => check.RowCount(min: 1).NotNull("a")).After("clean");

        pipeline.Dbt("marts", "dbt").After("quality");
        pipeline.Dbt("nightly", "dbt", dbt => (dbt.Command, dbt.Warehouse) = (DbtCommand.Test, "warehouse"));

        pipeline.Build().Steps.Select(step => (step.Name, step.Kind, step.Description, string.Join(",", step.DependsOn))).Should().Equal(
            ("hourly", "sql", "warehouse:marts.hourly (table)", ""), ("open", "sql", "warehouse:marts.open (view)", "hourly"),
            ("clean", "transform", "warehouse:staging.clean (Row → Row)", "open"), ("quality", "check", "warehouse:marts.hourly (2 checks)", "clean"),
            ("marts", "dbt", "dbt build dbt", "quality"), ("nightly", "dbt", "dbt test dbt in warehouse", ""));
    }

    [Fact]
    public void Steps_that_are_not_complete_say_what_is_missing()
    {
        Invalid(pipeline => pipeline.Sql("hourly", "SELECT 1")).Should().Be("SQL step 'hourly' does not say what its result becomes.");
        Invalid(pipeline => pipeline.Transform<Row, Row>("clean", row => row).Into("staging.clean")).Should().Be("Transform 'clean' does not say where its rows come from.");
        Invalid(pipeline => pipeline.Transform<Row, Row>("clean", row => row).From("warehouse", "SELECT 1")).Should().Be("Transform 'clean' does not say where its rows go.");
        Invalid(pipeline => pipeline.Check("quality", "warehouse", "marts.hourly", _ => { })).Should().Be("Check step 'quality' has no checks.");
        Invalid(pipeline => pipeline.Dbt("marts", "dbt", dbt => dbt.Command = DbtCommand.RunOperation)).Should().Be("dbt step 'marts' does not say which macro it runs.");
        Invalid(pipeline => pipeline.Dbt("marts", "dbt", dbt => dbt.Defer = true)).Should().Be("dbt step 'marts' defers to no state.");
        Invalid(pipeline => pipeline.Dbt("marts", "dbt", dbt =>
        {
            dbt.Command = DbtCommand.DocsGenerate;
            dbt.Require.LoadedInThisRun();
        })).Should().Be("dbt step 'marts' has requirements, and DocsGenerate builds nothing.");
        Invalid(pipeline => pipeline.Dbt("marts", "dbt", dbt => dbt.EventTime = new DbtTimeRange(new DateTime(2026, 1, 2), new DateTime(2026, 1, 2))))
            .Should().Be("dbt step 'marts' is to build what happened from 2026-01-02T00:00:00 until 2026-01-02T00:00:00.");
        Invalid(pipeline => pipeline.Dbt("marts", "dbt", dbt => dbt.Threads = 0)).Should().Be("dbt step 'marts' is to run 0 nodes at the same time.");
        Invalid(pipeline => pipeline.Dbt("marts", "dbt", dbt =>
        {
            dbt.Selector = "nightly";
            dbt.Select.Add("a");
        })).Should().Be("dbt step 'marts' has a Selector and also Select or Exclude.");
    }

    [Fact]
    public async Task A_file_that_is_missing_or_wrong_is_found_before_the_first_row()
    {
        using var folder = new ScratchFolder();
        await File.WriteAllTextAsync(folder.Combine("wrong.sql"), "SELECT @nothing");
        var (none, wrong) = (folder.Combine("none.sql"), folder.Combine("wrong.sql"));
        (await PreflightAsync(new SqlStep(new SqlSettings("a", none), Nothing))).Should().Be($"There is no SQL file {none}.");
        (await PreflightAsync(new SqlStep(new SqlSettings("a", wrong), Nothing))).Should().StartWith($"{wrong}:1:8: There is no parameter @nothing.");
        var settings = new TransformSettings<Row, Row>("a", rows => rows);
        settings.Query.Source = none;
        (await PreflightAsync(new TransformStep<Row, Row>(settings, Nothing))).Should().Be($"There is no SQL file {none}.");
        var checks = new CheckBuilder("raw.trips").Sql("rule", "SELECT * FROM {tabel}").Checks;
        (await PreflightAsync(new CheckStep("warehouse", "raw.trips", checks, Nothing))).Should().StartWith("inline SQL:1:15: There is no relation {tabel}.");
    }

    private static string Invalid(Action<PipelineBuilder> configure)
    {
        var pipeline = new PipelineBuilder("test");
        configure(pipeline);
        var build = pipeline.Build;
        var thrown = build.Should().Throw<DataPlatformException>().Which;
        thrown.FailureClass.Should().Be(FailureClass.Configuration);
        return thrown.Message;
    }

    private static async Task<string> PreflightAsync(IStepPreflight step)
    {
        var check = () => step.CheckAsync(CancellationToken.None);
        var thrown = (await check.Should().ThrowAsync<DataPlatformException>()).Which;
        thrown.FailureClass.Should().Be(FailureClass.Configuration);
        return thrown.Message;
    }

    private static ServiceProvider Nothing { get; } = new ServiceCollection().BuildServiceProvider();

    private sealed record Row(int A);
}
