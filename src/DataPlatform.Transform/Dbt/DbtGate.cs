using System.Globalization;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.Transform;

/// <summary>Checks what a dbt step requires, all of it before it says what is missing.</summary>
internal sealed class DbtGate(StepContext context, IWarehouse warehouse, IDbtRunner runner, TimeProvider time)
{
    // Another run may have loaded a table after this one did, but not so often.
    private const int LoadsOfOthers = 100;

    private readonly IRunLedger _ledger = context.GetLedger(warehouse);
    private IReadOnlyList<DbtSource>? _sources;

    /// <exception cref="DataPlatformException"><see cref="FailureClass.Data"/>: something does not hold; the message says what.</exception>
    public async Task CheckAsync(DbtInvocation invocation, CancellationToken cancellationToken)
    {
        var unmet = new List<string>();
        foreach (var requirement in invocation.Require.All)
        {
            unmet.AddRange(requirement switch
            {
                LoadedRequirement loaded => await CheckAsync(loaded, invocation, cancellationToken).ConfigureAwait(false),
                ContractRequirement contract => await CheckAsync(contract, cancellationToken).ConfigureAwait(false),
                _ => await CheckFreshnessAsync(invocation, cancellationToken).ConfigureAwait(false),
            });
        }

        if (unmet.Count == 0) return;
        throw new DataPlatformException(
            FailureClass.Data, $"dbt was not begun, for what step '{context.Step}' requires does not hold:{string.Concat(unmet.Distinct(StringComparer.Ordinal).Select(what => $"\n  {what}"))}",
            "Load what is missing, then run the step again; `loads list` shows what was loaded.");
    }

    private async Task<List<string>> CheckAsync(LoadedRequirement requirement, DbtInvocation invocation, CancellationToken cancellationToken)
    {
        var unmet = new List<string>();
        var tables = requirement.Tables.Count > 0 ? requirement.Tables : [.. (await FindSourcesAsync(invocation, cancellationToken).ConfigureAwait(false)).Select(TableOf).Distinct()];
        foreach (var table in tables)
        {
            var loads = await ListLoadsAsync(table, LoadsOfOthers, cancellationToken).ConfigureAwait(false);
            if (loads is not [{ CommittedAt: { } committed } latest, ..])
            {
                unmet.Add($"{table}: no load into it was ever committed");
                continue;
            }

            var age = time.GetUtcNow() - committed;
            var isThere = requirement.Age is { } limit ? age <= limit : loads.Any(load => load.RunId == context.Run.RunId);
            if (isThere) continue;
            var found = string.Create(CultureInfo.InvariantCulture, $"the latest load, {latest.LoadId}, was committed at {committed.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC in run {latest.RunId}");
            unmet.Add(requirement.Age is { } most
                ? string.Create(CultureInfo.InvariantCulture, $"{table}: {found}, {age:d\\.hh\\:mm\\:ss} ago, and may be {most:d\\.hh\\:mm\\:ss} old")
                : $"{table}: no load into it was committed in this run; {found}");
        }

        return unmet;
    }

    private async Task<List<string>> CheckAsync(ContractRequirement requirement, CancellationToken cancellationToken)
    {
        var (table, version) = (requirement.Table, requirement.Version);
        if (await ListLoadsAsync(table, 1, cancellationToken).ConfigureAwait(false) is not [{ ContractVersion: { } current } latest]) return [$"{table}: no load with a contract was ever committed into it"];
        if (current == version) return [];
        var versions = await _ledger.ListContractsAsync(table, cancellationToken).ConfigureAwait(false);
        var (pinned, found) = (versions.FirstOrDefault(known => known.Version == version), versions.First(known => known.Version == current));
        if (pinned is null) return [$"{table}: contract {version} was never loaded here; load {latest.LoadId} has {current}"];
        var broken = pinned.Columns.Except(found.Columns, StringComparer.Ordinal).ToList();
        return broken.Count == 0 ? [] : [$"{table}: load {latest.LoadId} has contract {current}, which no longer has these columns of {version}: {string.Join("; ", broken)}"];
    }

    private async Task<List<string>> CheckFreshnessAsync(DbtInvocation invocation, CancellationToken cancellationToken)
    {
        var sources = await FindSourcesAsync(invocation, cancellationToken).ConfigureAwait(false);
        const string Prefix = "source.";
        var freshness = invocation with
        {
            Command = DbtCommand.SourceFreshness,
            Select = [.. sources.Select(source => $"source:{source.UniqueId[Prefix.Length..]}")],
            Exclude = [],
            Selector = null,
            Nodes = null,
            ArtifactsPath = null,
        };
        var result = await runner.RunAsync(freshness, RunContext(), cancellationToken).ConfigureAwait(false);
        var stale = result.Nodes.Where(node => node is { ResourceType: "source", IsFailed: true }).ToList();
        if (stale.Count == 0) result.ThrowIfFailed();
        return [.. stale.Select(node => $"{node.UniqueId} is not fresh: {node.Message ?? DbtText.Text(node.Status)}")];
    }

    private async Task<IReadOnlyList<DbtSource>> FindSourcesAsync(DbtInvocation invocation, CancellationToken cancellationToken)
    {
        if (_sources is not null) return _sources;
        var nodes = invocation.Nodes ?? await runner.ListAsync(invocation, RunContext(), cancellationToken).ConfigureAwait(false);
        _sources = [.. nodes.SelectMany(node => node.Sources).Distinct().OrderBy(source => source.UniqueId, StringComparer.Ordinal)];
        return _sources.Count > 0 ? _sources : throw new DataPlatformException(
            FailureClass.Configuration, $"Step '{context.Step}' requires something of the sources that its nodes read, and none of {nodes.Count} nodes reads a source.", "Name the tables in Require, or let the models read them by source().");
    }

    private Task<IReadOnlyList<LoadRecord>> ListLoadsAsync(TableName table, int limit, CancellationToken cancellationToken) =>
        _ledger.ListLoadsAsync(limit: limit, table: table, status: "committed", cancellationToken: cancellationToken);

    private DbtRunContext RunContext() => new(warehouse) { RunId = context.Run.RunId, Logger = context.Logger };

    private static TableName TableOf(DbtSource source) => DbtRelation.Parse(source.Relation) is [.., var schema, var name]
        ? new TableName(schema, name)
        : throw new DataPlatformException(FailureClass.Configuration, $"{source.UniqueId} is {source.Relation}, which has no schema.", "Give the source a schema.");
}
