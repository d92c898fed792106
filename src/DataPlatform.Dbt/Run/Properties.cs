using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Run;

/// <summary>What a relation has besides its rows: indexes, grants and comments.</summary>
internal static class Properties
{
    /// <param name="context">Of the node.</param>
    /// <param name="relation">The relation, with its type.</param>
    /// <param name="isNew">Whether it was made, and not only changed.</param>
    public static void Apply(NodeContext context, DbtRelation relation, bool isNew)
    {
        var config = context.Node!.Config;
        if (isNew && (relation.Type is "table" or "materialized_view") && config["indexes"] is not null) context.CallMacro("create_indexes", relation);
        // What was made new has no grants but those that the database gives by default, which dbt revokes too.
        if (config["grants"] is PythonDict { Count: > 0 } grants) context.CallMacro("apply_grants", relation, grants, true);
        if (config["persist_docs"] is not null) context.CallMacro("persist_docs", relation, Artifacts.ManifestWriter.Describe(context.State, context.Node));
    }
}
