namespace DataPlatform.MLOps;

/// <summary>
/// Where trained models are kept: every version with its artifact, how it was made and how well it does; and which version is in use.
/// The words are MLflow's: model, version, alias, stage, metric, param, tag.
/// </summary>
/// <remarks>Every change leaves an audit event. Implementations are safe for concurrent use.</remarks>
public interface IModelRegistry
{
    /// <summary>The name the registry was registered under.</summary>
    string Name { get; }

    /// <summary>Where the registry is, for people. Holds no secret.</summary>
    string Location { get; }

    /// <summary>
    /// Stores an artifact as a new version of a model; the model is created with its first version. The version can be seen once its artifact is stored.
    /// The same artifact with the same <see cref="ModelVersionInfo.DataFingerprint"/> again gives the version there is.
    /// </summary>
    /// <param name="model">The model: lower-case letters, digits and hyphens.</param>
    /// <param name="artifact">The artifact, read to its end.</param>
    /// <param name="info">How it was made and how well it does.</param>
    /// <param name="cancellationToken">Cancels; nothing is registered then.</param>
    Task<ModelVersion> RegisterAsync(string model, Stream artifact, ModelVersionInfo info, CancellationToken cancellationToken = default);

    /// <summary>The version that a reference means, or null when there is no such model, version, alias, or version in the stage.</summary>
    Task<ModelVersion?> FindAsync(ModelReference reference, CancellationToken cancellationToken = default);

    /// <summary>The names of the models, in order.</summary>
    Task<IReadOnlyList<string>> ListModelsAsync(CancellationToken cancellationToken = default);

    /// <summary>The versions of a model, newest first; empty when there is no such model.</summary>
    Task<IReadOnlyList<ModelVersion>> ListVersionsAsync(string model, CancellationToken cancellationToken = default);

    /// <summary>Points an alias at a version, wherever it pointed before.</summary>
    /// <param name="model">The model.</param>
    /// <param name="alias">Letters, digits, <c>_</c> and <c>-</c>; not <c>latest</c>, and nothing that reads as a version, such as <c>v1</c>.</param>
    /// <param name="version">The version.</param>
    /// <param name="runId">The run in which it is done, for the audit event.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: there is no such version, or the alias is not a valid name.</exception>
    Task SetAliasAsync(string model, string alias, int version, string? runId = null, CancellationToken cancellationToken = default);

    /// <summary>Removes an alias; does nothing when there is none.</summary>
    /// <param name="model">The model.</param>
    /// <param name="alias">The alias.</param>
    /// <param name="runId">The run in which it is done, for the audit event.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task DeleteAliasAsync(string model, string alias, string? runId = null, CancellationToken cancellationToken = default);

    /// <summary>Moves a version to a stage.</summary>
    /// <param name="model">The model.</param>
    /// <param name="version">The version.</param>
    /// <param name="stage">The stage.</param>
    /// <param name="archiveExisting">Whether the versions that are in that stage move to <see cref="ModelStage.Archived"/>; only for Staging and Production.</param>
    /// <param name="runId">The run in which it is done, for the audit event.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: there is no such version.</exception>
    Task<ModelVersion> TransitionStageAsync(string model, int version, ModelStage stage, bool archiveExisting, string? runId = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Opens a version's artifact. It is checked against its SHA-256 before the first byte is handed out; the stream can seek.
    /// </summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Data"/>: the artifact is missing or is not what was registered.</exception>
    Task<Stream> OpenArtifactAsync(ModelVersion version, CancellationToken cancellationToken = default);

    /// <summary>Checks that the registry can be reached and used; throws with what to do when not. Used by the preflight and <c>doctor</c>.</summary>
    Task CheckAsync(CancellationToken cancellationToken = default);
}
