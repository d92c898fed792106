using DataPlatform.Testing;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;
using Npgsql;

namespace DataPlatform.Integration.Tests.Warehouses;

/// <summary>A warehouse in a database of the test's own.</summary>
public abstract class PostgreSqlTests : IAsyncLifetime
{
    private protected TestDatabase Database { get; private set; } = null!;

    protected PostgreSqlWarehouse Warehouse { get; private set; } = null!;

    protected static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public virtual async ValueTask InitializeAsync()
    {
        Database = await TestPostgres.CreateDatabaseAsync(Cancelled);
        Warehouse = new PostgreSqlWarehouse("warehouse", Database.ConnectionString);
    }

    public virtual async ValueTask DisposeAsync()
    {
        await Warehouse.DisposeAsync();
        await Database.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Runs statements as the superuser, outside the warehouse.</summary>
    protected async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(Database.ConnectionString);
        await connection.OpenAsync(Cancelled);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Cancelled);
    }

    protected Task<List<object?[]>> ReadAsync(string sql) => Warehouse.ReadAsync(sql, null, Cancelled).ToRowsAsync();

    protected async Task<IReadOnlyList<object?[]>> QueryAsync(string sql, params object?[] parameters)
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        return await transaction.QueryAsync(sql, parameters, Cancelled);
    }

    protected async Task InTransactionAsync(Func<IWarehouseTransaction, Task> action)
    {
        ArgumentNullException.ThrowIfNull(action);
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        await action(transaction);
        await transaction.CommitAsync(Cancelled);
    }

    protected static async Task<WarehouseException> FailAsync(Func<Task> action) => (await action.Should().ThrowAsync<WarehouseException>()).Which;
}
