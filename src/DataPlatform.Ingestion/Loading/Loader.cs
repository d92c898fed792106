using System.Globalization;
using System.Runtime.CompilerServices;
using Apache.Arrow;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Ingestion;

/// <summary>One attempt at loading what is new in a source.</summary>
internal sealed class Loader(IngestSettings settings, IServiceProvider services, StepContext step)
{
    // When no bad row is allowed the outcome is certain with the first; some more are looked for, to be put right together.
    private const long EnoughRejected = 1000;
    private const int ReasonsShown = 3;

    private readonly IWarehouse _warehouse = settings.Warehouse.Resolve(services);
    private readonly List<RejectedRow> _firstRejected = [];
    private long _rowsRead, _rowsRejected, _rowsFiltered, _bytesRead;

    private bool IsTooMuchRejected => _rowsRejected > settings.MaxRejected * _rowsRead;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (await FindWorkAsync(cancellationToken).ConfigureAwait(false) is { } source)
        {
            await using var reading = new ReadAhead(settings.Source, source, cancellationToken);
            if (!await reading.WaitForFirstAsync().ConfigureAwait(false)) break;

            await using var load = await step.BeginLoadAsync(
                _warehouse, settings.Table, settings.Disposition.ToString().ToLowerInvariant(), cancellationToken).ConfigureAwait(false);

            // What was read before was looked up without the lease that the load holds: a run that had it may have committed since.
            if (!await IsCurrentAsync(source, cancellationToken).ConfigureAwait(false)) continue;
            await LoadAsync(load, source, reading.Batches, cancellationToken).ConfigureAwait(false);
            return;
        }

