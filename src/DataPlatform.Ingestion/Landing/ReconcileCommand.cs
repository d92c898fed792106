using System.CommandLine;
using System.Globalization;
using System.Text.Json.Serialization;
using DataPlatform.Jobs;

namespace DataPlatform.Ingestion;

/// <summary><c>reconcile [pipeline]</c>: compares lake, ledger and warehouse. One that a step brings knows what the step lands.</summary>
internal sealed class ReconcileCommand(string step, Func<IngestSettings?> settings) : IJobCommand
{
    public Command Create(JobCommandHost host)
    {
        var pipeline = new Argument<string?>("pipeline") { Description = "The pipeline; without it all of them.", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("reconcile", "Compare what was landed in the lake with the ledger and the tables.") { pipeline };
        host.SetAction(command, (context, cancellationToken) => RunAsync(context, context.Arguments.GetValue(pipeline), cancellationToken));
        return command;
    }

    /// <summary>Compares what the step has landed; null when it lands nothing.</summary>
    public async Task<ReconciledStep?> ReconcileAsync(string pipeline, IServiceProvider services, CancellationToken cancellationToken) =>
        settings() is { Landing: { } zone } landed ? await new Reconciliation(pipeline, step, landed, zone, services).RunAsync(cancellationToken).ConfigureAwait(false) : null;

    private static async Task<FailureClass> RunAsync(JobCommandContext context, string? name, CancellationToken cancellationToken)
    {
        var steps = new List<ReconciledStep>();
        foreach (var pipeline in name is null ? context.Pipelines : [name])
        {
            foreach (var landing in context.GetPipeline(pipeline).Steps.SelectMany(s => s.Commands).OfType<ReconcileCommand>())
            {
                if (await landing.ReconcileAsync(pipeline, context.Services, cancellationToken).ConfigureAwait(false) is { } reconciled) steps.Add(reconciled);
            }
        }

        Write(context, steps);
        return steps.All(step => step.Differences.Count == 0) ? FailureClass.None : FailureClass.Data;
    }

    private static void Write(JobCommandContext context, List<ReconciledStep> steps)
    {
        if (context.WantsJson)
        {
            context.WriteJson(new ReconcileResult(steps), ReconcileJson.Default.ReconcileResult);
            return;
        }

        if (steps.Count == 0)
        {
            context.WriteLine("No step lands anything.");
            return;
        }

        static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);
        context.WriteTable(
            ["pipeline", "step", "zone", "loads", "files", "rows", "differences"],
            steps.Select(s => new[] { s.Pipeline, s.Step, s.Zone, Count(s.Manifests), Count(s.Files), Count(s.Rows), Count(s.Differences.Count) }));
        foreach (var step in steps)
        {
            foreach (var difference in step.Differences) context.WriteLine($"{step.Pipeline}/{step.Step}: {difference}");
        }
    }
}

/// <summary>What <c>reconcile --output json</c> writes.</summary>
internal sealed record ReconcileResult(IReadOnlyList<ReconciledStep> Steps);

[JsonSerializable(typeof(ReconcileResult))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
internal sealed partial class ReconcileJson : JsonSerializerContext;
