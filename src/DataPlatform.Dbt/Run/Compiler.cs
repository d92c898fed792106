using DataPlatform.Dbt.Context;

namespace DataPlatform.Dbt.Run;

/// <summary>Makes SQL of nodes: renders their templates, and puts ephemeral models before them as common table expressions.</summary>
internal static class Compiler
{
    public static string Compile(NodeContext context, CancellationToken cancellationToken)
    {
        var node = context.Node!;
        if (node.Test is not null) context["_dbt_generic_test_kwargs"] = TestRun.Arguments(context.State, node, context);
        var sql = context.Render(node.RawCode, node.Test is null ? node.OriginalPath : $"{node.OriginalPath}:{node.Line}");
        var expressions = new OrderedDictionary<string, string>(StringComparer.Ordinal);
        Collect(context, expressions, cancellationToken);
        return Inject(sql, [.. expressions.Select(pair => $" {NodeContext.ExpressionName(context.State.Project!.Nodes[pair.Key])} as (\n{pair.Value}\n)")]);
    }

    /// <summary>Puts common table expressions before those that a query has.</summary>
    public static string Inject(string sql, IReadOnlyList<string> expressions)
    {
        if (expressions.Count == 0) return sql;
        var joined = string.Join(",", expressions);
        var start = SkipBlank(sql, 0);
        if (!IsWord(sql, start, "with")) return $"{sql[..start]}with{joined} {sql[start..]}";
        var behind = start + 4;
        var next = SkipBlank(sql, behind);
        if (IsWord(sql, next, "recursive")) behind = next + 9;
        return $"{sql[..behind]}{joined},{sql[behind..]}";
    }

    private static void Collect(NodeContext context, OrderedDictionary<string, string> expressions, CancellationToken cancellationToken)
    {
        foreach (var ephemeral in context.Ephemerals)
        {
            if (expressions.ContainsKey(ephemeral.UniqueId)) continue;
            var inner = new NodeContext(context.State, ephemeral.Package, ephemeral, context.Database, cancellationToken);
            var sql = inner.Render(ephemeral.RawCode, ephemeral.OriginalPath);
            Collect(inner, expressions, cancellationToken);
            expressions.TryAdd(ephemeral.UniqueId, sql);
        }
    }

    private static bool IsWord(string sql, int start, string word) =>
        string.Compare(sql, start, word, 0, word.Length, StringComparison.OrdinalIgnoreCase) == 0
        && (start + word.Length == sql.Length || !(char.IsLetterOrDigit(sql[start + word.Length]) || sql[start + word.Length] is '_' or '$'));

    /// <summary>Where white space and comments end.</summary>
    private static int SkipBlank(string sql, int position)
    {
        while (position < sql.Length)
        {
            if (char.IsWhiteSpace(sql[position])) position++;
            else if (sql.AsSpan(position).StartsWith("--")) position = sql.IndexOf('\n', position) is >= 0 and var end ? end + 1 : sql.Length;
            else if (sql.AsSpan(position).StartsWith("/*")) position = sql.IndexOf("*/", position + 2, StringComparison.Ordinal) is >= 0 and var end ? end + 2 : sql.Length;
            else break;
        }

        return position;
    }
}
