using System.Globalization;
using System.Text;

namespace DataPlatform.Dbt.Jinja;

/// <summary>The methods of text.</summary>
internal static class StringMethods
{
    private static readonly MethodTable<string> Methods = new MethodTable<string>("str", "encode", "format_map", "maketrans", "translate", "isprintable")
        .Add("capitalize", (s, _) => PythonText.Capitalize(s))
        .Add("casefold", (s, _) => PythonText.Lower(s).Replace("ß", "ss", StringComparison.Ordinal))
        .Add("center width fillchar?", (s, a) => Center(s, a.Int(0), Fill(a)))
        .Add("count sub start? end?", (s, a) => Count(Part(s, a), a.Text(0)))
        .Add("endswith suffix start? end?", (s, a) => Affixes(a).Any(affix => EndsWith(s, affix, a)))
        .Add("expandtabs tabsize?", (s, a) => ExpandTabs(s, a.Int(0, 8)))
        .Add("find sub start? end?", (s, a) => Find(s, a, isLast: false))
        .AddOpen("format", StringFormat.Format)
        .Add("index sub start? end?", (s, a) => Found(Find(s, a, isLast: false)))
        .Add("isalnum", (s, _) => All(s, rune => IsAlpha(rune) || IsNumeric(rune)))
        .Add("isalpha", (s, _) => All(s, IsAlpha))
        .Add("isascii", (s, _) => s.All(char.IsAscii))
        .Add("isdecimal", (s, _) => All(s, rune => Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber))
        .Add("isdigit", (s, _) => All(s, rune => Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber || rune.Value is 0xb2 or 0xb3 or 0xb9 or (>= 0x2070 and <= 0x2089)))
        .Add("isidentifier", (s, _) => s.Length > 0 && !char.IsDigit(s[0]) && s.All(c => c == '_' || char.IsLetterOrDigit(c)))
        .Add("islower", (s, _) => IsCased(s, char.IsLower, char.IsUpper))
        .Add("isnumeric", (s, _) => All(s, IsNumeric))
        .Add("isspace", (s, _) => s.Length > 0 && s.All(PythonText.IsSpace))
        .Add("istitle", (s, _) => IsTitle(s))
        .Add("isupper", (s, _) => IsCased(s, char.IsUpper, char.IsLower))
        .Add("join iterable", (s, a) => Join(s, a[0]))
        .Add("ljust width fillchar?", (s, a) => s + Padding(a.Int(0) - (long)CodePoints.Count(s), Fill(a)))
        .Add("lower", (s, _) => PythonText.Lower(s))
        .Add("lstrip chars?", (s, a) => Strip(s, a.TextOrNull(0), atStart: true, atEnd: false))
        .Add("partition sep", (s, a) => Partition(s, a.Text(0), isLast: false))
        .Add("removeprefix prefix", (s, a) => s.StartsWith(a.Text(0), StringComparison.Ordinal) ? s[a.Text(0).Length..] : s)
        .Add("removesuffix suffix", (s, a) => s.EndsWith(a.Text(0), StringComparison.Ordinal) ? s[..^a.Text(0).Length] : s)
        .Add("replace old new count?", (s, a) => Replace(s, a.Text(0), a.Text(1), a.Int(2, -1)))
        .Add("rfind sub start? end?", (s, a) => Find(s, a, isLast: true))
        .Add("rindex sub start? end?", (s, a) => Found(Find(s, a, isLast: true)))
        .Add("rjust width fillchar?", (s, a) => Padding(a.Int(0) - (long)CodePoints.Count(s), Fill(a)) + s)
        .Add("rpartition sep", (s, a) => Partition(s, a.Text(0), isLast: true))
        .Add("rsplit sep? maxsplit?", (s, a) => List(Split(s, a.TextOrNull(0), a.Int(1, -1), fromEnd: true)))
        .Add("rstrip chars?", (s, a) => Strip(s, a.TextOrNull(0), atStart: false, atEnd: true))
        .Add("split sep? maxsplit?", (s, a) => List(Split(s, a.TextOrNull(0), a.Int(1, -1), fromEnd: false)))
        .Add("splitlines keepends?", (s, a) => List(PythonText.SplitLines(s, a.Flag(0))))
        .Add("startswith prefix start? end?", (s, a) => Affixes(a).Any(affix => StartsWith(s, affix, a)))
        .Add("strip chars?", (s, a) => Strip(s, a.TextOrNull(0), atStart: true, atEnd: true))
        .Add("swapcase", (s, _) => string.Concat(s.Select(c => char.IsUpper(c) ? PythonText.Lower(c.ToString()) : PythonText.Upper(c.ToString()))))
        .Add("title", (s, _) => Title(s))
        .Add("upper", (s, _) => PythonText.Upper(s))
        .Add("zfill width", (s, a) => ZeroFill(s, a.Int(0)));

