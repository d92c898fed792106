using System.Runtime.CompilerServices;
using DataPlatform.Transform;
using DataPlatform.Warehouses;

namespace DataPlatform.Pipelines;

/// <summary>The verbs of transforming and checking tables.</summary>
public static class TransformPipelineExtensions
{
    /// <summary>Adds a step that runs a SELECT in a warehouse and keeps its result as a table or a view.</summary>
    /// <example><code>
    /// pipeline.Sql("hourly-demand", "sql/hourly_demand.sql").AsTable("warehouse", "marts.hourly_demand").After("trips", "weather");
    /// </code></example>
    /// <param name="pipeline">The pipeline.</param>
    /// <param name="name">The step's name.</param>
    /// <param name="sql">A SELECT, or the path of a file ending in <c>.sql</c> that holds one; see <see cref="SqlQuery"/>.</param>
    public static SqlStepBuilder Sql(this PipelineBuilder pipeline, string name, string sql)
    {
        ArgumentNullException.ThrowIfNull(pipeline);
        ArgumentException.ThrowIfNullOrWhiteSpace(sql);
        var settings = new SqlSettings(name, sql);
        var definition = new StepDefinition(name, "sql", services => new SqlStep(settings, services)) { Validate = settings.Validate };
        pipeline.Add(definition);
        return new SqlStepBuilder(definition, settings);
    }

    /// <summary>Adds a step that turns each row of a query into a row of a table. Rows become records by column name; see <see cref="RecordMapper{T}"/>.</summary>
    /// <example><code>
    /// pipeline.Transform&lt;TripRow, CleanTrip&gt;("clean-trips", trip => trip.Duration > TimeSpan.Zero ? CleanTrip.From(trip) : null)
    ///         .From("warehouse", "select * from raw.trips").Into("staging.trips");
    /// </code></example>
    /// <param name="pipeline">The pipeline.</param>
    /// <param name="name">The step's name.</param>
    /// <param name="transform">Makes the row; null leaves it out, counted as filtered.</param>
    [OverloadResolutionPriority(1)] // For row => row, which fits both.
    public static TransformStepBuilder<TInput, TOutput> Transform<TInput, TOutput>(this PipelineBuilder pipeline, string name, Func<TInput, TOutput?> transform)
        where TInput : notnull where TOutput : class
    {
        ArgumentNullException.ThrowIfNull(transform);
        return pipeline.Transform<TInput, TOutput>(name, rows => rows.Select(transform)!);
    }

    /// <summary>Adds a step that turns the rows of a query into the rows of a table.</summary>
    /// <param name="pipeline">The pipeline.</param>
    /// <param name="name">The step's name.</param>
    /// <param name="transform">Makes the rows from the rows as they stream by.</param>
    public static TransformStepBuilder<TInput, TOutput> Transform<TInput, TOutput>(
        this PipelineBuilder pipeline, string name, Func<IAsyncEnumerable<TInput>, IAsyncEnumerable<TOutput>> transform)
        where TInput : notnull where TOutput : class
    {
        ArgumentNullException.ThrowIfNull(pipeline);
        ArgumentNullException.ThrowIfNull(transform);
        var settings = new TransformSettings<TInput, TOutput>(name, transform);
        var definition = new StepDefinition(name, "transform", services => new TransformStep<TInput, TOutput>(settings, services)) { Validate = settings.Validate };
        pipeline.Add(definition);
        return new TransformStepBuilder<TInput, TOutput>(definition, settings);
    }

    /// <summary>Adds a step that checks a table and fails, with <see cref="FailureClass.Data"/> and exit code 65, when a check does not hold.</summary>
    /// <param name="pipeline">The pipeline.</param>
    /// <param name="name">The step's name.</param>
    /// <param name="warehouse">The warehouse's name.</param>
    /// <param name="table">The table or view.</param>
    /// <param name="configure">Lists the checks.</param>
    public static StepBuilder Check(this PipelineBuilder pipeline, string name, string warehouse, TableName table, Action<CheckBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(pipeline);
        ArgumentException.ThrowIfNullOrWhiteSpace(warehouse);
        ArgumentNullException.ThrowIfNull(configure);
        var checks = new CheckBuilder(table);
        configure(checks);
        return pipeline.Add(new StepDefinition(name, "check", services => new CheckStep(warehouse, table, checks.Checks, services))
        {
            Description = $"{warehouse}:{table} ({checks.Checks.Count} checks)",
            Validate = () =>
            {
                if (checks.Checks.Count == 0)
                    throw new DataPlatformException(FailureClass.Configuration, $"Check step '{name}' has no checks.", "Add some, for example check.RowCount(min: 1).");
            },
        });
    }

    /// <summary>
    /// Adds a step that runs a dbt project, by the dbt command or the built-in engine: <see cref="DbtRunnerOptions.Runner"/>. Nodes and tests that fail make the step fail. When it is run
    /// again in the same run, as a retry or after its process was killed, it takes up what is left and runs nothing again that succeeded.
    /// </summary>
    /// <example><code>
    /// pipeline.Dbt("marts", "dbt", dbt => dbt.Select.Add("tag:nightly")).After("trips");
    /// </code></example>
    /// <param name="pipeline">The pipeline.</param>
    /// <param name="name">The step's name.</param>
    /// <param name="project">The folder of <c>dbt_project.yml</c>; looked for in the program's folder, then in the working directory.</param>
    /// <param name="configure">Says what dbt is to do; unless it does, dbt builds all of the project.</param>
    public static StepBuilder Dbt(this PipelineBuilder pipeline, string name, string project, Action<DbtInvocation>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(pipeline);
        ArgumentException.ThrowIfNullOrWhiteSpace(project);
        var invocation = new DbtInvocation(project);
        configure?.Invoke(invocation);
        return pipeline.Add(new StepDefinition(name, "dbt", services => new DbtStep(invocation, services))
        {
            Description = $"dbt {invocation.Command.ToString().ToLowerInvariant()} {project}{(invocation.Warehouse is { } warehouse ? $" in {warehouse}" : "")}",
            Validate = () => invocation.Validate(name),
        });
    }
}
