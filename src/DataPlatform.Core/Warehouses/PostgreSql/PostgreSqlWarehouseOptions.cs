using Npgsql;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>What a <see cref="PostgreSqlWarehouse"/> does beyond its connection string. Section <c>DataPlatform:Warehouses:{name}</c>.</summary>
public sealed class PostgreSqlWarehouseOptions
{
    /// <summary>
    /// How often the server looks, while it works on a statement, whether this process is still there; when it is gone the statement ends and its
    /// transaction rolls back. Default 1 s; zero leaves it to the server. Servers that cannot do it (before PostgreSQL 14) are used without.
    /// </summary>
    public TimeSpan ClientConnectionCheckInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long <see cref="PostgreSqlWarehouse.EndSessionsAsync"/> waits for the sessions to be gone. Default 30 s.</summary>
    public TimeSpan EndSessionsTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Changes how Npgsql connects, for what a connection string cannot say: passwords that expire (AWS IAM), client certificates, TLS callbacks.
    /// Applied after the warehouse's own settings.
    /// </summary>
    public Action<NpgsqlDataSourceBuilder>? ConfigureDataSource { get; set; }
}
