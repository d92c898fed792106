using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;

namespace DataPlatform.Dbt.Run;

/// <summary>SQL that runs before or after a node.</summary>
/// <param name="Sql">The template.</param>
/// <param name="IsInside">Whether it runs in the node's transaction.</param>
internal sealed record Hook(string Sql, bool IsInside);

internal static class Hooks
{
    public static IEnumerable<Hook> Read(DbtNode node, string kind)
    {
        if (node.Config[kind] is not { } value) yield break;
        foreach (var item in value is PythonSequence list ? list.Items : [value])
        {
            yield return item switch
            {
                PythonDict dict => Create(Get(dict, "sql"), Get(dict, "transaction") is not false),
                string text when text.TrimStart().StartsWith('{') && text.Contains("\"sql\"", StringComparison.Ordinal) && YamlItem.Parse(text, node.OriginalPath)?.ToValue() is PythonDict dict =>
                    Create(Get(dict, "sql"), Get(dict, "transaction") is not false),
                string text => new Hook(text, IsInside: true),
                _ => throw new TemplateError($"A {kind} is SQL, not {Representation.Of(item)}."),
            };
        }

        Hook Create(object? sql, bool isInside) => new(Operations.AsText(sql) ?? throw new TemplateError($"A {kind} has no 'sql'."), isInside);

        static object? Get(PythonDict dict, string key) => dict.TryGet(key, out var found) ? found : null;
    }

    /// <summary>The hooks of a kind as materializations see them.</summary>
    public static PythonList Describe(NodeContext context, string kind) =>
        new(Of(context, kind).Select(hook => (object?)new PythonDict { ["sql"] = hook.Sql, ["transaction"] = hook.IsInside }));

    /// <summary>Runs those of a kind that are inside of the node's transaction, or those that are not.</summary>
    public static void Run(NodeContext context, string kind, bool inside)
    {
        foreach (var hook in Of(context, kind).Where(hook => hook.IsInside == inside)) Run(context, hook, $"{context.Node!.OriginalPath} ({kind})");
    }

    /// <summary>Runs hooks that were described, as <c>run_hooks</c> does.</summary>
    public static void RunDescribed(NodeContext context, IEnumerable<object?> hooks, bool inside)
    {
        foreach (var hook in hooks.OfType<PythonDict>())
        {
            if ((!hook.TryGet("transaction", out var transaction) || Operations.IsTrue(transaction)) != inside) continue;
            hook.TryGet("sql", out var sql);
            Run(context, new Hook(Representation.Print(sql), inside), $"{context.Node?.OriginalPath} (hook)");
        }
    }

    // Those of a model run once, before the first batch and after the last.
    private static IEnumerable<Hook> Of(NodeContext context, string kind) =>
        context.Batch is { } batch && !(kind == "pre-hook" ? batch.IsFirst : batch.IsLast) ? [] : Read(context.Node!, kind);

    private static void Run(NodeContext context, Hook hook, string origin)
    {
        var sql = context.Render(hook.Sql, origin);
        if (string.IsNullOrWhiteSpace(sql)) return;
        if (hook.IsInside) context.Database!.Query(sql);
        else context.Database!.RunAlone(sql);
    }
}
