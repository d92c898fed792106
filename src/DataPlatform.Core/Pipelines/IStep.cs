namespace DataPlatform.Pipelines;

/// <summary>One step of a pipeline: what one container can run alone. Created from dependency injection for each attempt.</summary>
public interface IStep
{
    /// <summary>
    /// Does the step's work. Idempotent: it may run again after a crash, so its effects are committed through
    /// <see cref="StepContext.BeginLoadAsync"/> or are conditional.
    /// </summary>
    Task RunAsync(StepContext context, CancellationToken cancellationToken);
}

/// <summary>A step that can check before the first row that it will be able to run: connections, target tables, files it needs.</summary>
public interface IStepPreflight
{
    /// <summary>Throws a <see cref="DataPlatformException"/> with what to do when the step could not run. Changes nothing.</summary>
    Task CheckAsync(CancellationToken cancellationToken);
}
