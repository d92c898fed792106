using Apache.Arrow;

namespace DataPlatform.Warehouses;

/// <summary>What every warehouse can do by what it has to.</summary>
public static class WarehouseExtensions
{
    /// <summary>Streams a query's rows as record batches of about <see cref="IWarehouse.BatchBytes"/>.</summary>
    /// <param name="warehouse">The warehouse.</param>
    /// <param name="sql">One SELECT.</param>
    /// <param name="parameters">Values of <c>$1, $2, …</c>.</param>
    /// <param name="cancellationToken">Stops the query on the server too.</param>
    /// <returns>The batches, of which there is one at least, for its schema. The caller disposes of them.</returns>
    public static IAsyncEnumerable<RecordBatch> ReadAsync(
        this IWarehouse warehouse, string sql, IReadOnlyList<object?>? parameters = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(warehouse);
        return warehouse.ReadAsync(sql, parameters, IWarehouse.BatchBytes, cancellationToken);
    }
}
