namespace DataPlatform.Transform;

/// <summary>What dbt is to do.</summary>
public enum DbtCommand
{
    /// <summary>Seeds, models, snapshots and their tests, in the order of their dependencies.</summary>
    Build,

    /// <summary>Models.</summary>
    Run,

    /// <summary>Data tests and unit tests.</summary>
    Test,

    /// <summary>Loads seeds.</summary>
    Seed,

    /// <summary>Takes snapshots.</summary>
    Snapshot,

    /// <summary>Compiles SQL without running it.</summary>
    Compile,

    /// <summary>Lists the nodes that are selected.</summary>
    List,

    /// <summary>Checks how old sources are.</summary>
    SourceFreshness,

    /// <summary>Writes the catalog.</summary>
    DocsGenerate,

    /// <summary>Runs a macro: <see cref="DbtInvocation.Macro"/>.</summary>
    RunOperation,

    /// <summary>Installs the packages that the project names, into the project's folder.</summary>
    Deps,

    /// <summary>
    /// Runs what the latest run of the project in the same pipeline left: what failed, was skipped, was running when its process ended or had not begun, and nothing that succeeded.
    /// </summary>
    Retry,
}

/// <summary>One invocation of dbt: what it is told. The names are those of dbt's own options.</summary>
/// <param name="Project">The folder of <c>dbt_project.yml</c>. A relative path is looked for in the program's folder, then in the working directory.</param>
public sealed record DbtInvocation(string Project)
{
    /// <summary>What to do. <see cref="DbtCommand.Build"/> unless set.</summary>
    public DbtCommand Command { get; set; } = DbtCommand.Build;

    /// <summary>The name of the warehouse to build in. Null: the only one there is.</summary>
    public string? Warehouse { get; set; }

    /// <summary>Nodes to take, in dbt's selection syntax; they add up. Empty takes all.</summary>
    public IList<string> Select { get; init; } = [];

    /// <summary>Nodes to leave out, in dbt's selection syntax.</summary>
    public IList<string> Exclude { get; init; } = [];

    /// <summary>The name of a selector in <c>selectors.yml</c>, instead of <see cref="Select"/> and <see cref="Exclude"/>.</summary>
    public string? Selector { get; set; }

    /// <summary>Exactly these nodes, whatever else is selected; null for what is selected. Set by a retry.</summary>
    public IReadOnlyList<DbtNode>? Nodes { get; set; }

    /// <summary>
    /// Values for <c>var()</c>. A step adds <c>run_date</c>, the run's logical date as <c>yyyy-MM-dd</c>, unless it is here. They are arguments of a process: never put a secret here.
    /// </summary>
    public IDictionary<string, object?> Vars { get; init; } = new Dictionary<string, object?>(StringComparer.Ordinal);

    /// <summary>The name that models see as <c>target.name</c>. <c>default</c> unless set.</summary>
    public string Target { get; set; } = "default";

    /// <summary>The schema that models are built in, unless they say otherwise. Null: the first of the connection string's search path, or <c>public</c>.</summary>
    public string? Schema { get; set; }

    /// <summary>How many nodes may run at the same time. 4 unless set.</summary>
    public int Threads { get; set; } = 4;

    /// <summary>Builds incremental models and seeds anew.</summary>
    public bool FullRefresh { get; set; }

    /// <summary>The time that microbatch models are built for, dbt's <c>--event-time-start</c> and <c>--event-time-end</c>; null for what they are configured to.</summary>
    public DbtTimeRange? EventTime { get; set; }

    /// <summary>A folder with the artifacts of an earlier run, for <c>state:</c> selection and <see cref="Defer"/>.</summary>
    public string? State { get; set; }

    /// <summary>Takes nodes that are not selected from where <see cref="State"/> says they are.</summary>
    public bool Defer { get; set; }

    /// <summary>Stops at the first failure.</summary>
    public bool FailFast { get; set; }

    /// <summary>Takes warnings for errors.</summary>
    public bool WarnError { get; set; }

    /// <summary>The macro that <see cref="DbtCommand.RunOperation"/> runs.</summary>
    public string? Macro { get; set; }

    /// <summary>The macro's arguments by name.</summary>
    public IDictionary<string, object?> MacroArguments { get; init; } = new Dictionary<string, object?>(StringComparer.Ordinal);

    /// <summary>A folder that gets the artifacts (<c>manifest.json</c>, <c>run_results.json</c>, …) when dbt has ended; null keeps none.</summary>
    public string? ArtifactsPath { get; set; }

    /// <summary>What must hold before dbt begins. Nothing unless added.</summary>
    public DbtRequirements Require { get; } = new();

    /// <summary>Whether the command runs nodes, of which a journal can be kept.</summary>
    internal bool RunsNodes => Command is DbtCommand.Build or DbtCommand.Run or DbtCommand.Test or DbtCommand.Seed or DbtCommand.Snapshot;

    /// <summary>Says what is missing or contradicts itself.</summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>.</exception>
    internal void Validate(string step)
    {
        if (Command == DbtCommand.RunOperation && string.IsNullOrWhiteSpace(Macro)) throw Invalid(step, "does not say which macro it runs", "Set Macro.");
        if (Selector is not null && Select.Count + Exclude.Count > 0) throw Invalid(step, "has a Selector and also Select or Exclude", "dbt takes either.");
        if (Defer && State is null) throw Invalid(step, "defers to no state", "Set State to a folder with the artifacts of an earlier run.");
        if (Require.All.Count > 0 && !RunsNodes && Command != DbtCommand.Retry) throw Invalid(step, $"has requirements, and {Command} builds nothing", "Put them on the step that builds.");
        if (EventTime is { } time && time.Start >= time.End) throw Invalid(step, $"is to build what happened from {DbtText.Text(time.Start)} until {DbtText.Text(time.End)}", "Give EventTime an end that is after its start.");
        if (Threads < 1) throw Invalid(step, $"is to run {Threads} nodes at the same time", "Set Threads to 1 or more.");
    }

    /// <summary>The project's folder, in full.</summary>
    /// <exception cref="DataPlatformException">There is no <c>dbt_project.yml</c>.</exception>
    public string FindProject()
    {
        var places = new[] { Path.Combine(AppContext.BaseDirectory, Project), Path.GetFullPath(Project) }.Distinct(StringComparer.Ordinal).ToList();
        return places.Find(folder => File.Exists(Path.Combine(folder, "dbt_project.yml"))) ?? throw new DataPlatformException(
            FailureClass.Configuration, $"There is no dbt project in '{Project}': no file {string.Join(" and no file ", places.Select(folder => Path.Combine(folder, "dbt_project.yml")))}.",
            "Give the folder that holds dbt_project.yml, and have the build copy it to the program's folder.");
    }

    private static DataPlatformException Invalid(string step, string what, string hint) => new(FailureClass.Configuration, $"dbt step '{step}' {what}.", hint);
}
