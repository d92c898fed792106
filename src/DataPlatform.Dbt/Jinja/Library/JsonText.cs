using System.Globalization;
using System.Numerics;
using System.Text;

namespace DataPlatform.Dbt.Jinja;

/// <summary>Values as JSON, as Python's <c>json.dumps</c> writes them.</summary>
internal static class JsonText
{
    /// <param name="value">What to write.</param>
    /// <param name="sortKeys">Whether keys are sorted.</param>
    /// <param name="indent">What each level is indented by, or null for one line.</param>
    public static string Write(object? value, bool sortKeys, string? indent = null)
    {
        var text = new StringBuilder();
        Write(text, value, sortKeys, indent, depth: 0);
        return text.ToString();
    }

    private static void Write(StringBuilder text, object? value, bool sortKeys, string? indent, int depth)
    {
        JinjaRun.EnsureStack();
        JinjaRun.EnsureSize(text.Length);
        switch (value)
        {
            case null: text.Append("null"); break;
            case bool flag: text.Append(flag ? "true" : "false"); break;
            case long or BigInteger: text.Append(Representation.Of(value)); break;
            case double number: text.Append(double.IsFinite(number) ? Numbers.Repr(number) : double.IsNaN(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity"); break;
            case string or Markup: WriteString(text, Operations.AsText(value)!); break;
            case PythonSequence sequence: WriteItems('[', ']', sequence.Items, item => Write(text, item, sortKeys, indent, depth + 1)); break;
            case PythonDict dict:
                var pairs = dict.Items.Select(pair => (object?)new PythonTuple(pair.Key, pair.Value));
                if (sortKeys) pairs = Operations.Sort(pairs, pair => ((PythonTuple)pair!).Items[0]);
                WriteItems('{', '}', [.. pairs], pair =>
                {
                    var items = ((PythonTuple)pair!).Items;
                    WriteString(text, Key(items[0]));
                    text.Append(": ");
                    Write(text, items[1], sortKeys, indent, depth + 1);
                });
                break;
            default: throw new TemplateError($"Object of type {Operations.TypeName(value)} is not JSON serializable");
        }

        void WriteItems(char open, char close, List<object?> items, Action<object?> write)
        {
            text.Append(open);
            for (var i = 0; i < items.Count; i++)
            {
                if (i > 0) text.Append(indent is null ? ", " : ",");
                Break(depth + 1);
                write(items[i]);
            }

            if (items.Count > 0) Break(depth);
            text.Append(close);
        }

        void Break(int level)
        {
            if (indent is null) return;
            text.Append('\n');
            for (; level > 0; level--) text.Append(indent);
        }
    }

    private static string Key(object? key) => key switch
    {
        null => "null",
        bool flag => flag ? "true" : "false",
        string or Markup or long or BigInteger or double => Representation.Print(key),
        _ => throw new TemplateError($"keys must be str, int, float, bool or None, not {Operations.TypeName(key)}"),
    };

    private static void WriteString(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (var c in value)
        {
            switch (c)
            {
                case '"': text.Append("\\\""); break;
                case '\\': text.Append("\\\\"); break;
                case '\n': text.Append("\\n"); break;
                case '\r': text.Append("\\r"); break;
                case '\t': text.Append("\\t"); break;
                case '\b': text.Append("\\b"); break;
                case '\f': text.Append("\\f"); break;
                case < ' ' or > '~': text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"); break;
                default: text.Append(c); break;
            }
        }

        text.Append('"');
    }
}
