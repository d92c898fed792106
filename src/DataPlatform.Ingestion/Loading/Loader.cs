using System.Globalization;
using System.Runtime.CompilerServices;
using Apache.Arrow;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Ingestion;

/// <summary>One attempt at loading what is new in a source.</summary>
internal sealed class Loader(IngestSettings settings, IServiceProvider services, StepContext step)
{
    // When no bad row is allowed the outcome is certain with the first; some more are looked for, to be put right together.
    private const long EnoughRejected = 1000;
    private const int ReasonsShown = 3;

    // A part ends with a batch: of small ones little is missing to its full size.
    private const int BatchesOfCheckpoint = 8;

    // So many batches of a part wait for their turn, of at most IWarehouse.BatchBytes each.
    private const int BatchesWaiting = 4;

    private readonly IWarehouse _warehouse = settings.ResolveWarehouse(services);
    private readonly List<RejectedRow> _firstRejected = [];
    private IReadOnlySet<(string Path, string ETag)>? _known;
    private Task _loading = Task.CompletedTask;
    private LoadCounts _total;
    private long _bytesBefore;
    private long _committed;

    private DateTimeOffset Now => (services.GetService<TimeProvider>() ?? TimeProvider.System).GetUtcNow();

    private bool IsTooMuchRejected => _total.Rejected > settings.MaxRejected * _total.Read || _total.Rejected > settings.MaxRejectedRows;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (await FindWorkAsync(cancellationToken).ConfigureAwait(false) is { } source)
        {
            await using var reading = new ReadAhead(token => settings.Source.ReadAsync(source, token), cancellationToken);
            if (!await reading.WaitForAnyAsync().ConfigureAwait(false)) break;

            // What was read before was looked up without the lease that the load holds: a run that had it may have committed since.
            var load = await BeginAsync(cancellationToken).ConfigureAwait(false);
            var isCurrent = false;
            try
            {
                isCurrent = await IsCurrentAsync(source, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                if (!isCurrent) await load.DisposeAsync().ConfigureAwait(false);
            }

            if (!isCurrent) continue;
            try
            {
                // Alone: it makes the table, or changes it.
                await LoadAsync(load, source, reading, isSideBySide: false, cancellationToken).ConfigureAwait(false);

                // What is left after a checkpoint. The lease is held all the time: nobody else has committed.
                bool? isSideBySide = null;
                while (await reading.WaitForAnyAsync().ConfigureAwait(false))
                {
                    isSideBySide ??= settings.Landing is null && await _warehouse.TakesRowsSideBySideAsync(settings.Table, settings.Merge, cancellationToken).ConfigureAwait(false);
                    await LoadAsync(await BeginAsync(cancellationToken).ConfigureAwait(false), source, reading, isSideBySide.Value, cancellationToken).ConfigureAwait(false);
                }
            }
            finally
            {
                await _loading.ConfigureAwait(false);
            }

            return;
        }

        step.Logger.LogInformation("{Source}: nothing new, {Table} stays as it is", settings.Source.Description, settings.Table);
    }

    /// <summary>What the source has to know to read; null when it has nothing.</summary>
    private async Task<SourceContext?> FindWorkAsync(CancellationToken cancellationToken)
    {
        var target = await DescribeTargetAsync(cancellationToken).ConfigureAwait(false);
        var holdsNothing = target is null && !settings.LandsOnly;
        var source = new SourceContext
        {
            Run = step.Run,
            Services = services,
            Logger = step.Logger,
            Target = target,
            ReplacesTarget = settings.Disposition == WriteDisposition.Replace,
            Merge = settings.Merge,
            BatchBytes = (int)Math.Min(settings.CheckpointBytes / BatchesOfCheckpoint ?? long.MaxValue, IWarehouse.BatchBytes),

            // A table that is gone holds nothing, whatever was once loaded into it.
            LoadedObjects = holdsNothing ? new HashSet<(string, string)>() : await ListLoadedAsync(cancellationToken).ConfigureAwait(false),
            CursorLookup = holdsNothing ? (_, _) => Task.FromResult<string?>(null) : FindCursorAsync,
        };
        var contract = settings.Source.Contract ?? await settings.Source.InferContractAsync(source, cancellationToken).ConfigureAwait(false);
        return contract is null ? null : source.With(TargetFit.Adapt(contract, target, settings));
    }

    private async Task<Schema?> DescribeTargetAsync(CancellationToken cancellationToken)
    {
        if (settings.LandsOnly) return null;
        await using var transaction = await _warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        return await transaction.DescribeAsync(settings.Table, cancellationToken).ConfigureAwait(false);
    }

