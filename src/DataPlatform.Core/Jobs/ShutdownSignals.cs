using System.Runtime.InteropServices;

namespace DataPlatform.Jobs;

/// <summary>
/// Turns SIGTERM and Ctrl+C into cancellation: the first signal asks to drain, and when the grace period is over, or at a second signal,
/// the job is not waited for any longer.
/// </summary>
internal sealed class ShutdownSignals : IDisposable
{
    private readonly CancellationTokenSource _drain = new();
    private readonly CancellationTokenSource _abort;
    private readonly List<IDisposable> _registrations = [];
    private readonly Action<string> _announce;
    private TimeSpan _gracePeriod;
    private int _signals;

    /// <param name="gracePeriod">How long draining may take.</param>
    /// <param name="announce">Tells the user that the job stops, and why.</param>
    /// <param name="time">The clock.</param>
    /// <param name="stop">Another way to ask for a drain.</param>
    public ShutdownSignals(TimeSpan gracePeriod, Action<string> announce, TimeProvider time, CancellationToken stop)
    {
        (_gracePeriod, _announce) = (gracePeriod, announce);
        _abort = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, c => OnSignal(c, "SIGTERM")));
        _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, c => OnSignal(c, "SIGINT")));
        _registrations.Add(stop.Register(() => Request("Stop asked for")));
    }

    /// <summary>Cancelled when the job is told to stop.</summary>
    public CancellationToken Drain => _drain.Token;

    /// <summary>Cancelled when draining took too long or the user insists.</summary>
    public CancellationToken Abort => _abort.Token;

    /// <summary>Changes how long draining may take, once configuration is known.</summary>
    public void SetGracePeriod(TimeSpan gracePeriod) => _gracePeriod = gracePeriod;

    /// <summary>Asks to drain; a second time asks to end at once.</summary>
    public void Request(string reason)
    {
        if (Interlocked.Increment(ref _signals) > 1)
        {
            _abort.Cancel();
            return;
        }

        _announce($"{reason}: stopping, in {_gracePeriod.TotalSeconds:0.#} s at most. A second signal stops at once.");
        _abort.CancelAfter(_gracePeriod);
        _drain.Cancel();
    }

    public void Dispose()
    {
        foreach (var registration in _registrations) registration.Dispose();
        _drain.Dispose();
        _abort.Dispose();
    }

    private void OnSignal(PosixSignalContext context, string name)
    {
        context.Cancel = true;
        Request(name);
    }
}
