using DataPlatform.Ingestion;

namespace DataPlatform.Pipelines;

/// <summary>The verb of ingestion.</summary>
public static class IngestPipelineExtensions
{
    /// <summary>Adds a step that loads what is new in a source into a table. Say which with <see cref="IngestBuilder.Into(string, Warehouses.TableName, Action{LoadBuilder}?)"/>.</summary>
    /// <example><code>
    /// pipeline.Ingest("weather", From.JsonLines("lake", "inbox/weather-*.jsonl")).Into("warehouse", "raw.weather");
    /// </code></example>
    /// <param name="pipeline">The pipeline.</param>
    /// <param name="name">The step's name.</param>
    /// <param name="source">Where the rows come from.</param>
    public static IngestBuilder Ingest(this PipelineBuilder pipeline, string name, ISource source)
    {
        ArgumentNullException.ThrowIfNull(pipeline);
        ArgumentNullException.ThrowIfNull(source);
        return new IngestBuilder(pipeline, name, source);
    }

    /// <summary>Adds a step that loads what is new in a source, whose rows a record declares, into a table.</summary>
    /// <example><code>
    /// pipeline.Ingest("trips", From.Csv&lt;Trip&gt;("lake", "inbox/trips-*.csv"))
    ///         .Into("warehouse", "raw.trips", load => load.Merge(trip => trip.TripId).Quarantine(maxRejected: 0.01));
    /// </code></example>
    /// <typeparam name="T">The record or class.</typeparam>
    /// <param name="pipeline">The pipeline.</param>
    /// <param name="name">The step's name.</param>
    /// <param name="source">Where the rows come from.</param>
    public static IngestBuilder<T> Ingest<T>(this PipelineBuilder pipeline, string name, ISource<T> source)
    {
        ArgumentNullException.ThrowIfNull(pipeline);
        ArgumentNullException.ThrowIfNull(source);
        return new IngestBuilder<T>(pipeline, name, source);
    }
}
