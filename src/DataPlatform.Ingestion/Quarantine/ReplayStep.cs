using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>An ingest step that reads its rejected rows again, as one load, instead of its source.</summary>
internal sealed class ReplayStep(IngestSettings settings, QuarantineFilter filter, IServiceProvider services) : IStep
{
    public async Task RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var replayed = SettingsOf(settings, filter);

        // A load's begin takes the lease, which the step then keeps: from before the first row is read nobody can put rows back into quarantine in place of those that are read.
        await using (await context.BeginLoadAsync(replayed.ResolveWarehouse(services), replayed.Table, replayed.DispositionName, cancellationToken).ConfigureAwait(false))
        {
        }

        await new Loader(replayed, services, context).RunAsync(cancellationToken).ConfigureAwait(false);
    }

    // The rows are a few of those that belong together: they must not take the place of all others.
    private static IngestSettings SettingsOf(IngestSettings settings, QuarantineFilter filter)
    {
        var source = new QuarantineSource(settings, filter);
        var merge = settings.Merge is { Strategy: MergeStrategy.DeleteInsert } ? null : settings.Merge is { } options ? options with { IsFullSnapshot = false } : null;
        return settings with
        {
            Source = source,
            Replayed = source,
            Merge = merge,
            Disposition = merge is null && !settings.LandsOnly ? WriteDisposition.Append : settings.Disposition,
            KeepsBeforeImages = merge is not null && settings.KeepsBeforeImages,
            CheckpointBytes = null,
            MaxRejected = 1,
            MaxRejectedRows = long.MaxValue,
        };
    }
}
