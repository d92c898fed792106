namespace DataPlatform.Resilience;

/// <summary>Names of the resilience pipelines that are registered for you; register one under the same name to replace it.</summary>
public static class ResiliencePipelineNames
{
    /// <summary>Retries a step that failed as transient or unavailable: 3 retries, exponential from 1 s with jitter. Section <c>DataPlatform:Resilience:step</c>.</summary>
    public const string Step = "step";
}
