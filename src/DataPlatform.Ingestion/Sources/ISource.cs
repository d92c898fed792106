using DataPlatform.Lineage;

namespace DataPlatform.Ingestion;

/// <summary>
/// Where rows come from. One object serves all runs, so it keeps no state between calls: what was read before is in the
/// <see cref="SourceContext"/>. See <c>docs/ingestion.md</c> for how to write one.
/// </summary>
public interface ISource
{
    /// <summary>What it reads, for people: <c>lake:inbox/trips-*.csv</c>.</summary>
    string Description { get; }

    /// <summary>What its rows look like, or null when that is found by looking at data.</summary>
    Contract? Contract { get; }

    /// <summary>Finds the contract of what there is to read, when <see cref="Contract"/> is null. Null when there is nothing to read.</summary>
    /// <param name="context">What was read before. The load fits what is found to the table that there is.</param>
    /// <param name="cancellationToken">Cancels.</param>
    ValueTask<Contract?> InferContractAsync(SourceContext context, CancellationToken cancellationToken) => new(Contract);

    /// <summary>
    /// Reads what was not read before, in batches of about <see cref="SourceContext.BatchBytes"/>, in an order that is the same every time.
    /// Yields nothing when there is nothing new.
    /// </summary>
    /// <param name="context">What was read before, and the contract that rows must keep.</param>
    /// <param name="cancellationToken">Stops reading between batches.</param>
    /// <exception cref="DataPlatformException">The source cannot be read; the message names what and where.</exception>
    IAsyncEnumerable<SourceBatch> ReadAsync(SourceContext context, CancellationToken cancellationToken);

    /// <summary>What it reads, as lineage names it; empty when it has no name that others know.</summary>
    /// <param name="services">Services of the step's scope.</param>
    IReadOnlyList<Dataset> GetDatasets(IServiceProvider services) => [];

    /// <summary>Throws a <see cref="DataPlatformException"/> when the source cannot be reached. Part of the preflight; reads no rows.</summary>
    /// <param name="services">Services of the step's scope.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task CheckAsync(IServiceProvider services, CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>A source whose rows a record or class declares.</summary>
/// <typeparam name="T">The record or class.</typeparam>
public interface ISource<T> : ISource;
