using DataPlatform.DuckDb.Native;
using DuckDB.NET.Data;
using DuckDB.NET.Native;

namespace DataPlatform.DuckDb;

/// <summary>A connection whose statements run on the thread pool and stop when they are cancelled.</summary>
internal sealed class DuckDbSession(DuckDbDatabase database, DuckDBConnection connection) : IAsyncDisposable
{
    private static readonly TimeSpan InterruptInterval = TimeSpan.FromMilliseconds(20);

    /// <summary>The connection.</summary>
    public DuckDBConnection Connection => connection;

    /// <summary>Runs one statement.</summary>
    public Task<long> ExecuteAsync(string sql, CancellationToken cancellationToken) =>
        RunAsync(native => Statement.Execute(native, sql, database.Errors), cancellationToken);

    /// <summary>Runs statements that may need memory up to the limit.</summary>
    public Task<T> RunAsync<T>(Func<DuckDBNativeConnection, T> work, CancellationToken cancellationToken) =>
        RunLightAsync(native => database.WithMemory(() => work(native)), cancellationToken);

    /// <summary>Runs statements that need little memory: they do not hold off <see cref="DuckDbDatabase.ReleaseWrittenBlocks"/>.</summary>
    public async Task<T> RunLightAsync<T>(Func<DuckDBNativeConnection, T> work, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var native = connection.NativeConnection;
        var running = Task.Run(() => work(native), CancellationToken.None);
        var registration = cancellationToken.UnsafeRegister(static state =>
        {
            var (native, running) = ((DuckDBNativeConnection, Task<T>))state!;
            _ = InterruptAsync(native, running);
        }, (native, running));
        await using (registration.ConfigureAwait(false)) return await running.ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync() => await Task.Run(connection.Dispose).ConfigureAwait(false);

    // DuckDB forgets an interruption that comes between two statements, or before the first one has begun.
    private static async Task InterruptAsync(DuckDBNativeConnection native, Task running)
    {
        using var timer = new PeriodicTimer(InterruptInterval);
        do native.Interrupt();
        while (!running.IsCompleted && await timer.WaitForNextTickAsync().ConfigureAwait(false) && !running.IsCompleted);
    }
}
