using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.RegularExpressions;
using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Context;

/// <summary>Values as YAML, as PyYAML's <c>safe_dump</c> writes them: collections in blocks, texts plain where that reads as the same text.</summary>
internal sealed partial class YamlText
{
    private const int Width = 80;

    // The longest key that stands before a colon alone.
    private const int LongestKey = 128;

    private const string Breaks = "\n\u0085\u2028\u2029";

    private const string Blanks = "\0 \t\r" + Breaks;

    private static readonly Dictionary<int, char> Escapes = new()
    {
        ['\0'] = '0',
        ['\a'] = 'a',
        ['\b'] = 'b',
        ['\t'] = 't',
        ['\n'] = 'n',
        ['\v'] = 'v',
        ['\f'] = 'f',
        ['\r'] = 'r',
        ['\u001b'] = 'e',
        ['"'] = '"',
        ['\\'] = '\\',
        ['\u0085'] = 'N',
        ['\u00a0'] = '_',
        ['\u2028'] = 'L',
        ['\u2029'] = 'P',
    };

    private readonly StringBuilder _text = new();
    private readonly bool _sortKeys;

    // What stands at more than one place is written at the first, with a name that the others refer to.
    private readonly Dictionary<object, string?> _anchors = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<object> _written = new(ReferenceEqualityComparer.Instance);

    private int _anchorCount;
    private int _column;

    // Whether what is before ends in white space, and whether nothing but indentation and its indicators is before on the line.
    private bool _isBlank = true;
    private bool _isIndented = true;

    private YamlText(bool sortKeys) => _sortKeys = sortKeys;

    /// <exception cref="TemplateError">It holds what YAML has no form for.</exception>
    public static string Write(object? value, bool sortKeys)
    {
        var yaml = new YamlText(sortKeys);
        yaml.FindAnchors(value);
        var isPlain = yaml.WriteNode(value, indent: null, isInMap: false, isKey: false);
        yaml.BreakLine(0);
        // A plain text could go on.
        if (isPlain) yaml._text.Append("...\n");
        return yaml._text.ToString();
    }

    private void FindAnchors(object? value)
    {
        JinjaRun.EnsureStack();
        if (value is not JinjaObject || value is PythonTuple { Items.Count: 0 }) return;
        if (_anchors.TryGetValue(value, out var anchor))
        {
            if (anchor is null) _anchors[value] = string.Create(CultureInfo.InvariantCulture, $"id{++_anchorCount:000}");
            return;
        }

        _anchors[value] = null;
        switch (value)
        {
            case PythonSequence sequence:
                foreach (var item in sequence.Items) FindAnchors(item);
                break;
            case PythonDict or PythonSet:
                foreach (var (key, item) in Pairs(value))
                {
                    FindAnchors(key);
                    FindAnchors(item);
                }

                break;
            case PythonDate or PythonDateTime: break;
            default: throw new TemplateError($"cannot represent an object of type {Operations.TypeName(value)} in YAML");
        }
    }

    /// <summary>The entries of a dict, or of a set, which is a map without values.</summary>
    private List<(object? Key, object? Value)> Pairs(object value)
    {
        var pairs = value is PythonDict dict ? dict.Items.Select(item => (item.Key, item.Value)).ToList() : [.. ((PythonSet)value).Items.Select(item => (item, (object?)null))];
        if (!_sortKeys) return pairs;
        try
        {
            var values = pairs.ToDictionary(pair => new PythonTuple(pair.Key), pair => pair.Value);
            return [.. Operations.Sort(values.Keys, key => ((PythonTuple)key!).Items[0]).Select(key => (((PythonTuple)key!).Items[0], values[(PythonTuple)key]))];
        }
        catch (TemplateError)
        {
            // Keys of different types have no order.
            return pairs;
        }
    }

