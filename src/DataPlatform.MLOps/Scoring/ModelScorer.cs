using Apache.Arrow;
using DataPlatform.Warehouses;

namespace DataPlatform.MLOps;

/// <summary>Applies a model to batches of records; see <see cref="RecordMapper{T}"/> for how columns become properties and properties columns.</summary>
/// <typeparam name="TInput">A row of features.</typeparam>
/// <typeparam name="TOutput">A scored row.</typeparam>
public abstract class ModelScorer<TInput, TOutput> : IModelScorer where TInput : notnull where TOutput : notnull
{
    /// <inheritdoc/>
    public Schema OutputSchema => RecordMapper.For<TOutput>().Schema;

    /// <inheritdoc/>
    public abstract Task LoadAsync(Stream artifact, ModelVersion version, CancellationToken cancellationToken);

    /// <summary>Scores some rows. Called for one list at a time.</summary>
    protected abstract IEnumerable<TOutput> Score(IReadOnlyList<TInput> rows);

    /// <inheritdoc/>
    public RecordBatch Score(RecordBatch rows) =>
        RecordMapper.For<TOutput>().ToBatch(Score(RecordMapper.For<TInput>().FromBatch(rows)));
}
