using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;
using DataPlatform.Dbt.Selection;

namespace DataPlatform.Dbt;

/// <summary>How a dbt project is run.</summary>
internal sealed record DbtOptions
{
    /// <summary>The folder of <c>dbt_project.yml</c>.</summary>
    public required string ProjectFolder { get; init; }

    public string ProfileName { get; init; } = "dataplatform";

    public string TargetName { get; init; } = "default";

    /// <summary>What else <c>target</c> has in templates.</summary>
    public PythonDict Connection { get; init; } = new();

    /// <summary>The name of the database, or null to ask it.</summary>
    public string? Database { get; init; }

    /// <summary>The schema of the target, or null for the one that the connection creates tables in: <c>main</c> of DuckDB, the first of PostgreSQL's search path.</summary>
    public string? Schema { get; init; }

    public PythonDict Vars { get; init; } = new();

    /// <summary>How many nodes run at the same time.</summary>
    public int Threads { get; init; } = 1;

    public bool FullRefresh { get; init; }

    /// <summary>Whether what is read by <c>ref()</c> and <c>source()</c> has no rows: to see that the SQL runs.</summary>
    public bool Empty { get; init; }

    /// <summary>Whether the first failure ends the run.</summary>
    public bool FailFast { get; init; }

    /// <summary>Whether tests keep the rows that they find, when their configuration does not say.</summary>
    public bool StoreFailures { get; init; }

    public IReadOnlyList<string> Select { get; init; } = [];

    public IReadOnlyList<string> Exclude { get; init; } = [];

    /// <summary>A selection of <c>selectors.yml</c>, in place of the two above.</summary>
    public string? Selector { get; init; }

    /// <summary>The ids of exactly the nodes to take, whatever else is selected; null for what is selected.</summary>
    public IReadOnlySet<string>? Only { get; init; }

    public IndirectSelection Indirect { get; init; }

    /// <summary>The folder of an earlier run's artifacts, which selection compares with.</summary>
    public string? StateFolder { get; init; }

    /// <summary>Whether what is not selected is read where the earlier run has it.</summary>
    public bool Defer { get; init; }

    /// <summary>The folder of the artifacts to defer to, or null for <see cref="StateFolder"/>.</summary>
    public string? DeferFolder { get; init; }

    /// <summary>Whether to defer also what this target has.</summary>
    public bool FavorState { get; init; }

    /// <summary>The kinds of nodes that are taken of those selected, as ids name them, or <c>all</c>, or <c>default</c>; empty for all that the command takes.</summary>
    public IReadOnlyList<string> ResourceTypes { get; init; } = [];

    public IReadOnlyList<string> ExcludeResourceTypes { get; init; } = [];

    /// <summary>The first moment, in UTC, that microbatch models are built for; null for what their configuration says.</summary>
    public DateTime? EventTimeStart { get; init; }

    /// <summary>The moment, in UTC, before which microbatch models are built; null for now.</summary>
    public DateTime? EventTimeEnd { get; init; }

    /// <summary>The time of which models and snapshots read the rows of what has an event_time; null for all.</summary>
    public Batch? Sample { get; init; }

    /// <summary>What microbatch models take for now: of a retry, when the run before began.</summary>
    public DateTimeOffset? BatchesEnd { get; init; }

    /// <summary>Of a retry: the batches of models that were begun and are not whole, by id; several that follow each other may be given as one.</summary>
    public IReadOnlyDictionary<string, BatchResults>? PreviousBatches { get; init; }

    /// <summary>A query, in place of what is selected, that is compiled or shown.</summary>
    public string? Inline { get; init; }

    /// <summary>How many rows are shown; all when below zero.</summary>
    public int Limit { get; init; } = 5;

    /// <summary>Whether what is warned of is an error.</summary>
    public bool WarnError { get; init; }

    /// <summary>What artifacts and logs call the invocation; null for a new id.</summary>
    public string? InvocationId { get; init; }

    /// <summary>What artifacts say of who called: dbt's <c>DBT_ENV_CUSTOM_ENV_…</c> variables, without that.</summary>
    public PythonDict Metadata { get; init; } = new();

    /// <summary>What <c>invocation_args_dict</c> and <c>run_results.json</c> say of how the command was called, besides what is above.</summary>
    public PythonDict Arguments { get; init; } = new();

    /// <summary>Where artifacts go, or null for <c>target</c> in the project.</summary>
    public string? TargetPath { get; init; }

    /// <summary>Finds environment variables.</summary>
    public Func<string, string?> Environment { get; init; } = System.Environment.GetEnvironmentVariable;

    public TimeProvider Time { get; init; } = TimeProvider.System;
}
