using System.Globalization;
using System.Text.Json;
using DataPlatform.Secrets;
using Microsoft.Extensions.DependencyInjection;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace DataPlatform.Jobs.Commands;

/// <summary>The result of <c>doctor --output json</c>.</summary>
internal sealed record DoctorReport(string Status, int ExitCode, IReadOnlyList<DoctorCheck> Checks);

/// <summary>A check in a <see cref="DoctorReport"/>.</summary>
internal sealed record DoctorCheck(string Kind, string Name, string Status, double DurationSeconds, string? Detail, string? FailureClass, string? Error, string? Hint);

/// <summary><c>doctor</c>: runs the preflight alone and tells what to do.</summary>
internal sealed class DoctorCommand(JobEnvironment job)
{
    public async Task<int> RunAsync(OutputFormat format, CancellationToken cancellationToken)
    {
        var results = await job.Services.GetRequiredService<Preflight>().CheckAllAsync(cancellationToken).ConfigureAwait(false);
        var masker = job.Services.GetRequiredService<ISecretMasker>();
        var exitCode = JobSummary.ExitCodeOf(Preflight.Combine(results));
        var report = new DoctorReport(exitCode == 0 ? "ok" : "failed", exitCode, [.. results.Select(r => Check(r, masker))]);

        if (format == OutputFormat.Json) job.Console.WriteResult(JsonSerializer.SerializeToUtf8Bytes(report, JobJson.Readable.DoctorReport));
        else job.Console.WriteResult(_ => Draw(report));
        return exitCode;
    }

    private static DoctorCheck Check(CheckResult result, ISecretMasker masker)
    {
        string? Mask(string? text) => text is null ? null : masker.Mask(text);
        return new DoctorCheck(
            result.Kind, result.Name, result.Failure is null ? "ok" : "failed", Math.Round(result.Duration.TotalSeconds, 3), Mask(result.Detail),
            result.Failure is null ? null : JobSummary.Camel(result.Failure.Class), Mask(result.Failure?.Message), Mask(result.Failure?.Hint));
    }

    private static Rows Draw(DoctorReport report)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("check", "", "what was found, and what to do", "seconds");
        foreach (var check in report.Checks)
        {
            var found = check.Error is null ? check.Detail : check.Hint is null ? check.Error : $"{check.Error}\n{check.Hint}";
            table.AddRow(
                new Text(check.Kind == check.Name ? check.Kind : $"{check.Kind} {check.Name}"), new Markup(check.Error is null ? "[green]ok[/]" : "[red]failed[/]"),
                new Text(found ?? ""), new Text(check.DurationSeconds.ToString("0.00", CultureInfo.InvariantCulture)));
        }

        var failed = report.Checks.Count(c => c.Error is not null);
        IRenderable verdict = failed == 0
            ? new Markup("[green]The job is ready to run.[/]")
            : new Markup($"[red]{failed} of {report.Checks.Count} checks failed.[/] `run` would exit with {report.ExitCode}.");
        return new Rows(table, verdict);
    }
}
