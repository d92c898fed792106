using System.Net;
using System.Text;

namespace ReferencePipeline.Report;

/// <summary>
/// Draws charts as inline SVG. Colours and fonts are classes of the page's style sheet, so that a chart follows light and dark;
/// each mark tells its value in a tooltip.
/// </summary>
internal static class Chart
{
    private const double Width = 960;

    /// <summary>Lines over days of 24 hours. Null leaves a gap; the days from <paramref name="shadeFrom"/> on are shaded as the future.</summary>
    public static string Lines(IReadOnlyList<DateOnly> days, IReadOnlyList<Line> lines, DateOnly shadeFrom)
    {
        const double Left = 44, Right = 12, Top = 14, Bottom = 30, Height = 300;
        var hours = days.Count * 24;
        var max = NiceMaximum(lines.Max(line => line.Values.Max() ?? 0));
        double X(double hour) => Left + (Width - Left - Right) * hour / (hours - 1);
        double Y(double value) => Top + (Height - Top - Bottom) * (1 - value / max);

        var svg = new Svg(Width, Height);
        for (var i = 0; i < days.Count; i++)
        {
            if (days[i] >= shadeFrom) svg.Rectangle("future", X(i * 24), Top, X(Math.Min(i * 24 + 24, hours - 1)) - X(i * 24), Height - Top - Bottom);
            if (i > 0) svg.Line("grid", X(i * 24), Top, X(i * 24), Height - Bottom);
            svg.Text("tick middle", X(i * 24 + 11.5), Height - Bottom + 19, $"{days[i]:ddd d MMM}");
        }

        foreach (var tick in Ticks(max))
        {
            svg.Line("grid", Left, Y(tick), Width - Right, Y(tick));
            svg.Text("tick end", Left - 8, Y(tick) + 4, $"{tick:N0}");
        }

        foreach (var line in lines)
        {
            var path = new StringBuilder();
            for (var i = 0; i < hours; i++)
            {
                if (line.Values[i] is { } value)
                    path.Append(i > 0 && line.Values[i - 1] is not null ? 'L' : 'M').Append(Svg.Number(X(i))).Append(' ').Append(Svg.Number(Y(value)));
            }

            svg.Path($"line {line.Class}", path.ToString());
        }

        for (var i = 0; i < hours; i++)
        {
            var values = lines.Where(line => line.Values[i] is not null).Select(line => $"{line.Name}: {line.Values[i]:N0}");
            svg.Rectangle("hover", X(i - 0.5), Top, X(1) - X(0), Height - Top - Bottom, $"{days[i / 24]:ddd d MMM} {i % 24:00}:00 · {string.Join(" · ", values)}");
        }

        return svg.ToString();
    }

    /// <summary>Horizontal bars, each of one or more parts.</summary>
    public static string Bars(IReadOnlyList<Bar> bars)
    {
        const double Row = 30, Thickness = 16, Right = 90, CharacterWidth = 7.2, LongestLabel = 70;
        var labelWidth = 12 + CharacterWidth * Math.Min(LongestLabel, bars.Max(bar => bar.Label.Length));
        var max = Math.Max(1, bars.Max(bar => bar.Parts.Sum(part => part.Value)));
        var scale = (Width - labelWidth - Right) / max;
        var svg = new Svg(Width, bars.Count * Row + 4);
        for (var i = 0; i < bars.Count; i++)
        {
            var (x, y) = (labelWidth, i * Row + 4);
            svg.Text("label end", labelWidth - 12, y + 13, Shorten(bars[i].Label, (int)LongestLabel));
            foreach (var part in bars[i].Parts.Where(part => part.Value > 0))
            {
                var length = Math.Max(2, part.Value * scale);
                svg.Rectangle(part.Class, x, y, Math.Max(1.5, length - 2), Thickness, $"{bars[i].Label} · {part.Name}: {part.Value:N0}", radius: 3);
                x += length;
            }

            svg.Text("value", x + 8, y + 13, bars[i].Total);
        }

        return svg.ToString();
    }

