namespace DataPlatform.Pipelines;

/// <summary>A validated pipeline: a directed acyclic graph of steps.</summary>
public sealed class PipelineDefinition
{
    private readonly Dictionary<string, StepDefinition> _byName;

    private PipelineDefinition(string name, IReadOnlyList<StepDefinition> steps)
    {
        Name = name;
        Steps = steps;
        _byName = steps.ToDictionary(step => step.Name, StringComparer.Ordinal);
    }

    /// <summary>The pipeline's name.</summary>
    public string Name { get; }

    /// <summary>The steps, each after the ones it depends on; otherwise in the order they were added.</summary>
    public IReadOnlyList<StepDefinition> Steps { get; }

    /// <summary>The step of that name.</summary>
    /// <exception cref="DataPlatformException">There is none; the message lists those there are.</exception>
    public StepDefinition this[string step] => _byName.TryGetValue(step, out var found)
        ? found
        : throw new DataPlatformException(
            FailureClass.Configuration,
            $"Pipeline '{Name}' has no step '{step}'.",
            $"Its steps are: {string.Join(", ", Steps.Select(s => s.Name))}.");

    /// <summary>The step and all that depend on it, directly or not.</summary>
    internal IReadOnlyList<StepDefinition> From(string step)
    {
        var reached = new HashSet<string>(StringComparer.Ordinal) { this[step].Name };
        foreach (var candidate in Steps)
        {
            if (candidate.DependsOn.Any(reached.Contains)) reached.Add(candidate.Name);
        }

        return [.. Steps.Where(s => reached.Contains(s.Name))];
    }

    internal static PipelineDefinition Create(string name, IReadOnlyList<StepDefinition> steps)
    {
        DataPlatformException Invalid(string message, string? hint = null) =>
            new(FailureClass.Configuration, $"Pipeline '{name}' {message}", hint);

        if (steps.Count == 0) throw Invalid("has no steps.", "Add at least one, for example with pipeline.Step(\"name\", …).");

        var duplicate = steps.GroupBy(s => s.Name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1);
        if (duplicate is not null) throw Invalid($"has {duplicate.Count()} steps named '{duplicate.Key}'.", "Give each step a name of its own.");

        var names = steps.Select(s => s.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var step in steps)
        {
            var unknown = step.DependsOn.FirstOrDefault(d => !names.Contains(d));
            if (unknown is not null)
                throw Invalid($"step '{step.Name}' runs after '{unknown}', which does not exist.", $"The steps are: {string.Join(", ", steps.Select(s => s.Name))}.");
            step.Validate?.Invoke();
        }

        // Kahn's algorithm, taking ready steps in the order they were added so that the result is stable.
        var ordered = new List<StepDefinition>(steps.Count);
        var done = new HashSet<string>(StringComparer.Ordinal);
        var waiting = steps.ToList();
        while (waiting.Count > 0)
        {
            var ready = waiting.FirstOrDefault(s => s.DependsOn.All(done.Contains));
            if (ready is null) throw Invalid($"has a cycle: {string.Join(" → ", FindCycle(waiting))}.", "Remove one of these After(…) calls.");
            waiting.Remove(ready);
            done.Add(ready.Name);
            ordered.Add(ready);
        }

        return new PipelineDefinition(name, ordered);
    }

    private static List<string> FindCycle(List<StepDefinition> waiting)
    {
        var byName = waiting.ToDictionary(s => s.Name, StringComparer.Ordinal);
        var path = new List<string>();
        var current = waiting[0].Name;
        while (!path.Contains(current))
        {
            path.Add(current);
            current = byName[current].DependsOn.First(byName.ContainsKey);
        }

        var cycle = path[path.IndexOf(current)..];
        cycle.Add(current);
        cycle.Reverse();
        return cycle;
    }
}
