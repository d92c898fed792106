using System.Globalization;

namespace DataPlatform.Transform;

/// <summary>dbt's <c>sources.json</c>, schema v3: how old sources are. Sources whose query failed may be missing in it.</summary>
/// <param name="InvocationId">The invocation that wrote it.</param>
/// <param name="Sources">The sources.</param>
public sealed record DbtSources(string InvocationId, IReadOnlyList<DbtSourceFreshness> Sources)
{
    /// <summary>Reads the file.</summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: it is not there, not whole, or of another schema.</exception>
    public static DbtSources Read(string path)
    {
        using var document = ArtifactFile.Open(path, "sources", 3);
        var sources = document.RootElement.Items("results").Select((result, i) => new DbtSourceFreshness(
            result.Text("unique_id") ?? throw ArtifactFile.Unreadable(path, $"results[{i}] has no unique_id", "Have dbt write it anew."),
            DbtText.Status(result.Text("status")),
            Time(result.Text("max_loaded_at")),
            result.Number("max_loaded_at_time_ago_in_s") is { } age ? TimeSpan.FromSeconds(age) : null,
            result.Number("execution_time") ?? 0));
        return new DbtSources(document.RootElement.GetProperty("metadata").Text("invocation_id") ?? "", [.. sources]);
    }

    private static DateTimeOffset? Time(string? text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;
}

/// <summary>How old a source is.</summary>
/// <param name="UniqueId">The source.</param>
/// <param name="Status">Pass, warn, error (too old), or a runtime error.</param>
/// <param name="MaxLoadedAt">The newest time in it; null when that is not known.</param>
/// <param name="Age">How long ago that was; null when that is not known.</param>
/// <param name="Seconds">How long the query took, in seconds.</param>
public sealed record DbtSourceFreshness(string UniqueId, DbtStatus Status, DateTimeOffset? MaxLoadedAt, TimeSpan? Age, double Seconds);
