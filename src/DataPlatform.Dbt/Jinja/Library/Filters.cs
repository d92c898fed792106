using System.Buffers;
using System.Net;
using System.Numerics;
using System.Text;
using System.Text.RegularExpressions;

namespace DataPlatform.Dbt.Jinja;

/// <summary>Jinja's filters: <c>value | name</c>.</summary>
internal static partial class Filters
{
    private const int TruncateLeeway = 5;

    private static readonly SearchValues<char> NotInAttributes = SearchValues.Create(" \t\n\r\f\v/>=");

    private static readonly HashSet<string> Unsupported = ["pprint", "urlize"];

    private static readonly Dictionary<string, Func<CallArguments, object?>> All = Build(
        ("abs value", (_, a) => Abs(a[0])),
        ("attr value name", (run, a) => Attribute(run, a[0], a.Text(1))),
        ("batch value linecount fill_with?", (_, a) => new PythonIterator(Batch(a[0], a.Int(1), a.Or(2, null)))),
        ("capitalize value", (_, a) => Keep(a[0], PythonText.Capitalize)),
        ("center value width?", (_, a) => Keep(a[0], text => StringMethods.Center(text, a.Int(1, 80)))),
        ("default value default_value? boolean?", (_, a) => a[0] is Undefined || (a.Flag(2) && !Operations.IsTrue(a[0])) ? a.Or(1, "") : a[0]),
        ("dictsort value case_sensitive? by? reverse?", (_, a) => DictSort(a)),
        ("escape value", (_, a) => Operations.Escape(a[0])),
        ("filesizeformat value binary?", (_, a) => FileSize(ToFloat(a[0]) ?? throw NoNumber(a[0]), a.Flag(1))),
        ("first value", (run, a) => Operations.Iterate(a[0]) is var items && items.MoveNext() ? items.Current : run.NewUndefined("No first item, sequence was empty.")),
        ("float value default?", (_, a) => ToFloat(a[0]) is { } number ? number : a.Or(1, 0.0)),
        ("forceescape value", (_, a) => new Markup(PythonText.EscapeHtml(Representation.Print(a[0])))),
        ("groupby value attribute default? case_sensitive?", GroupBy),
        ("indent s width? first? blank?", (_, a) => Mark(a[0], Indent(a.Text(0), a))),
        ("int value default? base?", (_, a) => ToInt(a[0], a.Int(2, 10)) ?? a.Or(1, 0L)),
        ("items value", (_, a) => new PythonIterator(Items(a[0]))),
        ("join value d? attribute?", (run, a) => Join(run, a[0], Representation.Print(a.Or(1, "")), a.Or(2, null))),
        ("last value", (run, a) => Reversed(a[0]) is var items && items.MoveNext() ? items.Current : run.NewUndefined("No last item, sequence was empty.")),
        ("length value", (_, a) => (long)(Operations.Length(a[0]) ?? throw new TemplateError($"object of type '{Operations.TypeName(a[0])}' has no len()", a[0] is PythonIterator ? "Make it a list first: |list." : null))),
        ("list value", (_, a) => new PythonList(Operations.Enumerate(a[0]))),
        ("lower value", (_, a) => Keep(a[0], PythonText.Lower)),
        ("max value case_sensitive? attribute?", (run, a) => Extreme(run, a, ">")),
        ("min value case_sensitive? attribute?", (run, a) => Extreme(run, a, "<")),
        ("random value", (run, a) => Operations.Enumerate(a[0]).ToList() is { Count: > 0 } items ? items[Random.Shared.Next(items.Count)] : run.NewUndefined("No random item, sequence was empty.")),
        ("replace s old new count?", (_, a) => StringMethods.Replace(Representation.Print(a[0]), Representation.Print(a[1]), Representation.Print(a[2]), a.IntOrNull(3) ?? -1)),
        ("reverse value", (_, a) => Operations.AsText(a[0]) is { } text ? Mark(a[0], string.Concat(CodePoints.Split(text).AsEnumerable().Reverse())) : new PythonIterator(Once(ReversedOrList(a[0])))),
        ("round value precision? method?", (_, a) => Round(a[0], a.Int(1, 0), a.Text(2, "common"))),
        ("safe value", (_, a) => a[0] as Markup ?? new Markup(Representation.Print(a[0]))),
        ("slice value slices fill_with?", (_, a) => new PythonIterator(Slice(a[0], a.Int(1), a.Or(2, null)))),
        ("sort value reverse? case_sensitive? attribute?", (run, a) => new PythonList(Operations.Sort(Operations.Enumerate(a[0]), SortKey(run, a.Or(3, null), a.Flag(2)), a.Flag(1)))),
        ("string value", (_, a) => a[0] as Markup ?? (object)Representation.Print(a[0])),
        ("striptags value", (_, a) => StripTags(Representation.Print(a[0]))),
        ("sum iterable attribute? start?", (run, a) => Sum(run, a)),
        ("title value", (_, a) => string.Concat(WordStarts().Split(Print(a[0])).Where(word => word.Length > 0).Select(PythonText.Capitalize))),
        ("tojson value indent?", (_, a) => ToJson(a[0], a.Or(1, null))),
        ("trim value chars?", (_, a) => Keep(a[0], text => StringMethods.Strip(text, a.TextOrNull(1)))),
        ("truncate s length? killwords? end? leeway?", (_, a) => Truncate(a)),
        ("unique value case_sensitive? attribute?", (run, a) => new PythonIterator(Unique(a[0], Key(run, a.Or(2, null), a.Flag(1))))),
        ("upper value", (_, a) => Keep(a[0], PythonText.Upper)),
        ("urlencode value", (_, a) => UrlEncode(a[0])),
        ("wordcount s", (_, a) => (long)Word().Count(Print(a[0]))),
        ("wordwrap s width? break_long_words? wrapstring? break_on_hyphens?", (_, a) => WordWrap(a)),
        ("xmlattr d autospace?", (_, a) => XmlAttributes(a)));

