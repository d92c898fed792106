using DataPlatform.Warehouses;

namespace DataPlatform.Transform;

/// <summary>
/// What must hold before a dbt step begins. What does not hold is said in one go, and the step fails with <see cref="FailureClass.Data"/> before dbt touches a table.
/// </summary>
/// <example><code>
/// pipeline.Dbt("marts", "dbt", dbt => dbt.Require.LoadedWithin(TimeSpan.FromHours(26)).LoadedInThisRun("raw.trips"));
/// </code></example>
public sealed class DbtRequirements
{
    internal List<DbtRequirement> All { get; } = [];

    /// <summary>A load into each table was committed in this run. A load that found nothing new commits nothing.</summary>
    /// <param name="tables">The tables; none are those of all sources that the selected nodes read.</param>
    public DbtRequirements LoadedInThisRun(params TableName[] tables) => Add(new LoadedRequirement(tables, null));

    /// <summary>The latest committed load into each table is not older than this.</summary>
    /// <param name="age">How old it may be.</param>
    /// <param name="tables">The tables; none are those of all sources that the selected nodes read.</param>
    public DbtRequirements LoadedWithin(TimeSpan age, params TableName[] tables)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(age, TimeSpan.Zero);
        return Add(new LoadedRequirement(tables, age));
    }

    /// <summary>
    /// The latest load into the table still had every column of this version of its contract, with the same type and rules. Columns may have been added. The versions are listed by
    /// <c>contracts list</c>.
    /// </summary>
    /// <param name="table">The table.</param>
    /// <param name="version">The version that the models were written for.</param>
    public DbtRequirements Contract(TableName table, string version)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(version);
        return Add(new ContractRequirement(table, version));
    }

    /// <summary>dbt finds none of the sources that the selected nodes read too old, by their own <c>freshness</c>: <c>dbt source freshness</c>.</summary>
    public DbtRequirements FreshSources() => Add(new FreshnessRequirement());

    private DbtRequirements Add(DbtRequirement requirement)
    {
        All.Add(requirement);
        return this;
    }
}

/// <summary>Something that must hold.</summary>
internal abstract record DbtRequirement;

/// <summary>Tables are loaded.</summary>
/// <param name="Tables">Which; none are those of sources.</param>
/// <param name="Age">How long ago it may be; null is in this run.</param>
internal sealed record LoadedRequirement(IReadOnlyList<TableName> Tables, TimeSpan? Age) : DbtRequirement;

/// <summary>A table's columns are there.</summary>
internal sealed record ContractRequirement(TableName Table, string Version) : DbtRequirement;

/// <summary>Sources are fresh.</summary>
internal sealed record FreshnessRequirement : DbtRequirement;
