using DataPlatform.Warehouses;

namespace DataPlatform.Ledger;

/// <summary>A lease on a name with its fencing token. Renewed in the background until disposed of, which releases it.</summary>
public abstract class Lease : IAsyncDisposable
{
    /// <summary>What it is on: <c>pipeline/step</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Greater than the token of every holder before. The database refuses a commit under an older one.</summary>
    public abstract long Token { get; }

    /// <summary>Cancelled when the lease is lost to another holder.</summary>
    public abstract CancellationToken Lost { get; }

    /// <summary>Commits a transaction if the lease is still held; the check and the commit are one, whatever else happens at the time.</summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Transient"/>: it is not held any more. Nothing was committed.</exception>
    public abstract Task CommitAsync(IWarehouseTransaction transaction, CancellationToken cancellationToken = default);

    /// <summary>Releases it.</summary>
    public abstract ValueTask DisposeAsync();
}
