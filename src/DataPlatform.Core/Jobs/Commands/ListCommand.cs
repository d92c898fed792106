using DataPlatform.Jobs.Output;

namespace DataPlatform.Jobs.Commands;

/// <summary><c>list</c> and <c>describe</c>: what there is, without touching any system.</summary>
internal static class ListCommand
{
    public static int List(PipelineCatalog catalog, JobConsole console)
    {
        foreach (var name in catalog.Names)
        {
            var steps = catalog.Build(name).Steps;
            console.WriteResult($"{name}: {string.Join(", ", steps.Select(s => s.Name))}\n");
        }

        return 0;
    }

    public static int Describe(PipelineCatalog catalog, JobConsole console, string? pipeline, GraphFormat format)
    {
        var definition = catalog.Build(pipeline);
        console.WriteResult(format == GraphFormat.Mermaid ? PipelineGraph.ToMermaid(definition) : PipelineGraph.ToText(definition));
        return 0;
    }
}
