using System.CommandLine;
using System.Globalization;
using DataPlatform.Ledger;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Jobs.Commands;

/// <summary>The result of <c>contracts list|show --output json</c>.</summary>
internal sealed record ContractList(IReadOnlyList<ContractListItem> Contracts);

/// <summary>A version of a contract in it, with the columns that the version before it did not have so, and those that it had and this one has not so.</summary>
internal sealed record ContractListItem(
    string Table, string Version, long FirstLoadId, DateTimeOffset RecordedAt, long Loads, IReadOnlyList<string> Columns, IReadOnlyList<string> Added, IReadOnlyList<string> Removed);

/// <summary><c>contracts list</c> and <c>contracts show</c>: what rows of tables looked like, and how that changed.</summary>
internal sealed class ContractsCommand : IJobCommand
{
    private readonly Option<TableName?> _table = TableOption.Create("Only the contracts of this table.");
    private readonly Option<string?> _warehouse = new("--warehouse") { Description = "The warehouse. Default: the one that records runs.", HelpName = "name" };

    public Command Create(JobCommandHost host)
    {
        ArgumentNullException.ThrowIfNull(host);
        return new Command("contracts", "Look at what loaded rows had to look like, and how that changed.") { ListCommand(host), ShowCommand(host) };
    }

    private Command ListCommand(JobCommandHost host)
    {
        var command = new Command("list", "List the versions of contracts, the latest of each table first.") { _table, _warehouse };
        host.SetAction(command, (context, cancellationToken) => WriteAsync(
            context,
            versions => context.WriteTable(
                ["table", "version", "columns", "changes", "first load", "since (UTC)", "loads"],
                versions.Select(v => new[]
                {
                    v.Table, v.Version, Text(v.Columns.Count), v.Added.Count + v.Removed.Count == 0 ? "" : $"+{Text(v.Added.Count)} -{Text(v.Removed.Count)}", Text(v.FirstLoadId),
                    v.RecordedAt.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture), Text(v.Loads),
                })),
            cancellationToken));
        return command;
    }

    private Command ShowCommand(JobCommandHost host)
    {
        var command = new Command("show", "Show the columns of each version: + what it brought, - what it took away.") { _table, _warehouse };
        host.SetAction(command, (context, cancellationToken) => WriteAsync(
            context,
            versions =>
            {
                foreach (var version in versions)
                {
                    context.WriteLine($"{version.Table} {version.Version}, since load {Text(version.FirstLoadId)}");
                    foreach (var column in version.Removed) context.WriteLine($"  - {column}");
                    foreach (var column in version.Columns) context.WriteLine($"  {(version.Added.Contains(column) ? '+' : ' ')} {column}");
                }
            },
            cancellationToken));
        return command;
    }

    private async Task<FailureClass> WriteAsync(JobCommandContext context, Action<IReadOnlyList<ContractListItem>> write, CancellationToken cancellationToken)
    {
        var ledgers = context.Services.GetRequiredService<RunLedgers>();
        var ledger = context.Arguments.GetValue(_warehouse) is { } name ? ledgers.For(context.Services.GetRequiredKeyedService<IWarehouse>(name)) : ledgers.Primary;
        var versions = await ledger.ListContractsAsync(context.Arguments.GetValue(_table), cancellationToken).ConfigureAwait(false);
        List<ContractListItem> items = [.. versions.Select((version, i) => Of(version, versions.Skip(i + 1).FirstOrDefault(earlier => earlier.Table == version.Table)))];
        if (context.WantsJson) context.WriteJson(new ContractList(items), JobJson.Readable.ContractList);
        else if (items.Count == 0) context.WriteLine("No load has had a contract yet.");
        else write(items);
        return FailureClass.None;
    }

    private static ContractListItem Of(ContractRecord version, ContractRecord? before) => new(
        version.Table.ToString(), version.Version, version.FirstLoadId, version.RecordedAt, version.Loads, version.Columns,
        before is null ? [] : [.. version.Columns.Except(before.Columns)], before is null ? [] : [.. before.Columns.Except(version.Columns)]);

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