    static Filters()
    {
        All["count"] = All["length"];
        All["d"] = All["default"];
        All["e"] = All["escape"];
        All["format"] = Format;
        All["map"] = Map;
        All["select"] = arguments => Select(arguments, byAttribute: false, wanted: true);
        All["reject"] = arguments => Select(arguments, byAttribute: false, wanted: false);
        All["selectattr"] = arguments => Select(arguments, byAttribute: true, wanted: true);
        All["rejectattr"] = arguments => Select(arguments, byAttribute: true, wanted: false);
    }

    public static Func<CallArguments, object?>? Find(string name) => All.GetValueOrDefault(name);

    public static bool IsUnsupported(string name) => Unsupported.Contains(name);

    /// <summary>Why there is no such filter.</summary>
    public static string Missing(string name) => IsUnsupported(name) ? $"The filter '{name}' is not supported." : $"There is no filter '{name}'.";

    /// <summary>A float without its fraction.</summary>
    public static object Truncate(double value) => double.IsFinite(value)
        ? Numbers.Normalize(new BigInteger(Math.Truncate(value)))
        : throw new TemplateError(double.IsNaN(value) ? "cannot convert float NaN to integer" : "cannot convert float infinity to integer");

    private static Dictionary<string, Func<CallArguments, object?>> Build(params IEnumerable<(string Signature, Func<JinjaRun, BoundArguments, object?> Body)> filters) =>
        filters.ToDictionary(filter => filter.Signature.Split(' ')[0], filter => Signature.Of(filter.Signature, filter.Body), StringComparer.Ordinal);

    private static string Print(object? value) => Representation.Print(value);

    /// <summary>Changes a value's text; HTML stays HTML.</summary>
    private static object Keep(object? value, Func<string, string> change) => Mark(value, change(Print(value)));

    private static object Mark(object? like, string text) => like is Markup ? new Markup(text) : text;

    private static object Abs(object? value) => value switch
    {
        double number => Math.Abs(number),
        bool or long or BigInteger => Numbers.Normalize(BigInteger.Abs(Numbers.AsBig(value)!.Value)),
        _ => throw new TemplateError($"bad operand type for abs(): '{Operations.TypeName(value)}'"),
    };

    private static object? Attribute(JinjaRun run, object? value, string name)
    {
        // Unlike a dot, it does not look for an item of that name.
        if (value is PythonDict dict && dict.Contains(name) && !CollectionMethods.TryGet(dict, name, out _)) return run.NewUndefined($"'dict object' has no attribute '{name}'");
        return Operations.GetAttribute(run, value, name);
    }

