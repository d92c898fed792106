using System.Globalization;
using DataPlatform.Ledger;
using DataPlatform.Secrets;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace DataPlatform.Jobs.Output;

/// <summary>Shows a run on a terminal: a row for each step while it runs, and a table when it is over.</summary>
internal sealed class ProgressDisplay(RunProgress progress, ISecretMasker masker, TimeProvider time)
{
    private const int BarWidth = 20;
    private static readonly TimeSpan RefreshInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>Draws the steps until cancelled; log lines written meanwhile appear above.</summary>
    public async Task ShowAsync(IAnsiConsole terminal, Lock gate, CancellationToken cancellationToken)
    {
        if (!terminal.Profile.Capabilities.Ansi) return;
        await terminal.Live(new Text("")).AutoClear(true).StartAsync(async live =>
        {
            using var timer = new PeriodicTimer(RefreshInterval, time);
            do
            {
                lock (gate) live.UpdateTarget(DrawSteps());
            }
            while (await timer.WaitForNextTickAsync(cancellationToken).AsTask().ContinueWith(
                t => t.IsCompletedSuccessfully && t.Result, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default).ConfigureAwait(false));
        }).ConfigureAwait(false);
    }

    /// <summary>The steps as they stand.</summary>
    public IRenderable DrawSteps()
    {
        var grid = new Grid();
        for (var column = 0; column < 6; column++) grid.AddColumn(new GridColumn().NoWrap());
        foreach (var step in progress.Snapshot())
        {
            var elapsed = (step.Result is null ? time.GetUtcNow() - step.StartedAt : step.Result.Duration) ?? TimeSpan.Zero;
            grid.AddRow(
                Icon(step),
                Markup.Escape(step.Name),
                Bar(step),
                step.Done > 0 ? $"{Number(step.Done)}{(step.Total is { } total ? $" / {Number(total)}" : "")}" : "",
                step.Done > 0 && elapsed > TimeSpan.Zero ? $"[grey]{Number((long)(step.Done / elapsed.TotalSeconds))}/s[/]" : "",
                $"[grey]{(step.StartedAt is null ? "" : Seconds(elapsed.TotalSeconds))}{(step.Message is { } message ? "  " + Markup.Escape(masker.Mask(message)) : "")}[/]");
        }

        return grid;
    }

    /// <summary>The finished run: what each step did, and why the run failed.</summary>
    public static IRenderable DrawSummary(JobSummary summary)
    {
        var table = new Table().Border(TableBorder.Rounded).BorderColor(Color.Grey)
            .AddColumns(new TableColumn("step"), new TableColumn("status"), Right("read"), Right("written"), Right("rejected"), Right("seconds"));
        foreach (var step in summary.Steps)
        {
            table.AddRow(
                Markup.Escape(step.Name), Colored(step.Status), Number(step.RowsRead), Number(step.RowsWritten), Number(step.RowsRejected), Seconds(step.DurationSeconds));
        }

        var lines = new List<IRenderable>();
        if (summary.Steps.Count > 0) lines.Add(table);
        lines.Add(new Markup($"Run {Markup.Escape(summary.RunId ?? "-")} {Colored(summary.Status)} in {Seconds(summary.DurationSeconds)} s{(summary.ExitCode == 0 ? "" : $", exit code {summary.ExitCode} ({summary.FailureClass})")}"));
        if (summary.Error is not null) lines.Add(new Markup($"[red]{Markup.Escape(summary.Error)}[/]"));
        return new Rows(lines);
    }

    private static TableColumn Right(string title) => new TableColumn(title).RightAligned();

    private static string Icon(StepProgress step) => step switch
    {
        { Result.Status: RunStatus.Succeeded } => "[green]✓[/]",
        { Result.Status: RunStatus.Failed } => "[red]✗[/]",
        { Result: not null } => "[yellow]-[/]",
        { StartedAt: null } => "[grey]·[/]",
        _ => "[blue]▶[/]",
    };

    private static string Bar(StepProgress step)
    {
        if (step.Result is not null || step.Total is not > 0) return "";
        var full = (int)(BarWidth * Math.Clamp((double)step.Done / step.Total.Value, 0, 1));
        return $"[blue]{new string('━', full)}[/][grey]{new string('━', BarWidth - full)}[/]";
    }

    private static string Colored(string status) => status switch
    {
        "succeeded" => "[green]succeeded[/]",
        "failed" => "[red]failed[/]",
        _ => $"[yellow]{status}[/]",
    };

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Seconds(double seconds) => seconds.ToString("0.0", CultureInfo.InvariantCulture);
}
