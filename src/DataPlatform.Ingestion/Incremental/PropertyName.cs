using System.Linq.Expressions;

namespace DataPlatform.Ingestion;

/// <summary>Reads which property an expression names.</summary>
internal static class PropertyName
{
    // Values are boxed to object: the property is below a conversion.
    public static string Of(LambdaExpression expression) =>
        (expression.Body is UnaryExpression { NodeType: ExpressionType.Convert, Operand: var operand } ? operand : expression.Body) is MemberExpression { Member.Name: var name }
            ? name
            : throw new ArgumentException($"'{expression}' does not name a property: write it as row => row.Id.", nameof(expression));
}
