using System.Xml.Linq;
using DataPlatform.Ledger;
using DataPlatform.MLOps;
using DataPlatform.Pipelines;
using ReferencePipeline.Report;

namespace DataPlatform.Samples.Tests;

public sealed class ReportTests
{
    [Fact]
    public void It_shows_what_the_run_found()
    {
        var page = ReportPage.Render(Data());

        page.Should().Contain("Demand for Friday, 1 May").And.Contain("240").And.Contain("1.25").And.Contain("50 % better")
            .And.Contain("trips: fare … is not a decimal").And.Contain("#7 raw.trips").And.Contain("1,000 read");
    }

    [Fact]
    public void It_is_one_well_formed_file_that_asks_for_nothing_else()
    {
        var page = ReportPage.Render(Data());

        page.Should().NotContain("http").And.NotContain("<script").And.NotContain("url(").And.NotContain("@import").And.NotContain("src=");
        foreach (var chart in Charts(page)) XElement.Parse(chart).Descendants("rect").Should().NotBeEmpty();
    }

    [Fact]
    public void Names_cannot_break_out_of_their_place()
    {
        var page = ReportPage.Render(Data() with { Tomorrow = [new("<b>\"The Green\"</b>", [.. Enumerable.Repeat(1m, 24)])] });

        page.Should().Contain("&lt;b&gt;&quot;The Green&quot;&lt;/b&gt;").And.NotContain("<b>");
    }

    [Fact]
    public void A_run_without_rejected_rows_has_a_report_too()
    {
        ReportPage.Render(Data() with { Rejections = [] }).Should().Contain("None.");
    }

    [Fact]
    public void A_bar_is_as_long_as_its_share()
    {
        var chart = XElement.Parse(Chart.Bars([new("all", "100", [new("written", "series-1", 100)]), new("half", "50", [new("written", "series-1", 50)])]));

        var lengths = chart.Descendants("rect").Select(bar => (double)bar.Attribute("width")!).ToList();
        lengths[1].Should().BeApproximately(lengths[0] / 2, 1.5);
    }

    [Fact]
    public void A_line_has_a_gap_where_there_is_no_value()
    {
        double?[] values = [.. Enumerable.Range(0, 24).Select(hour => hour == 12 ? (double?)null : hour)];

        var path = (string)XElement.Parse(Chart.Lines([new DateOnly(2026, 4, 30)], [new("actual", "series-1", values)], new DateOnly(2026, 5, 1))).Element("path")!.Attribute("d")!;

        path.Count(c => c == 'M').Should().Be(2);
        path.Count(c => c == 'L').Should().Be(21);
    }

    private static IEnumerable<string> Charts(string page)
    {
        for (var at = page.IndexOf("<svg", StringComparison.Ordinal); at >= 0; at = page.IndexOf("<svg", at + 1, StringComparison.Ordinal))
            yield return page[at..(page.IndexOf("</svg>", at, StringComparison.Ordinal) + 6)];
    }

    private static ReportData Data()
    {
        var day = new DateOnly(2026, 4, 30);
        var run = new RunInfo("20260501-000000-12345678", "bike-demand", "Development", day, "0123456789abcdef", null);
        var start = new DateTimeOffset(2026, 5, 1, 0, 0, 0, TimeSpan.Zero);
        return new ReportData(
            run, "./data/lake", "./data/warehouse.duckdb",
            [new StepRunRecord(run.RunId, "trips", RunStatus.Succeeded, 1, start, start.AddSeconds(1.5), 1000, 900, 100, FailureClass.None, null, new Dictionary<string, string>())],
            [new LoadRecord(7, run.RunId, run.Pipeline, "trips", "raw.trips", "merge", "committed", new RowBalance(1000, 900, 50, 50), start, start)],
            [new Rejection("trips", "fare … is not a decimal", 50)],
            [
                .. Enumerable.Range(-6 * 24, 8 * 24).Select(hour => new HourOfDemand(
                    day.ToDateTime(TimeOnly.MinValue).AddHours(hour), hour < 24 ? 5 + hour % 7 : null, 10)),
            ],
            [new StationForecast("Old Harbour", [.. Enumerable.Repeat(10m, 24)])],
            [
                new ModelVersion
                {
                    Model = "demand-model", Version = 3, Stage = ModelStage.None, Aliases = ["candidate", "champion"], ArtifactSha256 = new string('a', 64), ArtifactSize = 1,
                    CreatedAt = start, RunId = run.RunId, Metrics = new Dictionary<string, double> { ["mae"] = 1.25, ["mae_last_week"] = 2.5, ["r2"] = 0.9 },
                },
            ],
            Trips: 900);
    }
}
