using DataPlatform.DuckDb;
using DataPlatform.Ledger;
using DataPlatform.Testing;

namespace DataPlatform.Ingestion.Tests.Loading;

/// <summary>Files to load, and the embedded warehouse to load them into, with its ledger.</summary>
public abstract class LoadsFromFiles : IAsyncDisposable
{
    private protected readonly ScratchFolder _folder = new();
    private protected readonly Inbox _inbox = new();
    private protected readonly DuckDbWarehouse _warehouse;
    private protected readonly RunLedgers _ledgers;

    protected LoadsFromFiles()
    {
        _warehouse = new DuckDbWarehouse("warehouse", $"DataSource={_folder.Combine("test.duckdb")}");
        _ledgers = new RunLedgers(_warehouse);
    }

    private protected static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _ledgers.DisposeAsync();
        await _warehouse.DisposeAsync();
        _inbox.Dispose();
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected async Task<List<object?[]>> QueryAsync(string sql)
    {
        await using var transaction = await _warehouse.BeginAsync(Token);
        return [.. await transaction.QueryAsync(sql, cancellationToken: Token)];
    }
}
