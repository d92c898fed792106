using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Run;

namespace DataPlatform.Dbt.Artifacts;

/// <summary>What became of nodes, in the form of dbt's <c>run_results.json</c>, version 6.</summary>
internal static class RunResultsWriter
{
    public static PythonDict Write(EngineState state, IReadOnlyList<NodeResult> results, TimeSpan elapsed) => new()
    {
        ["metadata"] = Metadata(state, "https://schemas.getdbt.com/dbt/run-results/v6.json"),
        ["results"] = new PythonList(results.Select(Describe)),
        ["elapsed_time"] = elapsed.TotalSeconds,
        ["args"] = state.Arguments,
    };

    /// <summary>What artifacts say of themselves.</summary>
    public static PythonDict Metadata(EngineState state, string schema) => new()
    {
        ["dbt_schema_version"] = schema,
        ["dbt_version"] = Project.ProjectFile.DbtVersion,
        ["generated_at"] = ManifestWriter.Moment(state.Options.Time.GetUtcNow()),
        ["invocation_id"] = state.InvocationId,
        ["invocation_started_at"] = ManifestWriter.Moment(state.StartedAt),
        ["env"] = state.Options.Metadata,
    };

    /// <summary>One result: what <c>results</c> holds in hooks at the end of a run.</summary>
    public static PythonDict Describe(NodeResult result) => new()
    {
        ["status"] = result.Status,
        ["timing"] = new PythonList(result.CompiledAt is { } compiled
            ? new object?[] { Timing("compile", result.StartedAt, compiled), Timing("execute", compiled, result.StartedAt + result.Elapsed) }
            : []),
        ["thread_id"] = result.Thread,
        ["execution_time"] = result.Elapsed.TotalSeconds,
        ["adapter_response"] = result.Response,
        ["message"] = result.Message,
        ["failures"] = result.Failures,
        ["unique_id"] = result.Node.UniqueId,
        ["compiled"] = result.CompiledCode is not null,
        ["compiled_code"] = result.CompiledCode,
        ["relation_name"] = result.RelationName,
        ["batch_results"] = result.Batches is { } batches ? new PythonDict { ["successful"] = Describe(batches.Successful), ["failed"] = Describe(batches.Failed) } : null,
    };

    private static PythonList Describe(IReadOnlyList<Project.Batch> batches) => new(batches.Select(batch => (object?)new PythonList(new object?[] { batch.Iso.Start, batch.Iso.End })));

    private static PythonDict Timing(string name, DateTimeOffset from, DateTimeOffset to) => new()
    {
        ["name"] = name,
        ["started_at"] = ManifestWriter.Moment(from),
        ["completed_at"] = ManifestWriter.Moment(to),
    };
}
