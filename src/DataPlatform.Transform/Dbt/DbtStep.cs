using System.Diagnostics;
using System.Globalization;
using DataPlatform.Pipelines;
using DataPlatform.Telemetry;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Transform;

/// <summary>Runs dbt under the step's lease, with a journal of its nodes.</summary>
internal sealed class DbtStep(DbtInvocation invocation, IServiceProvider services) : IStep, IStepPreflight
{
    public Task CheckAsync(CancellationToken cancellationToken)
    {
        var warehouse = GetWarehouse();
        var today = DateOnly.FromDateTime(Time.GetUtcNow().UtcDateTime);
        return DbtRunners.Choose(services, warehouse).CheckAsync(Of(today), warehouse, cancellationToken);
    }

    public async Task RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var warehouse = GetWarehouse();
        var runner = DbtRunners.Choose(services, warehouse);
        if (!invocation.RunsNodes && invocation.Command != DbtCommand.Retry)
        {
            await FinishAsync(context, runner, Of(context.Run.LogicalDate), warehouse, journal: null, cancellationToken).ConfigureAwait(false);
            return;
        }

        var ledger = context.GetLedger(warehouse);
        // Two invocations that build the same relations break each other.
        var lease = await context.GetLeaseAsync(warehouse, cancellationToken).ConfigureAwait(false);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lease.Lost);
        try
        {
            var journal = await DbtJournal.OpenAsync(ledger, lease, context.Run, context.Step, invocation, stopping.Token).ConfigureAwait(false);
            foreach (var session in await journal.ListAbandonedSessionsAsync(stopping.Token).ConfigureAwait(false))
                await warehouse.EndSessionsAsync(session, stopping.Token).ConfigureAwait(false);

            if (await FindRestAsync(context, runner, journal, new DbtRunContext(warehouse) { RunId = context.Run.RunId, Logger = context.Logger }, stopping.Token).ConfigureAwait(false) is not { } rest) return;
            await new DbtGate(context, warehouse, runner, Time).CheckAsync(rest, stopping.Token).ConfigureAwait(false);
            await FinishAsync(context, runner, rest, warehouse, journal, stopping.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (lease.Lost.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new DataPlatformException(FailureClass.Transient, $"dbt was stopped: the lease '{lease.Name}' was lost to another run.");
        }
    }

    private TimeProvider Time => services.GetService<TimeProvider>() ?? TimeProvider.System;

    private DbtInvocation Of(DateOnly runDate)
    {
        var vars = new Dictionary<string, object?>(invocation.Vars, StringComparer.Ordinal);
        vars.TryAdd("run_date", runDate.ToString("O", CultureInfo.InvariantCulture));
        return invocation with { Vars = vars };
    }

    private IWarehouse GetWarehouse() =>
        invocation.Warehouse is { } name ? services.GetRequiredKeyedService<IWarehouse>(name) : services.GetRequiredService<IWarehouse>();

    // What is left of an earlier attempt in the same run; all of it when there was none; null when nothing is left.
    private async Task<DbtInvocation?> FindRestAsync(StepContext context, IDbtRunner runner, DbtJournal journal, DbtRunContext runContext, CancellationToken cancellationToken)
    {
        var whole = Of(context.Run.LogicalDate) with { Command = journal.Command };
        if (journal.Entries.Count == 0) return whole;

        var done = journal.Entries.Where(entry => entry.Node.IsDone).Select(entry => entry.Node.UniqueId).ToHashSet(StringComparer.Ordinal);
        var plan = await runner.ListAsync(whole, runContext, cancellationToken).ConfigureAwait(false);
        var batches = journal.Entries.ToDictionary(entry => entry.Node.UniqueId, entry => entry.Node.Batches, StringComparer.Ordinal);
        var rest = plan.Where(node => !done.Contains(node.UniqueId)).Select(node => node with { Batches = batches.GetValueOrDefault(node.UniqueId) }).ToList();
        context.Logger.LogInformation("{Done} of {Planned} dbt nodes have succeeded in run {RunId}, {Rest} are left", plan.Count - rest.Count, plan.Count, journal.RunId, rest.Count);
        return rest.Count == 0 ? null : whole with { Nodes = rest };
    }

    private static DbtRunContext CreateContext(StepContext context, IWarehouse warehouse, string sessionName, DbtChanges toWrite, DbtNodeReports reports)
    {
        var finished = 0;
        var parent = Activity.Current?.Context ?? default;
        return new DbtRunContext(warehouse)
        {
            SessionName = sessionName,
            RunId = context.Run.RunId,
            Logger = context.Logger,
            NodeChanged = async (change, _) =>
            {
                var node = change.Node;
                if (node is { Status: DbtStatus.Running, Batches: not null })
                {
                    // What batches there are is known from here on, whatever happens to them.
                    await toWrite.AddAsync(change).ConfigureAwait(false);
                    return;
                }

                if (node.Status != DbtStatus.Running)
                {
                    finished++;
                    Record(context, node, parent);
                }

                context.ReportProgress(finished, change.Total, node.Name);
                if (node.ResourceType == "operation") return;
                reports.Add(node);
                toWrite.Add(change);
            },
        };
    }

    private async Task FinishAsync(StepContext context, IDbtRunner runner, DbtInvocation toRun, IWarehouse warehouse, DbtJournal? journal, CancellationToken cancellationToken)
    {
        var reports = new DbtNodeReports(context, warehouse, Time);
        // What an attempt that was killed had done was told of by nobody.
        foreach (var (node, at) in journal is not null && journal.RunId == context.Run.RunId && journal.Step == context.Step ? journal.Entries : [])
        {
            if (node.IsDone) reports.AddEarlier(node, at);
        }

        DbtResult? result = null;
        try
        {
            // Nodes do not wait for what is written of those before; what came in the meantime is one transaction.
            var sessionName = new DbtRunContext(warehouse).SessionName;
            var toWrite = new DbtChanges(changes =>
                journal is null ? ValueTask.CompletedTask : new ValueTask(journal.WriteAsync(changes.Select(change => change.Node), invocation.Project, sessionName, CancellationToken.None)));
            result = await toWrite.TellWhileAsync(
                token => runner.RunAsync(toRun, CreateContext(context, warehouse, sessionName, toWrite, reports), token), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            reports.Complete(result);
        }

        context.Rows.Add(written: result.Nodes.Where(node => node.ResourceType is "model" or "seed" or "snapshot").Sum(node => node.RowsAffected ?? 0));
        var shown = DbtRunnerOptions.Read(services.GetService<IConfiguration>()).ShowFailedRows;
        result = await new DbtFailedRows(warehouse, shown, context.Logger).AddAsync(result, cancellationToken).ConfigureAwait(false);
        result.ThrowIfFailed();
        context.SetOutput("dbt", new DbtSummary(
            result.Version, result.InvocationId, result.Nodes.GroupBy(node => DbtText.Text(node.Status)).ToDictionary(group => group.Key, group => group.Count(), StringComparer.Ordinal)));
    }

    private static void Record(StepContext context, DbtNodeResult node, ActivityContext parent)
    {
        var status = DbtText.Text(node.Status);
        var ended = DateTimeOffset.UtcNow;
        KeyValuePair<string, object?> pipelineTag = new("pipeline", context.Run.Pipeline), stepTag = new("step", context.Step), typeTag = new("resource_type", node.ResourceType);
        TransformTelemetry.NodeDuration.Record(node.Seconds, pipelineTag, stepTag, typeTag, new("status", status));
        if (node.RowsAffected is { } rows) TransformTelemetry.NodeRows.Add(rows, pipelineTag, stepTag, typeTag);

        using var activity = TransformTelemetry.Source.StartActivity(
            $"dbt {node.Name}", ActivityKind.Internal, parent, [pipelineTag, stepTag, typeTag, new("dbt.unique_id", node.UniqueId), new("status", status)],
            startTime: ended - TimeSpan.FromSeconds(node.Seconds));
        activity?.SetEndTime(ended.UtcDateTime);
        if (node.IsFailed) activity?.SetStatus(ActivityStatusCode.Error, node.Message);
    }
}

/// <summary>What a dbt step hands on as its output <c>dbt</c>.</summary>
/// <param name="Version">dbt's version.</param>
/// <param name="InvocationId">dbt's id of the invocation.</param>
/// <param name="Statuses">How many nodes there are of each status, as dbt writes it.</param>
public sealed record DbtSummary(string? Version, string? InvocationId, IReadOnlyDictionary<string, int> Statuses);
