using DataPlatform.DuckDb;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;

namespace DataPlatform.Integration.Tests.Warehouses;

/// <summary>A warehouse of the test's own: <c>duckdb</c> in a scratch folder, or <c>postgresql</c> in a database that is dropped afterwards.</summary>
internal sealed class OpenedWarehouse : IAsyncDisposable
{
    private readonly IAsyncDisposable? _database;
    private readonly ScratchFolder? _folder;

    private OpenedWarehouse(IWarehouse warehouse, string connectionString, IAsyncDisposable? database, ScratchFolder? folder) =>
        (Warehouse, ConnectionString, _database, _folder) = (warehouse, connectionString, database, folder);

    public IWarehouse Warehouse { get; }

    public string ConnectionString { get; }

    public static async Task<OpenedWarehouse> OpenAsync(string system)
    {
        if (system == "postgresql")
        {
            var database = await TestPostgres.CreateDatabaseAsync();
            return new OpenedWarehouse(new PostgreSqlWarehouse("warehouse", database.ConnectionString), database.ConnectionString, database, null);
        }

        var folder = new ScratchFolder();
        var file = $"DataSource={folder.Combine("test.duckdb")}";
        return new OpenedWarehouse(new DuckDbWarehouse("warehouse", file), file, null, folder);
    }

    public async ValueTask DisposeAsync()
    {
        await Warehouse.DisposeAsync();
        if (_database is not null) await _database.DisposeAsync();
        _folder?.Dispose();
    }
}
