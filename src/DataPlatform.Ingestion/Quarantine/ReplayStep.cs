using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>An ingest step that reads its rejected rows again, as one load, instead of its source.</summary>
internal sealed class ReplayStep(IngestSettings settings, QuarantineFilter filter, IServiceProvider services) : IStep
{
    public Task RunAsync(StepContext context, CancellationToken cancellationToken) => new Loader(SettingsOf(settings, filter), services, context).RunAsync(cancellationToken);

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
