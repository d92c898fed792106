using System.Collections.Concurrent;
using System.Globalization;
using DataPlatform.DuckDb.Native;
using DataPlatform.Warehouses;
using DuckDB.NET.Data;
using DuckDB.NET.Native;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;

namespace DataPlatform.DuckDb;

/// <summary>One open database file: waits for it, sets it up, and hands out sessions on it.</summary>
internal sealed class DuckDbDatabase(
    string name, DuckDbConnectionString connectionString, DuckDbWarehouseOptions options, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan LockPollInterval = TimeSpan.FromMilliseconds(100);

    // Blocks that a load has written stay in memory until DuckDB's limit is reached; above this they are let go.
    private const long WrittenBlocksLimit = 16 * 1024 * 1024;

    private readonly SemaphoreSlim _opening = new(1, 1);
    private readonly SemaphoreSlim _creatingSchema = new(1, 1);
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _names = new(StringComparer.OrdinalIgnoreCase);
    private readonly Lock _memory = new();
    private int _statements;

    // Keeps the database open while no session is.
    private DuckDBConnection? _root;

    public DuckDbErrors Errors { get; } = new(name, connectionString.DataSource);

    public string Location => connectionString.DataSource;

    /// <summary>What DuckDB calls the database: the file's name up to the first dot.</summary>
    public string Catalog => connectionString.InMemory ? "memory" : Path.GetFileName(Location).Split('.')[0];

    /// <summary>Opens the database if needed, and a session on it.</summary>
    public async Task<DuckDbSession> ConnectAsync(CancellationToken cancellationToken)
    {
        var root = await OpenAsync(cancellationToken).ConfigureAwait(false);
        var connection = connectionString.InMemory ? root.Duplicate() : new DuckDBConnection(root.ConnectionString);
        connection.Open();
        return new DuckDbSession(this, connection);
    }

    /// <summary>Creates a schema in a transaction of its own, so that steps that create it at the same time do not conflict.</summary>
    public async Task CreateSchemaAsync(string schema, CancellationToken cancellationToken)
    {
        await _creatingSchema.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await using var session = await ConnectAsync(cancellationToken).ConfigureAwait(false);
            await session.ExecuteAsync($"CREATE SCHEMA IF NOT EXISTS {TableName.Quote(schema)}", cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _creatingSchema.Release();
        }
    }

    /// <summary>The lock on what has this name.</summary>
    public SemaphoreSlim NameLock(TableName table) => _names.GetOrAdd(table.ToString(), static _ => new SemaphoreSlim(1, 1));

    /// <summary>Waits for a lock, and not forever: two transactions may wait for each other.</summary>
    public async Task WaitAsync(SemaphoreSlim nameLock, TableName table, CancellationToken cancellationToken)
    {
        if (await nameLock.WaitAsync(options.LockTimeout, cancellationToken).ConfigureAwait(false)) return;
        throw Errors.Failed(FailureClass.Transient, $"another step is creating or replacing {table} and did not end within {options.LockTimeout.TotalSeconds:0.#} s.", "Run again, or run one step after the other.");
    }

    /// <summary>Checks that files can be made next to the database's: DuckDB makes one when it commits.</summary>
    public void CheckFolder()
    {
        if (connectionString.InMemory) return;
        try
        {
            File.Create($"{connectionString.DataSource}.{Guid.NewGuid():N}.check", bufferSize: 1, FileOptions.DeleteOnClose).Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CannotWrite($"files cannot be created next to the database: {e.Message}", e);
        }
    }

    /// <summary>Runs a statement that may need memory up to the limit.</summary>
    public T WithMemory<T>(Func<T> statement)
    {
        lock (_memory) _statements++;
        try
        {
            return statement();
        }
        finally
        {
            lock (_memory) _statements--;
        }
    }

    /// <summary>
    /// Lets go of blocks that are already in the file, so that a load takes as much memory for a hundred million rows as for one. DuckDB lets go of
    /// them only when its memory limit is lowered, so it is, for a moment in which no other statement runs.
    /// </summary>
    public void ReleaseWrittenBlocks()
    {
        lock (_memory)
        {
            if (_statements > 0 || _root is null || connectionString.InMemory) return;
            var connection = _root.NativeConnection;
            var (inUse, written, working) = MemoryInUse(connection);
            if (written <= WrittenBlocksLimit || working > 0) return;
            try
            {
                SetMemoryLimit(connection, string.Create(CultureInfo.InvariantCulture, $"{inUse - written + WrittenBlocksLimit / 2}B"));
            }
            catch (WarehouseException)
            {
                // What is in use grew in the meantime; the blocks are let go of next time.
            }
            finally
            {
                SetMemoryLimit(connection, connectionString.MemoryLimit);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_root is not null) await Task.Run(_root.Dispose).ConfigureAwait(false);
        _root = null;
        _opening.Dispose();
        _creatingSchema.Dispose();
    }

    private (long InUse, long Written, long Working) MemoryInUse(DuckDBNativeConnection connection)
    {
        using var reader = Columns.RecordBatchReader.Open(
            connection,
            """
            SELECT sum(memory_usage_bytes)::BIGINT,
                   sum(memory_usage_bytes) FILTER (tag = 'BASE_TABLE')::BIGINT,
                   sum(memory_usage_bytes) FILTER (tag IN ('HASH_TABLE', 'ORDER_BY', 'COLUMN_DATA', 'WINDOW'))::BIGINT
            FROM duckdb_memory()
            """,
            parameters: null,
            Errors);
        using var batch = reader.Read()!;
        return Columns.RowReader.Read(batch).Single() is [long inUse, long written, long working] ? (inUse, written, working) : default;
    }

    private void SetMemoryLimit(DuckDBNativeConnection connection, string limit) => Statement.Execute(connection, $"SET memory_limit = '{limit}'", Errors);

    private async Task<DuckDBConnection> OpenAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _root) is { } open) return open;
        await _opening.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_root is null) Volatile.Write(ref _root, await OpenWhenFreeAsync(cancellationToken).ConfigureAwait(false));
            return _root;
        }
        finally
        {
            _opening.Release();
        }
    }

    private async Task<DuckDBConnection> OpenWhenFreeAsync(CancellationToken cancellationToken)
    {
        CreateFolder();
        var attempts = (int)(options.LockTimeout / LockPollInterval);
        try
        {
            return await Task.Run(Open, cancellationToken).ConfigureAwait(false);
        }
        catch (WarehouseException e) when (e.FailureClass == FailureClass.Transient && attempts > 0)
        {
            logger.LogInformation("Waiting up to {Wait} for the database file: {Reason}", options.LockTimeout, e.Message);
        }

        // Most do not have to wait, and a pipeline takes a while to make in a process that has just begun.
        var waiting = new ResiliencePipelineBuilder()
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = new PredicateBuilder().Handle<WarehouseException>(static e => e.FailureClass == FailureClass.Transient),
                Delay = LockPollInterval,
                MaxRetryAttempts = attempts,
            })
            .Build();
        return await waiting.ExecuteAsync(async token => await Task.Run(Open, token).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
    }

    private DuckDBConnection Open()
    {
        var connection = new DuckDBConnection(connectionString.ToString());
        try
        {
            connection.Open();
            Statement.Execute(connection.NativeConnection, "SET GLOBAL TimeZone = 'UTC'", Errors);
            if (Directory.Exists(connectionString.OwnTempDirectory)) Directory.Delete(connectionString.OwnTempDirectory, recursive: true);
            return connection;
        }
        catch (DuckDBException e)
        {
            // Not as the cause: its message can have the value of a setting.
            connection.Dispose();
            throw Errors.From(e.Message, e.ErrorType);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private void CreateFolder()
    {
        if (connectionString.InMemory) return;
        var folder = Path.GetDirectoryName(connectionString.DataSource)!;
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CannotWrite($"the folder {folder} cannot be created: {e.Message}", e);
        }
    }

    private WarehouseException CannotWrite(string message, Exception cause) =>
        Errors.Failed(FailureClass.CannotWrite, message, $"Give the job's user the right to write there, or name another place in ConnectionStrings:{name}.", cause);
}
