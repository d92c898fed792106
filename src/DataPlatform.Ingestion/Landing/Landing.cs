using System.Globalization;
using System.Runtime.CompilerServices;
using Apache.Arrow;
using DataPlatform.Ledger;
using DataPlatform.ObjectStores;
using DataPlatform.Pipelines;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Ingestion;

/// <summary>
/// What one load lands: its rows go into files of a zone, a manifest says that they are all there, and what goes on into the warehouse is read from the files again.
/// Disposed of before <see cref="Keep"/> it takes all of that back.
/// </summary>
internal sealed class Landing(LandingZone zone, IngestSettings settings, StepContext step, LoadTransaction load, Contract contract) : IAsyncDisposable
{
    private readonly IObjectStore _store = zone.Store.Resolve(step.Services);
    private readonly string _manifestKey = zone.ManifestKey(step.Run.Pipeline, step.Step, load.LoadId);
    private readonly string _markKey = zone.MarkKey(step.Run.Pipeline, step.Step, load.LoadId);
    private readonly List<string> _keys = [];
    private bool _isMarked;
    private bool _isKept;

    /// <summary>How many rows were landed.</summary>
    public long RowsLanded { get; private set; }

    /// <summary>Lands rows. Returns them as they were landed: reading them reads the files.</summary>
    public async Task<IAsyncEnumerable<RecordBatch>> LandAsync(IAsyncEnumerable<RecordBatch> rows, CancellationToken cancellationToken)
    {
        await RemoveLeftoversAsync(cancellationToken).ConfigureAwait(false);
        var manifest = await WriteAsync(rows, cancellationToken).ConfigureAwait(false);
        RowsLanded = manifest.Rows;
        return ReadAsync(manifest, cancellationToken);
    }

    /// <summary>Leaves in the zone what was landed: from here on the load commits, or its mark tells the next run that it may not have.</summary>
    public void Keep() => _isKept = true;

    /// <summary>Takes the mark away: the load has committed.</summary>
    public Task CommittedAsync() => TryDeleteAsync(_markKey);

    public async ValueTask DisposeAsync()
    {
        if (_isKept) return;
        var isClean = true;
        foreach (var key in _keys) isClean &= await TryDeleteAsync(key).ConfigureAwait(false);
        if (isClean && _isMarked) await TryDeleteAsync(_markKey).ConfigureAwait(false);
    }

    private async Task<bool> TryDeleteAsync(string key)
    {
        try
        {
            // The step may have been cancelled; this must be done all the same.
            await _store.DeleteAsync(key, CancellationToken.None).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception)
        {
            step.Logger.LogWarning(exception, "{Key} of load {LoadId} could not be removed from {Zone}: the step's next run does it", key, load.LoadId, zone.Description);
            return false;
        }
    }

    private async Task<LandingManifest> WriteAsync(IAsyncEnumerable<RecordBatch> rows, CancellationToken cancellationToken)
    {
        _isMarked = true;
        await new LandingMark(step.Run.RunId).PutAsync(_store, _markKey, cancellationToken).ConfigureAwait(false);
        var writers = step.Services.GetService<IParquetWriterFactory>() ?? new ParquetWriterFactory();
        var writer = new LandingWriter(_store, writers, contract.Schema, zone, step.Run.LogicalDate, NextKey);
        await using (writer.ConfigureAwait(false))
        {
            await foreach (var some in rows.WithCancellation(cancellationToken).ConfigureAwait(false)) await writer.WriteAsync(some, cancellationToken).ConfigureAwait(false);
            await writer.CompleteAsync(cancellationToken).ConfigureAwait(false);
        }

        var columns = LandingManifest.ColumnsOf(contract);
        var manifest = new LandingManifest
        {
            Pipeline = step.Run.Pipeline,
            Step = step.Step,
            RunId = step.Run.RunId,
            LoadId = load.LoadId,
            Table = settings.LandsOnly ? null : $"{settings.Warehouse.Name}:{settings.Table}",
            ContractVersion = contract.Version,
            SchemaHash = LandingManifest.HashOf(columns),
            PartitionBy = zone.Options.PartitionBy,
            Columns = columns,
            LandedAt = DateTimeOffset.UtcNow,
            Rows = writer.Files.Sum(file => file.Rows),
            Files = writer.Files,
        };
        _keys.Insert(0, _manifestKey);
        await manifest.PutAsync(_store, _manifestKey, cancellationToken).ConfigureAwait(false);
        step.Logger.LogInformation(
            "Load {LoadId} landed in {Zone}: {Rows} rows in {Files} files of {Bytes} bytes", load.LoadId, zone.Description, manifest.Rows, manifest.Files.Count, manifest.Files.Sum(file => file.Bytes));
        return manifest;
    }

