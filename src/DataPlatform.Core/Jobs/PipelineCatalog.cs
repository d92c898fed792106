using DataPlatform.Pipelines;

namespace DataPlatform.Jobs;

/// <summary>A pipeline as it was added to the host: not yet put together.</summary>
internal sealed record PipelineRegistration(string Name, Action<PipelineBuilder> Configure);

/// <summary>The pipelines of the job. Building one is put off until a command needs it, so that <c>--help</c> never fails.</summary>
internal sealed class PipelineCatalog(IEnumerable<PipelineRegistration> registrations)
{
    private readonly PipelineRegistration[] _registrations = [.. registrations];
    private readonly Dictionary<string, PipelineDefinition> _built = new(StringComparer.Ordinal);

    /// <summary>The names in the order they were added.</summary>
    public IReadOnlyList<string> Names => [.. _registrations.Select(r => r.Name).Distinct(StringComparer.Ordinal)];

    /// <summary>The name of the pipeline when there is just one, else null.</summary>
    public string? OnlyName => Names is [var only] ? only : null;

    /// <summary>Puts the pipeline of that name together; without a name the only one.</summary>
    /// <exception cref="DataPlatformException">There is none, there are several, or it is not valid.</exception>
    public PipelineDefinition Build(string? name)
    {
        var registration = Find(name);
        if (_built.TryGetValue(registration.Name, out var built)) return built;

        var builder = new PipelineBuilder(registration.Name);
        registration.Configure(builder);
        return _built[registration.Name] = builder.Build();
    }

    /// <summary>The commands that steps bring. A pipeline that cannot be put together brings none: <c>run</c> and <c>doctor</c> tell what is wrong with it.</summary>
    /// <remarks>What is built for this is not kept: secrets in the configuration may not be known yet.</remarks>
    public IEnumerable<IJobCommand> FindCommands() => _registrations.SelectMany(registration =>
    {
        try
        {
            var builder = new PipelineBuilder(registration.Name);
            registration.Configure(builder);
            return builder.Build().Steps.SelectMany(step => step.Commands).ToArray();
        }
        catch (Exception)
        {
            return [];
        }
    });

    private PipelineRegistration Find(string? name)
    {
        if (_registrations.Length == 0)
            throw Invalid("The job has no pipeline.", "Add one with builder.AddPipeline(\"name\", pipeline => …).");
        if (name is null && Names.Count > 1)
            throw Invalid("The job has several pipelines.", $"Name the one to use: {string.Join(", ", Names)}.");

        var found = Array.FindAll(_registrations, r => name is null || r.Name == name);
        return found switch
        {
            [var one] => one,
            [] => throw Invalid($"There is no pipeline '{name}'.", $"The pipelines are: {string.Join(", ", Names)}."),
            _ => throw Invalid($"There are {found.Length} pipelines named '{found[0].Name}'.", "Give each pipeline a name of its own."),
        };
    }

    private static DataPlatformException Invalid(string message, string hint) => new(FailureClass.Configuration, message, hint);
}
