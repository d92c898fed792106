using DataPlatform.Jobs;
using Microsoft.Extensions.Time.Testing;

namespace DataPlatform.Core.Tests.Jobs;

public sealed class ShutdownSignalsTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly List<string> _announced = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly ShutdownSignals _signals;

    public ShutdownSignalsTests() => _signals = new ShutdownSignals(TimeSpan.FromSeconds(25), _announced.Add, _time, _stop.Token);

    public void Dispose()
    {
        _signals.Dispose();
        _stop.Dispose();
    }

    [Fact]
    public void The_first_signal_drains_and_says_so()
    {
        _signals.Request("SIGTERM");

        _signals.Drain.IsCancellationRequested.Should().BeTrue();
        _signals.Abort.IsCancellationRequested.Should().BeFalse();
        _announced.Should().Equal("SIGTERM: stopping, in 25 s at most. A second signal stops at once.");
    }

    [Fact]
    public void The_second_signal_ends_at_once()
    {
        _signals.Request("SIGTERM");
        _signals.Request("SIGTERM");

        _signals.Abort.IsCancellationRequested.Should().BeTrue();
        _announced.Should().ContainSingle();
    }

    [Fact]
    public void Draining_is_bounded_by_the_grace_period()
    {
        _signals.SetGracePeriod(TimeSpan.FromSeconds(10));
        _signals.Request("SIGTERM");

        _time.Advance(TimeSpan.FromSeconds(9.9));
        _signals.Abort.IsCancellationRequested.Should().BeFalse();
        _time.Advance(TimeSpan.FromSeconds(0.2));
        _signals.Abort.IsCancellationRequested.Should().BeTrue();
    }

    [Fact]
    public void Cancelling_the_callers_token_drains_too()
    {
        _stop.Cancel();

        _signals.Drain.IsCancellationRequested.Should().BeTrue();
    }
}
