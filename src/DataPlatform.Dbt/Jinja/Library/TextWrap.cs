using System.Text.RegularExpressions;

namespace DataPlatform.Dbt.Jinja;

/// <summary>Python's <c>textwrap.wrap</c>, which <c>wordwrap</c> uses: tabs and spaces are kept as they are.</summary>
internal static partial class TextWrap
{
    public static List<string> Wrap(string text, int width, bool breakLongWords, bool breakOnHyphens)
    {
        if (width <= 0) throw new TemplateError($"invalid width {width} (must be > 0)");
        var pieces = new Stack<string>((breakOnHyphens ? Words() : Spaces()).Split(text).Where(piece => piece.Length > 0).Reverse());
        var lines = new List<string>();
        while (pieces.Count > 0)
        {
            var line = new List<string>();
            var length = 0;
            if (lines.Count > 0 && IsBlank(pieces.Peek())) pieces.Pop();
            while (pieces.TryPeek(out var piece) && length + CodePoints.Count(piece) <= width)
            {
                line.Add(pieces.Pop());
                length += CodePoints.Count(piece);
            }

            if (pieces.TryPeek(out var next) && CodePoints.Count(next) > width) BreakLong(pieces, line, width, length, breakLongWords, breakOnHyphens);
            if (line.Count > 0 && IsBlank(line[^1])) line.RemoveAt(line.Count - 1);
            if (line.Count > 0) lines.Add(string.Concat(line));
        }

        return lines;
    }

    private static void BreakLong(Stack<string> pieces, List<string> line, int width, int length, bool breakLongWords, bool breakOnHyphens)
    {
        if (!breakLongWords)
        {
            if (line.Count == 0) line.Add(pieces.Pop());
            return;
        }

        var left = width < 1 ? 1 : width - length;
        var piece = pieces.Pop();
        var end = left;
        if (breakOnHyphens && CodePoints.Count(piece) > left)
        {
            var hyphen = CodePoints.Slice(piece, 0, left).LastIndexOf('-');
            if (hyphen > 0 && piece.AsSpan(0, hyphen).ContainsAnyExcept('-')) end = CodePoints.Position(piece, hyphen) + 1;
        }

        line.Add(CodePoints.Slice(piece, 0, end));
        pieces.Push(piece[CodePoints.Index(piece, end)..]);
    }

    private static bool IsBlank(string text) => text.Trim(PythonText.Spaces).Length == 0;

    [GeneratedRegex(@"([\t\n\v\f\r ]+)")]
    private static partial Regex Spaces();

    [GeneratedRegex("""
        ([\t\n\v\f\r\x20]+|(?<=[\w!"'&.,?])-{2,}(?=\w)|[^\t\n\v\f\r\x20]+?(?:-(?:(?<=[^\d\W]{2}-)|(?<=[^\d\W]-[\w!"'&.,?]-))(?=[^\d\W]-?[^\d\W])|(?=[\t\n\v\f\r\x20]|\z)|(?<=[\w!"'&.,?])(?=-{2,}\w)))
        """)]
    private static partial Regex Words();
}
