using System.Globalization;
using System.Numerics;
using System.Text;

namespace DataPlatform.Dbt.Jinja;

/// <summary>Cuts a template into tokens by the rules of Jinja2's lexer, with <c>trim_blocks</c> and <c>lstrip_blocks</c> off.</summary>
/// <param name="source">The template.</param>
/// <param name="rawTags">Tags whose body is text up to their end tag, by name.</param>
internal sealed class Lexer(JinjaSource source, IReadOnlyDictionary<string, string> rawTags)
{
    private const string Operators = "+-/*%~[](){}=<>.:|,;";
    private static readonly string[] LongOperators = ["//", "**", "==", "!=", ">=", "<="];

    private readonly string _text = source.Text;
    private readonly List<Token> _tokens = [];
    private readonly Stack<char> _brackets = new();
    private int _position;

    public List<Token> Tokenize()
    {
        while (_position < _text.Length) ReadData();
        Add(TokenKind.End, _text.Length, "");
        return _tokens;
    }

    private void ReadData()
    {
        var start = _position;
        var begin = start;
        while ((begin = _text.IndexOf('{', begin)) >= 0 && !(begin + 1 < _text.Length && _text[begin + 1] is '%' or '{' or '#')) begin++;
        if (begin < 0)
        {
            Add(TokenKind.Data, start, _text[start..]);
            _position = _text.Length;
            return;
        }

        _position = begin + 2;
        var sign = At(_position) is '-' or '+' ? _text[_position++] : '\0';
        var data = _text.AsSpan(start, begin - start);
        if (sign == '-') data = data.TrimEnd(PythonText.Spaces);
        if (data.Length > 0) Add(TokenKind.Data, start, data.ToString());
        switch (_text[begin + 1])
        {
            case '#':
                SkipComment(begin);
                break;
            case '{':
                Add(TokenKind.VariableBegin, begin, "{{");
                ReadTag(begin, isBlock: false);
                break;
            default:
                if (TryReadTagEnd("raw", canKeep: false))
                {
                    ReadRaw(begin, "endraw");
                    break;
                }

                var tag = _tokens.Count;
                Add(TokenKind.BlockBegin, begin, "{%");
                ReadTag(begin, isBlock: true);
                if (_tokens[tag + 1] is { Kind: TokenKind.Name } name && rawTags.TryGetValue(name.Text, out var end))
                {
                    var bodyEnd = ReadRaw(begin, end);
                    Add(TokenKind.BlockBegin, bodyEnd, "{%");
                    Add(TokenKind.Name, bodyEnd, end);
                    Add(TokenKind.BlockEnd, bodyEnd, "%}");
                }

                break;
        }
    }

    private void SkipComment(int begin)
    {
        var end = _text.IndexOf("#}", _position, StringComparison.Ordinal);
        if (end < 0) throw source.Fault(begin, "The comment that begins here is not closed.");
        var strips = end > _position && _text[end - 1] == '-';
        _position = end + 2;
        if (strips) SkipSpaces();
    }

    /// <summary>Reads text up to an end tag, and returns where that begins.</summary>
    private int ReadRaw(int begin, string endTag)
    {
        var start = _position;
        for (var end = start; (end = _text.IndexOf("{%", end, StringComparison.Ordinal)) >= 0; end++)
        {
            _position = end + 2;
            var sign = At(_position) is '-' or '+' ? _text[_position++] : '\0';
            if (!TryReadTagEnd(endTag, canKeep: true)) continue;
            var data = _text.AsSpan(start, end - start);
            if (sign == '-') data = data.TrimEnd(PythonText.Spaces);
            if (data.Length > 0) Add(TokenKind.Data, start, data.ToString());
            return end;
        }

        throw source.Fault(begin, $"There is no {{% {endTag} %}} for the tag that begins here.");
    }

