namespace DataPlatform.Dbt.Jinja;

/// <summary>
/// What an operation, filter or function refuses; functions of a host throw it, too. Where that was is noted on its way out, by filters of exceptions:
/// to catch and throw it again in each of many macros would take the stack.
/// </summary>
internal sealed class TemplateError(string message, string? hint = null) : Exception(message)
{
    private readonly List<(MacroNode Macro, Node Site)> _callers = [];
    private Node? _at;

    public string? Hint { get; } = hint;

    /// <summary>Notes that it leaves a macro. It is not caught there: this is always false.</summary>
    /// <param name="run">The run, which knows the node that failed.</param>
    /// <param name="macro">The macro.</param>
    /// <param name="site">Where the macro was called, or null when that is outside of templates.</param>
    public bool IsCaughtIn(JinjaRun run, MacroNode macro, Node? site)
    {
        _at ??= run.At;
        if (site is not null) _callers.Add((macro, site));
        return false;
    }

    /// <summary>Makes it the exception that users see.</summary>
    /// <param name="otherwise">The node that failed when no macro was left.</param>
    public JinjaException At(Node otherwise)
    {
        var at = _at ?? otherwise;
        return new JinjaException(at.Source, at.Offset, Message, Hint, this, [.. _callers.Select(caller =>
        {
            var (line, column) = caller.Site.Source.Place(caller.Site.Offset);
            return $"in {caller.Macro.Tag} '{caller.Macro.Name}', called at {caller.Site.Source.Origin}:{line}:{column}";
        })]);
    }
}

/// <summary>Ends a macro with a value: <c>return(value)</c> in the middle of an expression or of a caller's body.</summary>
internal sealed class MacroReturnException(object? value) : Exception("return() outside of a macro")
{
    public object? Value { get; } = value;
}