    private static IEnumerable<object?> Batch(object? value, int count, object? fill)
    {
        List<object?> batch = [];
        foreach (var item in Operations.Enumerate(value))
        {
            if (batch.Count == count)
            {
                yield return new PythonList(batch);
                batch = [];
            }

            batch.Add(item);
        }

        if (batch.Count == 0) yield break;
        if (fill is not null && batch.Count < count) batch.AddRange(Enumerable.Repeat(fill, JinjaRun.EnsureSize(count - batch.Count)));
        yield return new PythonList(batch);
    }

    private static IEnumerable<object?> Slice(object? value, int slices, object? fill)
    {
        if (slices == 0) throw new TemplateError("integer division or modulo by zero");
        List<object?> items = [.. Operations.Enumerate(value)];
        var (size, longer) = (items.Count / slices, items.Count % slices);
        var start = 0;
        for (var i = 0; i < slices; i++)
        {
            var slice = items.GetRange(start, size + (i < longer ? 1 : 0));
            start += slice.Count;
            if (fill is not null && i >= longer) slice.Add(fill);
            yield return new PythonList(slice);
        }
    }

    private static PythonList DictSort(BoundArguments arguments)
    {
        if (arguments[0] is not PythonDict dict) throw (arguments[0] as Undefined)?.Failure() ?? new TemplateError($"'{Operations.TypeName(arguments[0])}' object has no attribute 'items'");
        var place = arguments.Text(2, "key") switch
        {
            "key" => 0,
            "value" => 1,
            _ => throw new TemplateError("You can only sort by either \"key\" or \"value\""),
        };
        var isCaseSensitive = arguments.Flag(1);
        var pairs = dict.Items.Select(item => (object?)new PythonTuple(item.Key, item.Value));
        return new PythonList(Operations.Sort(pairs, pair => Fold(((PythonTuple)pair!).Items[place], isCaseSensitive), arguments.Flag(3)));
    }

    private static string FileSize(double bytes, bool isBinary)
    {
        double unit = isBinary ? 1024 : 1000;
        if (bytes == 1) return "1 Byte";
        if (bytes < unit) return $"{Representation.Of(Truncate(bytes))} Bytes";
        var power = 1;
        while (power < 8 && bytes >= Math.Pow(unit, power + 1)) power++;
        var prefix = "kMGTPEZY"[power - 1];
        return $"{NumberFormat.Float(unit * bytes / Math.Pow(unit, power + 1), 'f', 1, false)} {(isBinary ? $"{char.ToUpperInvariant(prefix)}i" : prefix.ToString())}B";
    }

    private static PythonList GroupBy(JinjaRun run, BoundArguments arguments)
    {
        var otherwise = arguments.Or(2, null);
        var isCaseSensitive = arguments.Flag(3);
        var attribute = Getter(run, arguments[1], otherwise);
        object? key(object? item) => Fold(attribute(item), isCaseSensitive);
        var groups = new List<object?>();
        List<object?> group = [];
        object? last = null;
        foreach (var item in Operations.Sort(Operations.Enumerate(arguments[0]), key))
        {
            var current = key(item);
            if (group.Count == 0 || !Operations.AreEqual(current, last))
            {
                group = [item];
                groups.Add(new PythonTuple([isCaseSensitive ? current : attribute(item), new PythonList(group)], ["grouper", "list"]));
                last = current;
            }
            else
            {
                group.Add(item);
            }
        }

        // The lists share their items with the groups, which grew after they were made.
        return new PythonList(groups);
    }

    private static string Indent(string text, BoundArguments arguments)
    {
        var indent = !arguments.Has(1) ? "    " : Operations.AsText(arguments[1]) ?? StringMethods.Padding(arguments.Int(1), " ");
        var lines = PythonText.SplitLines(text + "\n");
        var (first, blank) = (arguments.Flag(2), arguments.Flag(3));
        var result = new StringBuilder(first ? indent : "").Append(lines[0]);
        foreach (var line in lines.Skip(1)) result.Append('\n').Append(blank || line.Length > 0 ? indent : "").Append(line);
        JinjaRun.EnsureSize(result.Length);
        return result.ToString();
    }

    private static object? ToInt(object? value, int radix)
    {
        if (value is Undefined undefined) throw undefined.Failure();
        if (Numbers.AsBig(value) is { } number) return Numbers.Normalize(number);
        if (value is double real) return double.IsNaN(real) ? null : Truncate(real);
        if (Operations.AsText(value) is not { } text) return null;
        return Numbers.ParseInt(text, radix) ?? (Numbers.ParseFloat(text) is { } parsed && double.IsFinite(parsed) ? Truncate(parsed) : null);
    }

