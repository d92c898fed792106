using System.CommandLine;
using System.Globalization;
using DataPlatform.Ledger;
using DataPlatform.Lineage;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Jobs.Commands;

/// <summary>The result of <c>lineage list --output json</c>.</summary>
internal sealed record LineageList(IReadOnlyList<LineageListItem> Lineage);

/// <summary>That a dataset was made of another; of none when the input is null.</summary>
internal sealed record LineageListItem(DatasetItem? Input, DatasetItem Output, string Pipeline, string Step, string? Part, string RunId, DateTimeOffset RecordedAt)
{
    public static LineageListItem Of(LineageRecord record) => new(
        record.Input is null ? null : DatasetItem.Of(record.Input), DatasetItem.Of(record.Output), record.Pipeline, record.Step, record.Part, record.RunId, record.RecordedAt);
}

/// <summary>A dataset in it.</summary>
internal sealed record DatasetItem(string Namespace, string Name)
{
    public static DatasetItem Of(Dataset dataset) => new(dataset.Namespace, dataset.Name);
}

/// <summary>The result of <c>lineage show --output json</c>: each edge on the way, the nearest first.</summary>
internal sealed record LineageReach(DatasetItem Dataset, IReadOnlyList<LineageListItem> Upstream, IReadOnlyList<LineageListItem> Downstream);

/// <summary><c>lineage list</c> and <c>lineage show</c>: which dataset was made of which.</summary>
internal sealed class LineageCommand : IJobCommand
{
    public Command Create(JobCommandHost host)
    {
        ArgumentNullException.ThrowIfNull(host);
        return new Command("lineage", "Look at which tables and files were made of which.") { ListCommand(host), ShowCommand(host) };
    }

    private static Command ListCommand(JobCommandHost host)
    {
        var run = new Option<string?>("--run") { Description = "Only what this run made. Default: the latest of each step.", HelpName = "id" };
        var command = new Command("list", "List what steps made, and of what.") { run };
        host.SetAction(command, async (context, cancellationToken) =>
        {
            var records = await LedgerOf(context).ListLineageAsync(context.Arguments.GetValue(run), cancellationToken).ConfigureAwait(false);
            if (context.WantsJson) context.WriteJson(new LineageList([.. records.Select(LineageListItem.Of)]), JobJson.Readable.LineageList);
            else if (records.Count == 0) context.WriteLine("Nothing has been made yet.");
            else context.WriteTable(["output", "input", "step", "recorded (UTC)"], records.Select(record => new[] { record.Output.ToString(), record.Input?.ToString(), MadeBy(record), Moment(record) }));
            return FailureClass.None;
        });
        return command;
    }

    private static Command ShowCommand(JobCommandHost host)
    {
        var name = new Argument<string>("dataset") { Description = "A table or file: raw.trips, analytics.raw.trips, or in full as `lineage list` shows it." };
        var command = new Command("show", "Show what a table or file was last made of, and what was made of it.") { name };
        host.SetAction(command, async (context, cancellationToken) =>
        {
            var graph = new LineageGraph(await LedgerOf(context).ListLineageAsync(cancellationToken: cancellationToken).ConfigureAwait(false));
            var dataset = graph.Find(context.Arguments.GetRequiredValue(name));
            List<(int Depth, LineageRecord Record)> upstream = [.. graph.Upstream(dataset)], downstream = [.. graph.Downstream(dataset)];
            if (context.WantsJson)
            {
                context.WriteJson(new LineageReach(DatasetItem.Of(dataset), [.. upstream.Select(edge => LineageListItem.Of(edge.Record))], [.. downstream.Select(edge => LineageListItem.Of(edge.Record))]), JobJson.Readable.LineageReach);
                return FailureClass.None;
            }

            context.WriteLine(dataset.ToString());
            Write(context, "made of", upstream, dataset, record => record.Input);
            Write(context, "read for", downstream, dataset, record => record.Output);
            return FailureClass.None;
        });
        return command;
    }

    private static void Write(JobCommandContext context, string heading, List<(int Depth, LineageRecord Record)> edges, Dataset shown, Func<LineageRecord, Dataset?> other)
    {
        if (edges.Count == 0) return;
        context.WriteLine($"  {heading}");
        foreach (var (depth, record) in edges)
        {
            var dataset = other(record) is not { } found ? "nothing" : found.Namespace == shown.Namespace ? found.Name : found.ToString();
            context.WriteLine($"{new string(' ', 4 + (2 * depth))}{dataset}  ({MadeBy(record)}, {Moment(record)})");
        }
    }

    private static IRunLedger LedgerOf(JobCommandContext context) => context.Services.GetRequiredService<RunLedgers>().Primary;

    private static string MadeBy(LineageRecord record) => $"{record.Pipeline}/{record.Step}{(record.Part is null ? "" : $" {record.Part}")}";

    private static string Moment(LineageRecord record) => record.RecordedAt.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
}
