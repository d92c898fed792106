namespace DataPlatform.Pipelines;

/// <summary>Says more about a step that was just added. Blocks derive builders of their own from it; what every step has is in <see cref="StepBuilderExtensions"/>.</summary>
public class StepBuilder
{
    /// <summary>Goes on with a step that was added to a pipeline.</summary>
    protected internal StepBuilder(StepDefinition definition)
    {
        ArgumentNullException.ThrowIfNull(definition);
        Definition = definition;
    }

    /// <summary>The step.</summary>
    public StepDefinition Definition { get; }
}

/// <summary>What can be said of every step. Each returns the builder it was called on, so that the step's own verbs may follow.</summary>
public static class StepBuilderExtensions
{
    /// <summary>Runs the step only after these have succeeded. Steps that do not depend on each other run at the same time.</summary>
    public static TBuilder After<TBuilder>(this TBuilder builder, params IReadOnlyList<string> steps) where TBuilder : StepBuilder
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Definition.DependsOn = [.. builder.Definition.DependsOn.Union(steps, StringComparer.Ordinal)];
        return builder;
    }

    /// <summary>Retries by the resilience pipeline of this name instead of the default one.</summary>
    public static TBuilder WithRetry<TBuilder>(this TBuilder builder, string resiliencePipeline) where TBuilder : StepBuilder
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(resiliencePipeline);
        builder.Definition.Retry = resiliencePipeline;
        return builder;
    }

    /// <summary>Fails an attempt as <see cref="FailureClass.Transient"/> when it takes longer.</summary>
    public static TBuilder WithTimeout<TBuilder>(this TBuilder builder, TimeSpan timeout) where TBuilder : StepBuilder
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeout, TimeSpan.Zero);
        builder.Definition.Timeout = timeout;
        return builder;
    }
}
