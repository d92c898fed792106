using System.Diagnostics;
using System.Diagnostics.Metrics;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Resilience;
using DataPlatform.Telemetry;

namespace DataPlatform.Core.Tests.Telemetry;

/// <summary>The tests set environment variables of the process, so no others may run at the same time.</summary>
[Collection(nameof(ProcessEnvironment))]
public class RunTelemetryTests
{
    private const string Parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    [Fact]
    public void A_run_continues_the_trace_of_the_orchestrator_though_nobody_listens()
    {
        using var environment = new ProcessEnvironment(("TRACEPARENT", Parent), ("TRACESTATE", "argo=1"));

        using var run = RunTelemetry.StartRun("demand");
        using var step = RunTelemetry.StartStep("demand", "trips");

        run.TraceId.ToHexString().Should().Be("0af7651916cd43dd8448eb211c80319c");
        run.ParentSpanId.ToHexString().Should().Be("b7ad6b7169203331");
        run.TraceStateString.Should().Be("argo=1");
        step.TraceId.Should().Be(run.TraceId);
        step.ParentSpanId.Should().Be(run.SpanId);
        Activity.Current.Should().BeSameAs(step);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("not a traceparent")]
    public void Without_a_valid_parent_a_run_begins_a_trace_of_its_own(string? parent)
    {
        using var environment = new ProcessEnvironment(("TRACEPARENT", parent));

        using var run = RunTelemetry.StartRun("demand");

        run.TraceId.Should().NotBe(default(ActivityTraceId));
        run.ParentSpanId.Should().Be(default(ActivitySpanId));
    }

    [Fact]
    public void Listeners_get_the_run_and_its_steps_under_the_orchestrators_span()
    {
        using var environment = new ProcessEnvironment(("TRACEPARENT", Parent));
        var stopped = new List<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == DataPlatformTelemetry.ActivitySourceName,
            Sample = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = stopped.Add,
        };
        ActivitySource.AddActivityListener(listener);
        var telemetry = new RunTelemetry();

        using (RunTelemetry.StartRun("demand"))
        {
            using var step = RunTelemetry.StartStep("demand", "trips");
            telemetry.RecordStep("demand", Step(RunStatus.Failed, new Failure(FailureClass.Data, "Too many bad rows.")), step);
        }

        stopped.Select(a => a.DisplayName).Should().Equal("step trips", "run demand");
        stopped.Should().OnlyContain(a => a.TraceId.ToHexString() == "0af7651916cd43dd8448eb211c80319c");
        stopped[0].Status.Should().Be(ActivityStatusCode.Error);
        stopped[0].StatusDescription.Should().Be("Too many bad rows.");
        stopped[0].GetTagItem("failure_class").Should().Be("data");
    }

    [Fact]
    public void Runs_and_steps_are_measured_with_bounded_tags()
    {
        var measured = new List<string>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == DataPlatformTelemetry.MeterName) l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((i, value, tags, _) => measured.Add(Line(i, value, tags)));
        listener.SetMeasurementEventCallback<long>((i, value, tags, _) => measured.Add(Line(i, value, tags)));
        listener.Start();
        var telemetry = new RunTelemetry();
        var step = Step(RunStatus.Succeeded, null);

        telemetry.RecordStep("demand", step);
        var run = new RunInfo("id", "demand", "Test", new DateOnly(2026, 1, 1), null, null);
        telemetry.RecordRun(new PipelineRunResult(run, RunStatus.Succeeded, null, DateTimeOffset.UnixEpoch, TimeSpan.FromSeconds(2.5), [step]));

        measured.Should().Equal(
            "dataplatform.step.duration 1.5 s pipeline=demand step=trips status=succeeded failure_class=none",
            "dataplatform.step.rows 10 {row} pipeline=demand step=trips outcome=read",
            "dataplatform.step.rows 8 {row} pipeline=demand step=trips outcome=written",
            "dataplatform.step.rows 2 {row} pipeline=demand step=trips outcome=rejected",
            "dataplatform.run.duration 2.5 s pipeline=demand status=succeeded failure_class=none");
    }

    private static string Line<T>(Instrument instrument, T value, ReadOnlySpan<KeyValuePair<string, object?>> tags) where T : IFormattable =>
        string.Join(' ', [instrument.Name, value.ToString(null, null), instrument.Unit, .. tags.ToArray().Select(t => $"{t.Key}={t.Value}")]);

    private static StepResult Step(RunStatus status, Failure? failure) => new("trips", status, 10, 8, 2, TimeSpan.FromSeconds(1.5), 1, failure);
}

/// <summary>Sets environment variables of the process and puts them back.</summary>
internal sealed class ProcessEnvironment : IDisposable
{
    private readonly (string Name, string? Value)[] _before;

    public ProcessEnvironment(params (string Name, string? Value)[] variables)
    {
        _before = [.. variables.Select(v => (v.Name, Environment.GetEnvironmentVariable(v.Name)))];
        foreach (var (name, value) in variables) Environment.SetEnvironmentVariable(name, value);
    }

    public void Dispose()
    {
        foreach (var (name, value) in _before) Environment.SetEnvironmentVariable(name, value);
    }
}
