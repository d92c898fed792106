using Apache.Arrow;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DataPlatform.MLOps;

/// <summary>What a trainer is given: the rows, and what is in use now.</summary>
public sealed class TrainingContext
{
    private readonly Func<CancellationToken, IAsyncEnumerable<RecordBatch>> _read;

    /// <summary>A context over any rows. Training steps make their own.</summary>
    /// <param name="model">The model to train.</param>
    /// <param name="read">Reads the rows from the beginning.</param>
    /// <param name="logicalDate">The date the run is for.</param>
    public TrainingContext(string model, Func<CancellationToken, IAsyncEnumerable<RecordBatch>> read, DateOnly logicalDate)
    {
        ArgumentNullException.ThrowIfNull(read);
        Model = EntityName.Validate(model, "model");
        _read = read;
        LogicalDate = logicalDate;
    }

    /// <summary>A context over rows in memory, to test a trainer.</summary>
    /// <param name="model">The model to train.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="logicalDate">The date the run is for.</param>
    public static TrainingContext ForRows<T>(string model, IReadOnlyList<T> rows, DateOnly logicalDate) where T : notnull =>
        new(model, token => RecordMapper.For<T>().ToBatchesAsync(rows.ToAsyncEnumerable(), token), logicalDate);

    /// <summary>The model to train.</summary>
    public string Model { get; }

    /// <summary>The date the run is for.</summary>
    public DateOnly LogicalDate { get; }

    /// <summary>The version in use, or null when there is none yet.</summary>
    public ModelVersion? Champion { get; init; }

    /// <summary>A logger whose lines carry run, pipeline and step.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>Reads the rows as record batches. Each call reads them anew.</summary>
    public IAsyncEnumerable<RecordBatch> ReadBatchesAsync(CancellationToken cancellationToken = default) => _read(cancellationToken);

    /// <summary>Reads the rows as records; see <see cref="RecordMapper{T}"/> for how columns become properties. Each call reads them anew.</summary>
    public IAsyncEnumerable<T> ReadAsync<T>(CancellationToken cancellationToken = default) where T : notnull =>
        RecordMapper.For<T>().FromBatchesAsync(_read(cancellationToken), cancellationToken);
}
