using DataPlatform.Pipelines;

namespace DataPlatform.MLOps.Tests;

public sealed class StepBuilderTests
{
    [Fact]
    public void Steps_are_described_and_depend_on_what_they_follow()
    {
        var pipeline = new PipelineBuilder("test");
        pipeline.Step("quality", (_, _) => Task.CompletedTask);
        pipeline.Train<FakeTrainer>("train", "demand-model").From("warehouse", "SELECT 1").Minimize("rmse").After("quality").WithTimeout(TimeSpan.FromHours(1));
        pipeline.Score<FakeScorer>("score", "demand-model@champion").From("warehouse", "SELECT 1").Into("marts.forecast", "station").After("train");

        pipeline.Build().Steps.Select(step => (step.Name, step.Kind, step.Description, string.Join(",", step.DependsOn))).Should().Equal(
            ("quality", "step", null, ""), ("train", "train", "warehouse → demand-model", "quality"),
            ("score", "score", "demand-model@champion → marts.forecast (merge)", "train"));
    }

    [Fact]
    public void Steps_that_are_not_complete_say_what_is_missing()
    {
        Invalid(pipeline => pipeline.Train<FakeTrainer>("train", "m").Minimize("rmse")).Should().Be("Training step 'train' does not say what it trains on.");
        Invalid(pipeline => pipeline.Train<FakeTrainer>("train", "m").From("warehouse", "SELECT 1")).Should().Be(
            "Training step 'train' does not say when a new version takes the place of the one in use.");
        Invalid(pipeline => pipeline.Score<FakeScorer>("score", "m@champion").Into("marts.forecast")).Should().Be("Scoring step 'score' does not say where its rows come from.");
        Invalid(pipeline => pipeline.Score<FakeScorer>("score", "m@champion").From("warehouse", "SELECT 1")).Should().Be("Scoring step 'score' does not say where its rows go.");
    }

    [Theory]
    [InlineData(1.0, null, true)]
    [InlineData(1.0, 1.0, true)]
    [InlineData(0.5, 1.0, true)]
    [InlineData(1.5, 1.0, false)]
    [InlineData(double.NaN, 1.0, false)]
    [InlineData(double.NaN, null, false)]
    [InlineData(9.0, double.NaN, true)]
    public void The_smaller_metric_wins(double candidate, double? champion, bool promoted)
    {
        PromoteWhen(train => train.Minimize("metric"))(Version(candidate), champion is { } value ? Version(value) : null).Should().Be(promoted);
        PromoteWhen(train => train.Maximize("metric"))(Version(-candidate), champion is { } other ? Version(-other) : null).Should().Be(promoted);
    }

    [Fact]
    public void A_rule_decides_only_when_there_is_a_champion()
    {
        var never = PromoteWhen(train => train.PromoteWhen((_, _) => false));
        never(Version(1), null).Should().BeTrue();
        never(Version(1), Version(1)).Should().BeFalse();
    }

    [Fact]
    public async Task A_trainer_can_be_tested_on_rows_in_memory()
    {
        var context = TrainingContext.ForRows("m", [new Row(1), new Row(2)], new DateOnly(2026, 3, 1));
        (await context.ReadAsync<Row>().ToListAsync()).Should().Equal(new Row(1), new Row(2));
        (await context.ReadAsync<Row>().CountAsync()).Should().Be(2, "each call reads anew");
    }

    private static Func<ModelVersion, ModelVersion?, bool> PromoteWhen(Action<TrainStepBuilder> configure)
    {
        var settings = new TrainSettings("train", "m", typeof(FakeTrainer));
        configure(new TrainStepBuilder(new PipelineBuilder("test").Train<FakeTrainer>("train", "m").Definition, settings));
        return settings.PromoteWhen!;
    }

    private static ModelVersion Version(double metric) => new()
    {
        Model = "m",
        Version = 1,
        Stage = ModelStage.None,
        Aliases = [],
        ArtifactSha256 = "",
        ArtifactSize = 0,
        CreatedAt = default,
        Metrics = new Dictionary<string, double> { ["metric"] = metric },
    };

    private static string Invalid(Action<PipelineBuilder> configure)
    {
        var pipeline = new PipelineBuilder("test");
        configure(pipeline);
        var build = pipeline.Build;
        var thrown = build.Should().Throw<DataPlatformException>().Which;
        thrown.FailureClass.Should().Be(FailureClass.Configuration);
        return thrown.Message;
    }

    private sealed class FakeTrainer : IModelTrainer
    {
        public Task<TrainedModel> TrainAsync(TrainingContext context, CancellationToken cancellationToken) => throw new NotSupportedException();
    }

    private sealed class FakeScorer : ModelScorer<Row, Row>
    {
        public override Task LoadAsync(Stream artifact, ModelVersion version, CancellationToken cancellationToken) => throw new NotSupportedException();

        protected override IEnumerable<Row> Score(IReadOnlyList<Row> rows) => throw new NotSupportedException();
    }

    private sealed record Row(int Value);
}
