using DataPlatform.MLOps;

namespace DataPlatform.Pipelines;

/// <summary>The verbs of models.</summary>
public static class ModelPipelineExtensions
{
    /// <summary>
    /// Adds a step that trains a model and registers it. Data that is the same as what the newest version was trained on, by the same build of the
    /// trainer, is not trained on again. A new version gets the alias <c>candidate</c>, and <c>champion</c> when it is promoted.
    /// Hands on <c>model_version</c>, the number of the newest version.
    /// </summary>
    /// <example><code>
    /// pipeline.Train&lt;DemandTrainer&gt;("train", "demand-model")
    ///         .From("warehouse", "sql/demand_features.sql").Minimize("rmse").After("demand-quality");
    /// </code></example>
    /// <typeparam name="TTrainer">Trains it; created from dependency injection.</typeparam>
    /// <param name="pipeline">The pipeline.</param>
    /// <param name="name">The step's name.</param>
    /// <param name="model">The model's name.</param>
    public static TrainStepBuilder Train<TTrainer>(this PipelineBuilder pipeline, string name, string model) where TTrainer : class, IModelTrainer
    {
        ArgumentNullException.ThrowIfNull(pipeline);
        var settings = new TrainSettings(name, model, typeof(TTrainer));
        var definition = new StepDefinition(name, "train", services => new TrainStep(settings, services)) { Validate = settings.Validate };
        pipeline.Add(definition);
        return new TrainStepBuilder(definition, settings);
    }

    /// <summary>
    /// Adds a step that applies a version of a model to rows and writes the scored rows, each with <c>model_version</c>, to a table.
    /// Hands on <c>model_version</c>.
    /// </summary>
    /// <example><code>
    /// pipeline.Score&lt;DemandScorer&gt;("score", "demand-model@champion")
    ///         .From("warehouse", "sql/tomorrow.sql").Into("marts.demand_forecast", "station_id", "hour").After("train");
    /// </code></example>
    /// <typeparam name="TScorer">Scores them; created from dependency injection.</typeparam>
    /// <param name="pipeline">The pipeline.</param>
    /// <param name="name">The step's name.</param>
    /// <param name="model">The version to use: <c>demand-model@champion</c>, <c>demand-model/3</c>, …</param>
    public static ScoreStepBuilder Score<TScorer>(this PipelineBuilder pipeline, string name, ModelReference model) where TScorer : class, IModelScorer
    {
        ArgumentNullException.ThrowIfNull(pipeline);
        ArgumentNullException.ThrowIfNull(model);
        var settings = new ScoreSettings(name, model, typeof(TScorer));
        var definition = new StepDefinition(name, "score", services => new ScoreStep(settings, services)) { Validate = settings.Validate };
        pipeline.Add(definition);
        return new ScoreStepBuilder(definition, settings);
    }
}
