using DataPlatform.Transform;
using DataPlatform.Warehouses;

namespace DataPlatform.Integration.Tests.Dbt;

/// <summary>A runner that says what a test wants: for what a step makes of results, whoever they are from.</summary>
internal sealed class ScriptedDbt(Func<DbtInvocation, DbtResult> run) : IDbtRunner
{
    /// <summary>What is listed.</summary>
    public IReadOnlyList<DbtNode> Nodes { get; init; } = [];

    /// <summary>What was run.</summary>
    public List<DbtInvocation> Runs { get; } = [];

    /// <summary>Nodes that are told to begin and do not end.</summary>
    public IReadOnlyList<string> Hanging { get; init; } = [];

    public Task CheckAsync(DbtInvocation invocation, IWarehouse warehouse, CancellationToken cancellationToken = default) => Task.CompletedTask;

    public Task<IReadOnlyList<DbtNode>> ListAsync(DbtInvocation invocation, DbtRunContext context, CancellationToken cancellationToken = default) => Task.FromResult(Nodes);

    public async Task<DbtResult> RunAsync(DbtInvocation invocation, DbtRunContext context, CancellationToken cancellationToken = default)
    {
        Runs.Add(invocation);
        var result = run(invocation);
        foreach (var node in result.Nodes)
        {
            if (context.NodeChanged is not { } changed) break;
            if (node.Status != DbtStatus.Skipped) await changed(new DbtNodeChange(node with { Status = DbtStatus.Running }, result.Nodes.Count), cancellationToken);
            if (!Hanging.Contains(node.UniqueId)) await changed(new DbtNodeChange(node, result.Nodes.Count), cancellationToken);
        }

        return Hanging.Count == 0 ? result : throw new InvalidOperationException("dbt was killed");
    }
}
