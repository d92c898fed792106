namespace DataPlatform.MLOps.Tests;

public sealed class ModelReferenceTests
{
    [Theory]
    [InlineData("demand-model@champion", "champion", null, null)]
    [InlineData("demand-model/3", null, 3, null)]
    [InlineData("demand-model/Production", null, null, ModelStage.Production)]
    [InlineData("demand-model/staging", null, null, ModelStage.Staging)]
    [InlineData("demand-model/latest", null, null, null)]
    public void It_is_read_as_mlflow_writes_it(string text, string? alias, int? version, ModelStage? stage) =>
        ModelReference.Parse(text).Should().BeEquivalentTo(new { Model = "demand-model", Alias = alias, Version = version, Stage = stage });

    [Theory]
    [InlineData("demand-model@champion")]
    [InlineData("demand-model/3")]
    [InlineData("demand-model/Production")]
    [InlineData("demand-model/latest")]
    public void It_is_written_as_it_was_read(string text) => ModelReference.Parse(text).ToString().Should().Be(text);

    [Theory]
    [InlineData("demand-model", "'demand-model' does not name a version of a model.")]
    [InlineData("demand-model/newest", "'demand-model/newest' does not name a version of a model.")]
    [InlineData("demand-model/-1", "'demand-model/-1' does not name a version of a model.")]
    [InlineData("demand-model/0", "'demand-model/0' does not name a version of a model.")]
    [InlineData("demand-model/1/2", "'demand-model/1/2' does not name a version of a model.")]
    [InlineData("demand-model/Production,Staging", "'demand-model/Production,Staging' does not name a version of a model.")]
    [InlineData("demand-model@v1", "'v1' is not a valid alias.")]
    [InlineData("demand-model@Latest", "'Latest' is not a valid alias.")]
    [InlineData("demand-model@", "'' is not a valid alias.")]
    [InlineData("Demand Model@champion", "'Demand Model' is not a valid model name.")]
    [InlineData("", "'' does not name a version of a model.")]
    public void What_is_no_reference_is_refused(string text, string message)
    {
        var parse = () => ModelReference.Parse(text);
        parse.Should().Throw<DataPlatformException>().WithMessage(message).Which.FailureClass.Should().Be(FailureClass.Configuration);
    }

    [Theory]
    [InlineData("champion")]
    [InlineData("version1")]
    [InlineData("v1-candidate")]
    [InlineData("2026_03")]
    public void Aliases_that_mlflow_takes_are_taken(string alias) => ModelReference.ByAlias("m", alias).ToString().Should().Be($"m@{alias}");
}
