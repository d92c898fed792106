using System.CommandLine;
using System.Globalization;
using System.Text.Json.Serialization;
using DataPlatform.Jobs;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Ingestion;

/// <summary><c>quarantine list | show | replay | discard</c>: rejected rows. One that a step brings knows how rows of the step are read again.</summary>
internal sealed class QuarantineCommand(string step, Func<IngestSettings?> settings) : IJobCommand
{
    private readonly Option<string?> _pipeline = new("--pipeline") { Description = "Only rows of this pipeline.", HelpName = "name" };
    private readonly Option<string?> _step = new("--step") { Description = "Only rows of this step.", HelpName = "name" };
    private readonly Option<long?> _load = new("--load") { Description = "Only rows of this load.", HelpName = "load-id" };
    private readonly Option<TableName?> _table = TableOption.Create("Only rows on their way into this table.");

    public Command Create(JobCommandHost host)
    {
        ArgumentNullException.ThrowIfNull(host);
        return new Command("quarantine", "Look at rejected rows, load them again, or discard them.") { ListCommand(host), ShowCommand(host), ReplayCommand(host), DiscardCommand(host) };
    }

    private Command ListCommand(JobCommandHost host)
    {
        var command = new Command("list", "Count the rows that wait, by load and column.") { _pipeline, _step, _table, _load };
        host.SetAction(command, async (context, cancellationToken) =>
        {
            var groups = new List<QuarantineGroup>();
            foreach (var ledger in LedgersOf(context)) groups.AddRange(await ledger.ListQuarantineAsync(FilterOf(context), cancellationToken).ConfigureAwait(false));
            if (context.WantsJson) context.WriteJson(new QuarantineList([.. groups.Select(QuarantineListItem.Of)]), QuarantineJson.Default.QuarantineList);
            else if (groups.Count == 0) context.WriteLine("Nothing waits in quarantine.");
            else context.WriteTable(["load", "step", "table", "column", "rows", "reason, of one of them", "rejected (UTC)"], groups.Select(Cells));
            return FailureClass.None;
        });
        return command;
    }

    private Command ShowCommand(JobCommandHost host)
    {
        var limit = new Option<int>("--limit") { Description = "At most so many rows.", HelpName = "n", DefaultValueFactory = _ => 20 };
        limit.Validators.Add(option =>
        {
            if (option.GetValueOrDefault<int>() < 1) option.AddError("--limit must be 1 or more.");
        });
        var command = new Command("show", "Show rows that wait, with their text.") { _pipeline, _step, _table, _load, limit };
        host.SetAction(command, async (context, cancellationToken) =>
        {
            var rows = new List<QuarantinedRow>();
            foreach (var ledger in LedgersOf(context))
            {
                await foreach (var row in ledger.ReadQuarantineAsync(FilterOf(context), cancellationToken).ConfigureAwait(false))
                {
                    if (rows.Count == context.Arguments.GetValue(limit)) break;
                    rows.Add(row);
                }
            }

            if (context.WantsJson) context.WriteJson(new QuarantineRows([.. rows.Select(QuarantineRowItem.Of)]), QuarantineJson.Default.QuarantineRows);
            else if (rows.Count == 0) context.WriteLine("Nothing waits in quarantine.");
            else context.WriteTable(["load", "step", "where", "column", "reason", "contract", "row"], rows.Select(Cells));
            return FailureClass.None;
        });
        return command;
    }