    /// <summary>Takes the rest of a tag that has no arguments, when it is that.</summary>
    private bool TryReadTagEnd(string name, bool canKeep)
    {
        var position = Past(_position);
        if (string.CompareOrdinal(_text, position, name, 0, name.Length) != 0) return false;
        position = Past(position + name.Length);
        var sign = At(position);
        if (sign == '-' || (sign == '+' && canKeep)) position++;
        if (string.CompareOrdinal(_text, position, "%}", 0, 2) != 0) return false;
        _position = position + 2;
        if (sign == '-') SkipSpaces();
        return true;
    }

    private void ReadTag(int begin, bool isBlock)
    {
        _brackets.Clear();
        var end = isBlock ? '%' : '}';
        while (true)
        {
            SkipSpaces();
            if (_position >= _text.Length) throw source.Fault(begin, $"The tag that begins here is not closed by '{end}}}'.");
            var c = _text[_position];
            if (_brackets.Count == 0)
            {
                var sign = c == '-' || (isBlock && c == '+') ? 1 : 0;
                if (At(_position + sign) == end && At(_position + sign + 1) == '}')
                {
                    Add(isBlock ? TokenKind.BlockEnd : TokenKind.VariableEnd, _position, isBlock ? "%}" : "}}");
                    _position += sign + 2;
                    if (c == '-') SkipSpaces();
                    return;
                }
            }

            if (char.IsAsciiDigit(c)) ReadNumber();
            else if (c == '_' || char.IsLetter(c)) ReadName();
            else if (c is '\'' or '"') ReadString(c);
            else ReadOperator(c);
        }
    }

    private void ReadName()
    {
        var start = _position;
        while (_position < _text.Length && (_text[_position] == '_' || char.IsLetterOrDigit(_text[_position]))) _position++;
        Add(TokenKind.Name, start, _text[start.._position]);
    }

    private void ReadNumber()
    {
        var start = _position;
        if (At(start) == '0' && char.ToLowerInvariant(At(start + 1)) is var radix and ('x' or 'o' or 'b'))
        {
            var (bits, digits) = radix switch { 'x' => (4, "0123456789abcdefABCDEF"), 'o' => (3, "01234567"), _ => (1, "01") };
            var end = DigitsFrom(start + 2, digits.Contains, mayBeginWithUnderscore: true);
            if (end > start + 2)
            {
                var value = BigInteger.Zero;
                foreach (var c in _text.AsSpan(start + 2, end - start - 2))
                    if (c != '_') value = (value << bits) + Convert.ToInt32(c.ToString(), 16);
                Add(TokenKind.Number, start, "", Numbers.Normalize(value));
                _position = end;
                return;
            }
        }

        var whole = DigitsFrom(start, char.IsAsciiDigit);
        var afterDot = start > 0 && _text[start - 1] == '.';
        var fraction = whole;
        if (At(whole) == '.' && char.IsAsciiDigit(At(whole + 1))) fraction = DigitsFrom(whole + 1, char.IsAsciiDigit);
        var exponent = fraction;
        if (At(fraction) is 'e' or 'E')
        {
            var digits = At(fraction + 1) is '+' or '-' ? fraction + 2 : fraction + 1;
            if (char.IsAsciiDigit(At(digits))) exponent = DigitsFrom(digits, char.IsAsciiDigit);
        }

        if (exponent > whole && !afterDot)
        {
            var text = _text[start..exponent].Replace("_", "", StringComparison.Ordinal);
            Add(TokenKind.Number, start, "", double.Parse(text, CultureInfo.InvariantCulture));
            _position = exponent;
            return;
        }

        if (_text[start] == '0') whole = DigitsFrom(start, c => c == '0');
        Add(TokenKind.Number, start, "", Numbers.Normalize(BigInteger.Parse(_text[start..whole].Replace("_", "", StringComparison.Ordinal), CultureInfo.InvariantCulture)));
        _position = whole;
    }