    private Task<IReadOnlySet<(string Path, string ETag)>> ListLoadedAsync(CancellationToken cancellationToken) =>
        step.GetLedger(_warehouse).ListLoadedObjectsAsync(step.Run.Pipeline, step.Step, cancellationToken);

    private Task<string?> FindCursorAsync(string name, CancellationToken cancellationToken) =>
        step.GetLedger(_warehouse).FindCursorAsync(step.Run.Pipeline, step.Step, name, cancellationToken);

    private async Task<bool> IsCurrentAsync(SourceContext source, CancellationToken cancellationToken)
    {
        if (!settings.LandsOnly)
        {
            var target = await DescribeTargetAsync(cancellationToken).ConfigureAwait(false);
            if (source.Target is null || target is null) return source.Target is null && target is null;
            if (!TargetFit.AreSame(source.Target, target)) return false;
        }

        if (!source.LoadedObjects.SetEquals(await ListLoadedAsync(cancellationToken).ConfigureAwait(false))) return false;
        foreach (var (name, seen) in source.CursorsSeen)
        {
            if (seen != await FindCursorAsync(name, cancellationToken).ConfigureAwait(false)) return false;
        }

        return true;
    }

    private MergeOptions MergeInto(LoadTransaction load) =>
        settings.Merge! with { BoundaryTimestamp = Now, BeforeImages = settings.KeepsBeforeImages ? load.BeforeImagesTable : default(TableName?) };

    private Task<LoadTransaction> BeginAsync(CancellationToken cancellationToken) =>
        step.BeginLoadAsync(_warehouse, settings.Table, settings.DispositionName, cancellationToken);

