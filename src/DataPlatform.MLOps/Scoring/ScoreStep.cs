using System.Runtime.CompilerServices;
using Apache.Arrow;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.MLOps;

/// <summary>Applies a version of a model to the rows of a query and writes what comes out, in one load.</summary>
internal sealed class ScoreStep(ScoreSettings settings, IServiceProvider services) : IStep, IStepPreflight
{
    private const string VersionColumn = "model_version";

    private long _read, _scored;

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
        var version = await registry.FindAsync(settings.Model, cancellationToken).ConfigureAwait(false) ?? throw new DataPlatformException(
            FailureClass.Configuration, $"Model registry '{registry.Name}' has no {settings.Model}.", "Train the model first, or set the alias or stage on one of its versions.");

        await using var scorer = new Instance<IModelScorer>(services, settings.Scorer);
        var schema = scorer.Value.OutputSchema.WithColumn(VersionColumn);
        CheckColumns(schema);
        await using (var artifact = await registry.OpenArtifactAsync(version, cancellationToken).ConfigureAwait(false))
            await scorer.Value.LoadAsync(artifact, version, cancellationToken).ConfigureAwait(false);

        var table = settings.Table!.Value;
        var rows = ScoreAsync(scorer.Value, statement.ReadAsync(warehouse, cancellationToken), version, context, cancellationToken);
        await using var load = await context.BeginLoadAsync(warehouse, table, settings.Keys.Count > 0 ? "merge" : "replace", cancellationToken).ConfigureAwait(false);
        var written = settings.Keys.Count > 0
            ? await load.MergeRowsAsync(table, schema, new MergeOptions(settings.Keys), rows, cancellationToken).ConfigureAwait(false)
            : await load.ReplaceRowsAsync(table, schema, rows, cancellationToken).ConfigureAwait(false);

        // A scorer that makes several rows of one has as many rows to account for as it made.
        var read = Math.Max(_read, _scored);
        await load.CommitAsync(
            new RowBalance(read, written.RowsWritten, Deduplicated: written.RowsDeduplicated, Filtered: read - _scored), cancellationToken).ConfigureAwait(false);
        context.SetOutput(VersionColumn, version.Version);
    }

    private async IAsyncEnumerable<RecordBatch> ScoreAsync(
        IModelScorer scorer, IAsyncEnumerable<RecordBatch> batches, ModelVersion version, StepContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var batch in batches.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            using (batch)
            {
                if (batch.Length == 0) continue;
                var scored = scorer.Score(batch);
                _read += batch.Length;
                _scored += scored.Length;
                context.ReportProgress(_read, total: null);
                yield return scored.WithColumn(VersionColumn, version.Version);
            }
        }
    }

    private void CheckColumns(Schema schema)
    {
        var names = schema.FieldsList.Select(field => field.Name).ToList();
        if (names.Contains(LoadTransaction.LoadIdColumn) || names.Count(name => name == VersionColumn) > 1)
        {
            throw new DataPlatformException(
                FailureClass.Configuration,
                $"{settings.Scorer.Name} gives a column '{VersionColumn}' or '{LoadTransaction.LoadIdColumn}', which the step adds itself.",
                "Leave it out of the scorer's rows.");
        }

        if (settings.Keys.FirstOrDefault(key => !names.Contains(key)) is not { } missing) return;
        throw new DataPlatformException(
            FailureClass.Configuration, $"{settings.Scorer.Name} gives no column '{missing}', which is a key of {settings.Table}.", $"It gives {string.Join(", ", names)}.");
    }
}