    /// <summary>Methods of HTML whose result is the same text as that of plain text, HTML again where it is text.</summary>
    private static readonly HashSet<string> OfMarkup =
    [
        "capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isspace", "istitle",
        "isupper", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "rfind", "rindex", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase",
        "title", "upper", "zfill",
    ];

    public static bool TryGet(string owner, string name, out object? method) => Methods.TryGet(owner, name, out method);

    public static bool TryGetOfMarkup(Markup owner, string name, out object? method)
    {
        if (!Methods.TryGet(owner.Text, name, out method)) return false;
        var body = (JinjaFunction)method!;
        method = name switch
        {
            "replace" => new JinjaFunction(name, Signature.Of("replace old new count?", (_, a) => new Markup(Replace(owner.Text, a.Text(0), Operations.Escape(a[1]).Text, a.Int(2, -1))))),
            _ when OfMarkup.Contains(name) => new JinjaFunction(name, arguments => Mark(body.Call(arguments))),
            _ => throw new TemplateError($"'{name}' of text that is marked as HTML is not supported."),
        };
        return true;

        static object? Mark(object? value) => value switch
        {
            string text => new Markup(text),
            PythonList list => new PythonList(list.Items.Select(Mark)),
            PythonTuple tuple => new PythonTuple([.. tuple.Items.Select(Mark)]),
            _ => value,
        };
    }

    public static string Center(string text, int width, string fill = " ")
    {
        var missing = width - (long)CodePoints.Count(text);
        if (missing <= 0) return text;
        var left = (missing / 2) + (missing & width & 1);
        return Padding(left, fill) + text + Padding(missing - left, fill);
    }

    public static string Padding(long count, string fill) => CodePoints.Repeat(fill, count);

    public static string Replace(string text, string old, string with, int count)
    {
        if (count < 0 && old.Length > 0)
        {
            var replaced = text.Replace(old, with, StringComparison.Ordinal);
            JinjaRun.EnsureSize(replaced.Length);
            return replaced;
        }

        var result = new StringBuilder();
        var position = 0;
        for (var limit = count < 0 ? int.MaxValue : count; limit > 0; limit--)
        {
            var found = old.Length > 0 ? text.IndexOf(old, position, StringComparison.Ordinal) : position;
            if (found < 0) break;
            result.Append(text, position, found - position).Append(with);
            position = found + old.Length;
            JinjaRun.EnsureSize(result.Length);
            if (old.Length > 0) continue;
            if (position >= text.Length) break;
            var next = position + (char.IsSurrogatePair(text, position) ? 2 : 1);
            result.Append(text, position, next - position);
            position = next;
        }

        return result.Append(text, position, text.Length - position).ToString();
    }

    public static string Strip(string text, string? characters, bool atStart = true, bool atEnd = true)
    {
        var set = characters?.ToCharArray() ?? PythonText.Spaces;
        if (set.Length == 0) return text;
        if (atStart) text = text.TrimStart(set);
        return atEnd ? text.TrimEnd(set) : text;
    }

    public static string Join(string separator, object? items)
    {
        var text = new StringBuilder();
        var place = 0;
        foreach (var item in Operations.Enumerate(items))
        {
            if (place > 0) text.Append(separator);
            text.Append(Operations.AsText(item) ?? throw (item as Undefined)?.Failure() ?? new TemplateError($"sequence item {place}: expected str instance, {Operations.TypeName(item)} found", "Use the filter |join, which takes any values."));
            JinjaRun.EnsureSize(text.Length);
            place++;
        }

        return text.ToString();
    }

