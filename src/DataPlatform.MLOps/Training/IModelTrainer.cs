namespace DataPlatform.MLOps;

/// <summary>Trains a model. Created from dependency injection for each attempt.</summary>
public interface IModelTrainer
{
    /// <summary>Trains on the rows of <paramref name="context"/>.</summary>
    Task<TrainedModel> TrainAsync(TrainingContext context, CancellationToken cancellationToken);
}
