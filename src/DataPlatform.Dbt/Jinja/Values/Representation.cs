using System.Globalization;
using System.Numerics;
using System.Text;

namespace DataPlatform.Dbt.Jinja;

/// <summary>Values as text, the way Python writes them.</summary>
internal static class Representation
{
    [ThreadStatic]
    private static Stack<object>? Open;

    /// <summary>What <c>str()</c> gives.</summary>
    public static string Print(object? value) => value switch
    {
        string text => text,
        JinjaObject other => other.Print(),
        _ => Of(value),
    };

    /// <summary>What <c>repr()</c> gives.</summary>
    public static string Of(object? value) => value switch
    {
        null => "None",
        true => "True",
        false => "False",
        long number => number.ToString(CultureInfo.InvariantCulture),
        BigInteger number => number.ToString(CultureInfo.InvariantCulture),
        double number => Numbers.Repr(number),
        string text => PythonText.Repr(text),
        JinjaObject other => other.Repr(),
        _ => throw Operations.Foreign(value),
    };

    public static StringBuilder Append(StringBuilder text, object? value) => text.Append(Of(value));

    public static string Of(JinjaObject container, string open, IEnumerable<object?> items, string close) => Of(container, open, items, close, static (text, item) => Append(text, item));

    /// <summary>The items of a container between brackets; a container in itself is three dots.</summary>
    public static string Of<T>(JinjaObject container, string open, IEnumerable<T> items, string close, Action<StringBuilder, T> append)
    {
        JinjaRun.EnsureStack();
        var containers = Open ??= new Stack<object>();
        if (containers.Contains(container, ReferenceEqualityComparer.Instance)) return container is PythonTuple ? "(...)" : container is PythonList ? "[...]" : "{...}";
        containers.Push(container);
        try
        {
            var text = new StringBuilder(open);
            var isFirst = true;
            foreach (var item in items)
            {
                if (!isFirst) text.Append(", ");
                isFirst = false;
                append(text, item);
            }

            return text.Append(close).ToString();
        }
        finally
        {
            containers.Pop();
        }
    }
}
