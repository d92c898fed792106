using DataPlatform.Jobs;

namespace DataPlatform.Core.Tests.Jobs;

public class PipelineCatalogTests
{
    [Fact]
    public void The_only_pipeline_needs_no_name() => Catalog("demand").Build(null).Name.Should().Be("demand");

    [Fact]
    public void A_pipeline_is_built_once()
    {
        var catalog = Catalog("demand", "supply");

        catalog.Build("supply").Should().BeSameAs(catalog.Build("supply")).And.NotBeSameAs(catalog.Build("demand"));
    }

    [Theory]
    [InlineData(null, "The job has several pipelines.", "Name the one to use: demand, supply.", "demand", "supply")]
    [InlineData("other", "There is no pipeline 'other'.", "The pipelines are: demand, supply.", "demand", "supply")]
    [InlineData(null, "The job has no pipeline.", "Add one with builder.AddPipeline(\"name\", pipeline => …).")]
    [InlineData("demand", "There are 2 pipelines named 'demand'.", "Give each pipeline a name of its own.", "demand", "demand")]
    [InlineData(null, "There are 2 pipelines named 'demand'.", "Give each pipeline a name of its own.", "demand", "demand")]
    [InlineData("No Name", "'No Name' is not a valid pipeline name.", "Use lower-case letters*", "No Name")]
    public void What_cannot_be_built_is_a_configuration_error(string? name, string message, string hint, params string[] pipelines)
    {
        var failure = FluentActions.Invoking(() => Catalog(pipelines).Build(name)).Should().Throw<DataPlatformException>().Which;

        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Be(message);
        failure.Hint.Should().Match(hint);
    }

    private static PipelineCatalog Catalog(params string[] names) =>
        new(names.Select(name => new PipelineRegistration(name, pipeline => pipeline.Step("only", (_, _) => Task.CompletedTask))));
}