    private Command ReplayCommand(JobCommandHost host)
    {
        var command = new Command("replay", "Load the rows again by the contract of today, each step's in one load. Those that still break it stay.") { _pipeline, _step, _table, _load };
        host.SetAction(command, async (context, cancellationToken) =>
        {
            var replayed = new List<ReplayedStep>();
            foreach (var (pipeline, command) in StepsOf(context))
            {
                var runner = context.Services.GetRequiredService<PipelineRunner>();
                if (await command.ReplayAsync(pipeline, FilterOf(context), runner, context.Services, cancellationToken).ConfigureAwait(false) is { } result) replayed.Add(result);
            }

            if (context.WantsJson) context.WriteJson(new ReplayReport(replayed), QuarantineJson.Default.ReplayReport);
            else if (replayed.Count == 0) context.WriteLine("Nothing that can be read again waits in quarantine.");
            else context.WriteTable(["pipeline", "step", "table", "read", "written", "rejected again"], replayed.Select(r => new[] { r.Pipeline, r.Step, r.Table, Text(r.RowsRead), Text(r.RowsWritten), Text(r.RowsRejected) }));
            return FailureClass.None;
        });
        return command;
    }

    private Command DiscardCommand(JobCommandHost host)
    {
        var reason = new Option<string>("--reason") { Description = "Why they are not needed, for the audit.", HelpName = "text", Required = true };
        var all = new Option<bool>("--all") { Description = "All rows that wait." };
        var command = new Command("discard", "Delete rows for good.") { _pipeline, _step, _table, _load, all, reason };
        command.Validators.Add(result =>
        {
            if (!result.GetValue(all) && result.GetValue(_pipeline) is null && result.GetValue(_step) is null && result.GetValue(_load) is null && result.GetValue(_table) is null)
                result.AddError("Say which rows: --step, --load, --table, --pipeline, or --all.");
        });
        host.SetAction(command, async (context, cancellationToken) =>
        {
            var rows = 0L;
            foreach (var ledger in LedgersOf(context)) rows += await ledger.DiscardQuarantineAsync(FilterOf(context), context.Arguments.GetValue(reason), cancellationToken).ConfigureAwait(false);
            if (context.WantsJson) context.WriteJson(new DiscardReport(rows), QuarantineJson.Default.DiscardReport);
            else context.WriteLine(rows == 0 ? "No row in quarantine is meant by that." : $"{rows} rows are discarded.");
            return FailureClass.None;
        });
        return command;
    }

    /// <summary>Loads rows of the step again; null when there are none.</summary>
    public async Task<ReplayedStep?> ReplayAsync(string pipeline, QuarantineFilter wanted, PipelineRunner runner, IServiceProvider services, CancellationToken cancellationToken)
    {
        var ingest = settings()!;
        if ((wanted.Step ?? step) != step || (wanted.Table ?? ingest.Table) != ingest.Table) return null;
        var filter = wanted with { Pipeline = pipeline, Step = step, Table = ingest.Table, OnlyReadable = true };
        var ledger = services.GetRequiredService<RunLedgers>().For(ingest.ResolveWarehouse(services));
        if ((await ledger.ListQuarantineAsync(filter, cancellationToken).ConfigureAwait(false)).Count == 0) return null;

        // A run of the pipeline in which this step alone is run, so that it has the step's lease, retries, telemetry and record.
        var builder = new PipelineBuilder(pipeline);
        builder.Add(new StepDefinition(step, "replay", scope => new ReplayStep(ingest, filter, scope)) { Description = $"quarantine → {ingest.Table}" });
        var result = await runner.RunAsync(builder.Build(), null, cancellationToken).ConfigureAwait(false);
        if (result.Failure is { } failure) throw new DataPlatformException(failure.Class, failure.Message, failure.Hint);
        return new ReplayedStep(pipeline, step, ingest.Table.ToString(), result.Steps[0].RowsRead, result.Steps[0].RowsWritten, result.Steps[0].RowsRejected);
    }

    private QuarantineFilter FilterOf(JobCommandContext context) => new()
    {
        Pipeline = context.Arguments.GetValue(_pipeline),
        Step = context.Arguments.GetValue(_step),
        Table = context.Arguments.GetValue(_table),
        LoadId = context.Arguments.GetValue(_load),
    };

