using System.Text.RegularExpressions;
using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Context;

/// <summary><c>modules.re</c>, of the patterns that Python and .NET read in the same way, and named groups.</summary>
internal static class PythonRegex
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    public static JinjaObject Module { get; } = CreateModule();

    private static TemplateObject CreateModule()
    {
        var module = new TemplateObject("modules.re")
            .Method("compile pattern flags?", a => new Pattern(Compile(a.Text(0), a.Int(1, 0))))
            .Method("match pattern string flags?", a => Match(Compile(a.Text(0), a.Int(2, 0)), @"\A(?:", ")", a.Text(1)))
            .Method("fullmatch pattern string flags?", a => Match(Compile(a.Text(0), a.Int(2, 0)), @"\A(?:", @")\z", a.Text(1)))
            .Method("search pattern string flags?", a => Found(Compile(a.Text(0), a.Int(2, 0)).Match(a.Text(1))))
            .Method("sub pattern repl string count? flags?", a => Replace(Compile(a.Text(0), a.Int(4, 0)), a.Text(1), a.Text(2), a.Int(3, 0)))
            .Method("subn pattern repl string count? flags?", a => ReplaceCounted(Compile(a.Text(0), a.Int(4, 0)), a.Text(1), a.Text(2), a.Int(3, 0)))
            .Method("split pattern string maxsplit? flags?", a => Split(Compile(a.Text(0), a.Int(3, 0)), a.Text(1), a.Int(2, 0)))
            .Method("findall pattern string flags?", a => FindAll(Compile(a.Text(0), a.Int(2, 0)), a.Text(1)))
            .Method("finditer pattern string flags?", a => new PythonList(Compile(a.Text(0), a.Int(2, 0)).Matches(a.Text(1)).Select(Found)))
            .Method("escape pattern", a => Regex.Escape(a.Text(0)));
        foreach (var (names, flag) in new[] { ("I IGNORECASE", 2), ("M MULTILINE", 8), ("S DOTALL", 16), ("U UNICODE", 32), ("X VERBOSE", 64) })
            foreach (var name in names.Split(' ')) module.Add(name, (long)flag);
        return module;
    }

    private static Regex Compile(string pattern, int flags = 0)
    {
        var options = RegexOptions.CultureInvariant
            | ((flags & 2) != 0 ? RegexOptions.IgnoreCase : 0) | ((flags & 8) != 0 ? RegexOptions.Multiline : 0)
            | ((flags & 16) != 0 ? RegexOptions.Singleline : 0) | ((flags & 64) != 0 ? RegexOptions.IgnorePatternWhitespace : 0);
        try
        {
            var regex = new Regex(Regex.Replace(pattern.Replace("(?P<", "(?<", StringComparison.Ordinal), @"\(\?P=(\w+)\)", @"\k<$1>", RegexOptions.None, Timeout), options, Timeout);
            // .NET counts those with names after the others, and Python all as they come.
            var named = regex.GetGroupNames().Count(name => !char.IsDigit(name[0]));
            return named == 0 || named == regex.GetGroupNumbers().Length - 1 ? regex : throw TemplateObject.Unsupported("regular expressions with both groups with names and groups without");
        }
        catch (ArgumentException e)
        {
            throw new TemplateError($"'{pattern}' is no regular expression: {e.Message}");
        }
    }

    // The pattern of the whole begins and ends with something more.
    private static MatchObject? Match(Regex regex, string before, string after, string text) =>
        Found(new Regex($"{before}{regex}{after}", regex.Options, Timeout).Match(text));

    private static MatchObject? Found(Match match) => match.Success ? new MatchObject(match) : null;

    private static string Replace(Regex regex, string replacement, string text, int count) => regex.Replace(text, Replacement(replacement), count > 0 ? count : -1);

    private static PythonTuple ReplaceCounted(Regex regex, string replacement, string text, int count) =>
        new(Replace(regex, replacement, text, count), Math.Min((long)regex.Count(text), count > 0 ? count : long.MaxValue));

    private static PythonList Split(Regex regex, string text, int most) => new(most > 0 ? regex.Split(text, most + 1) : regex.Split(text));

    private static PythonList FindAll(Regex regex, string text) => new(regex.Matches(text).Select(match => match.Groups.Count switch
    {
        1 => (object?)match.Value,
        2 => match.Groups[1].Value,
        _ => new PythonTuple([.. match.Groups.Values.Skip(1).Select(group => group.Value)]),
    }));

    /// <summary>A replacement of Python in .NET's words: groups are <c>\1</c>, <c>\g&lt;1&gt;</c> and <c>\g&lt;name&gt;</c>.</summary>
    private static string Replacement(string text) => Regex.Replace(
        text.Replace("$", "$$", StringComparison.Ordinal), @"\\(?:(\d)|g<(\w+)>|(n)|(t)|(\\))",
        match => match.Groups[3].Success ? "\n" : match.Groups[4].Success ? "\t" : match.Groups[5].Success ? "\\" : $"${{{match.Groups[1].Value}{match.Groups[2].Value}}}", RegexOptions.None, Timeout);

    /// <summary>A pattern that is compiled once.</summary>
    private sealed class Pattern : TemplateObject
    {
        public Pattern(Regex regex)
            : base("pattern")
        {
            Add("pattern", regex.ToString());
            Method("match string", a => PythonRegex.Match(regex, @"\A(?:", ")", a.Text(0)));
            Method("fullmatch string", a => PythonRegex.Match(regex, @"\A(?:", @")\z", a.Text(0)));
            Method("search string", a => Found(regex.Match(a.Text(0))));
            Method("sub repl string count?", a => Replace(regex, a.Text(0), a.Text(1), a.Int(2, 0)));
            Method("subn repl string count?", a => ReplaceCounted(regex, a.Text(0), a.Text(1), a.Int(2, 0)));
            Method("split string maxsplit?", a => Split(regex, a.Text(0), a.Int(1, 0)));
            Method("findall string", a => FindAll(regex, a.Text(0)));
            Method("finditer string", a => new PythonList(regex.Matches(a.Text(0)).Select(Found)));
        }
    }

    private sealed class MatchObject : TemplateObject
    {
        public MatchObject(Match match)
            : base("match")
        {
            Method("group number?", a => Value(Group(a, match)));
            Method("groups", _ => new PythonTuple([.. match.Groups.Values.Skip(1).Select(Value)]));
            Method("groupdict", _ => new PythonDict(match.Groups.Values.Where(group => !char.IsDigit(group.Name[0])).Select(group => new KeyValuePair<string, object?>(group.Name, Value(group)))));
            Method("start number?", a => (long)Group(a, match).Index);
            Method("end number?", a => (long)Group(a, match).Index + Group(a, match).Length);
            Method("span number?", a => new PythonTuple((long)Group(a, match).Index, (long)Group(a, match).Index + Group(a, match).Length));
        }

        private static Group Group(BoundArguments arguments, Match match) => !arguments.Has(0) ? match
            : Operations.AsText(arguments[0]) is { } name ? match.Groups[name]
            : match.Groups[arguments.Int(0)];

        private static object? Value(Group group) => group.Success ? group.Value : null;
    }
}