    /// <returns>Whether it is a scalar without quotes.</returns>
    private bool WriteNode(object? value, int? indent, bool isInMap, bool isKey)
    {
        JinjaRun.EnsureStack();
        JinjaRun.EnsureSize(_text.Length);
        if (value is not null && _anchors.GetValueOrDefault(value) is { } anchor)
        {
            if (!_written.Add(value))
            {
                Indicate($"*{anchor}");
                return false;
            }

            Indicate($"&{anchor}");
        }

        switch (value)
        {
            case PythonSequence { Items.Count: 0 }: Indicate("[]"); return false;
            case PythonDict { Count: 0 }: Indicate("{}"); return false;
            case PythonSequence list:
                // The items of a list that is a map's value stand as far left as the keys.
                var inner = indent is null ? 0 : isInMap && !_isIndented ? indent.Value : indent.Value + 2;
                foreach (var item in list.Items)
                {
                    BreakLine(inner);
                    Indicate("-", keepsIndentation: true);
                    WriteNode(item, inner, isInMap: false, isKey: false);
                }

                return false;
            case PythonDict or PythonSet:
                if (value is PythonSet) Indicate("!!set");
                WriteMap(value, indent is null ? 0 : indent.Value + 2);
                return false;
            default: return WriteScalar(value, (indent ?? 0) + 2, isKey);
        }
    }

    private void WriteMap(object map, int indent)
    {
        if (map is PythonSet { Count: 0 })
        {
            Indicate("{}");
            return;
        }

        foreach (var (key, value) in Pairs(map))
        {
            BreakLine(indent);
            if (IsSimple(key))
            {
                WriteNode(key, indent, isInMap: true, isKey: true);
                Append(":");
            }
            else
            {
                Indicate("?", keepsIndentation: true);
                WriteNode(key, indent, isInMap: true, isKey: false);
                BreakLine(indent);
                Indicate(":", keepsIndentation: true);
            }

            WriteNode(value, indent, isInMap: true, isKey: false);
        }
    }

    private bool IsSimple(object? key) => key switch
    {
        not null when _anchors.GetValueOrDefault(key) is not null && _written.Contains(key) => true,
        PythonSequence or PythonDict or PythonSet => key is PythonSequence { Items.Count: 0 },
        string text => text.Length is > 0 and < LongestKey && !text.AsSpan().ContainsAny(Breaks),
        _ => true,
    };

    private bool WriteScalar(object? value, int indent, bool isKey)
    {
        var (text, isText) = value switch
        {
            null => ("null", false),
            bool flag => (flag ? "true" : "false", false),
            long or BigInteger => (Representation.Of(value), false),
            double number => (Print(number), false),
            string given => (given, true),
            _ => (Representation.Print(value), false),
        };
        var allowed = Analyze(text);
        if (!isText || (allowed.IsPlain && text.Length > 0 && !Resolved().IsMatch(text)))
        {
            WritePlain(text, indent, splits: !isKey);
            return true;
        }

        if (allowed.IsSingleQuoted && !(isKey && text.AsSpan().ContainsAny(Breaks))) WriteSingleQuoted(text, indent, splits: !isKey);
        else WriteDoubleQuoted(text, indent, splits: !isKey);
        return false;
    }

    private static string Print(double number)
    {
        if (double.IsNaN(number)) return ".nan";
        if (double.IsInfinity(number)) return number > 0 ? ".inf" : "-.inf";
        var text = Numbers.Repr(number);
        // YAML 1.1 wants a point before an exponent.
        return text.Contains('.', StringComparison.Ordinal) ? text : text.Replace("e", ".0e", StringComparison.Ordinal);
    }

    /// <summary>Whether a text can stand without quotes, and in single ones, outside of brackets.</summary>
    private static (bool IsPlain, bool IsSingleQuoted) Analyze(string text)
    {
        if (text.Length == 0) return (false, true);
        var isPlain = !text.StartsWith("---", StringComparison.Ordinal) && !text.StartsWith("...", StringComparison.Ordinal);
        var isQuoted = true;
        var (wasSpace, wasBreak) = (false, false);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            var isBlankBehind = i + 1 == text.Length || Blanks.Contains(text[i + 1], StringComparison.Ordinal);
            var (isSpace, isBreak) = (c == ' ', Breaks.Contains(c, StringComparison.Ordinal));
            if (i == 0) isPlain &= !"#,[]{}&*!|>'\"%@`".Contains(c, StringComparison.Ordinal) && !(c is '?' or ':' or '-' && isBlankBehind);
            else isPlain &= !(c == ':' && isBlankBehind) && !(c == '#' && Blanks.Contains(text[i - 1], StringComparison.Ordinal));
            if (c is not ('\n' or (>= ' ' and <= '~')) || (isBreak && wasSpace) || (isSpace && wasBreak)) isPlain = isQuoted = false;
            if (isBreak || (isSpace && (i == 0 || i + 1 == text.Length))) isPlain = false;
            (wasSpace, wasBreak) = (isSpace, isBreak);
        }

