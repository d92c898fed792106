using CsCheck;
using DataPlatform.Pipelines;

namespace DataPlatform.Core.Tests.Pipelines;

public sealed class PipelineDefinitionTests
{
    private static readonly Func<StepContext, CancellationToken, Task> Nothing = (_, _) => Task.CompletedTask;

    [Fact]
    public void Steps_come_after_what_they_depend_on_and_otherwise_as_added()
    {
        var builder = new PipelineBuilder("demo");
        builder.Step("report", Nothing).After("score");
        builder.Step("score", Nothing).After("train", "features");
        builder.Step("features", Nothing);
        builder.Step("train", Nothing).After("features");

        builder.Build().Steps.Select(s => s.Name).Should().Equal("features", "train", "score", "report");
    }

    [Fact]
    public void A_cycle_is_refused_with_its_steps_in_order()
    {
        var builder = new PipelineBuilder("demo");
        builder.Step("a", Nothing).After("c");
        builder.Step("b", Nothing).After("a");
        builder.Step("c", Nothing).After("b");
        builder.Step("free", Nothing);

        var failure = builder.Invoking(b => b.Build()).Should().Throw<DataPlatformException>().Which;
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Be("Pipeline 'demo' has a cycle: a → b → c → a.");
    }

    [Fact]
    public void An_unknown_step_is_refused_with_the_names_there_are()
    {
        var builder = new PipelineBuilder("demo");
        builder.Step("trips", Nothing);
        builder.Step("score", Nothing).After("tripz");

        var failure = builder.Invoking(b => b.Build()).Should().Throw<DataPlatformException>().Which;
        failure.Message.Should().Be("Pipeline 'demo' step 'score' runs after 'tripz', which does not exist.");
        failure.Hint.Should().Be("The steps are: trips, score.");
    }

    [Fact]
    public void Two_steps_of_one_name_are_refused()
    {
        var builder = new PipelineBuilder("demo");
        builder.Step("trips", Nothing);
        builder.Step("trips", Nothing);

        builder.Invoking(b => b.Build()).Should().Throw<DataPlatformException>().WithMessage("Pipeline 'demo' has 2 steps named 'trips'.");
    }

    [Theory]
    [InlineData("Trips")]
    [InlineData("1st")]
    [InlineData("a_b")]
    [InlineData("")]
    [InlineData("a/b")]
    public void A_name_that_is_not_a_name_is_refused(string name) =>
        FluentActions.Invoking(() => new PipelineBuilder("demo").Step(name, Nothing))
            .Should().Throw<DataPlatformException>().WithMessage($"'{name}' is not a valid step name.");

    [Fact]
    public void From_a_step_runs_it_and_all_that_depend_on_it()
    {
        var builder = new PipelineBuilder("demo");
        builder.Step("a", Nothing);
        builder.Step("b", Nothing).After("a");
        builder.Step("c", Nothing).After("b");
        builder.Step("d", Nothing).After("a");
        builder.Step("e", Nothing).After("c", "d");

        PipelineRunner.SelectSteps(builder.Build(), new PipelineRunOptions { From = "b" }).Select(s => s.Name).Should().Equal("b", "c", "e");
    }

    [Fact]
    public void Any_acyclic_graph_is_ordered_and_any_graph_with_a_cycle_refused() =>
        Gen.Select(Gen.Int[1, 8], Gen.Int[0, int.MaxValue]).Sample((count, seed) =>
        {
            var random = new Random(seed);
            var edges = new List<(int From, int To)>();
            for (var i = 0; i < count * 2; i++) edges.Add((random.Next(count), random.Next(count)));
            var builder = new PipelineBuilder("demo");
            for (var i = 0; i < count; i++)
            {
                var before = edges.Where(e => e.To == i).Select(e => $"s{e.From}").ToList();
                builder.Step($"s{i}", Nothing).After(before);
            }

            if (HasCycle(count, edges))
            {
                builder.Invoking(b => b.Build()).Should().Throw<DataPlatformException>().WithMessage("*has a cycle*");
                return;
            }

            var order = builder.Build().Steps.Select((s, index) => (s.Name, index)).ToDictionary(s => s.Name, s => s.index);
            edges.Should().OnlyContain(e => order[$"s{e.From}"] < order[$"s{e.To}"]);
        }, iter: 500);

    // Floyd-Warshall: a different algorithm than the one under test.
    private static bool HasCycle(int count, List<(int From, int To)> edges)
    {
        var reach = new bool[count, count];
        foreach (var (from, to) in edges) reach[from, to] = true;
        for (var k = 0; k < count; k++)
            for (var i = 0; i < count; i++)
                for (var j = 0; j < count; j++)
                    reach[i, j] |= reach[i, k] && reach[k, j];
        return Enumerable.Range(0, count).Any(i => reach[i, i]);
    }
}
