using System.Collections.Concurrent;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Ledger;

/// <summary>The ledgers of a process: one for each warehouse, one of them the primary, which holds runs and steps.</summary>
/// <param name="primary">The warehouse whose ledger records runs.</param>
/// <param name="options">How the ledgers keep their leases.</param>
/// <param name="loggerFactory">Logs, or null for none.</param>
public sealed class RunLedgers(IWarehouse primary, LedgerOptions? options = null, ILoggerFactory? loggerFactory = null) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<IWarehouse, RunLedger> _ledgers = new(ReferenceEqualityComparer.Instance);

    /// <summary>The ledger that records runs and steps.</summary>
    public IRunLedger Primary => For(primary);

    /// <summary>The ledger in a warehouse's own database.</summary>
    public IRunLedger For(IWarehouse warehouse) => _ledgers.GetOrAdd(warehouse, w => new RunLedger(w, options, loggerFactory));

    /// <summary>Releases what the ledgers hold.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var ledger in _ledgers.Values) await ledger.DisposeAsync().ConfigureAwait(false);
    }
}
