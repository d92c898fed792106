namespace DataPlatform.Pipelines;

/// <summary>A step as a pipeline holds it. Blocks add their own kinds of step through <see cref="PipelineBuilder.Add"/>.</summary>
public sealed class StepDefinition
{
    /// <summary>Defines a step.</summary>
    /// <param name="name">Unique in its pipeline: lower-case letters, digits and hyphens.</param>
    /// <param name="kind">What sort of step it is, for people: <c>ingest</c>, <c>sql</c>, <c>step</c>.</param>
    /// <param name="create">Creates the step for one attempt, from the services of that attempt's scope.</param>
    public StepDefinition(string name, string kind, Func<IServiceProvider, IStep> create)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(kind);
        ArgumentNullException.ThrowIfNull(create);
        Name = EntityName.Validate(name, "step");
        Kind = kind;
        Create = create;
    }

    /// <summary>Unique in its pipeline.</summary>
    public string Name { get; }

    /// <summary>What sort of step it is, for people.</summary>
    public string Kind { get; }

    /// <summary>What it does in a few words, for <c>describe</c>: <c>lake:inbox/trips-*.csv → warehouse:raw.trips (merge)</c>.</summary>
    public string? Description { get; set; }

    /// <summary>Names of the steps that must have succeeded before.</summary>
    public IReadOnlyList<string> DependsOn { get; internal set; } = [];

    /// <summary>The name of the resilience pipeline that retries it.</summary>
    public string Retry { get; internal set; } = Resilience.ResiliencePipelineNames.Step;

    /// <summary>How long one attempt may take, or null for no limit.</summary>
    public TimeSpan? Timeout { get; internal set; }

    /// <summary>Creates the step for one attempt, from the services of that attempt's scope.</summary>
    public Func<IServiceProvider, IStep> Create { get; }

    /// <summary>Commands that the step brings to the job's command line; each name once, however many steps bring it.</summary>
    public IReadOnlyList<Jobs.IJobCommand> Commands { get; init; } = [];

    /// <summary>Throws a <see cref="DataPlatformException"/> when the definition is not complete, for example a source without a target.</summary>
    public Action? Validate { get; set; }
}