    public static bool IsCased(string text, Func<char, bool> wanted, Func<char, bool> other) => text.Any(wanted) && !text.Any(other);

    public static List<string> Split(string text, string? separator, int limit, bool fromEnd)
    {
        var parts = new List<string>();
        if (separator is "") throw new TemplateError("empty separator");
        if (limit < 0) limit = int.MaxValue;
        if (fromEnd)
        {
            var end = text.Length;
            while (separator is null)
            {
                while (end > 0 && PythonText.IsSpace(text[end - 1])) end--;
                if (end == 0) break;
                var start = end;
                while (start > 0 && (limit == 0 || !PythonText.IsSpace(text[start - 1]))) start--;
                parts.Add(limit-- == 0 ? text[..end] : text[start..end]);
                end = start;
            }

            if (separator is not null)
            {
                for (; limit > 0 && text.AsSpan(0, end).LastIndexOf(separator, StringComparison.Ordinal) is >= 0 and var found; limit--)
                {
                    parts.Add(text[(found + separator.Length)..end]);
                    end = found;
                }

                parts.Add(text[..end]);
            }

            parts.Reverse();
            return parts;
        }

        var position = 0;
        if (separator is null)
        {
            while (true)
            {
                while (position < text.Length && PythonText.IsSpace(text[position])) position++;
                if (position == text.Length) return parts;
                if (limit-- == 0)
                {
                    parts.Add(text[position..]);
                    return parts;
                }

                var start = position;
                while (position < text.Length && !PythonText.IsSpace(text[position])) position++;
                parts.Add(text[start..position]);
            }
        }

        for (; limit > 0 && text.IndexOf(separator, position, StringComparison.Ordinal) is >= 0 and var found; limit--)
        {
            parts.Add(text[position..found]);
            position = found + separator.Length;
        }

        parts.Add(text[position..]);
        return parts;
    }

    private static PythonList List(IEnumerable<string> items) => new(items);

    private static string Fill(BoundArguments arguments)
    {
        var fill = arguments.Text(1, " ");
        return CodePoints.Count(fill) == 1 ? fill : throw new TemplateError("The fill character must be exactly one character long");
    }

    /// <summary>The part of a text that arguments two and three mean.</summary>
    private static string Part(string text, BoundArguments arguments)
    {
        var (start, end) = Range(text, arguments);
        return CodePoints.Slice(text, start, end);
    }

    private static (int Start, int End) Range(string text, BoundArguments arguments)
    {
        var length = CodePoints.Count(text);
        return (Clamp(arguments.IntOrNull(1) ?? 0), Clamp(arguments.IntOrNull(2) ?? length));

        int Clamp(int index) => Math.Clamp(index < 0 ? index + length : index, 0, length);
    }

    private static long Find(string text, BoundArguments arguments, bool isLast)
    {
        var (start, end) = Range(text, arguments);
        if (start > end || (arguments.IntOrNull(1) ?? 0) > CodePoints.Count(text)) return -1;
        var part = CodePoints.Slice(text, start, end);
        var sub = arguments.Text(0);
        var index = isLast ? sub.Length == 0 ? part.Length : part.LastIndexOf(sub, StringComparison.Ordinal) : part.IndexOf(sub, StringComparison.Ordinal);
        return index < 0 ? -1 : start + CodePoints.Position(part, index);
    }

    private static long Found(long position) => position >= 0 ? position : throw new TemplateError("substring not found");

    private static long Count(string text, string sub)
    {
        if (sub.Length == 0) return CodePoints.Count(text) + 1;
        var count = 0L;
        for (var position = 0; (position = text.IndexOf(sub, position, StringComparison.Ordinal)) >= 0; position += sub.Length) count++;
        return count;
    }

