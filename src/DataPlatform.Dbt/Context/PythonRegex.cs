using System.Text.RegularExpressions;
using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Context;

/// <summary><c>modules.re</c>, of the patterns that Python and .NET read in the same way.</summary>
internal static class PythonRegex
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    public static JinjaObject Module { get; } = new TemplateObject("modules.re")
        .Method("match pattern string", a => Found(Compile($@"\A(?:{a.Text(0)})").Match(a.Text(1))))
        .Method("fullmatch pattern string", a => Found(Compile($@"\A(?:{a.Text(0)})\z").Match(a.Text(1))))
        .Method("search pattern string", a => Found(Compile(a.Text(0)).Match(a.Text(1))))
        .Method("sub pattern repl string count?", a => Compile(a.Text(0)).Replace(a.Text(2), Replacement(a.Text(1)), a.Int(3, 0) is > 0 and var count ? count : -1))
        .Method("split pattern string", a => new PythonList(Compile(a.Text(0)).Split(a.Text(1))))
        .Method("findall pattern string", a => new PythonList(Compile(a.Text(0)).Matches(a.Text(1)).Select(match => match.Groups.Count switch
        {
            1 => (object?)match.Value,
            2 => match.Groups[1].Value,
            _ => new PythonTuple([.. match.Groups.Values.Skip(1).Select(group => group.Value)]),
        })))
        .Method("escape pattern", a => Regex.Escape(a.Text(0)));

    private static Regex Compile(string pattern)
    {
        if (pattern.Contains("(?P", StringComparison.Ordinal)) throw TemplateObject.Unsupported("named groups of regular expressions");
        try
        {
            return new Regex(pattern, RegexOptions.CultureInvariant, Timeout);
        }
        catch (ArgumentException e)
        {
            throw new TemplateError($"'{pattern}' is no regular expression: {e.Message}");
        }
    }

    private static MatchObject? Found(Match match) => match.Success ? new MatchObject(match) : null;

    private static string Replacement(string text) => Regex.Replace(text.Replace("$", "$$", StringComparison.Ordinal), @"\\(\d)", "$${$1}", RegexOptions.None, Timeout);

    private sealed class MatchObject : TemplateObject
    {
        public MatchObject(Match match)
            : base("match")
        {
            Method("group number?", a => match.Groups[a.Int(0, 0)] is { Success: true } group ? group.Value : null);
            Method("groups", _ => new PythonTuple([.. match.Groups.Values.Skip(1).Select(group => group.Success ? group.Value : (object?)null)]));
            Method("start", _ => (long)match.Index);
            Method("end", _ => (long)match.Index + match.Length);
        }
    }
}

/// <summary><c>modules.itertools</c>.</summary>
internal static class PythonItertools
{
    public static JinjaObject Module { get; } = new TemplateObject("modules.itertools")
        .Add("chain", new JinjaFunction("chain", a => new PythonList(a.Positional.SelectMany(Operations.Enumerate))))
        .Add("product", new JinjaFunction("product", a => new PythonList(
            a.Positional.Aggregate(Enumerable.Repeat(Enumerable.Empty<object?>(), 1), (tuples, list) => tuples.SelectMany(tuple => Operations.Enumerate(list).Select(item => tuple.Append(item))))
                .Select(tuple => (object?)new PythonTuple([.. tuple])))));
}
