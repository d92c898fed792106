namespace DataPlatform.Dbt.Jinja;

/// <summary>What an operation, filter or function refuses, before it is known where in the template that was. Functions of a host throw it, too.</summary>
internal sealed class TemplateError(string message, string? hint = null) : Exception(message)
{
    public string? Hint { get; } = hint;
}

/// <summary>Ends a macro with a value: <c>return(value)</c> in the middle of an expression or of a caller's body.</summary>
internal sealed class MacroReturnException(object? value) : Exception("return() outside of a macro")
{
    public object? Value { get; } = value;
}
