using System.Runtime.CompilerServices;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Transform;

/// <summary>Streams a query's rows through a function into a table, in one load.</summary>
internal sealed class TransformStep<TInput, TOutput>(TransformSettings<TInput, TOutput> settings, IServiceProvider services) : IStep, IStepPreflight
    where TInput : notnull where TOutput : class
{
    private const int RowsBetweenReports = 10_000;

    private readonly RecordMapper<TInput> _input = RecordMapper.For<TInput>();
    private readonly RecordMapper<TOutput> _output = RecordMapper.For<TOutput>();
    private long _read;

    public Task CheckAsync(CancellationToken cancellationToken)
    {
        settings.Query.Check();
        return Task.CompletedTask;
    }

    public async Task RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var warehouse = services.GetRequiredKeyedService<IWarehouse>(settings.Warehouse);
        var table = settings.Table!.Value;
        var statement = settings.Query.Render(context.Run);

        await using var load = await context.BeginLoadAsync(warehouse, table, "replace", cancellationToken).ConfigureAwait(false);
        var rows = settings.Transform(ReadAsync(statement, warehouse, context, cancellationToken)).OfType<TOutput>();
        var batches = _output.ToBatchesAsync(rows, cancellationToken);
        var written = (await load.ReplaceRowsAsync(table, _output.Schema, batches, cancellationToken).ConfigureAwait(false)).RowsWritten;

        // A function that makes several rows of one has as many rows to account for as it made.
        var read = Math.Max(_read, written);
        await load.CommitAsync(new RowBalance(read, written, Filtered: read - written), cancellationToken).ConfigureAwait(false);
    }

    private async IAsyncEnumerable<TInput> ReadAsync(
        SqlStatement statement, IWarehouse warehouse, StepContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var rows = _input.FromBatchesAsync(statement.ReadAsync(warehouse, cancellationToken), cancellationToken);
        await foreach (var row in rows.ConfigureAwait(false))
        {
            if (++_read % RowsBetweenReports == 0) context.ReportProgress(_read, total: null);
            yield return row;
        }
    }
}
