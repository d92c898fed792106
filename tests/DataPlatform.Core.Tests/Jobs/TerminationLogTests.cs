using System.Text;
using System.Text.Json;
using CsCheck;
using DataPlatform.Jobs;
using DataPlatform.Resilience;
using DataPlatform.Testing;

namespace DataPlatform.Core.Tests.Jobs;

public class TerminationLogTests
{
    private static readonly Gen<string> Texts = Gen.OneOf(
        Gen.String[0, 50], Gen.String[Gen.Char["aé漢\"\\\n\u0001"], 0, 3000], Gen.Int[0, 2000].Select(n => string.Concat(Enumerable.Repeat("🚲", n))));

    private static readonly Gen<JobSummaryStep> Steps = Gen.Select(Gen.String[Gen.Char['a', 'z'], 1, 63], Gen.Long[0, long.MaxValue], Gen.OneOf(Texts.Select(t => (string?)t), Gen.Const((string?)null)))
        .Select((name, rows, error) => new JobSummaryStep(name, error is null ? "succeeded" : "failed", rows, rows, rows, 1.5, error));

    private static readonly Gen<JobSummary> Summaries = Gen.Select(Texts, Texts, Texts, Steps.Array[0, 120])
        .Select((runId, pipeline, error, steps) => new JobSummary(runId, pipeline, "failed", 65, "data", error, DateTime.UnixEpoch, 1.5, steps));

    [Fact]
    public void A_summary_is_always_valid_json_of_at_most_4096_bytes() => Summaries.Sample(summary =>
    {
        var json = TerminationLog.Fit(summary);

        json.Length.Should().BeLessThanOrEqualTo(4096);
        using var document = JsonDocument.Parse(json);
        document.RootElement.GetProperty("exitCode").GetInt32().Should().Be(65);
        document.RootElement.GetProperty("status").GetString().Should().Be("failed");
        document.RootElement.GetProperty("steps").ValueKind.Should().Be(JsonValueKind.Array);
    }, iter: 500);

    [Fact]
    public void A_short_summary_is_written_whole()
    {
        var summary = Summary(new string('x', 500), 3);

        TerminationLog.Fit(summary).Should().Equal(summary.ToJson());
    }

    [Fact]
    public void Errors_are_shortened_before_steps_are_left_out()
    {
        using var document = JsonDocument.Parse(TerminationLog.Fit(Summary(new string('x', 4000), 10)));

        var steps = document.RootElement.GetProperty("steps");
        steps.GetArrayLength().Should().Be(10);
        steps[0].GetProperty("error").GetString().Should().StartWith("xxx").And.EndWith("…").And.HaveLength(150);
    }

    [Fact]
    public void Steps_that_failed_are_kept_rather_than_others()
    {
        var succeeded = Enumerable.Range(0, 100).Select(i => new JobSummaryStep($"step-{i}", "succeeded", 1, 1, 0, 1, null));
        var summary = Summary("Bad.", 0) with { Steps = [.. succeeded, new JobSummaryStep("the-culprit", "failed", 1, 0, 1, 1, "Too many bad rows.")] };

        Encoding.UTF8.GetString(TerminationLog.Fit(summary)).Should().Contain("the-culprit").And.Contain("Too many bad rows.");
    }

    [Fact]
    public void The_file_is_overwritten_when_it_exists_and_not_created_when_it_does_not()
    {
        using var folder = new ScratchFolder();
        var path = folder.Combine("termination-log");

        TerminationLog.TryWrite(path, Summary("Bad.", 1));
        File.Exists(path).Should().BeFalse();

        File.WriteAllText(path, new string('?', 10_000));
        TerminationLog.TryWrite(path, Summary("Bad.", 1));
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        document.RootElement.GetProperty("error").GetString().Should().Be("Bad.");
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_no_failure() => TerminationLog.TryWrite("/proc/version", Summary("Bad.", 1));

    private static JobSummary Summary(string error, int steps)
    {
        var failure = new Failure(FailureClass.Data, error);
        return JobSummary.Create("run-1", "demand", failure, DateTimeOffset.UnixEpoch, TimeSpan.FromSeconds(1),
            [.. Enumerable.Range(0, steps).Select(i => new JobSummaryStep($"step-{i}", "failed", 1, 1, 0, 1, error))]);
    }
}
