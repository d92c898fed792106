using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using DataPlatform.Ledger;
using DataPlatform.Lineage;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Pipelines;

/// <summary>What a running step knows and can do: its run, its row counts, its progress, what it hands on, and how it commits.</summary>
public abstract class StepContext
{
    private const string NeedsReflection = "Finds out at run time how the type is written as JSON. Trimmed programs and those of Native AOT hand in a JsonTypeInfo.";

    /// <summary>The run the step is part of.</summary>
    public abstract RunInfo Run { get; }

    /// <summary>The step's name.</summary>
    public abstract string Step { get; }

    /// <summary>Which attempt this is, from 1.</summary>
    public abstract int Attempt { get; }

    /// <summary>Services of this attempt's scope.</summary>
    public abstract IServiceProvider Services { get; }

    /// <summary>A logger whose lines carry run, pipeline and step.</summary>
    public abstract ILogger Logger { get; }

    /// <summary>Rows read, written and rejected so far. Loads add to it when they commit.</summary>
    public abstract RowCounter Rows { get; }

    /// <summary>Tells how far the step is, for the progress display and the orchestrator. Cheap: call it for every batch.</summary>
    /// <param name="done">How much is done, in any unit.</param>
    /// <param name="total">How much there is in all, or null when that is not known.</param>
    /// <param name="message">What is being done, for people; null keeps the last one.</param>
    public abstract void ReportProgress(long done, long? total, string? message = null);

    /// <summary>
    /// Tells what the step, or a part of it, reads and makes. The ledger keeps what succeeded when the attempt ends, also when the step fails, and <see cref="IRunObserver"/>s
    /// are told at once. May be called from any thread.
    /// </summary>
    public abstract void ReportLineage(LineageReport report);

    /// <summary>
    /// Begins a load into a table: one transaction that also records the load, its files and cursors, and that the database
    /// refuses to commit when another run has taken over the step.
    /// </summary>
    public abstract Task<LoadTransaction> BeginLoadAsync(IWarehouse warehouse, TableName table, string disposition, CancellationToken cancellationToken);

    /// <summary>The ledger of a warehouse: what earlier runs loaded and where they stopped.</summary>
    public abstract IRunLedger GetLedger(IWarehouse warehouse);

    /// <summary>
    /// The step's lease in a warehouse, taken when it is not held yet and released when the attempt ends. For steps that write other than by a load: what they commit with
    /// <see cref="Lease.CommitAsync"/> the database refuses when another run has taken over the step.
    /// </summary>
    public abstract Task<Lease> GetLeaseAsync(IWarehouse warehouse, CancellationToken cancellationToken);

    /// <summary>Hands a value on to later steps, also when they run in another process. Recorded when the step succeeds. At most 64 KiB as JSON.</summary>
    [RequiresUnreferencedCode(NeedsReflection), RequiresDynamicCode(NeedsReflection)]
    public void SetOutput<T>(string name, T value) => SetOutput(name, value, TypeInfoOf<T>());

    /// <inheritdoc cref="SetOutput{T}(string, T)"/>
    /// <param name="name">The value's name.</param>
    /// <param name="value">The value.</param>
    /// <param name="type">How it is written as JSON, as a <see cref="System.Text.Json.Serialization.JsonSerializerContext"/> has it.</param>
    public abstract void SetOutput<T>(string name, T value, JsonTypeInfo<T> type);

    /// <summary>
    /// Takes a value that an earlier step handed on in this run or, when this run did not run it, in the latest run in which it succeeded.
    /// </summary>
    /// <exception cref="DataPlatformException">No run has that value yet.</exception>
    [RequiresUnreferencedCode(NeedsReflection), RequiresDynamicCode(NeedsReflection)]
    public Task<T> GetOutputAsync<T>(string step, string name, CancellationToken cancellationToken) => GetOutputAsync(step, name, TypeInfoOf<T>(), cancellationToken);

    /// <inheritdoc cref="GetOutputAsync{T}(string, string, CancellationToken)"/>
    /// <param name="step">The step that handed it on.</param>
    /// <param name="name">The value's name.</param>
    /// <param name="type">How it is read from JSON, as a <see cref="System.Text.Json.Serialization.JsonSerializerContext"/> has it.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public abstract Task<T> GetOutputAsync<T>(string step, string name, JsonTypeInfo<T> type, CancellationToken cancellationToken);

    [RequiresUnreferencedCode(NeedsReflection), RequiresDynamicCode(NeedsReflection)]
    private static JsonTypeInfo<T> TypeInfoOf<T>() => (JsonTypeInfo<T>)JsonSerializerOptions.Web.GetTypeInfo(typeof(T));
}

/// <summary>One execution of a pipeline.</summary>
/// <param name="RunId">Unique; sorts by time.</param>
/// <param name="Pipeline">The pipeline's name.</param>
/// <param name="Environment">The host environment: Development, Staging, Production.</param>
/// <param name="LogicalDate">The date the run is for; today in UTC unless <c>--date</c> says otherwise.</param>
/// <param name="GitCommit">The commit the program was built from, when known.</param>
/// <param name="TraceId">The W3C trace id of the run.</param>
public sealed record RunInfo(string RunId, string Pipeline, string Environment, DateOnly LogicalDate, string? GitCommit, string? TraceId);

/// <summary>Counts rows from any thread.</summary>
public sealed class RowCounter
{
    private long _read, _written, _rejected;

    /// <summary>Rows read from sources.</summary>
    public long Read => Interlocked.Read(ref _read);

    /// <summary>Rows written to tables.</summary>
    public long Written => Interlocked.Read(ref _written);

    /// <summary>Rows rejected to quarantine.</summary>
    public long Rejected => Interlocked.Read(ref _rejected);

    /// <summary>Adds to the counts.</summary>
    public void Add(long read = 0, long written = 0, long rejected = 0)
    {
        Interlocked.Add(ref _read, read);
        Interlocked.Add(ref _written, written);
        Interlocked.Add(ref _rejected, rejected);
    }
}
