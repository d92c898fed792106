namespace DataPlatform.Ingestion;

/// <summary>Spaces requests evenly.</summary>
internal sealed class RequestPacer(double perSecond, TimeProvider time) : IDisposable
{
    private readonly TimeSpan _interval = TimeSpan.FromSeconds(1 / perSecond);
    private readonly SemaphoreSlim _turn = new(1);
    private long? _last;

    /// <summary>Waits until the next request may be sent.</summary>
    public async Task WaitAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_last is { } last && _interval - time.GetElapsedTime(last) is var left && left > TimeSpan.Zero) await Task.Delay(left, time, cancellationToken).ConfigureAwait(false);
            _last = time.GetTimestamp();
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();
}
