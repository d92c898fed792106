using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>Rows that a function of the program gives.</summary>
internal sealed class RowSource<[DynamicallyAccessedMembers(RecordMapper.Members)] T>(string name, Func<SourceContext, CancellationToken, IAsyncEnumerable<T>> read) : ISource<T> where T : class
{
    public string Description => name;

    public Contract? Contract { get; } = Contract.Of<T>();

    public async IAsyncEnumerable<SourceBatch> ReadAsync(SourceContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var batch = new RowBatchBuilder<T>(context, name);
        await foreach (var row in read(context, cancellationToken).WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            batch.Add(row);
            if (batch.IsFull) yield return batch.Take();
        }

        if (!batch.IsEmpty) yield return batch.Take();
    }
}
