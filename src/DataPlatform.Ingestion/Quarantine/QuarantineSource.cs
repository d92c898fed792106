using System.Runtime.CompilerServices;
using DataPlatform.Ledger;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Ingestion;

/// <summary>Rows of a source that wait in quarantine. For one replay: knows afterwards which they were.</summary>
/// <param name="settings">The step that they were rejected in.</param>
/// <param name="filter">Which of its rows.</param>
internal sealed class QuarantineSource(IngestSettings settings, QuarantineFilter filter) : ISource
{
    private readonly HashSet<long> _loads = [];

    public string Description => $"the quarantine of {settings.Source.Description}";

    public Contract? Contract => settings.Source.Contract;

    /// <summary>The loads that the rows came with.</summary>
    public IReadOnlyCollection<long> Loads => _loads;

    /// <summary>How many rows were read.</summary>
    public long Rows { get; private set; }

    // What an earlier look at data found is what the table has.
    public ValueTask<Contract?> InferContractAsync(SourceContext context, CancellationToken cancellationToken)
    {
        if (context.Target is null)
        {
            throw new DataPlatformException(
                FailureClass.Configuration, $"The columns of {settings.Source.Description} are found by looking at files, and there is no table {settings.Table} that says what they were.",
                "Declare them with a record.");
        }

        var added = settings.Merge?.ToTableSchema(new Apache.Arrow.Schema([], metadata: null)).FieldsList.Select(field => field.Name) ?? [];
        var columns = context.Target.FieldsList.Where(field => field.Name != LoadTransaction.LoadIdColumn && !added.Contains(field.Name, StringComparer.Ordinal));
        return new(new Contract([.. columns.Select(field => new ContractColumn(new Apache.Arrow.Field(field.Name, field.DataType, nullable: true, field.Metadata)))]) { IsInferred = true });
    }

    public async IAsyncEnumerable<SourceBatch> ReadAsync(SourceContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        _loads.Clear();
        Rows = 0;
        var ledger = context.Services.GetRequiredService<RunLedgers>().For(settings.ResolveWarehouse(context.Services));
        var batch = new BatchBuilder(context.Contract, context.BatchBytes);
        var reader = settings.Source is IReplayedSource source ? source.CreateRawReader(batch, context) : new JsonRawRowReader(batch, new JsonOptions());
        await foreach (var waiting in ledger.ReadQuarantineAsync(filter, cancellationToken).ConfigureAwait(false))
        {
            reader.Read(waiting.Row);
            _loads.Add(waiting.LoadId);
            Rows++;
            if (batch.IsFull) yield return batch.Take();
        }

        if (!batch.IsEmpty) yield return batch.Take();
    }
}
