using System.Globalization;
using System.Text.Json;
using DataPlatform.Ledger;
using DataPlatform.Secrets;
using Microsoft.Extensions.DependencyInjection;
using Spectre.Console;

namespace DataPlatform.Jobs.Commands;

/// <summary>The result of <c>runs --output json</c>.</summary>
internal sealed record RunList(IReadOnlyList<RunListItem> Runs);

/// <summary>A run in the result of <c>runs</c>; with its steps in that of <c>runs show</c>.</summary>
internal sealed record RunListItem(
    string RunId, string Pipeline, string Status, string? FailureClass, string Environment, string LogicalDate, string? GitCommit, string? TraceId,
    DateTimeOffset StartedAt, double? DurationSeconds, string? Error, IReadOnlyList<JobSummaryStep>? Steps)
{
    public static RunListItem Of(RunRecord record, ISecretMasker masker, IReadOnlyList<StepRunRecord>? steps = null) => new(
        record.Run.RunId, record.Run.Pipeline, JobSummary.Camel(record.Status),
        record.FailureClass == DataPlatform.FailureClass.None ? null : JobSummary.Camel(record.FailureClass), record.Run.Environment,
        record.Run.LogicalDate.ToString("O", CultureInfo.InvariantCulture), record.Run.GitCommit, record.Run.TraceId, record.StartedAt,
        Seconds(record.StartedAt, record.FinishedAt), record.Error is null ? null : masker.Mask(record.Error),
        steps?.Select(s => new JobSummaryStep(
            s.Step, JobSummary.Camel(s.Status), s.RowsRead, s.RowsWritten, s.RowsRejected, Seconds(s.StartedAt, s.FinishedAt) ?? 0,
            s.Error is null ? null : masker.Mask(s.Error))).ToList());

    private static double? Seconds(DateTimeOffset started, DateTimeOffset? finished) =>
        finished is null ? null : Math.Round((finished.Value - started).TotalSeconds, 3);
}

/// <summary><c>runs</c> and <c>runs show</c>: what the ledger knows of runs.</summary>
internal sealed class RunsCommand(JobEnvironment job)
{
    public async Task<int> ListAsync(string? pipeline, int limit, OutputFormat format, CancellationToken cancellationToken)
    {
        var ledger = await OpenLedgerAsync(cancellationToken).ConfigureAwait(false);
        var masker = job.Services.GetRequiredService<ISecretMasker>();
        var runs = (await ledger.ListRunsAsync(pipeline, limit, cancellationToken).ConfigureAwait(false)).Select(r => RunListItem.Of(r, masker)).ToList();

        if (format == OutputFormat.Json) job.Console.WriteResult(JsonSerializer.SerializeToUtf8Bytes(new RunList(runs), JobJson.Readable.RunList));
        else if (runs.Count == 0) job.Console.WriteResult("No runs yet.\n");
        else job.Console.WriteResult(mask => DrawRuns(runs));
        return 0;
    }

    public async Task<int> ShowAsync(string runId, OutputFormat format, CancellationToken cancellationToken)
    {
        var ledger = await OpenLedgerAsync(cancellationToken).ConfigureAwait(false);
        var record = await ledger.FindRunAsync(runId, cancellationToken).ConfigureAwait(false)
            ?? throw new DataPlatformException(FailureClass.Configuration, $"There is no run '{runId}'.", "List the runs with: runs");
        var steps = await ledger.ListStepsAsync(runId, cancellationToken).ConfigureAwait(false);
        var run = RunListItem.Of(record, job.Services.GetRequiredService<ISecretMasker>(), steps);

        if (format == OutputFormat.Json) job.Console.WriteResult(JsonSerializer.SerializeToUtf8Bytes(run, JobJson.Readable.RunListItem));
        else job.Console.WriteResult(mask => new Rows(DrawRuns([run]), DrawSteps(run.Steps!)));
        return 0;
    }

    private async Task<IRunLedger> OpenLedgerAsync(CancellationToken cancellationToken)
    {
        await job.Services.GetRequiredService<Preflight>().EnsureSecretsAsync(cancellationToken).ConfigureAwait(false);
        var ledger = job.Services.GetRequiredService<RunLedgers>().Primary;
        await ledger.MigrateAsync(cancellationToken).ConfigureAwait(false);
        return ledger;
    }

    private static Table DrawRuns(IReadOnlyList<RunListItem> runs)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("run", "pipeline", "date", "status", "started (UTC)", "seconds", "error");
        foreach (var run in runs)
        {
            table.AddRow(
                Text(run.RunId), Text(run.Pipeline), Text(run.LogicalDate), Text(run.FailureClass is null ? run.Status : $"{run.Status} ({run.FailureClass})"),
                Text(run.StartedAt.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)), Text(Number(run.DurationSeconds)), Text(run.Error ?? ""));
        }

        return table;
    }

    private static Table DrawSteps(IReadOnlyList<JobSummaryStep> steps)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("step", "status", "read", "written", "rejected", "seconds", "error");
        foreach (var step in steps)
        {
            table.AddRow(
                Text(step.Name), Text(step.Status), Text(Number(step.RowsRead)), Text(Number(step.RowsWritten)), Text(Number(step.RowsRejected)),
                Text(Number(step.DurationSeconds)), Text(step.Error ?? ""));
        }

        return table;
    }

    private static Text Text(string text) => new(text);

    private static string Number(double? value) => value?.ToString("0.###", CultureInfo.InvariantCulture) ?? "";
}
