namespace DataPlatform.Jobs;

/// <summary>Tells Kubernetes how the job ended: the summary in the file that becomes the container's termination message.</summary>
internal static class TerminationLog
{
    /// <summary>Kubernetes keeps this much of it.</summary>
    public const int MaxBytes = 4096;

    private static readonly int[] ErrorLengths = [int.MaxValue, 1000, 400, 150, 60];

    /// <summary>Writes the summary if the file exists and can be written; a job does not fail for it.</summary>
    public static void TryWrite(string path, JobSummary summary)
    {
        if (!File.Exists(path)) return;
        try
        {
            using var file = new FileStream(path, FileMode.Truncate, FileAccess.Write);
            file.Write(Fit(summary));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return;
        }
    }

    /// <summary>The summary as JSON of at most <see cref="MaxBytes"/>: errors are cut first, then steps left out, those without error first.</summary>
    public static byte[] Fit(JobSummary summary)
    {
        foreach (var length in ErrorLengths)
        {
            var cut = summary with { Error = Cut(summary.Error, length), Steps = [.. summary.Steps.Select(s => s with { Error = Cut(s.Error, length) })] };
            if (TryFit(cut, out var json)) return json;
        }

        var shortest = ErrorLengths[^1];
        var steps = summary.Steps.OrderByDescending(s => s.Error is not null).ToList();
        for (var keep = steps.Count / 2; keep > 0; keep /= 2)
        {
            var kept = steps.Take(keep).Select(s => s with { Error = Cut(s.Error, shortest) });
            if (TryFit(summary with { Error = Cut(summary.Error, shortest), Steps = [.. kept] }, out var json)) return json;
        }

        return (summary with
        {
            RunId = Cut(summary.RunId, shortest),
            Pipeline = Cut(summary.Pipeline, shortest),
            Error = Cut(summary.Error, shortest),
            Steps = [],
        }).ToJson();
    }

    private static bool TryFit(JobSummary summary, out byte[] json) => (json = summary.ToJson()).Length <= MaxBytes;

    private static string? Cut(string? text, int length) => text is null || text.Length <= length ? text : $"{text[..(length - 1)]}…";
}
