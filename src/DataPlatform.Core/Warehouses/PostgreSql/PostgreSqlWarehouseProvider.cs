using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>Opens PostgreSQL warehouses: connection strings of Npgsql, which have a <c>Host</c>.</summary>
internal sealed class PostgreSqlWarehouseProvider(IOptionsMonitor<PostgreSqlWarehouseOptions> options, ILoggerFactory loggerFactory) : IWarehouseProvider
{
    public string Example => "Host=localhost;Database=analytics;Username=etl;Password=${secret://env/WAREHOUSE_PASSWORD}";

    public bool Recognizes(string connectionString) => connectionString
        .Split(';')
        .Select(part => part.Split('=', 2) is [var key, _] ? key.Trim() : "")
        .Any(key => key.Equals("Host", StringComparison.OrdinalIgnoreCase) || key.Equals("Server", StringComparison.OrdinalIgnoreCase));

    public IWarehouse Open(string name, string connectionString) => new PostgreSqlWarehouse(name, connectionString, options.Get(name), loggerFactory);
}