        return (isPlain, isQuoted);
    }

    private void WritePlain(string text, int indent, bool splits)
    {
        if (!_isBlank) Append(" ");
        (_isBlank, _isIndented) = (false, false);
        WriteWords(text, indent, splits, isQuoted: false);
    }

    private void WriteSingleQuoted(string text, int indent, bool splits)
    {
        Indicate("'");
        WriteWords(text, indent, splits, isQuoted: true);
        Append("'");
    }

    /// <summary>Writes what stands between spaces and line breaks, and a line break for a space in lines that are too long.</summary>
    private void WriteWords(string text, int indent, bool splits, bool isQuoted)
    {
        for (var start = 0; start < text.Length;)
        {
            var kind = Kind(text[start]);
            var end = start;
            while (end < text.Length && Kind(text[end]) == kind) end++;
            if (kind == 1 && end == start + 1 && _column > Width && splits && (!isQuoted || (start > 0 && end < text.Length)))
            {
                BreakLine(indent);
            }
            else if (kind == 2)
            {
                // One line break is folded into a space when it is read.
                if (text[start] == '\n') NewLine();
                for (; start < end; start++) NewLine();
                BreakLine(indent);
            }
            else
            {
                Append(isQuoted ? text[start..end].Replace("'", "''", StringComparison.Ordinal) : text[start..end]);
            }

            (_isBlank, _isIndented) = (false, false);
            start = end;
        }

        static int Kind(char c) => c == ' ' ? 1 : c == '\n' ? 2 : 0;
    }

    private void WriteDoubleQuoted(string text, int indent, bool splits)
    {
        Indicate("\"");
        var runes = text.EnumerateRunes().ToArray();
        var start = 0;
        for (var end = 0; end <= runes.Length; end++)
        {
            var rune = end < runes.Length ? runes[end].Value : -1;
            if (rune is -1 or '"' or '\\' or not (>= ' ' and <= '~'))
            {
                if (start < end) AppendRunes(start, end);
                start = end;
                if (rune >= 0)
                {
                    Append(Escapes.TryGetValue(rune, out var escape) ? $"\\{escape}" : rune <= 0xff ? $"\\x{rune:X2}" : rune <= 0xffff ? $"\\u{rune:X4}" : $"\\U{rune:X8}");
                    start = end + 1;
                }
            }

            if (end <= 0 || end >= runes.Length - 1 || !(rune == ' ' || start >= end) || _column + (end - start) <= Width || !splits) continue;
            if (start < end) AppendRunes(start, end);
            start = Math.Max(start, end);
            Append("\\");
            BreakLine(indent);
            (_isBlank, _isIndented) = (false, false);
            if (runes[start].Value == ' ') Append("\\");
        }

        Append("\"");

        void AppendRunes(int from, int to)
        {
            for (; from < to; from++) Append(runes[from].ToString());
        }
    }

    private void Indicate(string indicator, bool keepsIndentation = false)
    {
        Append(_isBlank ? indicator : $" {indicator}");
        _isIndented &= keepsIndentation;
    }

    private void Append(string text)
    {
        _text.Append(text);
        _column += text.Length;
        _isBlank = false;
    }

    private void NewLine()
    {
        _text.Append('\n');
        (_column, _isBlank, _isIndented) = (0, true, true);
    }

    /// <summary>Goes to a column of a new line, unless it is there already.</summary>
    private void BreakLine(int indent)
    {
        if (!_isIndented || _column > indent || (_column == indent && !_isBlank)) NewLine();
        if (_column >= indent) return;
        _text.Append(' ', indent - _column);
        (_column, _isBlank) = (indent, true);
    }

    // What YAML 1.1 takes for no text.
    [GeneratedRegex("""
        ^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF
        |~|null|Null|NULL|<<|=
        |[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)
        |[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+
        |[0-9]{4}-[0-9]{2}-[0-9]{2}
        |[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?(?:[Tt]|[\ \t]+)[0-9][0-9]?:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[\ \t]*(?:Z|[-+][0-9][0-9]?(?::[0-9]{2})?))?)\z
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.CultureInvariant)]
    private static partial Regex Resolved();
}
