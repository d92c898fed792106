using System.Reflection;

namespace DataPlatform.Pipelines;

/// <summary>How pipelines are run.</summary>
public sealed record PipelineRunnerOptions
{
    /// <summary>The environment that runs are recorded under: Development, Staging, Production.</summary>
    public string Environment { get; init; } = "Production";

    /// <summary>How many steps may run at the same time. Default: as many as there are processors, at least 2.</summary>
    public int MaxParallelSteps { get; init; } = Math.Max(2, System.Environment.ProcessorCount);

    /// <summary>How long a step waits for another run of the same step to end. Default 30 s.</summary>
    public TimeSpan LeaseWait { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The date of runs that are not given one; null is today in UTC.</summary>
    public DateOnly? LogicalDate { get; init; }

    /// <summary>The commit the program was built from. Default: the environment variable GIT_COMMIT, else what the build put into the program's version.</summary>
    public string? GitCommit { get; init; } = System.Environment.GetEnvironmentVariable("GIT_COMMIT") is { Length: > 0 } commit ? commit : CommitOfEntryAssembly();

    private static string? CommitOfEntryAssembly() =>
        Assembly.GetEntryAssembly()?.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+') is [_, var commit] ? commit : null;
}
