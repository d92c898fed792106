using DataPlatform.Dbt.Artifacts;
using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;
using DataPlatform.Warehouses;

namespace DataPlatform.Dbt.Run;

/// <summary>A batch of a model that is built.</summary>
/// <param name="Batch">Its time.</param>
/// <param name="Name">What it is called.</param>
/// <param name="Index">From 1.</param>
/// <param name="Total">How many there are.</param>
/// <param name="IsIncremental">Whether it is added to the table that is there.</param>
internal sealed record BatchStep(Batch Batch, string Name, int Index, int Total, bool IsIncremental)
{
    public bool IsFirst => Index == 1;

    public bool IsLast => Index == Total;
}

/// <summary>What became of a batch: success, error or skipped.</summary>
internal sealed record BatchOutcome(DbtNode Node, BatchStep Step, string Status, string? Message, TimeSpan Elapsed, string Thread);

/// <summary>Builds a microbatch model: each batch is a transaction of its own, one after the other. When the first fails the others are not tried; another that fails leaves those behind it alone.</summary>
internal sealed class MicrobatchRun(EngineState state, IWarehouse warehouse, IDbtObserver? observer, DbtNode node, string thread, CancellationToken cancellationToken)
{
    private readonly List<Batch> _successful = [];
    private readonly List<Batch> _failed = [];
    private Exception? _failure;
    private string? _failures;
    private long? _rows;

    /// <summary>Runs all batches. What the result lacks is known to who runs nodes of all kinds.</summary>
    public NodeResult Run()
    {
        var previous = state.Options.PreviousBatches?.GetValueOrDefault(node.UniqueId);
        // What is left of a run is added to what that run built.
        var isIncremental = previous is { Successful.Count: > 0 } || FindsTable();
        var microbatch = Microbatch.Read(node);
        List<Batch> earlier = [.. (previous?.Successful ?? []).SelectMany(microbatch.Split)];
        var batches = previous?.Failed.SelectMany(microbatch.Split).ToList()
            ?? microbatch.Find(isIncremental, state.Options.Sample?.Start ?? state.Options.EventTimeStart, state.Options.Sample?.End ?? state.Options.EventTimeEnd, (state.Options.BatchesEnd ?? state.StartedAt).UtcDateTime);
        for (var i = 0; i < batches.Count; i++)
        {
            var step = new BatchStep(batches[i], microbatch.Name(batches[i]), i + 1, batches.Count, isIncremental || i > 0);
            observer?.BatchStarted(node, step, new BatchResults([.. earlier, .. _successful], [.. batches.Except(_successful)]));
            RunBatch(step, isSkipped: i > 0 && _successful.Count == 0 && _failed.Contains(batches[0]));
        }

        var (done, all) = (_successful.Count, batches.Count);
        var (status, message) = _failed.Count == 0 ? ("success", "SUCCESS") : done == 0 ? ("error", "ERROR") : ("partial success", $"PARTIAL SUCCESS ({done}/{all})");
        return new NodeResult(node, status)
        {
            Message = message + _failures,
            Rows = _rows,
            Exception = _failure,
            Batches = new BatchResults([.. _successful, .. earlier], _failed),
        };
    }

    private bool FindsTable()
    {
        using var database = new Database(warehouse, state, cancellationToken);
        return !node.Config.Flag("full_refresh", state.Options.FullRefresh) && database.Find(state.NewRelation(node)) is { Type: "table" };
    }

    private void RunBatch(BatchStep step, bool isSkipped)
    {
        if (isSkipped)
        {
            _failed.Add(step.Batch);
            observer?.BatchEnded(new BatchOutcome(node, step, "skipped", null, TimeSpan.Zero, thread));
            return;
        }

        var clock = state.Options.Time.GetTimestamp();
        using var database = new Database(warehouse, state, cancellationToken);
        try
        {
            var context = new NodeContext(state, node.Package, node, database, cancellationToken) { Batch = step };
            var sql = Compiler.Compile(context, cancellationToken);
            TargetFiles.Write(state, TargetFiles.Compiled, node, sql, step.Name);
            if (step.IsIncremental)
            {
                context["is_incremental"] = new JinjaFunction("is_incremental", _ => true);
                context["should_full_refresh"] = new JinjaFunction("should_full_refresh", _ => false);
            }

            new ModelRun(context, sql).Run();
            _successful.Add(step.Batch);
            if (database.LastRows >= 0) _rows = (_rows ?? 0) + database.LastRows;
            End("success", Representation.Print(database.LastResponse.Get("_message")));
        }
        catch (Exception e) when (NodeFailure.Explain(state, node, database, e, step.Name) is { } message)
        {
            _failed.Add(step.Batch);
            _failure ??= e;
            _failures += $"\n  batch {step.Name}: {message}";
            End("error", message);
        }
        finally
        {
            if (database.Main is { } main) TargetFiles.Write(state, TargetFiles.Run, node, main, step.Name);
        }

        void End(string status, string? message) => observer?.BatchEnded(new BatchOutcome(node, step, status, message, state.Options.Time.GetElapsedTime(clock), thread));
    }
}
