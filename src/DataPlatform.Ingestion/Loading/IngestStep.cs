using DataPlatform.Lineage;
using DataPlatform.Pipelines;

namespace DataPlatform.Ingestion;

/// <summary>Loads what is new in a source into a table, as one load.</summary>
internal sealed class IngestStep(IngestSettings settings, IServiceProvider services) : IStep, IStepPreflight
{
    public async Task RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        await new Loader(settings, services, context).RunAsync(cancellationToken).ConfigureAwait(false);
        context.ReportLineage(new LineageReport
        {
            Inputs = settings.Source.GetDatasets(services),
            Outputs = [settings is { LandsOnly: true, Landing: { } zone } ? Dataset.Of(zone.Store.Resolve(services), zone.Prefix) : settings.Warehouse.Resolve(services).GetDataset(settings.Table)],
        });
    }

    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        await settings.Source.CheckAsync(services, cancellationToken).ConfigureAwait(false);
        if (settings.Landing is { } zone) await zone.Store.Resolve(services).CheckAsync(cancellationToken).ConfigureAwait(false);
        if (settings.LandsOnly || settings.Source.Contract is not { } contract) return;
        await using var transaction = await settings.Warehouse.Resolve(services).BeginAsync(cancellationToken).ConfigureAwait(false);
        TargetFit.Adapt(contract, await transaction.DescribeAsync(settings.Table, cancellationToken).ConfigureAwait(false), settings);
    }
}
