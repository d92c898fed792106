namespace DataPlatform.Dbt.Jinja;

internal enum TokenKind
{
    Data, VariableBegin, VariableEnd, BlockBegin, BlockEnd, Name, String, Number, Operator, End,
}

/// <summary>A piece of a template.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Offset">Where it begins.</param>
/// <param name="Text">A name, an operator, or the text of data and strings.</param>
/// <param name="Value">The value of a number.</param>
internal sealed record Token(TokenKind Kind, int Offset, string Text, object? Value = null)
{
    /// <summary>What messages call it.</summary>
    public string Description => Kind switch
    {
        TokenKind.Data => "text",
        TokenKind.VariableBegin => "'{{'",
        TokenKind.VariableEnd => "'}}'",
        TokenKind.BlockBegin => "'{%'",
        TokenKind.BlockEnd => "'%}'",
        TokenKind.String => "a string",
        TokenKind.Number => "a number",
        TokenKind.End => "the end of the template",
        _ => $"'{Text}'",
    };
}
