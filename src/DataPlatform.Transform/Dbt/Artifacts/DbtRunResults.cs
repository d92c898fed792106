using System.Text.Json;

namespace DataPlatform.Transform;

/// <summary>dbt's <c>run_results.json</c>, schema v6.</summary>
/// <param name="InvocationId">The invocation that wrote it: a file of an earlier one may lie in its place.</param>
/// <param name="Version">dbt's version.</param>
/// <param name="Nodes">The nodes that ended, in that order.</param>
public sealed record DbtRunResults(string InvocationId, string Version, IReadOnlyList<DbtNodeResult> Nodes)
{
    /// <summary>Reads the file.</summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: it is not there, not whole, or of another schema.</exception>
    public static DbtRunResults Read(string path)
    {
        using var document = ArtifactFile.Open(path, "run-results", 6);
        var metadata = document.RootElement.GetProperty("metadata");
        return new DbtRunResults(
            metadata.Text("invocation_id") ?? "", metadata.Text("dbt_version") ?? "", [.. document.RootElement.Items("results").Select((result, i) => ReadNode(path, i, result))]);
    }

    private static DbtNodeResult ReadNode(string path, int index, JsonElement result)
    {
        var id = result.Text("unique_id") ?? throw ArtifactFile.Unreadable(path, $"results[{index}] has no unique_id", "Have dbt write it anew.");
        return new DbtNodeResult(id, DbtText.Status(result.Text("status")))
        {
            Seconds = result.Number("execution_time") ?? 0,
            RowsAffected = result.Object("adapter_response")?.Number("rows_affected") is >= 0 and var rows ? (long)rows : null,
            Failures = result.Number("failures") is { } failures ? (long)failures : null,
            Message = result.Text("message") is { } message ? DbtText.Plain(message) : null,
            Relation = result.Text("relation_name"),
            CompiledCode = result.Text("compiled_code"),
        };
    }
}
