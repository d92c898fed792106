using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Pipelines;

/// <summary>Puts a pipeline together. Blocks add verbs of their own to it: <c>Ingest</c>, <c>Sql</c>, <c>Score</c>, …</summary>
public sealed class PipelineBuilder
{
    private readonly List<StepDefinition> _steps = [];

    /// <summary>Begins a pipeline. <c>AddPipeline</c> does this for you; use it directly to run a pipeline without a host.</summary>
    public PipelineBuilder(string name) => Name = EntityName.Validate(name, "pipeline");

    /// <summary>The pipeline's name.</summary>
    public string Name { get; }

    /// <summary>Adds a step of your own, created from dependency injection.</summary>
    public StepBuilder Step<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TStep>(string name) where TStep : class, IStep =>
        Add(new StepDefinition(name, "step", services => ActivatorUtilities.GetServiceOrCreateInstance<TStep>(services))
        {
            Description = typeof(TStep).Name,
        });

    /// <summary>Adds a step that is a function.</summary>
    public StepBuilder Step(string name, Func<StepContext, CancellationToken, Task> run)
    {
        ArgumentNullException.ThrowIfNull(run);
        return Add(new StepDefinition(name, "step", _ => new FunctionStep(run)));
    }

    /// <summary>Adds a step of any kind. What extension methods of other packages call.</summary>
    public StepBuilder Add(StepDefinition step)
    {
        ArgumentNullException.ThrowIfNull(step);
        _steps.Add(step);
        return new StepBuilder(step);
    }

    /// <summary>Validates and builds the pipeline.</summary>
    /// <exception cref="DataPlatformException">A duplicate or unknown name, or a cycle; the message names the steps.</exception>
    public PipelineDefinition Build() => PipelineDefinition.Create(Name, _steps);

    private sealed class FunctionStep(Func<StepContext, CancellationToken, Task> run) : IStep
    {
        public Task RunAsync(StepContext context, CancellationToken cancellationToken) => run(context, cancellationToken);
    }
}
