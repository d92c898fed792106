using System.Collections.Concurrent;
using System.Data.Common;
using System.Globalization;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;

namespace DataPlatform.Ledger;

/// <summary>Takes, renews and releases the leases of one process in one ledger.</summary>
/// <remarks>
/// A lease is a row with a token that grows with each holder. Whoever replaces the row by compare-and-swap on the token holds it.
/// A holder counts as gone when its time is over or when no session of its process is left at the database; its remaining sessions
/// are ended so that what they had not committed is rolled back. A paused holder that wakes later fails the token check of
/// <see cref="Lease.CommitAsync"/> inside its own transaction. See M. Kleppmann, "How to do distributed locking", 2016, on fencing tokens.
/// </remarks>
internal sealed class LeaseKeeper(RunLedger ledger, LedgerOptions options, ILogger logger) : IAsyncDisposable
{
    private readonly RunLedger _ledger = ledger;
    private readonly LedgerOptions _options = options;
    private readonly ILogger _logger = logger;
    private readonly ConcurrentDictionary<string, HeldLease> _held = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _opening = new(1, 1);

    // A connection that lives as long as the process: its session is how other processes see that this one is alive.
    private DbConnection? _presence;

    private IWarehouse Warehouse => _ledger.Warehouse;

    public async Task<Lease> AcquireAsync(string name, RunInfo run, TimeSpan wait, CancellationToken cancellationToken)
    {
        await BePresentAsync(cancellationToken).ConfigureAwait(false);
        Holder? blocking = null;
        var polling = new ResiliencePipelineBuilder<HeldLease?>()
            .AddRetry(new RetryStrategyOptions<HeldLease?>
            {
                ShouldHandle = new PredicateBuilder<HeldLease?>().HandleResult(static lease => lease is null),
                Delay = _options.LeasePollInterval,
                MaxRetryAttempts = Math.Max(1, (int)Math.Min(int.MaxValue, wait / _options.LeasePollInterval)),
            })
            .Build();
        var lease = await polling.ExecuteAsync(
            async token =>
            {
                var (taken, holder) = await TryTakeAsync(name, run, token).ConfigureAwait(false);
                if (holder is not null && blocking is null)
                    _logger.LogInformation("Waiting up to {Wait} for '{Lease}', held by {Holder}", wait, name, holder);
                blocking = holder;
                return taken;
            },
            cancellationToken).ConfigureAwait(false);

        return lease ?? throw new DataPlatformException(
            FailureClass.Transient,
            $"'{name}' is being run by another job: {blocking}.",
            "Wait for it to end or stop it, then run again. The time to wait is DataPlatform:LeaseWait.");
    }

    private async Task<(HeldLease? Lease, Holder? Blocking)> TryTakeAsync(string name, RunInfo run, CancellationToken cancellationToken)
    {
        var current = await ReadAsync(name, cancellationToken).ConfigureAwait(false);
        if (current is null)
        {
            var inserted = await _ledger.WriteAsync(
                $"""
                INSERT INTO dataplatform.leases (name, token, holder, session_name, run_id, acquired_at, expires_at)
                VALUES ($1, 1, $2, $3, $4, now(), now() + {Duration})
                ON CONFLICT (name) DO NOTHING
                """,
                [name, RunLedger.Actor, Warehouse.SessionName, run.RunId],
                cancellationToken).ConfigureAwait(false);
            return inserted == 1 ? (Hold(name, 1), null) : (null, await ReadAsync(name, cancellationToken).ConfigureAwait(false));
        }

        if (await IsHeldAsync(name, current, cancellationToken).ConfigureAwait(false)) return (null, current);

        var token = current.Token + 1;
        var swapped = await SwapAsync(name, run, current, token, cancellationToken).ConfigureAwait(false);
        if (swapped == 0) return (null, await ReadAsync(name, cancellationToken).ConfigureAwait(false));
        if (current.SessionName is { } session && session != Warehouse.SessionName)
        {
            _logger.LogWarning("Took over '{Lease}' from {Holder}, which ended without releasing it", name, current);
            await Warehouse.EndSessionsAsync(session, cancellationToken).ConfigureAwait(false);
            await _ledger.AuditAsync(new AuditEvent("lease.overtake", name, run.RunId, $"from run {current.RunId} of {current.Name}"), cancellationToken).ConfigureAwait(false);
        }

        return (Hold(name, token), null);
    }

    private async Task<long> SwapAsync(string name, RunInfo run, Holder current, long token, CancellationToken cancellationToken)
    {
        try
        {
            return await _ledger.WriteAsync(
                $"""
                UPDATE dataplatform.leases
                SET token = $2, holder = $3, session_name = $4, run_id = $5, acquired_at = now(), expires_at = now() + {Duration}
                WHERE name = $1 AND token = $6
                """,
                [name, token, RunLedger.Actor, Warehouse.SessionName, run.RunId, current.Token],
                cancellationToken).ConfigureAwait(false);
        }
        catch (WarehouseException exception) when (exception.FailureClass == FailureClass.Transient)
        {
            // DuckDB refuses one of two that change the row at the same moment: the other one was faster.
            return 0;
        }
    }

    private async Task<bool> IsHeldAsync(string name, Holder holder, CancellationToken cancellationToken)
    {
        if (holder.SessionName is null || !holder.IsInTime) return false;
        return holder.SessionName == Warehouse.SessionName
            ? _held.ContainsKey(name)
            : await Warehouse.IsSessionAliveAsync(holder.SessionName, cancellationToken).ConfigureAwait(false);
    }

