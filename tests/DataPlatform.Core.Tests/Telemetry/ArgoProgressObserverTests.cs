using CsCheck;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Resilience;
using DataPlatform.Telemetry;
using DataPlatform.Testing;
using Microsoft.Extensions.Time.Testing;

namespace DataPlatform.Core.Tests.Telemetry;

public sealed class ArgoProgressObserverTests : IDisposable
{
    private static readonly RunInfo Run = new("id", "demand", "Test", new DateOnly(2026, 1, 1), null, null);

    private readonly ScratchFolder _folder = new();
    private readonly FakeTimeProvider _time = new();

    private string Path => _folder.Combine("progress");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Progress_goes_from_nothing_to_a_hundred_for_each_step()
    {
        var observer = Start("one", "two");
        Written().Should().Be("0/200");

        _time.Advance(TimeSpan.FromSeconds(1));
        observer.StepProgressed(Run, "one", 250, 1000, null);
        Written().Should().Be("25/200");

        Finish(observer, "one");
        Finish(observer, "two");
        observer.RunFinished(Result());
        Written().Should().Be("200/200");
    }

    [Fact]
    public void It_is_written_at_most_once_a_second_and_at_the_end()
    {
        var observer = Start("one");
        observer.StepProgressed(Run, "one", 50, 100, null);
        Written().Should().Be("0/100");

        _time.Advance(TimeSpan.FromSeconds(0.9));
        observer.StepProgressed(Run, "one", 60, 100, null);
        Written().Should().Be("0/100");

        _time.Advance(TimeSpan.FromSeconds(0.2));
        observer.StepProgressed(Run, "one", 70, 100, null);
        Written().Should().Be("70/100");

        observer.StepProgressed(Run, "one", 80, 100, null);
        observer.RunFinished(Result());
        Written().Should().Be("80/100");
    }

    [Fact]
    public void It_never_goes_back_whatever_steps_report() =>
        Gen.Select(Gen.Bool.Select(first => first ? "one" : "two"), Gen.Long[-5, 200], Gen.OneOf(Gen.Long[-1, 150].Select(t => (long?)t), Gen.Const((long?)null))).Array[0, 30].Sample(reports =>
        {
            var observer = Start("one", "two");
            var before = 0;
            foreach (var (step, done, total) in reports)
            {
                _time.Advance(TimeSpan.FromSeconds(2));
                observer.StepProgressed(Run, step, done, total, null);
                var now = int.Parse(Written().Split('/')[0], System.Globalization.CultureInfo.InvariantCulture);
                now.Should().BeInRange(before, 200);
                before = now;
            }
        }, threads: 1);

    [Fact]
    public void A_failed_step_does_not_count_as_done()
    {
        var observer = Start("one");
        observer.StepFinished(Run, new StepResult("one", RunStatus.Failed, 0, 0, 0, TimeSpan.Zero, 1, new Failure(FailureClass.Data, "Bad.")));
        observer.RunFinished(Result());

        Written().Should().Be("0/100");
    }

    [Fact]
    public void A_file_that_cannot_be_written_does_not_disturb_the_run()
    {
        var observer = new ArgoProgressObserver(_folder.Combine("missing", "progress"), _time);

        observer.RunStarted(Run, [new StepDefinition("one", "step", _ => null!)]);
        Finish(observer, "one");
        observer.RunFinished(Result());

        Directory.GetFileSystemEntries(_folder.Path).Should().BeEmpty();
    }

    private ArgoProgressObserver Start(params string[] steps)
    {
        var observer = new ArgoProgressObserver(Path, _time);
        observer.RunStarted(Run, [.. steps.Select(s => new StepDefinition(s, "step", _ => null!))]);
        return observer;
    }

    private static void Finish(ArgoProgressObserver observer, string step) =>
        observer.StepFinished(Run, new StepResult(step, RunStatus.Succeeded, 0, 0, 0, TimeSpan.Zero, 1, null));

    private static PipelineRunResult Result() => new(Run, RunStatus.Succeeded, null, DateTimeOffset.UnixEpoch, TimeSpan.Zero, []);

    private string Written() => File.ReadAllText(Path);
}