    private async IAsyncEnumerable<RecordBatch> ReadAsync(LandingManifest manifest, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var context = new SourceContext { Contract = AsLanded(contract), Logger = step.Logger };
        var batch = new BatchBuilder(context.Contract, context.BatchBytes);
        foreach (var file in manifest.Files)
        {
            await foreach (var full in LandedFileReader.ReadAsync(_store, _manifestKey, file, batch, context, cancellationToken).ConfigureAwait(false))
            {
                using (full) yield return RowsOf(full);
            }
        }

        using var rest = batch.Take();
        if (rest.RowsRead > 0) yield return RowsOf(rest);
    }

    private string NextKey(string folder, int number)
    {
        var key = zone.FileKey(step.Run.Pipeline, step.Step, load.LoadId, folder, number);
        _keys.Add(key);
        return key;
    }

    // A process that was killed leaves the mark of a load that may not have committed; a load that was undone has its rows in the table no more. That all this was written
    // for this ledger, and not for another that has the same numbers, is certain when the ledger knows its run.
    private async Task RemoveLeftoversAsync(CancellationToken cancellationToken)
    {
        if (step.Services.GetService<RunLedgers>() is not { } ledgers) return;
        var (pipeline, name) = (step.Run.Pipeline, step.Step);
        await foreach (var info in _store.ListAsync(zone.MarkGlob(pipeline, name), cancellationToken).ConfigureAwait(false))
        {
            if (LandingZone.LoadIdOf(info.Key) is not { } loadId || await LandingMark.FindAsync(_store, info.Key, cancellationToken).ConfigureAwait(false) is not { } mark) continue;
            if (await ledgers.Primary.FindRunAsync(mark.RunId, cancellationToken).ConfigureAwait(false) is null) continue;
            if (!await IsCommittedAsync(loadId, cancellationToken).ConfigureAwait(false))
            {
                step.Logger.LogWarning("{Zone} has files of load {LoadId} of run {RunId}, which was never committed: they are removed", zone.Description, loadId, mark.RunId);
                await _store.DeleteAsync(zone.ManifestKey(pipeline, name, loadId), cancellationToken).ConfigureAwait(false);
                await foreach (var file in _store.ListAsync(zone.FileGlob(pipeline, name, loadId), cancellationToken).ConfigureAwait(false))
                    await _store.DeleteAsync(file.Key, cancellationToken).ConfigureAwait(false);
            }

            await _store.DeleteAsync(info.Key, cancellationToken).ConfigureAwait(false);
        }

        foreach (var loadId in await ListUndoneAsync(cancellationToken).ConfigureAwait(false))
        {
            var key = zone.ManifestKey(pipeline, name, loadId);
            if (await _store.FindAsync(key, cancellationToken).ConfigureAwait(false) is null) continue;
            var manifest = await LandingManifest.ReadAsync(_store, key, cancellationToken).ConfigureAwait(false);
            if (await ledgers.Primary.FindRunAsync(manifest.RunId, cancellationToken).ConfigureAwait(false) is null) continue;
            step.Logger.LogWarning("{Manifest} is of load {LoadId} of run {RunId}, which was undone: it is removed", key, loadId, manifest.RunId);
            await _store.DeleteAsync(key, cancellationToken).ConfigureAwait(false);
            foreach (var file in manifest.Files) await _store.DeleteAsync(file.Path, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<bool> IsCommittedAsync(long loadId, CancellationToken cancellationToken) =>
        (await load.Warehouse.QueryAsync("SELECT 1 FROM dataplatform.loads WHERE load_id = $1 AND status = 'committed'", [loadId], cancellationToken).ConfigureAwait(false)).Count > 0;

    private async Task<IEnumerable<long>> ListUndoneAsync(CancellationToken cancellationToken)
    {
        var rows = await load.Warehouse.QueryAsync(
            "SELECT load_id FROM dataplatform.loads WHERE pipeline = $1 AND step = $2 AND status = 'undone'", [step.Run.Pipeline, step.Step], cancellationToken).ConfigureAwait(false);
        return rows.Select(row => Convert.ToInt64(row[0], CultureInfo.InvariantCulture));
    }

    private RecordBatch RowsOf(SourceBatch landed) => landed.Rejected is [var rejected, ..]
        ? throw new DataPlatformException(
            FailureClass.Bug, $"{_store.Name}:{rejected.Source}, row {rejected.Position}: column {rejected.Column}: {rejected.Reason}. It was landed, and cannot be read back.", "This is a bug, please report it.")
        : landed.Rows!;

    // The rules were kept when the rows were landed, and the files have the columns' own names.
    private static Contract AsLanded(Contract contract) => new([.. contract.Columns.Select(column => new ContractColumn(column.Field))]);
}
