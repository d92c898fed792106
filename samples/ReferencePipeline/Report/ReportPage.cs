using System.Net;
using DataPlatform.Ledger;

namespace ReferencePipeline.Report;

/// <summary>The report as one HTML page that needs nothing else: no script, no font, no image from elsewhere.</summary>
internal static class ReportPage
{
    public static string Render(ReportData data)
    {
        var tomorrow = data.Run.LogicalDate.AddDays(1);
        return $$"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>Bike demand · {{tomorrow:d MMMM yyyy}}</title>
            <style>{{Style}}</style>
            </head>
            <body>
            <header>
            <p class="eyebrow">{{Text(data.Run.Pipeline)}} · {{data.Run.LogicalDate:d MMMM yyyy}}</p>
            <h1>Demand for {{tomorrow:dddd, d MMMM}}</h1>
            </header>
            {{Tiles(data)}}
            {{Card("Demand, actual against predicted", "Trips an hour in the whole city. The shaded day is tomorrow.", Legend(("series-1", "actual"), ("series-2", "predicted")) + DemandChart(data))}}
            {{Card("Tomorrow, station by station", "Trips expected to begin in each hour.", TomorrowChart(data))}}
            {{Card("Rows by load", "The latest loads of files, newest first. Every row read is accounted for.", Legend(("series-1", "written"), ("series-3", "deduplicated"), ("neutral", "filtered"), ("series-4", "rejected")) + LoadChart(data))}}
            {{Card("Rejected rows by reason", "They wait in quarantine with their source, line and raw text.", RejectionChart(data))}}
            {{Card("Model versions", "Judged by days that the model had not seen. The baseline is the same hour a week before.", ModelTable(data))}}
            {{Card("This run", $"Run <code>{Text(data.Run.RunId)}</code> in {Text(data.Run.Environment)}, commit <code>{Text(Commit(data))}</code>. Lake <code>{Text(data.Lake)}</code>, warehouse <code>{Text(data.Warehouse)}</code>.", StepTable(data))}}
            </body>
            </html>
            """;
    }

    private static string Tiles(ReportData data)
    {
        var expected = data.Tomorrow.Sum(station => station.Hours.Sum());
        var weekBefore = data.Run.LogicalDate.AddDays(-6);
        var then = data.Demand.Where(hour => DateOnly.FromDateTime(hour.Hour) == weekBefore).Sum(hour => hour.Actual ?? 0);
        var rejected = data.Rejections.Sum(rejection => rejection.Rows);
        var champion = data.Models.FirstOrDefault(model => model.Aliases.Contains("champion"));
        var error = champion?.Metrics["mae"] ?? 0;
        var baseline = champion?.Metrics["mae_last_week"] ?? 0;
        return $"""
            <section class="tiles">
            {Tile("Expected tomorrow", $"{expected:N0}", then == 0 ? "trips" : $"trips, {(double)expected / then - 1:+0 %;-0 %;0 %} on the same day last week")}
            {Tile("Error of the forecast", $"{error:N2}", baseline == 0 ? "trips an hour and station" : $"trips an hour and station, {1 - error / baseline:0 %} better than last week's")}
            {Tile("Trips", $"{data.Trips:N0}", "in the warehouse, each once")}
            {Tile("In quarantine", $"{rejected:N0}", "rows that broke the contract")}
            </section>
            """;
    }

    private static string DemandChart(ReportData data)
    {
        var byHour = data.Demand.ToDictionary(hour => hour.Hour);
        DateOnly[] days = [.. data.Demand.Select(hour => DateOnly.FromDateTime(hour.Hour)).Distinct().Order()];
        DateTime[] hours = [.. days.SelectMany(day => Enumerable.Range(0, 24).Select(hour => day.ToDateTime(new TimeOnly(hour, 0))))];
        double?[] Values(Func<HourOfDemand, double?> value) => [.. hours.Select(hour => byHour.TryGetValue(hour, out var found) ? value(found) : null)];
        return Chart.Lines(
            days,
            [new("actual", "series-1", Values(hour => hour.Actual)), new("predicted", "series-2", Values(hour => (double?)hour.Predicted))],
            data.Run.LogicalDate.AddDays(1));
    }

    private static string TomorrowChart(ReportData data) => Chart.Heatmap(
        [.. data.Tomorrow.Select(station => station.Station)],
        [.. Enumerable.Range(0, 24).Select(hour => $"{hour:00}")],
        (station, hour) => (double)data.Tomorrow[station].Hours[hour]);

    private static string LoadChart(ReportData data) => Chart.Bars(
        [
            .. data.Loads.Select(load => new Chart.Bar(
                $"#{load.LoadId} {load.Table}",
                $"{load.Rows.Read:N0} read",
                [
                    new("written", "series-1", load.Rows.Written), new("deduplicated", "series-3", load.Rows.Deduplicated),
                    new("filtered", "neutral", load.Rows.Filtered), new("rejected", "series-4", load.Rows.Rejected),
                ])),
        ]);

    private static string RejectionChart(ReportData data) => data.Rejections.Count == 0
        ? "<p>None.</p>"
        : Chart.Bars([.. data.Rejections.Select(r => new Chart.Bar($"{r.Step}: {r.Reason}", $"{r.Rows:N0}", [new("rejected", "series-4", r.Rows)]))]);

    private static string ModelTable(ReportData data) => Table(
        ["version", "alias", "error (trips)", "baseline", "R²", "trained in run", "artifact"],
        data.Models.Select(model => new[]
        {
            $"{model.Version}", string.Join(", ", model.Aliases), $"{model.Metrics["mae"]:N3}", $"{model.Metrics["mae_last_week"]:N3}",
            $"{model.Metrics["r2"]:N3}", model.RunId ?? "", model.ArtifactSha256[..12],
        }));

    private static string StepTable(ReportData data) => Table(
        ["step", "status", "read", "written", "rejected", "seconds"],
        data.Steps.Select(step => new[]
        {
            step.Step, step.Status == RunStatus.Running ? "running" : step.Status.ToString().ToLowerInvariant(), $"{step.RowsRead:N0}", $"{step.RowsWritten:N0}",
            $"{step.RowsRejected:N0}", step.FinishedAt is { } finished ? $"{(finished - step.StartedAt).TotalSeconds:N2}" : "",
        }));

    private static string Commit(ReportData data) => data.Run.GitCommit is { Length: > 12 } commit ? commit[..12] : data.Run.GitCommit ?? "unknown";

    private static string Tile(string title, string value, string note) =>
        $"<div class=\"tile\"><p>{Text(title)}</p><strong>{Text(value)}</strong><small>{Text(note)}</small></div>";

    private static string Card(string title, string intro, string content) =>
        $"<section class=\"card\"><h2>{Text(title)}</h2><p class=\"intro\">{intro}</p>{content}</section>";

    private static string Legend(params (string Class, string Name)[] entries) =>
        $"<p class=\"legend\">{string.Concat(entries.Select(entry => $"<span><i class=\"{entry.Class}\"></i>{Text(entry.Name)}</span>"))}</p>";

    private static string Table(string[] head, IEnumerable<string[]> rows)
    {
        static string Row(string tag, string[] cells) => $"<tr>{string.Concat(cells.Select(cell => $"<{tag}>{Text(cell)}</{tag}>"))}</tr>";
        return $"<div class=\"scroll\"><table><thead>{Row("th", head)}</thead><tbody>{string.Concat(rows.Select(row => Row("td", row)))}</tbody></table></div>";
    }

    private static string Text(string text) => WebUtility.HtmlEncode(text);

    private const string Style = """
        :root { --page: #f5f5f2; --card: #fcfcfb; --edge: #e3e2dd; --ink: #1b1b1a; --muted: #66655f; --grid: #e8e7e2; --future: #f0efe9;
          --series-1: #2a78d6; --series-2: #eb6834; --series-3: #eda100; --series-4: #d03b3b; --neutral: #a5a49d; }
        @media (prefers-color-scheme: dark) { :root { --page: #121211; --card: #1b1b1a; --edge: #30302e; --ink: #f3f3f0; --muted: #a3a29b; --grid: #2d2d2b; --future: #262624;
          --series-1: #3987e5; --series-2: #e66a3a; --series-3: #c98500; --series-4: #e0605a; --neutral: #74736d; } }
        * { box-sizing: border-box; }
        body { margin: 0 auto; max-width: 1080px; padding: 32px 24px 64px; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "Liberation Sans", sans-serif; }
        h1 { margin: 0 0 20px; font-size: 32px; font-weight: 650; letter-spacing: -0.015em; }
        h2 { margin: 0; font-size: 17px; font-weight: 620; }
        .eyebrow { margin: 0; color: var(--muted); }
        .intro { margin: 2px 0 14px; color: var(--muted); font-size: 14px; overflow-wrap: anywhere; }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr)); gap: 16px; }
        .tile, .card { background: var(--card); border: 1px solid var(--edge); border-radius: 12px; padding: 18px 20px; }
        .tile p { margin: 0; color: var(--muted); font-size: 14px; }
        .tile strong { display: block; margin: 2px 0; font-size: 30px; font-weight: 650; letter-spacing: -0.02em; }
        .tile small { display: block; color: var(--muted); line-height: 1.35; }
        .card { margin-top: 16px; }
        .legend { display: flex; flex-wrap: wrap; gap: 18px; margin: 0 0 8px; font-size: 13px; color: var(--muted); }
        .legend i { display: inline-block; width: 12px; height: 12px; margin-right: 6px; border-radius: 3px; vertical-align: -1px; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
        th { text-align: left; font-weight: 500; color: var(--muted); }
        th, td { padding: 6px 14px 6px 0; border-bottom: 1px solid var(--grid); white-space: nowrap; }
        code { font: 0.92em ui-monospace, "Liberation Mono", monospace; }
        svg { display: block; width: 100%; height: auto; }
        svg text { font-size: 12.5px; fill: var(--ink); font-variant-numeric: tabular-nums; }
        svg .tick { fill: var(--muted); font-size: 12px; }
        svg .value { fill: var(--muted); }
        svg .end { text-anchor: end; }
        svg .middle { text-anchor: middle; }
        svg .grid { stroke: var(--grid); stroke-width: 1; }
        svg .future { fill: var(--future); }
        svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
        svg .line.series-1 { stroke: var(--series-1); }
        svg .line.series-2 { stroke: var(--series-2); }
        svg .heat { fill: var(--series-1); }
        svg .hover { fill: transparent; }
        svg .hover:hover { fill: var(--ink); fill-opacity: 0.07; }
        i.series-1, rect.series-1 { background: var(--series-1); fill: var(--series-1); }
        i.series-2, rect.series-2 { background: var(--series-2); fill: var(--series-2); }
        i.series-3, rect.series-3 { background: var(--series-3); fill: var(--series-3); }
        i.series-4, rect.series-4 { background: var(--series-4); fill: var(--series-4); }
        i.neutral, rect.neutral { background: var(--neutral); fill: var(--neutral); }
        """;
}
