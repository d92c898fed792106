using DataPlatform.Warehouses;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DataPlatform.DuckDb;

/// <summary>Opens DuckDB warehouses: connection strings with a <c>DataSource</c>, and paths that end in <c>.duckdb</c>.</summary>
internal sealed class DuckDbWarehouseProvider(IOptionsMonitor<DuckDbWarehouseOptions> options, ILoggerFactory loggerFactory) : IWarehouseProvider
{
    public string Example => "DataSource=./data/warehouse.duckdb";

    public bool Recognizes(string connectionString) => DuckDbConnectionString.Recognizes(connectionString);

    public IWarehouse Open(string name, string connectionString) => new DuckDbWarehouse(name, connectionString, options.Get(name), loggerFactory);
}
