using DataPlatform.Ledger;

namespace DataPlatform.Pipelines;

/// <summary>The leases of one attempt of a step: one in each ledger whose database it writes to, taken when first needed.</summary>
internal sealed class StepLeases(RunInfo run, string step, TimeSpan wait) : IAsyncDisposable
{
    private readonly Dictionary<IRunLedger, Lease> _leases = new(ReferenceEqualityComparer.Instance);
    private readonly SemaphoreSlim _gate = new(1, 1);

    public async Task<Lease> GetAsync(IRunLedger ledger, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_leases.TryGetValue(ledger, out var held)) return held;
            return _leases[ledger] = await ledger.AcquireLeaseAsync($"{run.Pipeline}/{step}", run, wait, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var lease in _leases.Values) await lease.DisposeAsync().ConfigureAwait(false);
        _gate.Dispose();
    }
}
