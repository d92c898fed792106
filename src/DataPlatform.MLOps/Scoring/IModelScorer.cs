using Apache.Arrow;

namespace DataPlatform.MLOps;

/// <summary>
/// Applies a model to batches of rows. Created from dependency injection for each attempt and disposed of after it.
/// Derive from <see cref="ModelScorer{TInput, TOutput}"/> to work with records instead of columns.
/// </summary>
public interface IModelScorer
{
    /// <summary>The columns of the scored rows.</summary>
    Schema OutputSchema { get; }

    /// <summary>Loads the model, once, before the first batch.</summary>
    /// <param name="artifact">The artifact, checked against its hash; it can seek and is closed afterwards.</param>
    /// <param name="version">The version it is of.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task LoadAsync(Stream artifact, ModelVersion version, CancellationToken cancellationToken);

    /// <summary>Scores a batch. Called for one batch at a time.</summary>
    RecordBatch Score(RecordBatch rows);
}