    /// <summary>A grid of cells, the darker the more.</summary>
    public static string Heatmap(IReadOnlyList<string> rows, IReadOnlyList<string> columns, Func<int, int, double> value)
    {
        const double Left = 210, Top = 4, Row = 28, Bottom = 26;
        var cell = (Width - Left) / columns.Count;
        var all = from row in Enumerable.Range(0, rows.Count) from column in Enumerable.Range(0, columns.Count) select value(row, column);
        var max = Math.Max(1e-9, all.Max());
        var svg = new Svg(Width, Top + rows.Count * Row + Bottom);
        for (var row = 0; row < rows.Count; row++)
        {
            svg.Text("label end", Left - 12, Top + row * Row + 18, rows[row]);
            for (var column = 0; column < columns.Count; column++)
            {
                var share = value(row, column) / max;
                svg.Rectangle(
                    "heat", Left + column * cell + 1, Top + row * Row + 1, cell - 2, Row - 2,
                    $"{rows[row]}, {columns[column]}:00 · {value(row, column):N1}", radius: 3, opacity: 0.05 + 0.95 * share);
            }
        }

        for (var column = 0; column < columns.Count; column++)
            svg.Text("tick middle", Left + (column + 0.5) * cell, Top + rows.Count * Row + 18, columns[column]);
        return svg.ToString();
    }

    private static string Shorten(string text, int length) => text.Length <= length ? text : $"{text[..(length - 1)]}…";

    private static IEnumerable<double> Ticks(double max) => Enumerable.Range(0, 5).Select(i => max * i / 4);

    /// <summary>The least of 4, 8, 12, 20, 40, 80, … that is not below the value, so that quarters of it are round.</summary>
    private static double NiceMaximum(double value)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(Math.Max(1, value / 4))));
        return power * 4 * new[] { 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10 }.First(step => step * power * 4 >= value);
    }

    /// <summary>A line: its name, the class that colours it, and its value for each hour.</summary>
    internal sealed record Line(string Name, string Class, IReadOnlyList<double?> Values);

    /// <summary>A bar: its label, the text at its end, and its parts.</summary>
    internal sealed record Bar(string Label, string Total, IReadOnlyList<Part> Parts);

    /// <summary>A part of a bar.</summary>
    internal sealed record Part(string Name, string Class, double Value);

    private sealed class Svg(double width, double height)
    {
        private readonly StringBuilder _marks = new();

        public void Line(string style, double x1, double y1, double x2, double y2) =>
            _marks.Append($"<line class=\"{style}\" x1=\"{Number(x1)}\" y1=\"{Number(y1)}\" x2=\"{Number(x2)}\" y2=\"{Number(y2)}\"/>");

        public void Path(string style, string path) => _marks.Append($"<path class=\"{style}\" d=\"{path}\"/>");

        public void Text(string style, double x, double y, string text) =>
            _marks.Append($"<text class=\"{style}\" x=\"{Number(x)}\" y=\"{Number(y)}\">{WebUtility.HtmlEncode(text)}</text>");

        public void Rectangle(string style, double x, double y, double width, double height, string? tooltip = null, double radius = 0, double opacity = 1) =>
            _marks.Append($"<rect class=\"{style}\" x=\"{Number(x)}\" y=\"{Number(y)}\" width=\"{Number(width)}\" height=\"{Number(height)}\"")
                .Append(radius > 0 ? $" rx=\"{Number(radius)}\"" : "")
                .Append(opacity < 1 ? $" fill-opacity=\"{Number(opacity)}\"" : "")
                .Append(tooltip is null ? "/>" : $"><title>{WebUtility.HtmlEncode(tooltip)}</title></rect>");

        public static string Number(double value) => Math.Round(value, 2).ToString(System.Globalization.CultureInfo.InvariantCulture);

        public override string ToString() => $"<svg viewBox=\"0 0 {Number(width)} {Number(height)}\" role=\"img\">{_marks}</svg>";
    }
}
