using System.Runtime.CompilerServices;
using Apache.Arrow;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DataPlatform.MLOps;

/// <summary>Trains a model when its data has changed, registers it and decides whether it is used.</summary>
internal sealed class TrainStep(TrainSettings settings, IServiceProvider services) : IStep, IStepPreflight
{
    private const string TrainerTag = "dataplatform.trainer";

    // A build of an assembly has an identity of its own, so a change of the trainer's code shows.
    private readonly string _trainer = $"{settings.Trainer.FullName} {settings.Trainer.Module.ModuleVersionId:N}";

    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        settings.Query.Check();
        await services.GetModelRegistry(settings.Registry).CheckAsync(cancellationToken).ConfigureAwait(false);
    }

    public async Task RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var registry = services.GetModelRegistry(settings.Registry);
        var warehouse = services.GetRequiredKeyedService<IWarehouse>(settings.Warehouse);
        var statement = settings.Query.Render(context.Run);

        var data = await FingerprintAsync(statement, warehouse, context, cancellationToken).ConfigureAwait(false);
        var champion = await registry.FindAsync(ModelReference.ByAlias(settings.Model, ModelAliases.Champion), cancellationToken).ConfigureAwait(false);
        var newest = await registry.FindAsync(ModelReference.Latest(settings.Model), cancellationToken).ConfigureAwait(false);
        if (newest is not null && newest.DataFingerprint == data && newest.Tags.GetValueOrDefault(TrainerTag) == _trainer)
        {
            context.Logger.LogInformation("Model {Model}: the training data is unchanged since version {Version}, which is kept", settings.Model, newest.Version);
        }
        else
        {
            newest = await TrainAsync(registry, statement, warehouse, data, champion, context, cancellationToken).ConfigureAwait(false);
        }

        await JudgeAsync(registry, newest, champion, context, cancellationToken).ConfigureAwait(false);
        context.SetOutput("model_version", newest.Version);
    }

    private async Task<string> FingerprintAsync(SqlStatement statement, IWarehouse warehouse, StepContext context, CancellationToken cancellationToken)
    {
        var fingerprint = new DataFingerprint();
        await foreach (var batch in statement.ReadAsync(warehouse, cancellationToken).ConfigureAwait(false))
        {
            using (batch) fingerprint.Add(batch);
        }

        context.Rows.Add(read: fingerprint.Rows);
        return fingerprint.Rows > 0
            ? fingerprint.ToString()
            : throw new DataPlatformException(
                FailureClass.Data, $"There is no data to train model '{settings.Model}' on: {statement.Origin} gives no rows.", "Run the steps that make the data first, or correct the query.");
    }

    private async Task<ModelVersion> TrainAsync(
        IModelRegistry registry, SqlStatement statement, IWarehouse warehouse, string data, ModelVersion? champion, StepContext context, CancellationToken cancellationToken)
    {
        var training = new TrainingContext(settings.Model, token => ReadSameAsync(statement, warehouse, data, token), context.Run.LogicalDate)
        {
            Champion = champion,
            Logger = context.Logger,
        };
        await using var trainer = new Instance<IModelTrainer>(services, settings.Trainer);
        var trained = await trainer.Value.TrainAsync(training, cancellationToken).ConfigureAwait(false);
        if (settings.Metric is { } metric && !trained.Metrics.ContainsKey(metric))
        {
            throw new DataPlatformException(
                FailureClass.Bug,
                $"{settings.Trainer.Name} gave no metric '{metric}', by which versions of '{settings.Model}' are compared.",
                $"It gave {(trained.Metrics.Count > 0 ? string.Join(", ", trained.Metrics.Keys) : "none")}. Set Metrics[\"{metric}\"], or compare by another.");
        }

        await using var artifact = ScratchFile.Create();
        await trained.WriteAsync(artifact, cancellationToken).ConfigureAwait(false);
        var version = await registry.RegisterAsync(
            settings.Model,
            artifact,
            new ModelVersionInfo
            {
                Description = trained.Description,
                Metrics = trained.Metrics.AsReadOnly(),
                Params = trained.Params.AsReadOnly(),
                Tags = new Dictionary<string, string>(trained.Tags) { [TrainerTag] = _trainer },
                GitCommit = context.Run.GitCommit,
                RunId = context.Run.RunId,
                DataFingerprint = data,
            },
            cancellationToken).ConfigureAwait(false);
        context.Logger.LogInformation("Model {Model}: version {Version} is registered", settings.Model, version.Version);
        return version;
    }

    // A version is told apart by the data it was trained on, so it must be just that data.
    private async IAsyncEnumerable<RecordBatch> ReadSameAsync(
        SqlStatement statement, IWarehouse warehouse, string expected, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var fingerprint = new DataFingerprint();
        await foreach (var batch in statement.ReadAsync(warehouse, cancellationToken).ConfigureAwait(false))
        {
            fingerprint.Add(batch);
            yield return batch;
        }

        if (fingerprint.ToString() != expected)
        {
            throw new DataPlatformException(
                FailureClass.Transient, $"The training data of '{settings.Model}' changed while it was read.", "Let nothing else write to its tables while the pipeline runs.");
        }
    }

    // The candidate is set last: a version that is it has been judged, and what people have decided since then stays.
    private async Task JudgeAsync(IModelRegistry registry, ModelVersion version, ModelVersion? champion, StepContext context, CancellationToken cancellationToken)
    {
        if (version.Aliases.Contains(ModelAliases.Candidate)) return;
        if (champion?.Version != version.Version)
        {
            var promoted = settings.PromoteWhen!(version, champion);
            if (promoted) await registry.SetAliasAsync(settings.Model, ModelAliases.Champion, version.Version, context.Run.RunId, cancellationToken).ConfigureAwait(false);
            context.Logger.LogInformation(
                "Model {Model}: version {Version} is {Outcome} (champion was {Champion})",
                settings.Model, version.Version, promoted ? "promoted" : "not promoted", champion?.Version.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "none");
        }

        await registry.SetAliasAsync(settings.Model, ModelAliases.Candidate, version.Version, context.Run.RunId, cancellationToken).ConfigureAwait(false);
    }
}