    /// <summary>The end of digits with single underscores between them.</summary>
    private int DigitsFrom(int start, Func<char, bool> isDigit, bool mayBeginWithUnderscore = false)
    {
        var end = start;
        if (mayBeginWithUnderscore && At(end) == '_' && isDigit(At(end + 1))) end++;
        while (isDigit(At(end)) || (end > start && At(end) == '_' && isDigit(At(end + 1)))) end++;
        return end;
    }

    private void ReadString(char quote)
    {
        var start = _position++;
        var text = new StringBuilder();
        while (true)
        {
            if (_position >= _text.Length) throw source.Fault(start, "The string that begins here is not closed.");
            var c = _text[_position++];
            if (c == quote) break;
            if (c != '\\') text.Append(c);
            else if (_position < _text.Length) ReadEscape(text);
        }

        Add(TokenKind.String, start, text.ToString());
    }

    private void ReadEscape(StringBuilder text)
    {
        var start = _position - 1;
        var c = _text[_position++];
        switch (c)
        {
            case '\n': break;
            case '\\' or '\'' or '"': text.Append(c); break;
            case 'a': text.Append('\a'); break;
            case 'b': text.Append('\b'); break;
            case 'f': text.Append('\f'); break;
            case 'n': text.Append('\n'); break;
            case 'r': text.Append('\r'); break;
            case 't': text.Append('\t'); break;
            case 'v': text.Append('\v'); break;
            case 'x': text.Append((char)ReadHex(start, 2)); break;
            case 'u': text.Append((char)ReadHex(start, 4)); break;
            case 'U':
                var point = ReadHex(start, 8);
                if (!Rune.IsValid(point)) throw source.Fault(start, $"'{_text[start.._position]}' is not a character of Unicode.");
                text.Append(new Rune(point).ToString());
                break;
            case 'N': throw source.Fault(start, "The escape \\N{…} is not supported.", "Write the character itself, or \\u and its four digits.");
            case >= '0' and <= '7':
                var value = c - '0';
                for (var digits = 1; digits < 3 && At(_position) is >= '0' and <= '7' and var digit; digits++, _position++) value = (value * 8) + (digit - '0');
                text.Append((char)value);
                break;
            // Python encodes such characters as escapes of their own before it decodes, and so takes the backslash for theirs.
            case > '\x7f': text.Append(CultureInfo.InvariantCulture, $"\\{(c <= '\xff' ? $"x{(int)c:x2}" : $"u{(int)c:x4}")}"); break;
            default: text.Append('\\').Append(c); break;
        }
    }

    private int ReadHex(int start, int length)
    {
        var digits = _text.AsSpan(_position, Math.Min(length, _text.Length - _position));
        if (digits.Length < length || !uint.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
            throw source.Fault(start, $"The escape '{_text.AsSpan(start, 2)}' needs {length} hexadecimal digits.");
        _position += length;
        return (int)value;
    }

    private void ReadOperator(char c)
    {
        var start = _position;
        var text = Array.Find(LongOperators, op => string.CompareOrdinal(_text, start, op, 0, 2) == 0)
            ?? (Operators.Contains(c) ? c.ToString() : throw source.Fault(start, $"The character '{c}' has no meaning in an expression."));
        _position += text.Length;
        switch (c)
        {
            case '(': _brackets.Push(')'); break;
            case '[': _brackets.Push(']'); break;
            case '{': _brackets.Push('}'); break;
            case ')' or ']' or '}':
                if (!_brackets.TryPop(out var expected)) throw source.Fault(start, $"'{c}' closes nothing.");
                if (expected != c) throw source.Fault(start, $"'{c}' stands where '{expected}' is expected.");
                break;
        }

        Add(TokenKind.Operator, start, text);
    }

    private char At(int position) => position < _text.Length ? _text[position] : '\0';

    private int Past(int position)
    {
        while (position < _text.Length && PythonText.IsSpace(_text[position])) position++;
        return position;
    }

    private void SkipSpaces() => _position = Past(_position);

    private void Add(TokenKind kind, int offset, string text, object? value = null) => _tokens.Add(new Token(kind, offset, text, value));
}
