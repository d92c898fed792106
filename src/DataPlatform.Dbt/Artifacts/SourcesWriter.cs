using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Run;

namespace DataPlatform.Dbt.Artifacts;

/// <summary>How old sources are, in the form of dbt's <c>sources.json</c>, version 3. Those whose query failed are not in it, as with dbt.</summary>
internal static class SourcesWriter
{
    public static PythonDict Write(EngineState state, IReadOnlyList<NodeResult> results, TimeSpan elapsed) => new()
    {
        ["metadata"] = RunResultsWriter.Metadata(state, "https://schemas.getdbt.com/dbt/sources/v3.json"),
        ["results"] = new PythonList(results.Where(result => result.Age is not null).Select(Describe)),
        ["elapsed_time"] = elapsed.TotalSeconds,
    };

    private static PythonDict Describe(NodeResult result)
    {
        var (age, criteria) = (result.Age!, FreshnessRun.Criteria(result.Node)!);
        var described = RunResultsWriter.Describe(result);
        return new PythonDict
        {
            ["unique_id"] = result.Node.UniqueId,
            ["max_loaded_at"] = ManifestWriter.Moment(age.LoadedAt),
            ["snapshotted_at"] = ManifestWriter.Moment(age.AskedAt),
            ["max_loaded_at_time_ago_in_s"] = age.Age.TotalSeconds,
            ["status"] = result.Status,
            ["criteria"] = new PythonDict { ["warn_after"] = Limit("warn_after"), ["error_after"] = Limit("error_after"), ["filter"] = criteria.TryGet("filter", out var filter) ? filter : null },
            ["adapter_response"] = result.Response,
            ["timing"] = described.TryGet("timing", out var timing) ? timing : null,
            ["thread_id"] = result.Thread,
            ["execution_time"] = result.Elapsed.TotalSeconds,
        };

        object? Limit(string key) => criteria.TryGet(key, out var limit) && limit is PythonDict ? limit : new PythonDict { ["count"] = null, ["period"] = null };
    }
}
