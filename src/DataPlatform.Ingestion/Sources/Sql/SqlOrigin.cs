using System.Data.Common;
using Apache.Arrow;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Ingestion;

/// <summary>The database that a query is for: a warehouse or a data source, named or brought along.</summary>
internal sealed record SqlOrigin(string Name, IWarehouse? Warehouse = null, DbDataSource? DataSource = null)
{
    /// <summary>The warehouse that it is; null for a data source.</summary>
    public IWarehouse? FindWarehouse(IServiceProvider services) => Warehouse ?? (DataSource is null ? services.GetKeyedService<IWarehouse>(Name) : null);

    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: nothing has that name.</exception>
    public ISqlConnection Open(IServiceProvider services)
    {
        if (FindWarehouse(services) is { } warehouse) return new WarehouseSql(warehouse);
        return (DataSource ?? services.GetKeyedService<DbDataSource>(Name)) is { } source
            ? new DataSourceSql(Name, source, services)
            : throw new DataPlatformException(
                FailureClass.Configuration,
                $"There is no database '{Name}'.",
                $"Add it with builder.AddWarehouse(\"{Name}\"), or as a data source of its driver: builder.Services.AddKeyedSingleton<DbDataSource>(\"{Name}\", …).");
    }
}

/// <summary>Sends queries to a database.</summary>
internal interface ISqlConnection
{
    /// <summary>How a query names its parameter of a number, from 1.</summary>
    string Parameter(int number);

    /// <summary>The columns of a query, as Arrow has them.</summary>
    Task<Schema> DescribeAsync(string sql, CancellationToken cancellationToken);

    /// <summary>Reads a query's rows into batches that keep the contract.</summary>
    IAsyncEnumerable<SourceBatch> ReadAsync(string sql, IReadOnlyList<object> parameters, SqlColumns columns, BatchBuilder batch, CancellationToken cancellationToken);

    Task CheckAsync(CancellationToken cancellationToken);
}
