namespace DataPlatform.MLOps;

/// <summary>What training gave: the artifact, and how well it does.</summary>
public sealed class TrainedModel
{
    /// <summary>A model whose artifact is written by a function.</summary>
    /// <param name="write">Writes the artifact to a stream, which can seek.</param>
    public TrainedModel(Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        WriteAsync = (stream, _) =>
        {
            write(stream);
            return Task.CompletedTask;
        };
    }

    /// <summary>A model whose artifact is written by an asynchronous function.</summary>
    /// <param name="writeAsync">Writes the artifact to a stream, which can seek.</param>
    public TrainedModel(Func<Stream, CancellationToken, Task> writeAsync)
    {
        ArgumentNullException.ThrowIfNull(writeAsync);
        WriteAsync = writeAsync;
    }

    /// <summary>How well it does: <c>Metrics = { ["rmse"] = 3.2 }</c>.</summary>
    public IDictionary<string, double> Metrics { get; } = new Dictionary<string, double>(StringComparer.Ordinal);

    /// <summary>What the training was told.</summary>
    public IDictionary<string, string> Params { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Anything else.</summary>
    public IDictionary<string, string> Tags { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>For people.</summary>
    public string? Description { get; init; }

    /// <summary>Writes the artifact.</summary>
    public Func<Stream, CancellationToken, Task> WriteAsync { get; }
}
