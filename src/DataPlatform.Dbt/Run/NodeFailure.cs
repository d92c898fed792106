using DataPlatform.Dbt.Artifacts;
using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;

namespace DataPlatform.Dbt.Run;

/// <summary>What a node failed with, in dbt's words.</summary>
internal static class NodeFailure
{
    /// <returns>The message of the node's result, or null when it is no failure of a node.</returns>
    public static string? Explain(EngineState state, DbtNode node, Database database, Exception exception, string? batch = null)
    {
        var place = $"in {node.TypeName} {node.Name} ({node.OriginalPath})";
        return exception switch
        {
            DatabaseError e => $"Database Error {place}\n  {e.Message.Replace("\n", "\n  ", StringComparison.Ordinal)}"
                + (database.Main is null ? "" : $"\n  compiled code at {TargetFiles.PathOf(state, TargetFiles.Run, node, batch)}"),
            TemplateError e => $"Compilation Error {place}\n  {e.Message}{Hint(e.Hint)}",
            DataPlatformException e => $"{(e is JinjaException ? "Compilation" : "Runtime")} Error {place}\n  {e.Message}{Hint(e.Hint)}",
            _ => null,
        };

        static string Hint(string? hint) => hint is null ? "" : $"\n  {hint}";
    }
}
