using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;

namespace DataPlatform.Dbt.Run;

/// <summary>Materializations that a project or a package brings: a block of Jinja that does all, and returns the relations that it made.</summary>
internal static class OwnMaterialization
{
    private static readonly string[] BuiltIn = ["view", "table", "incremental", "ephemeral", "materialized_view", "snapshot", "seed", "test", "unit", "clone", "function", "external", "table_function"];

    // dbt's adapter for DuckDB has these of its own, which go before one that a project has for all databases.
    private static readonly string[] BuiltInOfDuckDb = ["table", "incremental", "external", "table_function"];

    /// <summary>The name of a materialization's macro.</summary>
    public static string MacroName(string materialization, string adapter) => $"materialization_{materialization}_{adapter}";

    /// <summary>Finds the materialization that a project or package has: that for the database before that for all, the project's before a package's.</summary>
    public static DbtMacro? Find(EngineState state, string materialization)
    {
        var (macros, root) = (state.Project!.Macros, state.Project.Root.Name);
        var isBuiltIn = Array.IndexOf(BuiltIn, materialization) >= 0;
        foreach (var adapter in new[] { state.AdapterType, "default" })
        {
            if (adapter == "default" && state.AdapterType == "duckdb" && Array.IndexOf(BuiltInOfDuckDb, materialization) >= 0) break;
            var name = MacroName(materialization, adapter);
            if (macros.In(root, name) is { } own) return own;
            // Packages do not take the place of what dbt has: the project would not know.
            if (!isBuiltIn && macros.Packages.Select(package => macros.In(package, name)).FirstOrDefault(found => found is not null) is { } other) return other;
        }

        return null;
    }

    /// <summary>Runs it. Its hooks are its own affair: it calls run_hooks.</summary>
    public static void Run(NodeContext context, DbtMacro materialization, string sql)
    {
        var database = context.Database!;
        context["sql"] = sql;
        context["compiled_code"] = sql;
        context["pre_hooks"] = Hooks.Describe(context, "pre-hook");
        context["post_hooks"] = Hooks.Describe(context, "post-hook");
        var made = context.Bind(materialization).Invoke(context.NewRun(), []);
        if (made is not PythonDict dict || !dict.TryGet("relations", out var relations) || relations is not PythonSequence)
        {
            throw new TemplateError(
                $"The materialization ('{context.Node!.Config.Materialized}') did not explicitly return a list of relations to add to the cache.", "End it with {{ return({'relations': [target_relation]}) }}.");
        }

        database.Commit();
        if (context.Result("main") is { } main) database.Respond(main);
    }
}
