using DataPlatform.Jobs;
using DataPlatform.Pipelines;

namespace DataPlatform.Core.Tests.Jobs;

public class PipelineGraphTests
{
    private readonly PipelineDefinition _pipeline;

    public PipelineGraphTests()
    {
        var builder = new PipelineBuilder("demand");
        builder.Add(new StepDefinition("trips", "ingest", _ => null!) { Description = "lake:inbox/*.csv → raw.trips" });
        builder.Step("end", (_, _) => Task.CompletedTask);
        builder.Add(new StepDefinition("hourly-demand", "sql", _ => null!) { Description = "\"a\" < b & c" }).After("trips", "end");
        _pipeline = builder.Build();
    }

    [Fact]
    public void As_text() => PipelineGraph.ToText(_pipeline).Should().Be("""
        demand
          trips          ingest  lake:inbox/*.csv → raw.trips
          end            step
          hourly-demand  sql     "a" < b & c  after trips, end

        """);

    [Fact]
    public void As_Mermaid() => PipelineGraph.ToMermaid(_pipeline).Should().Be("""
        flowchart LR
          s_trips["<b>trips</b><br/>lake:inbox/*.csv → raw.trips"]
          s_end["<b>end</b>"]
          s_hourly_demand["<b>hourly-demand</b><br/>&quot;a&quot; &lt; b &amp; c"]
          s_trips --> s_hourly_demand
          s_end --> s_hourly_demand

        """);
}
