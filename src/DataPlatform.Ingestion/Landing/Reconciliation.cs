using System.Globalization;
using DataPlatform.Ledger;
using DataPlatform.ObjectStores;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Ingestion;

/// <summary>Compares what a step has landed with what its ledger and its table say.</summary>
internal sealed class Reconciliation(string pipeline, string step, IngestSettings settings, LandingZone zone, IServiceProvider services)
{
    private readonly IObjectStore _store = zone.Store.Resolve(services);
    private readonly IWarehouse _warehouse = settings.ResolveWarehouse(services);
    private readonly List<string> _differences = [];

    public async Task<ReconciledStep> RunAsync(CancellationToken cancellationToken)
    {
        var landed = await ReadManifestsAsync(cancellationToken).ConfigureAwait(false);
        await services.GetRequiredService<RunLedgers>().For(_warehouse).MigrateAsync(cancellationToken).ConfigureAwait(false);
        await using var transaction = await _warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        var loads = await ReadLoadsAsync(transaction, "committed", cancellationToken).ConfigureAwait(false);

        // What a load landed that was undone waits for the step's next run, which removes it.
        var undone = (await ReadLoadsAsync(transaction, "undone", cancellationToken).ConfigureAwait(false)).Select(load => load.LoadId).ToHashSet();
        var manifests = landed.FindAll(manifest => !undone.Contains(manifest.LoadId));

        // Loads of before the step landed anything have no manifest.
        var first = manifests.Count == 0 ? 0 : manifests.Min(manifest => manifest.LoadId);
        foreach (var load in loads.Where(load => load.LoadId >= first && manifests.All(manifest => manifest.LoadId != load.LoadId)))
            _differences.Add($"load {load.LoadId} is committed and has no manifest");

        foreach (var manifest in manifests)
        {
            var load = loads.Find(load => load.LoadId == manifest.LoadId);
            if (load is null) _differences.Add($"the manifest of load {manifest.LoadId} has no committed load");
            else if (load.RowsLanded != manifest.Rows) _differences.Add($"load {load.LoadId} landed {manifest.Rows} rows, and the ledger says {load.RowsLanded}");
            foreach (var file in manifest.Files) await CheckFileAsync(manifest, file, cancellationToken).ConfigureAwait(false);
        }

        if (!settings.LandsOnly) await CheckTableAsync(transaction, loads, cancellationToken).ConfigureAwait(false);
        await CheckOrphansAsync(landed, cancellationToken).ConfigureAwait(false);
        return new ReconciledStep(
            pipeline, step, zone.Description, manifests.Count, manifests.Sum(manifest => manifest.Files.Count), manifests.Sum(manifest => manifest.Rows), _differences);
    }

    private async Task<List<LandingManifest>> ReadManifestsAsync(CancellationToken cancellationToken)
    {
        var manifests = new List<LandingManifest>();
        await foreach (var info in _store.ListAsync(zone.ManifestGlob(pipeline, step), cancellationToken).ConfigureAwait(false))
            manifests.Add(await LandingManifest.ReadAsync(_store, info.Key, cancellationToken).ConfigureAwait(false));
        return manifests;
    }

    private async Task<List<Load>> ReadLoadsAsync(IWarehouseTransaction transaction, string status, CancellationToken cancellationToken)
    {
        var rows = await transaction.QueryAsync(
            "SELECT load_id, rows_written, rows_deduplicated FROM dataplatform.loads WHERE pipeline = $1 AND step = $2 AND table_name = $3 AND status = $4 ORDER BY load_id",
            [pipeline, step, settings.Table.ToString(), status],
            cancellationToken).ConfigureAwait(false);
        return [.. rows.Select(row => new Load(Number(row[0]), Number(row[1]), Number(row[2])))];
    }

    private async Task CheckFileAsync(LandingManifest manifest, LandedFile file, CancellationToken cancellationToken)
    {
        if (await _store.FindAsync(file.Path, cancellationToken).ConfigureAwait(false) is null)
        {
            _differences.Add($"{file.Path} of load {manifest.LoadId} is missing");
            return;
        }

        var sha256 = await LandedFileReader.CopyAsync(_store, file.Path, Stream.Null, cancellationToken).ConfigureAwait(false);
        if (!string.Equals(sha256, file.Sha256, StringComparison.OrdinalIgnoreCase))
            _differences.Add($"{file.Path} of load {manifest.LoadId} was changed: its SHA-256 is {sha256}, and was {file.Sha256}");
    }

    // A later load may have replaced rows of an earlier one: only an append keeps all, and of a table that is replaced the last load is what there is.
    private async Task CheckTableAsync(IWarehouseTransaction transaction, List<Load> loads, CancellationToken cancellationToken)
    {
        if (loads.Count == 0) return;
        if (await transaction.DescribeAsync(settings.Table, cancellationToken).ConfigureAwait(false) is null)
        {
            _differences.Add($"the table {settings.Table} does not exist");
            return;
        }

        var rows = await transaction.QueryAsync(
            $"SELECT {LoadTransaction.LoadIdColumn}, count(*) FROM {settings.Table.ToSql()} GROUP BY {LoadTransaction.LoadIdColumn}", cancellationToken: cancellationToken).ConfigureAwait(false);
        var counts = rows.Where(row => row[0] is not null).ToDictionary(row => Number(row[0]), row => Number(row[1]));
        foreach (var load in settings.Disposition == WriteDisposition.Replace ? loads[^1..] : loads)
        {
            var count = counts.GetValueOrDefault(load.LoadId);
            if (count == load.RowsWritten || (count < load.RowsWritten && settings.Disposition is not (WriteDisposition.Append or WriteDisposition.Replace))) continue;
            _differences.Add($"{settings.Table} has {count} rows of load {load.LoadId}, and the ledger says {load.RowsWritten}");
        }
    }

    private async Task CheckOrphansAsync(List<LandingManifest> manifests, CancellationToken cancellationToken)
    {
        var named = manifests.SelectMany(manifest => manifest.Files).Select(file => file.Path).ToHashSet(StringComparer.Ordinal);
        await foreach (var info in _store.ListAsync(zone.FileGlob(pipeline, step), cancellationToken).ConfigureAwait(false))
        {
            if (!named.Contains(info.Key)) _differences.Add($"{info.Key} is in no manifest");
        }
    }

    private static long Number(object? value) => Convert.ToInt64(value, CultureInfo.InvariantCulture);

    private sealed record Load(long LoadId, long RowsWritten, long RowsDeduplicated)
    {
        public long RowsLanded => RowsWritten + RowsDeduplicated;
    }
}

/// <summary>What was found about a step that lands.</summary>
internal sealed record ReconciledStep(string Pipeline, string Step, string Zone, int Manifests, int Files, long Rows, IReadOnlyList<string> Differences);
