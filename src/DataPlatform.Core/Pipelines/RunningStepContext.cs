using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using DataPlatform.Ledger;
using DataPlatform.Lineage;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Pipelines;

/// <summary>The context of one attempt of a step.</summary>
internal sealed class RunningStepContext(
    RunInfo run, string step, int attempt, IServiceProvider services, ILogger logger, RowCounter rows, StepLeases leases, RunLedgers ledgers,
    Action<long, long?, string?> progress, Action<LineageReport> lineage) : StepContext
{
    private const int MaxOutputBytes = 64 * 1024;

    private readonly ConcurrentDictionary<string, string> _outputs = new(StringComparer.Ordinal);

    public override RunInfo Run => run;

    public override string Step => step;

    public override int Attempt => attempt;

    public override IServiceProvider Services => services;

    public override ILogger Logger => logger;

    public override RowCounter Rows => rows;

    public IReadOnlyDictionary<string, string> Outputs => _outputs;

    public override void ReportProgress(long done, long? total, string? message = null) => progress(done, total, message);

    public override void ReportLineage(LineageReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        lineage(report);
    }

    public override IRunLedger GetLedger(IWarehouse warehouse) => ledgers.For(warehouse);

    public override Task<Lease> GetLeaseAsync(IWarehouse warehouse, CancellationToken cancellationToken) => leases.GetAsync(ledgers.For(warehouse), cancellationToken);

    public override async Task<LoadTransaction> BeginLoadAsync(IWarehouse warehouse, TableName table, string disposition, CancellationToken cancellationToken)
    {
        var lease = await GetLeaseAsync(warehouse, cancellationToken).ConfigureAwait(false);
        return new CountedLoad(await ledgers.For(warehouse).BeginLoadAsync(run, step, table, disposition, lease, cancellationToken).ConfigureAwait(false), rows);
    }

    public override void SetOutput<T>(string name, T value, JsonTypeInfo<T> type)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        var json = JsonSerializer.Serialize(value, type);
        if (Encoding.UTF8.GetByteCount(json) > MaxOutputBytes)
        {
            throw new DataPlatformException(
                FailureClass.Bug, $"Output '{name}' of step '{step}' is larger than {MaxOutputBytes / 1024} KiB.", "Put the content into an object store and hand on its key.");
        }

        _outputs[name] = json;
    }

    public override async Task<T> GetOutputAsync<T>(string step, string name, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        var json = await ledgers.Primary.FindOutputAsync(run, step, name, cancellationToken).ConfigureAwait(false)
            ?? throw new DataPlatformException(
                FailureClass.Configuration,
                $"Step '{step}' of pipeline '{run.Pipeline}' has not handed on '{name}' in this run or any before it.",
                $"Run it first: run {run.Pipeline} --step {step}");
        return JsonSerializer.Deserialize(json, type)!;
    }
}
