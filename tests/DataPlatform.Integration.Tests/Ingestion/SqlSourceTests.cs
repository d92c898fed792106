using System.Data.Common;
using DataPlatform.DuckDb;
using DataPlatform.Ingestion;
using DataPlatform.Pipelines;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;
using Npgsql;

namespace DataPlatform.Integration.Tests.Ingestion;

public sealed class DuckDbSqlSourceTests : SqlSourceConformance
{
    private readonly ScratchFolder _folder = new();

    private protected override Task<IWarehouse> StartAsync() => Task.FromResult<IWarehouse>(new DuckDbWarehouse("warehouse", $"DataSource={_folder.Combine("test.duckdb")}"));

    private protected override ValueTask StopAsync()
    {
        _folder.Dispose();
        return default;
    }
}

public class PostgreSqlSqlSourceTests : SqlSourceConformance
{
    private TestDatabase? _database;

    private protected string ConnectionString => _database!.ConnectionString;

    private protected override async Task<IWarehouse> StartAsync()
    {
        _database = await TestPostgres.CreateDatabaseAsync(Token);
        return new PostgreSqlWarehouse("warehouse", _database.ConnectionString);
    }

    private protected override ValueTask StopAsync() => _database!.DisposeAsync();
}

/// <summary>The same through a driver that the library knows nothing of but that it is one.</summary>
public sealed class DataSourceSqlSourceTests : PostgreSqlSqlSourceTests
{
    private DbDataSource? _source;

    private protected override bool KnowsWhereTheFaultIs => false;

    private protected override SqlSource<Order> Orders(string sql = "crm.orders") => From.Sql<Order>("crm", Source(), sql);

    private protected override SqlSource Untyped(string sql) => From.Sql("crm", Source(), sql);

    private protected override async ValueTask StopAsync()
    {
        if (_source is not null) await _source.DisposeAsync();
        await base.StopAsync();
    }

    private DbDataSource Source() => _source ??= NpgsqlDataSource.Create(ConnectionString);
}
