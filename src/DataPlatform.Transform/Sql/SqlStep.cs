using System.Globalization;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Transform;

/// <summary>Makes a table or a view of a query, in one load.</summary>
internal sealed class SqlStep(SqlSettings settings, IServiceProvider services) : IStep, IStepPreflight
{
    public Task CheckAsync(CancellationToken cancellationToken)
    {
        settings.Query.Check();
        return Task.CompletedTask;
    }

    public async Task RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var warehouse = services.GetRequiredKeyedService<IWarehouse>(settings.Warehouse);
        var statement = settings.Query.Render(context.Run);
        var columns = await ListColumnsAsync(statement, warehouse, cancellationToken).ConfigureAwait(false);

        await using var load = await context.BeginLoadAsync(warehouse, settings.Target, settings.AsView ? "view" : "replace", cancellationToken).ConfigureAwait(false);
        var rows = settings.AsView
            ? await ReplaceViewAsync(load, statement, cancellationToken).ConfigureAwait(false)
            : await ReplaceTableAsync(load, statement, columns, cancellationToken).ConfigureAwait(false);
        await load.CommitAsync(new RowBalance(rows, rows), cancellationToken).ConfigureAwait(false);
    }

    // Asking for the columns also lets the database find what is wrong with the query before anything is built.
    private static async Task<IReadOnlyList<string>> ListColumnsAsync(SqlStatement statement, IWarehouse warehouse, CancellationToken cancellationToken)
    {
        var schema = await statement.DescribeAsync(warehouse, cancellationToken).ConfigureAwait(false);
        var names = schema.FieldsList.Select(field => field.Name).ToList();
        return names.GroupBy(name => name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is not { } twice
            ? names
            : throw new DataPlatformException(
                FailureClass.Configuration, $"{statement.Origin}: two columns of the result are named '{twice.Key}'.", $"Name one of them otherwise: … AS {twice.Key}_2.");
    }

    private async Task<long> ReplaceViewAsync(LoadTransaction load, SqlStatement statement, CancellationToken cancellationToken)
    {
        try
        {
            await load.Warehouse.ReplaceViewAsync(settings.Target, statement.Text, cancellationToken).ConfigureAwait(false);
            return 0;
        }
        catch (WarehouseException e)
        {
            throw statement.Locate(e);
        }
    }

    // What the query itself selected as load number, from a table it read, gives way to this load's.
    private async Task<long> ReplaceTableAsync(LoadTransaction load, SqlStatement statement, IReadOnlyList<string> columns, CancellationToken cancellationToken)
    {
        var kept = string.Concat(columns.Where(column => column != LoadTransaction.LoadIdColumn).Select(column => $"{TableName.Quote(column)}, "));
        var before = string.Create(CultureInfo.InvariantCulture, $"SELECT {kept}CAST({load.LoadId} AS bigint) AS {LoadTransaction.LoadIdColumn} FROM (");
        try
        {
            return await load.Warehouse.ReplaceTableAsync(settings.Target, $"{before}{statement.Text}) AS q", cancellationToken).ConfigureAwait(false);
        }
        catch (WarehouseException e)
        {
            throw statement.Locate(e, before.Length);
        }
    }
}