    private static double? ToFloat(object? value) => value switch
    {
        Undefined undefined => throw undefined.Failure(),
        _ when Operations.AsText(value) is { } text => Numbers.ParseFloat(text),
        _ => Numbers.AsDouble(value),
    };

    private static TemplateError NoNumber(object? value) => new($"could not convert {Representation.Of(value)} to float");

    private static IEnumerable<object?> Items(object? value) => value switch
    {
        Undefined => [],
        PythonDict dict => dict.Items.Select(item => (object?)new PythonTuple(item.Key, item.Value)),
        _ => throw new TemplateError("Can only get item pairs from a mapping."),
    };

    private static string Join(JinjaRun run, object? value, string separator, object? attribute)
    {
        var key = Getter(run, attribute);
        var text = new StringBuilder();
        var isFirst = true;
        foreach (var item in Operations.Enumerate(value))
        {
            if (!isFirst) text.Append(separator);
            isFirst = false;
            text.Append(Print(key(item)));
            JinjaRun.EnsureSize(text.Length);
        }

        return text.ToString();
    }

    private static IEnumerator<object?> Reversed(object? value)
    {
        if (!(value is string or PythonDictView or JinjaObject { IsSequence: true }))
            throw new TemplateError($"'{Operations.TypeName(value)}' object is not reversible", value is PythonIterator ? "Make it a list first: |list." : null);
        return Operations.Enumerate(value).ToList().AsEnumerable().Reverse().GetEnumerator();
    }

    private static IEnumerator<object?> ReversedOrList(object? value) => Operations.Enumerate(value).ToList().AsEnumerable().Reverse().GetEnumerator();

    private static IEnumerable<object?> Once(IEnumerator<object?> items)
    {
        while (items.MoveNext()) yield return items.Current;
    }

    private static object? Extreme(JinjaRun run, BoundArguments arguments, string op)
    {
        var key = Key(run, arguments.Or(2, null), arguments.Flag(1));
        object? best = Locals.Missing, bestKey = null;
        foreach (var item in Operations.Enumerate(arguments[0]))
        {
            var current = key(item);
            if (!ReferenceEquals(best, Locals.Missing) && !Operations.Compare(op, current, bestKey)) continue;
            (best, bestKey) = (item, current);
        }

        return ReferenceEquals(best, Locals.Missing) ? run.NewUndefined("No aggregated item, sequence was empty.") : best;
    }

    private static object Round(object? value, int precision, string method)
    {
        if (method is not ("common" or "ceil" or "floor")) throw new TemplateError("method must be common, ceil or floor");
        if (!Numbers.IsNumber(value)) throw (value as Undefined)?.Failure() ?? new TemplateError($"type {Operations.TypeName(value)} doesn't define __round__ method");
        if (method == "common") return Numbers.Round(value!, precision);
        var scale = Numbers.Calculate("**", 10L, (long)precision);
        var scaled = Numbers.Calculate("*", value!, scale);
        var whole = scaled is double number ? Truncate(method == "ceil" ? Math.Ceiling(number) : Math.Floor(number)) : scaled;
        return Numbers.Calculate("/", whole, scale);
    }

    private static string StripTags(string text)
    {
        for (int start; (start = text.IndexOf("<!--", StringComparison.Ordinal)) >= 0;)
        {
            var end = text.IndexOf("-->", start, StringComparison.Ordinal);
            if (end < 0) break;
            text = text.Remove(start, end + 3 - start);
        }

        for (int start; (start = text.IndexOf('<')) >= 0;)
        {
            var end = text.IndexOf('>', start);
            if (end < 0) break;
            text = text.Remove(start, end + 1 - start);
        }

        return WebUtility.HtmlDecode(string.Join(' ', PythonText.Words(text)));
    }

    private static object? Sum(JinjaRun run, BoundArguments arguments)
    {
        var key = Getter(run, arguments.Or(1, null));
        var sum = arguments.Or(2, 0L);
        if (sum is string or Markup) throw new TemplateError("sum() can't sum strings [use ''.join(seq) instead]");
        foreach (var item in Operations.Enumerate(arguments[0])) sum = Operations.Calculate("+", sum, key(item));
        return sum;
    }

