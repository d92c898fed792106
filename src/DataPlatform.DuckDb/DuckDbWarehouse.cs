using System.Collections.Concurrent;
using System.Data.Common;
using System.Runtime.CompilerServices;
using Apache.Arrow;
using DataPlatform.DuckDb.Columns;
using DataPlatform.Lineage;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DataPlatform.DuckDb;

/// <summary>
/// A warehouse in a DuckDB file. DuckDB runs within this process, and only one process can have a file open: another one waits until this one ends or
/// disposes of the warehouse.
/// </summary>
public sealed class DuckDbWarehouse : IWarehouse
{
    // Of all warehouses of this process: two of them may be on one file.
    private static readonly ConcurrentDictionary<string, bool> LiveSessions = new(StringComparer.Ordinal);

    private readonly DuckDbDatabase _database;

    /// <summary>Makes the warehouse without opening the file yet.</summary>
    /// <param name="name">The name it is known by.</param>
    /// <param name="connectionString"><c>DataSource=./data/warehouse.duckdb</c>, settings of DuckDB after it; or the path of a file alone.</param>
    /// <param name="options">What else it does.</param>
    /// <param name="loggerFactory">Where it logs.</param>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: the connection string cannot be read.</exception>
    public DuckDbWarehouse(string name, string connectionString, DuckDbWarehouseOptions? options = null, ILoggerFactory? loggerFactory = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        options ??= new DuckDbWarehouseOptions();
        Name = name;
        SessionName = $"dataplatform-{Guid.NewGuid():N}"[..25];
        _database = new DuckDbDatabase(
            name, DuckDbConnectionString.Parse(name, connectionString, options), options, (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<DuckDbWarehouse>());
        LiveSessions[SessionName] = true;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string System => "duckdb";

    /// <summary>The full path of the file.</summary>
    public string Location => _database.Location;

    /// <inheritdoc/>
    public Dataset GetDataset(TableName table) => new($"duckdb://{Location}", $"{_database.Catalog}.{table}");

    /// <summary>The name of this object's sessions: <c>dataplatform-</c> and twelve random hexadecimal digits.</summary>
    public string SessionName { get; }

    /// <inheritdoc/>
    public async Task<DbConnection> OpenConnectionAsync(CancellationToken cancellationToken = default) =>
        (await _database.ConnectAsync(cancellationToken).ConfigureAwait(false)).Connection;

    /// <inheritdoc/>
    public async Task<IWarehouseTransaction> BeginAsync(CancellationToken cancellationToken = default) =>
        new DuckDbTransaction(_database, await _database.ConnectAsync(cancellationToken).ConfigureAwait(false));

    /// <inheritdoc/>
    public async Task<IWarehouseTransaction> BeginSnapshotAsync(CancellationToken cancellationToken = default)
    {
        var transaction = new DuckDbTransaction(_database, await _database.ConnectAsync(cancellationToken).ConfigureAwait(false));
        await transaction.BeginAsync(cancellationToken).ConfigureAwait(false);
        return transaction;
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Types that Arrow lacks come as text, in the form DuckDB gives them; HUGEINT, which <c>sum</c> of integers returns, as Decimal128(38, 0).
    /// </remarks>
    public async IAsyncEnumerable<RecordBatch> ReadAsync(
        string sql, IReadOnlyList<object?>? parameters, int batchBytes, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(sql);
        await using var session = await _database.ConnectAsync(cancellationToken).ConfigureAwait(false);
        using var reader = await session.RunAsync(native => RecordBatchReader.Open(native, sql, parameters, _database.Errors), cancellationToken).ConfigureAwait(false);
        while (await session.RunAsync(_ => reader.Read(batchBytes), cancellationToken).ConfigureAwait(false) is { } batch) yield return batch;
    }

    /// <summary>Whether the name is that of a warehouse of this process that is in use. Sessions of other processes cannot be there.</summary>
    public Task<bool> IsSessionAliveAsync(string sessionName, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(sessionName);
        return Task.FromResult(LiveSessions.ContainsKey(sessionName));
    }

    /// <summary>Does nothing: when a process ends its sessions end, and no other process can open the file before.</summary>
    public Task EndSessionsAsync(string sessionName, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(sessionName);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task CheckAsync(CancellationToken cancellationToken = default)
    {
        await using var transaction = await BeginAsync(cancellationToken).ConfigureAwait(false);
        // A name of its own: two that create the same one at once conflict, and checks run at the same time.
        await transaction.ExecuteAsync($"CREATE TABLE main.\"_dataplatform check {Guid.NewGuid():N}\" (n INTEGER)", cancellationToken: cancellationToken).ConfigureAwait(false);
        _database.CheckFolder();
    }

    /// <summary>Closes the file, once the connections that callers have opened are closed too.</summary>
    public async ValueTask DisposeAsync()
    {
        LiveSessions.TryRemove(SessionName, out _);
        await _database.DisposeAsync().ConfigureAwait(false);
    }
}
