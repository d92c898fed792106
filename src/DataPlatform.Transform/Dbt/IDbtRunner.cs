using DataPlatform.Warehouses;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DataPlatform.Transform;

/// <summary>Runs dbt projects: the dbt command line (<see cref="DbtCliRunner"/>), or an engine that another package registers.</summary>
/// <remarks>
/// An engine is registered as the keyed service <see cref="IDbtRunner"/> with the key <see cref="DbtRunnerKind.BuiltIn"/>. Implementations are safe for concurrent use.
/// </remarks>
public interface IDbtRunner
{
    /// <summary>Throws a <see cref="DataPlatformException"/> with what to do when the invocation could not run: no project, no dbt, no adapter. Changes nothing.</summary>
    Task CheckAsync(DbtInvocation invocation, IWarehouse warehouse, CancellationToken cancellationToken = default);

    /// <summary>The nodes that the invocation would run, in any order; nothing is run.</summary>
    Task<IReadOnlyList<DbtNode>> ListAsync(DbtInvocation invocation, DbtRunContext context, CancellationToken cancellationToken = default);

    /// <summary>
    /// Runs the invocation. Nodes that fail do not make it throw: see <see cref="DbtResult.ThrowIfFailed"/>. When cancelled it stops what runs, at the database too, and throws
    /// <see cref="OperationCanceledException"/>.
    /// </summary>
    Task<DbtResult> RunAsync(DbtInvocation invocation, DbtRunContext context, CancellationToken cancellationToken = default);
}

/// <summary>In what a dbt invocation runs: the database, and who is told of what happens.</summary>
/// <param name="warehouse">The database that models are built in.</param>
public sealed class DbtRunContext(IWarehouse warehouse)
{
    /// <summary>The database that models are built in.</summary>
    public IWarehouse Warehouse { get; } = warehouse;

    /// <summary>
    /// The name that dbt's sessions carry at the database, so that they can be ended when dbt cannot be asked to. Unless set it is unique to this object.
    /// </summary>
    public string SessionName { get; init; } = $"dataplatform-dbt-{Guid.NewGuid():N}"[..28];

    /// <summary>The run it is part of; dbt's artifacts carry it as <c>DBT_ENV_CUSTOM_ENV_RUN_ID</c>. Null for none.</summary>
    public string? RunId { get; init; }

    /// <summary>Where dbt's lines go, with the name of dbt's event as the event's name.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>Is told when a node begins and ends, one call at a time and in order. When it throws, dbt is stopped and the exception goes to the caller.</summary>
    public Func<DbtNodeChange, CancellationToken, ValueTask>? NodeChanged { get; init; }
}

/// <summary>A node began or ended, or a batch of it began.</summary>
/// <param name="Node">The node; <see cref="DbtStatus.Running"/> when it began, and with <see cref="DbtNodeResult.Batches"/> when one of these did.</param>
/// <param name="Total">How many nodes there are in all, or null when that is not known.</param>
public sealed record DbtNodeChange(DbtNodeResult Node, int? Total);