    private static Markup ToJson(object? value, object? indent)
    {
        var step = indent is null ? null : Operations.AsText(indent) ?? (Numbers.AsLong(indent) is { } width ? StringMethods.Padding(width, " ") : throw new TemplateError("tojson() wants a number or text for 'indent'"));
        return new Markup(JsonText.Write(value, sortKeys: true, step)
            .Replace("<", "\\u003c", StringComparison.Ordinal).Replace(">", "\\u003e", StringComparison.Ordinal)
            .Replace("&", "\\u0026", StringComparison.Ordinal).Replace("'", "\\u0027", StringComparison.Ordinal));
    }

    private static object? Truncate(BoundArguments arguments)
    {
        if (arguments[0] is Undefined) return arguments[0];
        var text = arguments.Text(0);
        var (length, end, leeway) = (arguments.Int(1, 255), arguments.Text(3, "..."), arguments.IntOrNull(4) ?? TruncateLeeway);
        var kept = length - CodePoints.Count(end);
        if (kept < 0) throw new TemplateError($"expected length >= {CodePoints.Count(end)}, got {length}");
        if (leeway < 0) throw new TemplateError($"expected leeway >= 0, got {leeway}");
        if (CodePoints.Count(text) <= (long)length + leeway) return arguments[0];
        var result = CodePoints.Slice(text, 0, kept);
        if (!arguments.Flag(2) && result.LastIndexOf(' ') is >= 0 and var space) result = result[..space];
        return arguments[0] is Markup ? new Markup(result + Operations.Escape(arguments.Or(3, end)).Text) : result + end;
    }

    private static IEnumerable<object?> Unique(object? value, Func<object?, object?> key)
    {
        var seen = new PythonSet([]);
        foreach (var item in Operations.Enumerate(value))
        {
            var current = key(item);
            if (seen.Contains(current)) continue;
            seen.Add(current);
            yield return item;
        }
    }

