using DataPlatform.Dbt.Context;

namespace DataPlatform.Dbt.Run;

/// <summary>Makes of a node a view of what an earlier run has of it. Neither database copies a table without its rows.</summary>
internal static class CloneRun
{
    /// <returns>Whether there was something to do.</returns>
    public static bool Run(NodeContext context)
    {
        var (state, node, target) = (context.State, context.Node!, context.This!);
        if (OwnMaterialization.Find(state, "clone") is { } own)
        {
            OwnMaterialization.Run(context, own, "");
            return context.Result("main") is not null;
        }

        if (state.Deferred.GetValueOrDefault(node.UniqueId) is not { } source) return Skip($"No relation found in state manifest for {node.UniqueId}");
        if (string.Equals(source.Print(), target.Print(), StringComparison.OrdinalIgnoreCase)) return Skip($"Target relation and defer relation are the same, skipping clone for relation: {target.Print()}");
        if (!state.Options.FullRefresh && context.Database!.Find(target) is not null) return Skip($"Relation {target.Print()} already exists");
        new ModelRun(context, $"select * from {source.Print()}", "view").Run();
        return true;

        bool Skip(string reason)
        {
            state.Log("info", reason);
            return false;
        }
    }
}