    private async Task<Holder?> ReadAsync(string name, CancellationToken cancellationToken)
    {
        var rows = await _ledger.ReadAsync(
            "SELECT token, holder, session_name, run_id, expires_at > now(), acquired_at FROM dataplatform.leases WHERE name = $1", [name], cancellationToken).ConfigureAwait(false);
        return rows is [var row]
            ? new Holder(Convert.ToInt64(row[0], CultureInfo.InvariantCulture), (string?)row[1], (string?)row[2], (string?)row[3], (bool)row[4]!, (DateTimeOffset)row[5]!)
            : null;
    }

    private HeldLease Hold(string name, long token)
    {
        var lease = new HeldLease(this, name, token);
        _held[name] = lease;
        lease.StartRenewing();
        return lease;
    }

    private async Task BePresentAsync(CancellationToken cancellationToken)
    {
        await _opening.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_presence is { State: System.Data.ConnectionState.Open }) return;
            if (_presence is not null) await _presence.DisposeAsync().ConfigureAwait(false);
            _presence = await Warehouse.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _opening.Release();
        }
    }

    private string Duration => string.Create(CultureInfo.InvariantCulture, $"INTERVAL '{_options.LeaseDuration.TotalMilliseconds:0} milliseconds'");

    public async ValueTask DisposeAsync()
    {
        foreach (var lease in _held.Values) await lease.DisposeAsync().ConfigureAwait(false);
        if (_presence is not null) await _presence.DisposeAsync().ConfigureAwait(false);
        _opening.Dispose();
    }

    private sealed record Holder(long Token, string? Name, string? SessionName, string? RunId, bool IsInTime, DateTimeOffset Since)
    {
        public override string ToString() => $"{Name}, run {RunId}, since {Since.ToString("u", CultureInfo.InvariantCulture)}";
    }

    private sealed class HeldLease(LeaseKeeper keeper, string name, long token) : Lease
    {
        private readonly CancellationTokenSource _lost = new();
        private readonly CancellationTokenSource _stopping = new();
        private readonly PeriodicTimer _timer = new(keeper._options.LeaseDuration / 3);

        // Renewing and committing both update the lease's row; one at a time, so that they never conflict with each other.
        private readonly SemaphoreSlim _gate = new(1, 1);
        private Task _renewing = Task.CompletedTask;
        private int _disposed;

        public override string Name => name;

        public override long Token => token;

        public override CancellationToken Lost => _lost.Token;

        public void StartRenewing() => _renewing = Task.Run(RenewAsync);

        public override async Task CommitAsync(IWarehouseTransaction transaction, CancellationToken cancellationToken = default)
        {
            ArgumentNullException.ThrowIfNull(transaction);
            await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                // An update, not a read: it locks the row, so that the lease cannot change hands between this check and the commit.
                var held = await transaction.ExecuteAsync(
                    "UPDATE dataplatform.leases SET token = token WHERE name = $1 AND token = $2 AND session_name IS NOT NULL",
                    [name, token], cancellationToken).ConfigureAwait(false);
                if (held == 0) throw await LoseAsync().ConfigureAwait(false);
                await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                _gate.Release();
            }
        }

        public override async ValueTask DisposeAsync()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 1) return;

            // The timer just ends. Cancelled, it would throw, and the text of a program's first exception takes 10 ms.
            _timer.Dispose();
            await _stopping.CancelAsync().ConfigureAwait(false);
            await _renewing.ConfigureAwait(false);
            keeper._held.TryRemove(KeyValuePair.Create(name, this));
            try
            {
                await keeper._ledger.WriteAsync(
                    "UPDATE dataplatform.leases SET session_name = NULL, expires_at = now() WHERE name = $1 AND token = $2", [name, token], CancellationToken.None).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                // The step's own outcome must not change: the lease runs out by itself, and the process's end is noticed before that.
                keeper._logger.LogWarning(exception, "Could not release '{Lease}'; it runs out by itself", name);
            }

            _stopping.Dispose();
            _lost.Dispose();
            _gate.Dispose();
        }

        private async Task<DataPlatformException> LoseAsync()
        {
            await _lost.CancelAsync().ConfigureAwait(false);
            return new DataPlatformException(
                FailureClass.Transient,
                $"Another job has taken over '{name}' while this one was paused or cut off. Nothing was committed.",
                "The other job does the work; run again only if that one fails.");
        }

        private async Task RenewAsync()
        {
            try
            {
                while (await _timer.WaitForNextTickAsync(CancellationToken.None).ConfigureAwait(false)) await RenewOnceAsync().ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                // Released.
            }
        }

        private async Task RenewOnceAsync()
        {
            await _gate.WaitAsync(_stopping.Token).ConfigureAwait(false);
            try
            {
                var renewed = await keeper._ledger.WriteAsync(
                    $"UPDATE dataplatform.leases SET expires_at = now() + {keeper.Duration} WHERE name = $1 AND token = $2", [name, token], _stopping.Token).ConfigureAwait(false);
                if (renewed == 0) await LoseAsync().ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                keeper._logger.LogWarning(exception, "Could not renew '{Lease}'; trying again", name);
            }
            finally
            {
                _gate.Release();
            }
        }
    }
}