    private static string UrlEncode(object? value)
    {
        if (value is string or Markup || value is not JinjaObject other || other.Iterate() is null) return Quote(value, inQuery: false);
        var pairs = value is PythonDict dict ? new PythonDictView(dict, "items") : value;
        return string.Join('&', Operations.Enumerate(pairs).Select(pair =>
        {
            List<object?> items = [.. Operations.Enumerate(pair)];
            return items.Count == 2 ? $"{Quote(items[0], inQuery: true)}={Quote(items[1], inQuery: true)}" : throw new TemplateError($"urlencode() wants pairs, and one has {items.Count} items");
        }));

        static string Quote(object? part, bool inQuery)
        {
            var result = new StringBuilder();
            foreach (var b in Encoding.UTF8.GetBytes(Print(part)))
            {
                var c = (char)b;
                if (char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-' or '~' || (c == '/' && !inQuery)) result.Append(c);
                else if (c == ' ' && inQuery) result.Append('+');
                else result.Append('%').Append(b.ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
            }

            return result.ToString();
        }
    }

    private static string WordWrap(BoundArguments arguments)
    {
        var newLine = arguments.TextOrNull(3) ?? "\n";
        var breakLongWords = !arguments.Has(2) || arguments.Flag(2);
        var breakOnHyphens = !arguments.Has(4) || arguments.Flag(4);
        return string.Join(newLine, PythonText.SplitLines(arguments.Text(0)).Select(line => string.Join(newLine, TextWrap.Wrap(line, arguments.Int(1, 79), breakLongWords, breakOnHyphens))));
    }

    private static string XmlAttributes(BoundArguments arguments)
    {
        if (arguments[0] is not PythonDict dict) throw (arguments[0] as Undefined)?.Failure() ?? new TemplateError($"'{Operations.TypeName(arguments[0])}' object has no attribute 'items'");
        var attributes = new List<string>();
        foreach (var (key, value) in dict.Items)
        {
            if (value is null or Undefined) continue;
            var name = Operations.AsText(key) ?? throw new TemplateError("The names of attributes are text.");
            if (name.AsSpan().ContainsAny(NotInAttributes)) throw new TemplateError($"Invalid character in attribute name: {PythonText.Repr(name)}");
            attributes.Add($"{PythonText.EscapeHtml(name)}=\"{Operations.Escape(value).Text}\"");
        }

        var text = string.Join(' ', attributes);
        return text.Length > 0 && (!arguments.Has(1) || arguments.Flag(1)) ? " " + text : text;
    }

    private static object? Format(CallArguments arguments)
    {
        var values = arguments.Positional.Skip(1).ToList();
        if (values.Count > 0 && arguments.Named.Count > 0) throw new TemplateError("can't handle positional and keyword arguments at the same time");
        var format = arguments.Positional[0] as Markup ?? (object)Print(arguments.Positional[0]);
        return Operations.Calculate("%", format, arguments.Named.Count > 0 ? new PythonDict(arguments.Named) : new PythonTuple(values));
    }

    private static PythonIterator Map(CallArguments arguments)
    {
        var run = arguments.Run;
        Func<object?, object?> change;
        if (arguments.Positional.Count == 1 && arguments.TryGetNamed("attribute", out var attribute))
        {
            if (arguments.Named.FirstOrDefault(argument => argument.Key is not ("attribute" or "default")).Key is { } unknown) throw new TemplateError($"Unexpected keyword argument '{unknown}'");
            arguments.TryGetNamed("default", out var otherwise);
            change = Getter(run, attribute, otherwise);
        }
        else
        {
            var name = arguments.Positional.Count > 1 ? Operations.AsText(arguments.Positional[1]) : null;
            if (name is null) throw new TemplateError("map requires a filter argument");
            change = item => (run.Environment.FindFilter(name) ?? throw new TemplateError(Missing(name)))(new CallArguments(run, [item, .. arguments.Positional.Skip(2)], arguments.Named));
        }

        return new PythonIterator(MapItems(arguments.Positional[0], change));
    }

    private static IEnumerable<object?> MapItems(object? value, Func<object?, object?> change) => Operations.IsTrue(value) ? Operations.Enumerate(value).Select(change) : [];

    private static PythonIterator Select(CallArguments arguments, bool byAttribute, bool wanted)
    {
        var run = arguments.Run;
        var given = arguments.Positional;
        var first = byAttribute ? 2 : 1;
        if (given.Count < first) throw new TemplateError("Missing parameter for attribute name");
        var key = byAttribute ? Getter(run, given[1]) : item => item;
        Func<object?, bool> holds = item => Operations.IsTrue(item);
        if (given.Count > first)
        {
            var name = Operations.AsText(given[first]) ?? throw new TemplateError("The name of a test is text.");
            holds = item => Operations.IsTrue((Tests.Find(name) ?? throw new TemplateError($"There is no test '{name}'."))(new CallArguments(run, [item, .. given.Skip(first + 1)], arguments.Named)));
        }

        return new PythonIterator(MapItems(given[0], item => item).Where(item => holds(key(item)) == wanted));
    }

    private static object? Fold(object? value, bool isCaseSensitive) => !isCaseSensitive && Operations.AsText(value) is { } text ? PythonText.Lower(text) : value;

    private static Func<object?, object?> Key(JinjaRun run, object? attribute, bool isCaseSensitive)
    {
        var getter = Getter(run, attribute);
        return item => Fold(getter(item), isCaseSensitive);
    }

    /// <summary>The key of <c>sort</c>, whose attribute can be several with commas between.</summary>
    private static Func<object?, object?> SortKey(JinjaRun run, object? attribute, bool isCaseSensitive)
    {
        if (Operations.AsText(attribute) is not { } text || !text.Contains(',')) return Key(run, attribute, isCaseSensitive);
        var keys = text.Split(',').Select(part => Key(run, part, isCaseSensitive)).ToList();
        return item => new PythonList(keys.Select(key => key(item)));
    }

    /// <summary>Looks up an attribute, a path of them with dots between, or an item by its number. Without attribute it gives the value itself.</summary>
    private static Func<object?, object?> Getter(JinjaRun run, object? attribute, object? otherwise = null)
    {
        if (attribute is null) return item => item;
        object?[] path = Operations.AsText(attribute) is { } text
            ? [.. text.Split('.').Select(part => part.Length > 0 && part.All(char.IsDigit) ? Numbers.ParseInt(part, 10) : part)]
            : [attribute];
        return item =>
        {
            foreach (var part in path)
            {
                item = Operations.GetItem(run, item, part);
                if (otherwise is not null && item is Undefined) item = otherwise;
            }

            return item;
        };
    }

    [GeneratedRegex(@"([-\s({\[<]+)")]
    private static partial Regex WordStarts();

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();
}
