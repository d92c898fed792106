using System.CommandLine;
using System.Globalization;
using DataPlatform.Ledger;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace DataPlatform.Jobs.Commands;

/// <summary>The result of <c>loads list --output json</c>.</summary>
internal sealed record LoadList(IReadOnlyList<LoadListItem> Loads);

/// <summary>A load in the result of <c>loads list</c>.</summary>
internal sealed record LoadListItem(
    long LoadId, string Table, string Pipeline, string Step, string RunId, string Disposition, string Status, long RowsRead, long RowsWritten, long RowsRejected, long RowsDeduplicated,
    long RowsFiltered, DateTimeOffset StartedAt, DateTimeOffset? CommittedAt, string? Reason)
{
    public static LoadListItem Of(LoadRecord load) => new(
        load.LoadId, load.Table.ToString(), load.Pipeline, load.Step, load.RunId, load.Disposition, load.Status, load.Rows.Read, load.Rows.Written, load.Rows.Rejected, load.Rows.Deduplicated,
        load.Rows.Filtered, load.StartedAt, load.CommittedAt, load.Reason);
}

/// <summary>The result of <c>loads undo --output json</c>.</summary>
internal sealed record LoadUndoReport(LoadListItem Load, long RowsRemoved, long RowsRestored, long RowsInQuarantine);

/// <summary><c>loads list</c> and <c>loads undo</c>: what was loaded into the tables, and taking it back.</summary>
internal sealed class LoadsCommand : IJobCommand
{
    private readonly Option<string?> _warehouse = new("--warehouse") { Description = "The warehouse. Default: the one that records runs.", HelpName = "name" };

    public Command Create(JobCommandHost host)
    {
        ArgumentNullException.ThrowIfNull(host);
        return new Command("loads", "Look at what was loaded, and undo it.") { ListCommand(host), UndoCommand(host) };
    }

    private Command ListCommand(JobCommandHost host)
    {
        var table = TableOption.Create("Only loads into this table.");
        var limit = new Option<int>("--limit") { Description = "At most so many.", HelpName = "n", DefaultValueFactory = _ => 20 };
        limit.Validators.Add(option =>
        {
            if (option.GetValueOrDefault<int>() < 1) option.AddError("--limit must be 1 or more.");
        });
        var command = new Command("list", "List the latest loads.") { table, limit, _warehouse };
        host.SetAction(command, async (context, cancellationToken) =>
        {
            var loads = await LedgerOf(context).ListLoadsAsync(
                limit: context.Arguments.GetValue(limit), table: context.Arguments.GetValue(table), cancellationToken: cancellationToken).ConfigureAwait(false);
            if (context.WantsJson) context.WriteJson(new LoadList([.. loads.Select(LoadListItem.Of)]), JobJson.Readable.LoadList);
            else if (loads.Count == 0) context.WriteLine("No loads yet.");
            else context.WriteTable(["load", "table", "step", "disposition", "status", "read", "written", "rejected", "dedup.", "filtered", "committed (UTC)", "reason"], loads.Select(Cells));
            return FailureClass.None;
        });
        return command;
    }

    private Command UndoCommand(JobCommandHost host)
    {
        var id = new Argument<long>("load-id") { Description = "The load's number, as `loads list` shows it and as its rows carry it in _load_id." };
        var command = new Command("undo", "Take a load back: its rows go, what they replaced comes again, and its files are offered anew.") { id, _warehouse };
        host.SetAction(command, async (context, cancellationToken) =>
        {
            var wait = context.Services.GetRequiredService<IOptions<DataPlatformOptions>>().Value.LeaseWait;
            var undone = await LedgerOf(context).UndoLoadAsync(context.Arguments.GetValue(id), wait, cancellationToken).ConfigureAwait(false);
            if (context.WantsJson) context.WriteJson(new LoadUndoReport(LoadListItem.Of(undone.Load), undone.RowsRemoved, undone.RowsRestored, undone.RowsInQuarantine), JobJson.Readable.LoadUndoReport);
            else context.WriteLine($"Load {undone.Load.LoadId} into {undone.Load.Table} is undone: {undone.RowsRemoved} rows removed, {undone.RowsRestored} put back. {(undone.RowsInQuarantine > 0 ? $"{undone.RowsInQuarantine} rows are in quarantine again." : "The next run reads its files again.")}");
            return FailureClass.None;
        });
        return command;
    }

    private IRunLedger LedgerOf(JobCommandContext context)
    {
        var ledgers = context.Services.GetRequiredService<RunLedgers>();
        return context.Arguments.GetValue(_warehouse) is { } name ? ledgers.For(context.Services.GetRequiredKeyedService<IWarehouse>(name)) : ledgers.Primary;
    }

    private static IReadOnlyList<string?> Cells(LoadRecord load) =>
    [
        Text(load.LoadId), load.Table.ToString(), $"{load.Pipeline}/{load.Step}", load.Disposition, load.Status, Text(load.Rows.Read), Text(load.Rows.Written), Text(load.Rows.Rejected),
        Text(load.Rows.Deduplicated), Text(load.Rows.Filtered), load.CommittedAt?.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
        load.Reason,
    ];

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
