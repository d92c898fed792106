using System.Globalization;
using System.Text.Json;
using DataPlatform.Ledger;
using DataPlatform.ObjectStores;
using DataPlatform.Warehouses;
using Polly;
using Polly.Retry;

namespace DataPlatform.MLOps;

/// <summary>
/// A model registry without a server: artifacts are in an object store under <c>models/{model}/artifacts/{sha256}</c>, everything else in the tables
/// <c>models</c>, <c>model_versions</c> and <c>model_aliases</c> next to the ledger, where every change commits together with its audit event.
/// </summary>
/// <remarks>
/// The artifact is stored first, under the hash of its content, and the version's row is committed after that, numbered under a lock of the model. A crash
/// between the two leaves an artifact without a row, which the next registration of the same content finds.
/// </remarks>
public sealed class EmbeddedModelRegistry : IModelRegistry
{
    private readonly IObjectStore _store;
    private readonly IRunLedger _ledger;
    private readonly TimeProvider _time;
    private readonly ResiliencePipeline _retry;
    private bool _migrated;

    /// <summary>Makes the registry without connecting yet; its tables are created on first use.</summary>
    /// <param name="name">The name it is known by.</param>
    /// <param name="store">Keeps the artifacts.</param>
    /// <param name="ledger">Keeps everything else, in its warehouse.</param>
    /// <param name="timeProvider">The clock.</param>
    public EmbeddedModelRegistry(string name, IObjectStore store, IRunLedger ledger, TimeProvider? timeProvider = null)
    {
        Name = EntityName.Validate(name, "model registry");
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(ledger);
        _store = store;
        _ledger = ledger;
        _time = timeProvider ?? TimeProvider.System;
        _retry = new ResiliencePipelineBuilder { TimeProvider = _time }
            .AddRetry(new RetryStrategyOptions
            {
                Name = "model-registry",
                MaxRetryAttempts = 10,
                Delay = TimeSpan.FromMilliseconds(20),
                MaxDelay = TimeSpan.FromSeconds(1),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,

                // DuckDB tells of a key that another transaction has just taken as of broken data.
                ShouldHandle = new PredicateBuilder().Handle<WarehouseException>(e => e.FailureClass is FailureClass.Transient or FailureClass.Data),
            })
            .Build();
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string Location => $"{_store.Location} and {_ledger.Warehouse.Location}";

    /// <inheritdoc/>
    public async Task<ModelVersion> RegisterAsync(string model, Stream artifact, ModelVersionInfo info, CancellationToken cancellationToken = default)
    {
        EntityName.Validate(model, "model");
        ArgumentNullException.ThrowIfNull(artifact);
        ArgumentNullException.ThrowIfNull(info);
        await using var content = await Artifact.ReadAsync(artifact, cancellationToken).ConfigureAwait(false);
        return await _retry.ExecuteAsync(
            async token =>
            {
                if (await FindSameAsync(model, content.Sha256, info.DataFingerprint, token).ConfigureAwait(false) is { } same) return same;

                // The artifact comes first and is named by its content: when the job dies before the row, the next one writes the same bytes again.
                await _store.PutAsync(Key(model, content.Sha256), content.Rewind(), cancellationToken: token).ConfigureAwait(false);
                return await AddAsync(model, content, info, token).ConfigureAwait(false);
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<ModelVersion?> FindAsync(ModelReference reference, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(reference);
        (string Condition, object?[] Parameters) which = reference switch
        {
            { Version: { } version } => ("version = $2", [version]),
            { Alias: { } alias } => ("version IN (SELECT version FROM dataplatform.model_aliases WHERE model = $1 AND alias = $2)", [alias]),
            { Stage: { } stage } => ("stage = $2", [stage.ToString()]),
            _ => ("TRUE", []),
        };
        return await FindNewestAsync(reference.Model, which.Condition, which.Parameters, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> ListModelsAsync(CancellationToken cancellationToken = default) =>
        ReadAsync(transaction => ModelTables.ListModelsAsync(transaction, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<ModelVersion>> ListVersionsAsync(string model, CancellationToken cancellationToken = default) =>
        ReadAsync(transaction => ModelTables.FindAsync(transaction, model, "TRUE", [], cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task SetAliasAsync(string model, string alias, int version, string? runId = null, CancellationToken cancellationToken = default)
    {
        ModelAlias.Validate(alias);
        return ChangeAsync(
            model,
            async (transaction, token) =>
            {
                await GetAsync(transaction, model, version, token).ConfigureAwait(false);
                var previous = await ModelTables.FindAliasAsync(transaction, model, alias, token).ConfigureAwait(false);
                if (previous == version) return null;
                await ModelTables.SetAliasAsync(transaction, model, alias, version, token).ConfigureAwait(false);
                return Event("model.alias.set", $"{model}@{alias}", runId, new { version, previous });
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public Task DeleteAliasAsync(string model, string alias, string? runId = null, CancellationToken cancellationToken = default) => ChangeAsync(
        model,
        async (transaction, token) =>
        {
            if (await ModelTables.FindAliasAsync(transaction, model, alias, token).ConfigureAwait(false) is not { } previous) return null;
            await ModelTables.DeleteAliasAsync(transaction, model, alias, token).ConfigureAwait(false);
            return Event("model.alias.delete", $"{model}@{alias}", runId, new { previous });
        },
        cancellationToken);

    /// <inheritdoc/>
    public async Task<ModelVersion> TransitionStageAsync(
        string model, int version, ModelStage stage, bool archiveExisting, string? runId = null, CancellationToken cancellationToken = default)
    {
        if (archiveExisting && stage is not (ModelStage.Staging or ModelStage.Production))
        {
            throw new DataPlatformException(
                FailureClass.Configuration, $"Versions in stage {stage} cannot be archived for another.", "Only Staging and Production hold versions that give way to another.");
        }

        await ChangeAsync(
            model,
            async (transaction, token) =>
            {
                var from = (await GetAsync(transaction, model, version, token).ConfigureAwait(false)).Stage;
                var archived = archiveExisting
                    ? (await ModelTables.FindAsync(transaction, model, "stage = $2 AND version <> $3", [stage.ToString(), version], token).ConfigureAwait(false)).Select(other => other.Version).ToList()
                    : [];
                if (from == stage && archived.Count == 0) return null;
                foreach (var other in archived) await ModelTables.SetStageAsync(transaction, model, other, ModelStage.Archived, token).ConfigureAwait(false);
                await ModelTables.SetStageAsync(transaction, model, version, stage, token).ConfigureAwait(false);
                return Event("model.stage", $"{model}/{version}", runId, new { from = from.ToString(), to = stage.ToString(), archived });
            },
            cancellationToken).ConfigureAwait(false);
        return await ReadAsync(transaction => GetAsync(transaction, model, version, cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<Stream> OpenArtifactAsync(ModelVersion version, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(version);
        var key = Key(version.Model, version.ArtifactSha256);
        var file = ScratchFile.Create();
        try
        {
            await using (var stored = await _store.OpenReadAsync(key, range: null, cancellationToken).ConfigureAwait(false))
                await stored.CopyToAsync(file, cancellationToken).ConfigureAwait(false);
            await using var content = await Artifact.ReadAsync(file, cancellationToken).ConfigureAwait(false);
            if (content.Sha256 != version.ArtifactSha256)
            {
                throw new DataPlatformException(
                    FailureClass.Data,
                    $"The artifact of {version} in {_store.Location}, {key}, is not the one that was registered: its SHA-256 is {content.Sha256}, not {version.ArtifactSha256}.",
                    "Somebody or something changed it. Restore it from a backup, or train and register a new version.");
            }

            return content.Rewind();
        }
        catch
        {
            await file.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task CheckAsync(CancellationToken cancellationToken = default)
    {
        await _store.CheckAsync(cancellationToken).ConfigureAwait(false);
        await _ledger.Warehouse.CheckAsync(cancellationToken).ConfigureAwait(false);
    }

    private Task<ModelVersion?> FindSameAsync(string model, string sha256, string? fingerprint, CancellationToken cancellationToken) =>
        FindNewestAsync(model, "artifact_sha256 = $2 AND coalesce(data_fingerprint, '') = $3", [sha256, fingerprint ?? ""], cancellationToken);

    private async Task<ModelVersion?> FindNewestAsync(string model, string condition, IReadOnlyList<object?> parameters, CancellationToken cancellationToken) =>
        await ReadAsync(transaction => ModelTables.FindAsync(transaction, model, condition, parameters, cancellationToken), cancellationToken).ConfigureAwait(false) is [var newest, ..]
            ? newest
            : null;

    // Registrations of a model wait for each other, or one of them fails and is tried again: each takes the number after the last.
    private async Task<ModelVersion> AddAsync(string model, Artifact artifact, ModelVersionInfo info, CancellationToken cancellationToken)
    {
        await using var transaction = await _ledger.Warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        await ModelTables.AddModelAsync(transaction, model, _time.GetUtcNow(), cancellationToken).ConfigureAwait(false);
        await ModelTables.LockAsync(transaction, model, cancellationToken).ConfigureAwait(false);
        var number = 1 + await ModelTables.FindLastNumberAsync(transaction, model, cancellationToken).ConfigureAwait(false);
        var version = new ModelVersion
        {
            Model = model,
            Version = number,
            Stage = ModelStage.None,
            Aliases = [],
            Description = info.Description,
            Metrics = info.Metrics,
            Params = info.Params,
            Tags = info.Tags,
            GitCommit = info.GitCommit,
            RunId = info.RunId,
            DataFingerprint = info.DataFingerprint,
            ArtifactSha256 = artifact.Sha256,
            ArtifactSize = artifact.Size,
            CreatedAt = _time.GetUtcNow(),
        };

        await ModelTables.AddVersionAsync(transaction, version, cancellationToken).ConfigureAwait(false);
        var details = new { sha256 = version.ArtifactSha256, metrics = version.Metrics.ToDictionary(metric => metric.Key, metric => metric.Value.ToString("R", CultureInfo.InvariantCulture)) };
        await _ledger.AuditAsync(transaction, Event("model.register", version.ToString(), info.RunId, details), cancellationToken).ConfigureAwait(false);
        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        return version;
    }

    private static async Task<ModelVersion> GetAsync(IWarehouseTransaction transaction, string model, int version, CancellationToken cancellationToken) =>
        await ModelTables.FindVersionAsync(transaction, model, version, cancellationToken).ConfigureAwait(false) ?? throw new DataPlatformException(
            FailureClass.Configuration, $"Model '{model}' has no version {version}.", "List the versions there are, or register it first.");

    private async Task<T> ReadAsync<T>(Func<IWarehouseTransaction, Task<T>> read, CancellationToken cancellationToken)
    {
        await MigrateAsync(cancellationToken).ConfigureAwait(false);
        await using var transaction = await _ledger.Warehouse.BeginSnapshotAsync(cancellationToken).ConfigureAwait(false);
        return await read(transaction).ConfigureAwait(false);
    }

    // A change and its audit event are one transaction; no event, no change. Changes of a model wait for each other.
    private async Task ChangeAsync(
        string model, Func<IWarehouseTransaction, CancellationToken, Task<AuditEvent?>> change, CancellationToken cancellationToken)
    {
        await MigrateAsync(cancellationToken).ConfigureAwait(false);
        await _retry.ExecuteAsync(
            async token =>
            {
                await using var transaction = await _ledger.Warehouse.BeginAsync(token).ConfigureAwait(false);
                await ModelTables.LockAsync(transaction, model, token).ConfigureAwait(false);
                if (await change(transaction, token).ConfigureAwait(false) is not { } done) return;
                await _ledger.AuditAsync(transaction, done, token).ConfigureAwait(false);
                await transaction.CommitAsync(token).ConfigureAwait(false);
            },
            cancellationToken).ConfigureAwait(false);
    }

    private async Task MigrateAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _migrated)) return;
        await _ledger.MigrateAsync(ModelTables.Module, ModelTables.Migrations, cancellationToken).ConfigureAwait(false);
        Volatile.Write(ref _migrated, true);
    }

    private static AuditEvent Event<T>(string action, string subject, string? runId, T detail) =>
        new(action, subject, runId, JsonSerializer.Serialize(detail, JsonSerializerOptions.Web));

    private static string Key(string model, string sha256) => $"models/{model}/artifacts/{sha256}";
}