    private static IEnumerable<string> Affixes(BoundArguments arguments) => arguments[0] is PythonTuple tuple
        ? tuple.Items.Select(item => Operations.AsText(item) ?? throw new TemplateError($"tuple for startswith or endswith must only contain str, not {Operations.TypeName(item)}"))
        : [arguments.Text(0)];

    private static bool StartsWith(string text, string affix, BoundArguments arguments) => Within(text, arguments) && Part(text, arguments).StartsWith(affix, StringComparison.Ordinal);

    private static bool EndsWith(string text, string affix, BoundArguments arguments) => Within(text, arguments) && Part(text, arguments).EndsWith(affix, StringComparison.Ordinal);

    private static bool Within(string text, BoundArguments arguments) => (arguments.IntOrNull(1) ?? 0) <= CodePoints.Count(text) && Range(text, arguments) is var (start, end) && start <= end;

    private static PythonTuple Partition(string text, string separator, bool isLast)
    {
        if (separator.Length == 0) throw new TemplateError("empty separator");
        var index = isLast ? text.LastIndexOf(separator, StringComparison.Ordinal) : text.IndexOf(separator, StringComparison.Ordinal);
        if (index >= 0) return new PythonTuple(text[..index], separator, text[(index + separator.Length)..]);
        return isLast ? new PythonTuple("", "", text) : new PythonTuple(text, "", "");
    }

    private static string ExpandTabs(string text, int size)
    {
        var result = new StringBuilder();
        var column = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value == '\t')
            {
                var spaces = size <= 0 ? 0 : size - (column % size);
                result.Append(' ', JinjaRun.EnsureSize(spaces));
                column += spaces;
                JinjaRun.EnsureSize(result.Length);
                continue;
            }

            result.Append(rune.ToString());
            column = rune.Value is '\n' or '\r' ? 0 : column + 1;
        }

        return result.ToString();
    }

    private static string ZeroFill(string text, int width)
    {
        var sign = text.StartsWith('-') || text.StartsWith('+') ? 1 : 0;
        return text[..sign] + Padding(width - (long)CodePoints.Count(text), "0") + text[sign..];
    }

    private static string Title(string text)
    {
        var result = new StringBuilder(text.Length);
        var isInWord = false;
        foreach (var c in text)
        {
            result.Append(!IsCasedLetter(c) ? c.ToString() : isInWord ? PythonText.Lower(c.ToString()) : PythonText.Capitalize(c.ToString()));
            isInWord = IsCasedLetter(c);
        }

        return result.ToString();
    }

    private static bool IsTitle(string text)
    {
        var (isInWord, hasWord) = (false, false);
        foreach (var c in text)
        {
            if (char.IsUpper(c) ? isInWord : char.IsLower(c) && !isInWord) return false;
            isInWord = IsCasedLetter(c);
            hasWord |= isInWord;
        }

        return hasWord;
    }

    private static bool IsCasedLetter(char c) => char.IsUpper(c) || char.IsLower(c);

    private static bool IsAlpha(Rune rune) => Rune.IsLetter(rune);

    private static bool IsNumeric(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    private static bool All(string text, Func<Rune, bool> holds)
    {
        foreach (var rune in text.EnumerateRunes())
            if (!holds(rune)) return false;
        return text.Length > 0;
    }
}

/// <summary>The few attributes of numbers.</summary>
internal static class NumberMethods
{
    private static readonly MethodTable<double> OfFloat = new MethodTable<double>("float", "hex", "fromhex", "conjugate", "imag", "real", "as_integer_ratio")
        .Add("is_integer", (value, _) => Math.Floor(value) == value && double.IsFinite(value));

    private static readonly MethodTable<object> OfInt = new MethodTable<object>("int", "to_bytes", "from_bytes", "bit_count", "conjugate", "imag", "real", "as_integer_ratio", "numerator", "denominator")
        .Add("bit_length", (value, _) => (long)System.Numerics.BigInteger.Abs(Numbers.AsBig(value)!.Value).GetBitLength());

    public static bool TryGet(object? value, string name, out object? member)
    {
        member = null;
        return value is double number ? OfFloat.TryGet(number, name, out member) : Numbers.IsNumber(value) && OfInt.TryGet(value!, name, out member);
    }
}