    private IEnumerable<(string Pipeline, QuarantineCommand Command)> StepsOf(JobCommandContext context) =>
        from pipeline in context.Arguments.GetValue(_pipeline) is { } name ? [name] : context.Pipelines
        from command in context.GetPipeline(pipeline).Steps.SelectMany(s => s.Commands).OfType<QuarantineCommand>()
        select (pipeline, command);

    private IEnumerable<IRunLedger> LedgersOf(JobCommandContext context)
    {
        var ledgers = context.Services.GetRequiredService<RunLedgers>();
        return context.Pipelines.SelectMany(pipeline => context.GetPipeline(pipeline).Steps).SelectMany(s => s.Commands).OfType<QuarantineCommand>()
            .Select(command => command.Warehouse(context.Services)).DistinctBy(warehouse => warehouse.Name).Select(ledgers.For);
    }

    private IWarehouse Warehouse(IServiceProvider services) => settings()!.ResolveWarehouse(services);

    private static IReadOnlyList<string?> Cells(QuarantineGroup group) =>
    [
        Text(group.LoadId) + (group.Status == "failed" ? " (failed)" : ""), $"{group.Pipeline}/{group.Step}", group.Table.ToString(), group.Column, Text(group.Rows), group.Reason,
        group.RejectedAt.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
    ];

    private static IReadOnlyList<string?> Cells(QuarantinedRow waiting) =>
    [
        Text(waiting.LoadId), $"{waiting.Pipeline}/{waiting.Step}", $"{waiting.Row.Source}:{Text(waiting.Row.Position)}", waiting.Row.Column, waiting.Row.Reason, waiting.Row.ContractVersion, waiting.Row.Raw,
    ];

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>What <c>quarantine list --output json</c> writes.</summary>
internal sealed record QuarantineList(IReadOnlyList<QuarantineListItem> Groups);

/// <summary>Rows of a load in it.</summary>
internal sealed record QuarantineListItem(
    long LoadId, string LoadStatus, string Pipeline, string Step, string Table, string? Column, long Rows, string Reason, DateTimeOffset RejectedAt)
{
    public static QuarantineListItem Of(QuarantineGroup group) =>
        new(group.LoadId, group.Status, group.Pipeline, group.Step, group.Table.ToString(), group.Column, group.Rows, group.Reason, group.RejectedAt);
}

/// <summary>What <c>quarantine show --output json</c> writes.</summary>
internal sealed record QuarantineRows(IReadOnlyList<QuarantineRowItem> Rows);

/// <summary>A row in it.</summary>
internal sealed record QuarantineRowItem(
    long LoadId, string Pipeline, string Step, string Table, string Source, long Position, string? Column, string Reason, string? ContractVersion, string Raw, IReadOnlyList<string>? FieldNames,
    bool CanBeReplayed, DateTimeOffset RejectedAt)
{
    public static QuarantineRowItem Of(QuarantinedRow waiting) => new(
        waiting.LoadId, waiting.Pipeline, waiting.Step, waiting.Table.ToString(), waiting.Row.Source, waiting.Row.Position, waiting.Row.Column, waiting.Row.Reason, waiting.Row.ContractVersion,
        waiting.Row.Raw, waiting.Row.FieldNames, waiting.Row.IsExact, waiting.RejectedAt);
}

/// <summary>What <c>quarantine replay --output json</c> writes.</summary>
internal sealed record ReplayReport(IReadOnlyList<ReplayedStep> Steps);

/// <summary>A step whose rows were loaded again.</summary>
internal sealed record ReplayedStep(string Pipeline, string Step, string Table, long RowsRead, long RowsWritten, long RowsRejected);

/// <summary>What <c>quarantine discard --output json</c> writes.</summary>
internal sealed record DiscardReport(long RowsDiscarded);

[JsonSerializable(typeof(QuarantineList))]
[JsonSerializable(typeof(QuarantineRows))]
[JsonSerializable(typeof(ReplayReport))]
[JsonSerializable(typeof(DiscardReport))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
internal sealed partial class QuarantineJson : JsonSerializerContext;
