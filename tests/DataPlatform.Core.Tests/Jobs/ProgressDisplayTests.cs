using DataPlatform.Jobs;
using DataPlatform.Jobs.Output;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Resilience;
using DataPlatform.Secrets;
using Microsoft.Extensions.Time.Testing;
using Spectre.Console.Testing;

namespace DataPlatform.Core.Tests.Jobs;

public sealed class ProgressDisplayTests : IDisposable
{
    private static readonly RunInfo Run = new("r-1", "demand", "Test", new DateOnly(2026, 1, 1), null, null);

    private readonly FakeTimeProvider _time = new();
    private readonly SecretMasker _masker = new();
    private readonly RunProgress _progress;
    private readonly TestConsole _console = new TestConsole().Width(120);

    public ProgressDisplayTests()
    {
        _progress = new RunProgress(_time);
        _progress.RunStarted(Run, [.. new[] { "trips", "weather", "marts", "train" }.Select(s => new StepDefinition(s, "step", _ => null!))]);
    }

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Each_step_shows_how_far_it_is()
    {
        _masker.Add(["topsecret"]);
        _progress.StepStarted(Run, "trips", 1);
        _progress.StepStarted(Run, "weather", 1);
        _time.Advance(TimeSpan.FromSeconds(2));
        _progress.StepProgressed(Run, "trips", 1_000_000, 4_000_000, "trips-[01]-topsecret.csv");
        _progress.StepFinished(Run, new StepResult("weather", RunStatus.Failed, 0, 0, 0, TimeSpan.FromSeconds(1.2), 1, new Failure(FailureClass.Data, "Bad.")));

        _console.Write(new ProgressDisplay(_progress, _masker, _time).DrawSteps());

        _console.Lines.Select(l => l.TrimEnd()).Should().Equal(
            "▶  trips    ━━━━━━━━━━━━━━━━━━━━  1,000,000 / 4,000,000  500,000/s  2.0  trips-[01]-***.csv",
            "✗  weather                                                          1.2",
            "·  marts",
            "·  train");
    }

    [Fact]
    public void The_summary_tells_what_each_step_did_and_why_the_run_failed()
    {
        var failure = new Failure(FailureClass.Data, "3 of 10 rows were rejected.", "Look at the quarantine.");
        var result = new PipelineRunResult(Run, RunStatus.Failed, failure, DateTimeOffset.UnixEpoch, TimeSpan.FromSeconds(3.26),
        [
            new StepResult("trips", RunStatus.Failed, 12_345, 12_342, 3, TimeSpan.FromSeconds(3.2), 1, failure),
            new StepResult("marts", RunStatus.Skipped, 0, 0, 0, TimeSpan.Zero, 0, new Failure(FailureClass.Terminated, "Not run.")),
        ]);

        _console.Write(ProgressDisplay.DrawSummary(JobSummary.Of(result, failure)));

        _console.Lines.Select(l => l.TrimEnd()).Should().Equal(
            "╭───────┬─────────┬────────┬─────────┬──────────┬─────────╮",
            "│ step  │ status  │   read │ written │ rejected │ seconds │",
            "├───────┼─────────┼────────┼─────────┼──────────┼─────────┤",
            "│ trips │ failed  │ 12,345 │  12,342 │        3 │     3.2 │",
            "│ marts │ skipped │      0 │       0 │        0 │     0.0 │",
            "╰───────┴─────────┴────────┴─────────┴──────────┴─────────╯",
            "Run r-1 failed in 3.3 s, exit code 65 (data)",
            "3 of 10 rows were rejected. Look at the quarantine.");
    }

    [Fact]
    public void A_line_written_above_the_live_rows_wipes_them_first()
    {
        var console = new TestConsole().EmitAnsiSequences();

        console.Write(new AboveLive(new Spectre.Console.Text("log line\n")));

        console.Output.Should().StartWith("\u001b[J").And.Contain("log line");
    }

    [Fact]
    public void A_run_cut_short_is_summed_up_from_what_is_known_of_its_steps()
    {
        _progress.StepStarted(Run, "trips", 1);
        _progress.StepFinished(Run, new StepResult("trips", RunStatus.Succeeded, 5, 5, 0, TimeSpan.FromSeconds(1), 1, null));
        _progress.StepStarted(Run, "weather", 1);
        _time.Advance(TimeSpan.FromSeconds(4));

        _progress.Snapshot().Select(s => s.ToSummary(_time.GetUtcNow())).Should().Equal(
            new JobSummaryStep("trips", "succeeded", 5, 5, 0, 1, null),
            new JobSummaryStep("weather", "terminated", 0, 0, 0, 4, null),
            new JobSummaryStep("marts", "skipped", 0, 0, 0, 0, null),
            new JobSummaryStep("train", "skipped", 0, 0, 0, 0, null));
    }
}