    /// <summary>
    /// Writes a load, up to the next checkpoint. Side by side it comes back when its rows are read and the load before is committed: they may still be on their way to the
    /// warehouse, by which those of the next are then written too. A crash costs both, which together have a checkpoint's bytes at most.
    /// </summary>
    private async Task LoadAsync(LoadTransaction load, SourceContext source, ReadAhead reading, bool isSideBySide, CancellationToken cancellationToken)
    {
        var checkpoint = settings.CheckpointBytes.GetValueOrDefault(long.MaxValue);
        var part = new Part(load, _loading, _total, isSideBySide ? checkpoint / 4 * 3 : checkpoint, checkpoint - _bytesBefore);
        if (!isSideBySide)
        {
            await (_loading = WriteAsync(part, source, ReadPartAsync(part, source, reading.Batches, cancellationToken), cancellationToken)).ConfigureAwait(false);
            return;
        }

        var ahead = new ReadAhead(token => ReadPartAsync(part, source, reading.Batches, token), cancellationToken, BatchesWaiting);
        _loading = WriteAheadAsync();
        await ahead.Completion.ConfigureAwait(false);
        await (part is { IsWhole: true, IsRefused: false } ? part.Before : _loading).ConfigureAwait(false);

        async Task WriteAheadAsync()
        {
            await using var reads = ahead.ConfigureAwait(false);
            await WriteAsync(part, source, ahead.Batches, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The batches up to the next checkpoint, counted as they are read.</summary>
    private async IAsyncEnumerable<SourceBatch> ReadPartAsync(Part part, SourceContext source, IAsyncEnumerable<SourceBatch> batches, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (bytes, stops) = (0L, false);
        await foreach (var batch in batches.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            _total += new LoadCounts(batch.RowsRead, batch.Rejected.Count, batch.RowsFiltered, batch.BytesRead);
            _firstRejected.AddRange(batch.Rejected.Take(ReasonsShown - _firstRejected.Count));
            foreach (var (column, values) in batch.Discarded) part.Discarded[column] = part.Discarded.GetValueOrDefault(column) + values;
            step.ReportProgress(_total.Bytes, source.TotalBytes, string.Create(CultureInfo.InvariantCulture, $"{_total.Read:N0} rows"));
            stops = (settings.MaxRejected == 0 && _total.Rejected >= EnoughRejected) || _total.Rejected > settings.MaxRejectedRows;

            // Full when another batch like this one would be too much.
            var size = batch.Rows is { Length: > 0 } rows ? rows.SizeOf() : 0;
            bytes += size;
            var isFull = bytes > part.MaxBytes - size;
            if (isFull && !stops) part.OpenObject = batch.OpenObject;
            yield return batch;
            if (stops || isFull) break;

            // With the part before, which a crash would cost too, it has as much as that may be.
            if (bytes > part.MaxBytesBeside - size) await part.Before.ConfigureAwait(false);
        }

        _bytesBefore = bytes;
        part.Counts = _total - part.Start;
        part.Stops = stops;
        part.IsRefused = IsTooMuchRejected;
        part.IsWhole = true;
    }

    /// <summary>Writes and commits a load, after that before it. It is disposed of in any case.</summary>
    private async Task WriteAsync(Part part, SourceContext source, IAsyncEnumerable<SourceBatch> batches, CancellationToken cancellationToken)
    {
        await using var load = part.Load.ConfigureAwait(false);
        await using var landing = settings.Landing is { } zone ? new Landing(zone, settings, step, part.Load, source.Contract) : null;
        try
        {
            var balance = await WriteRowsAsync(part, landing, source, batches, cancellationToken).ConfigureAwait(false);
            landing?.Keep();
            await part.Load.CommitAsync(balance, cancellationToken).ConfigureAwait(false);
            if (landing is not null) await landing.CommittedAsync().ConfigureAwait(false);
            _committed += balance.Written;
            foreach (var (column, values) in part.Discarded)
                step.Logger.LogWarning("Load {LoadId}: {Values} values of {Column} could not be read as its type and are NULL in {Table}", part.Load.LoadId, values, column, settings.Table);
            step.Logger.LogInformation(
                "Load {LoadId} into {Table}: {RowsRead} rows read, {RowsWritten} written, {RowsRejected} rejected, {RowsDeduplicated} deduplicated, {RowsFiltered} filtered",
                part.Load.LoadId, settings.Table, balance.Read, balance.Written, balance.Rejected, balance.Deduplicated, balance.Filtered);
        }
        finally
        {
            // What went wrong there went wrong first.
            await part.Before.ConfigureAwait(false);
        }
    }

    private async Task<RowBalance> WriteRowsAsync(Part part, Landing? landing, SourceContext source, IAsyncEnumerable<SourceBatch> batches, CancellationToken cancellationToken)
    {
        // Once: nobody else adds any.
        _known ??= await ListLoadedAsync(cancellationToken).ConfigureAwait(false);
        var (load, schema) = (part.Load, source.Contract.Schema);
        load.SetContract(source.Contract.Version, source.Contract.ToString());
        var rows = TakeRowsAsync(part, _known, batches, cancellationToken);
        BulkWriteResult written;
        try
        {
            // Before the warehouse is written to, which would otherwise wait for the source with a command begun.
            if (landing is not null) rows = await landing.LandAsync(rows, cancellationToken).ConfigureAwait(false);
            if (part.IsFirst) await EvolveAsync(load, source, cancellationToken).ConfigureAwait(false);
            written = await (settings.Disposition switch
            {
                WriteDisposition.Append => load.AppendRowsAsync(settings.Table, schema, rows, cancellationToken),
                WriteDisposition.Replace => load.ReplaceRowsAsync(settings.Table, schema, rows, cancellationToken),
                WriteDisposition.Land => Task.FromResult(new BulkWriteResult(landing!.RowsLanded)),
                _ => load.MergeRowsAsync(settings.Table, schema, MergeInto(load), rows, cancellationToken),
            }).ConfigureAwait(false);
        }
        catch (DataPlatformException exception) when (part is { IsRefused: true, Before.IsCompletedSuccessfully: true })
        {
            await load.AbandonAsync(part.Counts.ToBalance(new BulkWriteResult(0)), exception.Message, cancellationToken).ConfigureAwait(false);
            throw;
        }

        if (settings.Replayed is { } replayed) await load.ReplayAsync(replayed.Loads, replayed.Rows, cancellationToken).ConfigureAwait(false);
        return part.Counts.ToBalance(written);
    }

    private async Task EvolveAsync(LoadTransaction load, SourceContext source, CancellationToken cancellationToken)
    {
        if (source.Target is not { } target || settings.Disposition == WriteDisposition.Replace || TargetFit.Changes(source.Contract, target) is not { Count: > 0 } changes) return;
        await load.Warehouse.AlterTableAsync(settings.Table, source.Contract.Schema.WithColumn(LoadTransaction.LoadIdColumn), cancellationToken).ConfigureAwait(false);
        var detail = $"load {load.LoadId}: {string.Join(", ", changes)}";
        await step.GetLedger(_warehouse).AuditAsync(load.Warehouse, new AuditEvent("table.alter", settings.Table.ToString(), step.Run.RunId, detail), cancellationToken).ConfigureAwait(false);
        step.Logger.LogInformation("{Table} is changed with load {LoadId}: {Changes}", settings.Table, load.LoadId, string.Join(", ", changes));
    }

    /// <summary>
    /// The rows of the batches; what else these say goes to the load. In the end the load before is committed: what is done with the rows as a whole finds those of that one.
    /// Throws when too many were rejected, before what was written is completed.
    /// </summary>
    private async IAsyncEnumerable<RecordBatch> TakeRowsAsync(
        Part part, IReadOnlySet<(string, string)> known, IAsyncEnumerable<SourceBatch> batches, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var load = part.Load;
        await foreach (var batch in batches.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            using (batch)
            {
                if (part.Before.IsCompleted) await part.Before.ConfigureAwait(false);
                foreach (var row in batch.Rejected) load.Reject(row);

                // Objects that are read again, to replace a table or because it was dropped, are on record already.
                foreach (var read in batch.CompletedObjects.Where(o => !known.Contains((o.Path, o.ETag)))) load.AddObject(read.Path, read.ETag, read.Rows);
                foreach (var (name, value) in batch.Cursors) load.SetCursor(name, value);
                if (batch.Rows is { Length: > 0 } rows) yield return rows;
            }
        }

        await part.Before.ConfigureAwait(false);
        if (part.IsRefused) throw TooManyRejected(load.LoadId, part.Stops);
        if (part.OpenObject is not { } open) yield break;
        var (cursor, position) = SourceContext.CursorOf(open);
        load.SetCursor(cursor, position);
    }

    private DataPlatformException TooManyRejected(long loadId, bool stopped)
    {
        var culture = CultureInfo.InvariantCulture;
        var reasons = string.Join("; ", _firstRejected.Select(r => $"{r.Source}:{r.Position}{(r.Column is null ? "" : $" {r.Column}")}: {r.Reason}"));
        var share = (double)_total.Rejected / _total.Read;
        var limit = settings.MaxRejected == 0 ? "none is"
            : _total.Rejected > settings.MaxRejectedRows ? string.Create(culture, $"{settings.MaxRejectedRows} are")
            : string.Create(culture, $"{settings.MaxRejected:0.####%} are");
        return new DataPlatformException(
            FailureClass.Data,
            string.Create(culture, $"{_total.Rejected} of {_total.Read} rows of {settings.Source.Description} were rejected ({share:0.####%}); {limit} allowed. {(_committed == 0 ? "Nothing" : $"Nothing after the {_committed} rows that earlier checkpoints committed")} was loaded into {settings.Table}.{(stopped ? " Reading stopped there." : "")} {(_total.Rejected > _firstRejected.Count ? "The first: " : "")}{reasons}"),
            string.Create(culture, $"Look at them with: quarantine show --load {loadId}. Correct the source, or allow a share: load.Quarantine(maxRejected: 0.01)."));
    }

    /// <summary>A load, of which a checkpoint makes the next one.</summary>
    /// <param name="Load">Its transaction.</param>
    /// <param name="Before">The load before, to its end.</param>
    /// <param name="Start">What was read before.</param>
    /// <param name="MaxBytes">How much column data it has at most, unless a batch alone has more.</param>
    /// <param name="MaxBytesBeside">How much of that until the load before is committed.</param>
    private sealed record Part(LoadTransaction Load, Task Before, LoadCounts Start, long MaxBytes, long MaxBytesBeside)
    {
        /// <summary>Whether nothing was read before.</summary>
        public bool IsFirst => Start == default;

        /// <summary>What was read for it, when that is all.</summary>
        public LoadCounts Counts { get; set; }

        /// <summary>How many values of each column became NULL.</summary>
        public Dictionary<string, long> Discarded { get; } = new(StringComparer.Ordinal);

        /// <summary>The object that it ends in the middle of.</summary>
        public SourceObject? OpenObject { get; set; }

        /// <summary>Whether all of it is read.</summary>
        public bool IsWhole { get; set; }

        /// <summary>Whether too much was rejected up to its end.</summary>
        public bool IsRefused { get; set; }

        /// <summary>Whether reading stopped for that.</summary>
        public bool Stops { get; set; }
    }

    /// <summary>What was read, and what became of it before it was written.</summary>
    private readonly record struct LoadCounts(long Read, long Rejected, long Filtered, long Bytes)
    {
        public RowBalance ToBalance(BulkWriteResult written) => new(Read, written.RowsWritten, Rejected, written.RowsDeduplicated, Filtered + written.RowsFiltered);

        public static LoadCounts operator +(LoadCounts a, LoadCounts b) => new(a.Read + b.Read, a.Rejected + b.Rejected, a.Filtered + b.Filtered, a.Bytes + b.Bytes);

        public static LoadCounts operator -(LoadCounts a, LoadCounts b) => new(a.Read - b.Read, a.Rejected - b.Rejected, a.Filtered - b.Filtered, a.Bytes - b.Bytes);
    }
}
