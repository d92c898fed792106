using DataPlatform.Pipelines;

namespace DataPlatform.Ingestion;

/// <summary>Loads what is new in a source into a table, as one load.</summary>
internal sealed class IngestStep(IngestSettings settings, IServiceProvider services) : IStep, IStepPreflight
{
    public Task RunAsync(StepContext context, CancellationToken cancellationToken) => new Loader(settings, services, context).RunAsync(cancellationToken);

    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        await settings.Source.CheckAsync(services, cancellationToken).ConfigureAwait(false);
        if (settings.Landing is { } zone) await zone.Store.Resolve(services).CheckAsync(cancellationToken).ConfigureAwait(false);
        if (settings.LandsOnly || settings.Source.Contract is not { } contract) return;
        await using var transaction = await settings.Warehouse.Resolve(services).BeginAsync(cancellationToken).ConfigureAwait(false);
        TargetFit.Adapt(contract, await transaction.DescribeAsync(settings.Table, cancellationToken).ConfigureAwait(false), settings);
    }
}
