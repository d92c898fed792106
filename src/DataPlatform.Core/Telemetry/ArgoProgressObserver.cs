using System.Collections.Concurrent;
using DataPlatform.Pipelines;

namespace DataPlatform.Telemetry;

/// <summary>
/// Writes the run's progress as <c>N/M</c>, M being 100 for each step, to the file that Argo Workflows names in <c>ARGO_PROGRESS_FILE</c>:
/// at most once a second, never backwards, and each time the whole file at once.
/// </summary>
internal sealed class ArgoProgressObserver(string path, TimeProvider time) : IRunObserver
{
    private const int PerStep = 100;

    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<string, int> _percent = new(StringComparer.Ordinal);
    private int _steps;
    private int _written = -1;
    private long? _writtenAt;

    /// <summary>The observer, when Argo asks for one.</summary>
    public static ArgoProgressObserver? Create(TimeProvider time) =>
        Environment.GetEnvironmentVariable("ARGO_PROGRESS_FILE") is { Length: > 0 } path ? new ArgoProgressObserver(path, time) : null;

    public void RunStarted(RunInfo run, IReadOnlyList<StepDefinition> steps)
    {
        _steps = steps.Count;
        Write(always: true);
    }

    public void StepProgressed(RunInfo run, string step, long done, long? total, string? message)
    {
        if (total is not > 0) return;
        Advance(step, (int)(PerStep * Math.Clamp((double)done / total.Value, 0, 1)));
        Write(always: false);
    }

    public void StepFinished(RunInfo run, StepResult result)
    {
        if (result.Failure is null) Advance(result.Name, PerStep);
        Write(always: false);
    }

    public void RunFinished(PipelineRunResult result) => Write(always: true);

    private void Advance(string step, int percent) => _percent.AddOrUpdate(step, percent, (_, before) => Math.Max(before, percent));

    private void Write(bool always)
    {
        lock (_gate)
        {
            var isDue = _writtenAt is not { } at || time.GetElapsedTime(at) >= TimeSpan.FromSeconds(1);
            var done = _percent.Values.Sum();
            if (done == _written || _steps == 0 || !(always || isDue)) return;

            _writtenAt = time.GetTimestamp();
            if (TryReplace($"{done}/{PerStep * _steps}")) _written = done;
        }
    }

    // Progress is a courtesy to the orchestrator: a run does not fail for it.
    private bool TryReplace(string text)
    {
        try
        {
            var temporary = path + ".tmp";
            File.WriteAllText(temporary, text);
            File.Move(temporary, path, overwrite: true);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
