using System.Text;
using DataPlatform.Pipelines;

namespace DataPlatform.Jobs;

/// <summary>How a pipeline is drawn.</summary>
internal enum GraphFormat
{
    /// <summary>One line a step.</summary>
    Text,

    /// <summary>A Mermaid flowchart, as GitHub and many wikis show them.</summary>
    Mermaid,
}

/// <summary>Draws a pipeline's graph of steps.</summary>
internal static class PipelineGraph
{
    public static string ToText(PipelineDefinition pipeline)
    {
        var text = new StringBuilder().Append(pipeline.Name).Append('\n');
        var nameWidth = pipeline.Steps.Max(s => s.Name.Length);
        var kindWidth = pipeline.Steps.Max(s => s.Kind.Length);
        foreach (var step in pipeline.Steps)
        {
            var line = $"  {step.Name.PadRight(nameWidth)}  {step.Kind.PadRight(kindWidth)}  {step.Description}";
            text.Append(line.TrimEnd());
            if (step.DependsOn.Count > 0) text.Append("  after ").AppendJoin(", ", step.DependsOn);
            text.Append('\n');
        }

        return text.ToString();
    }

    public static string ToMermaid(PipelineDefinition pipeline)
    {
        var text = new StringBuilder("flowchart LR\n");
        foreach (var step in pipeline.Steps) text.Append("  ").Append(Id(step.Name)).Append("[\"").Append(Label(step)).Append("\"]\n");
        foreach (var step in pipeline.Steps)
        {
            foreach (var before in step.DependsOn) text.Append("  ").Append(Id(before)).Append(" --> ").Append(Id(step.Name)).Append('\n');
        }

        return text.ToString();
    }

    // Mermaid takes some words, such as end, for its own.
    private static string Id(string step) => $"s_{step.Replace('-', '_')}";

    private static string Label(StepDefinition step)
    {
        var label = step.Description is { Length: > 0 } description ? $"<b>{step.Name}</b><br/>{Escape(description)}" : $"<b>{step.Name}</b>";
        return label;
    }

    private static string Escape(string text) => text
        .Replace("&", "&amp;", StringComparison.Ordinal).Replace("\"", "&quot;", StringComparison.Ordinal)
        .Replace("<", "&lt;", StringComparison.Ordinal).Replace(">", "&gt;", StringComparison.Ordinal);
}
