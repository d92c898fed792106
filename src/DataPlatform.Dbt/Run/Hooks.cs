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

    /// <summary>Runs those of a kind that are inside of the node's transaction, or those that are not.</summary>
    public static void Run(NodeContext context, string kind, bool inside)
    {
        foreach (var hook in Read(context.Node!, kind).Where(hook => hook.IsInside == inside))
        {
            var sql = context.Render(hook.Sql, $"{context.Node!.OriginalPath} ({kind})");
            if (string.IsNullOrWhiteSpace(sql)) continue;
            if (inside) context.Database!.Query(sql);
            else context.Database!.RunAlone(sql);
        }
    }
}
