using DataPlatform.Ledger;
using DataPlatform.Warehouses;

namespace DataPlatform.Pipelines;

/// <summary>A load that adds its rows to the step's counts when it ends.</summary>
internal sealed class CountedLoad(LoadTransaction load, RowCounter counter) : LoadTransaction
{
    public override long LoadId => load.LoadId;

    public override IWarehouseTransaction Warehouse => load.Warehouse;

    public override void AddObject(string path, string etag, long rows) => load.AddObject(path, etag, rows);

    public override void SetCursor(string name, string value) => load.SetCursor(name, value);

    public override void SetContract(string version, string columns) => load.SetContract(version, columns);

    public override void Reject(in RejectedRow row) => load.Reject(row);

    public override Task ReplayAsync(IReadOnlyCollection<long> loads, long rows, CancellationToken cancellationToken = default) => load.ReplayAsync(loads, rows, cancellationToken);

    public override async Task CommitAsync(RowBalance rows, CancellationToken cancellationToken = default)
    {
        await load.CommitAsync(rows, cancellationToken).ConfigureAwait(false);
        counter.Add(rows.Read, rows.Written, rows.Rejected);
    }

    public override async Task AbandonAsync(RowBalance rows, string reason, CancellationToken cancellationToken = default)
    {
        await load.AbandonAsync(rows, reason, cancellationToken).ConfigureAwait(false);
        counter.Add(rows.Read, rejected: rows.Rejected);
    }

    public override ValueTask DisposeAsync() => load.DisposeAsync();
}
