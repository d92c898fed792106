namespace DataPlatform.Dbt.Jinja;

/// <summary>How the arguments of a block of a library are written.</summary>
internal enum BlockArguments
{
    /// <summary>A name: <c>{% snapshot orders %}</c>.</summary>
    None,

    /// <summary>A name and parameters, as macros have: <c>{% test unique(model, column_name) %}</c>.</summary>
    Parameters,

    /// <summary>A name, and words and values behind commas: <c>{% materialization view, adapter='duckdb' %}</c>.</summary>
    Settings,
}

/// <summary>A kind of block that stands at the top of a file and is collected: its tag, its end tag, and what is in it.</summary>
/// <param name="Tag">The word it begins with.</param>
/// <param name="Arguments">How its arguments are written.</param>
/// <param name="IsRaw">Whether its body is text rather than a template.</param>
internal sealed record BlockKind(string Tag, BlockArguments Arguments = BlockArguments.None, bool IsRaw = false)
{
    public string EndTag => $"end{Tag}";
}

/// <summary>What templates have beyond the language: filters, and the kinds of blocks of libraries.</summary>
internal sealed class JinjaEnvironment
{
    private readonly Dictionary<string, Func<CallArguments, object?>> _filters;

    /// <param name="filters">Filters besides Jinja's own, by name: the value is the first argument.</param>
    /// <param name="blocks">Kinds of blocks that libraries have besides macros.</param>
    public JinjaEnvironment(IReadOnlyDictionary<string, Func<CallArguments, object?>>? filters = null, IReadOnlyList<BlockKind>? blocks = null)
    {
        _filters = new Dictionary<string, Func<CallArguments, object?>>(filters ?? new Dictionary<string, Func<CallArguments, object?>>(), StringComparer.Ordinal);
        Blocks = blocks ?? [];
    }

    public IReadOnlyList<BlockKind> Blocks { get; }

    public Func<CallArguments, object?>? FindFilter(string name) => _filters.GetValueOrDefault(name) ?? Filters.Find(name);
}