        step.Logger.LogInformation("{Source}: nothing new, {Table} stays as it is", settings.Source.Description, settings.Table);
    }

    /// <summary>What the source has to know to read; null when it has nothing.</summary>
    private async Task<SourceContext?> FindWorkAsync(CancellationToken cancellationToken)
    {
        var target = await DescribeTargetAsync(cancellationToken).ConfigureAwait(false);
        var source = new SourceContext
        {
            Services = services,
            Logger = step.Logger,
            Target = target,
            ReplacesTarget = settings.Disposition == WriteDisposition.Replace,

            // A table that is gone holds nothing, whatever was once loaded into it.
            LoadedObjects = target is null ? new HashSet<(string, string)>() : await ListLoadedAsync(cancellationToken).ConfigureAwait(false),
            CursorLookup = target is null ? (_, _) => Task.FromResult<string?>(null) : FindCursorAsync,
        };
        var contract = settings.Source.Contract ?? await settings.Source.InferContractAsync(source, cancellationToken).ConfigureAwait(false);
        return contract is null ? null : source.With(TargetFit.Adapt(contract, target, settings));
    }

    private async Task<Schema?> DescribeTargetAsync(CancellationToken cancellationToken)
    {
        await using var transaction = await _warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        return await transaction.DescribeAsync(settings.Table, cancellationToken).ConfigureAwait(false);
    }

    private Task<IReadOnlySet<(string Path, string ETag)>> ListLoadedAsync(CancellationToken cancellationToken) =>
        step.GetLedger(_warehouse).ListLoadedObjectsAsync(step.Run.Pipeline, step.Step, cancellationToken);

    private Task<string?> FindCursorAsync(string name, CancellationToken cancellationToken) =>
        step.GetLedger(_warehouse).FindCursorAsync(step.Run.Pipeline, step.Step, name, cancellationToken);

    private async Task<bool> IsCurrentAsync(SourceContext source, CancellationToken cancellationToken)
    {
        if (source.Target is null) return await DescribeTargetAsync(cancellationToken).ConfigureAwait(false) is null;
        if (!source.LoadedObjects.SetEquals(await ListLoadedAsync(cancellationToken).ConfigureAwait(false))) return false;
        foreach (var (name, seen) in source.CursorsSeen)
        {
            if (seen != await FindCursorAsync(name, cancellationToken).ConfigureAwait(false)) return false;
        }

        return true;
    }

    private async Task LoadAsync(LoadTransaction load, SourceContext source, IAsyncEnumerable<SourceBatch> batches, CancellationToken cancellationToken)
    {
        var known = await ListLoadedAsync(cancellationToken).ConfigureAwait(false);
        var schema = source.Contract.Schema;
        var rows = TakeRowsAsync(load, source, known, batches, cancellationToken);
        BulkWriteResult written;
        try
        {
            written = await (settings.Disposition switch
            {
                WriteDisposition.Append => load.AppendRowsAsync(settings.Table, schema, rows, cancellationToken),
                WriteDisposition.Replace => load.ReplaceRowsAsync(settings.Table, schema, rows, cancellationToken),
                _ => load.MergeRowsAsync(settings.Table, schema, settings.Key, rows, cancellationToken),
            }).ConfigureAwait(false);
        }
        catch (DataPlatformException exception) when (IsTooMuchRejected)
        {
            await load.AbandonAsync(new RowBalance(_rowsRead, 0, _rowsRejected, 0, _rowsFiltered), exception.Message, cancellationToken).ConfigureAwait(false);
            throw;
        }

        await load.CommitAsync(new RowBalance(_rowsRead, written.RowsWritten, _rowsRejected, written.RowsDeduplicated, _rowsFiltered), cancellationToken).ConfigureAwait(false);
        step.Logger.LogInformation(
            "Load {LoadId} into {Table}: {RowsRead} rows read, {RowsWritten} written, {RowsRejected} rejected, {RowsDeduplicated} deduplicated",
            load.LoadId, settings.Table, _rowsRead, written.RowsWritten, _rowsRejected, written.RowsDeduplicated);
    }

    /// <summary>The rows of the batches; what else the batches say goes to the load. Throws in the end when too many were rejected, before what was written is completed.</summary>
    private async IAsyncEnumerable<RecordBatch> TakeRowsAsync(
        LoadTransaction load, SourceContext source, IReadOnlySet<(string, string)> known, IAsyncEnumerable<SourceBatch> batches, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var stopped = false;
        await foreach (var batch in batches.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            using (batch)
            {
                Note(batch, load, known);
                step.ReportProgress(_bytesRead, source.TotalBytes, string.Create(CultureInfo.InvariantCulture, $"{_rowsRead:N0} rows"));
                if (batch.Rows is { Length: > 0 } rows) yield return rows;
            }

            stopped = settings.MaxRejected == 0 && _rowsRejected >= EnoughRejected;
            if (stopped) break;
        }

        if (IsTooMuchRejected) throw TooManyRejected(load.LoadId, stopped);
    }

    private void Note(SourceBatch batch, LoadTransaction load, IReadOnlySet<(string, string)> known)
    {
        foreach (var row in batch.Rejected) load.Reject(row);
        _firstRejected.AddRange(batch.Rejected.Take(ReasonsShown - _firstRejected.Count));

        // Objects that are read again, to replace a table or because it was dropped, are on record already.
        foreach (var read in batch.CompletedObjects.Where(o => !known.Contains((o.Path, o.ETag)))) load.AddObject(read.Path, read.ETag, read.Rows);
        foreach (var (name, value) in batch.Cursors) load.SetCursor(name, value);
        _rowsRead += batch.RowsRead;
        _rowsRejected += batch.Rejected.Count;
        _rowsFiltered += batch.RowsFiltered;
        _bytesRead += batch.BytesRead;
    }

    private DataPlatformException TooManyRejected(long loadId, bool stopped)
    {
        var culture = CultureInfo.InvariantCulture;
        var reasons = string.Join("; ", _firstRejected.Select(r => $"{r.Source}:{r.Position}{(r.Column is null ? "" : $" {r.Column}")}: {r.Reason}"));
        var share = (double)_rowsRejected / _rowsRead;
        var limit = settings.MaxRejected == 0 ? "none is" : string.Create(culture, $"{settings.MaxRejected:0.####%} are");
        return new DataPlatformException(
            FailureClass.Data,
            string.Create(culture, $"{_rowsRejected} of {_rowsRead} rows of {settings.Source.Description} were rejected ({share:0.####%}); {limit} allowed. Nothing was loaded into {settings.Table}.{(stopped ? " Reading stopped there." : "")} {(_rowsRejected > _firstRejected.Count ? "The first: " : "")}{reasons}"),
            string.Create(culture, $"They are in dataplatform.quarantine with load_id = {loadId}. Correct the source, or allow a share: load.Quarantine(maxRejected: 0.01)."));
    }
}
