using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Testing;
using DataPlatform.Warehouses;

namespace DataPlatform.DuckDb.Tests;

/// <summary>A database file of the test's own.</summary>
public abstract class DuckDbTest : IAsyncLifetime
{
    private readonly ScratchFolder _folder = new();
    private readonly Lazy<DuckDbWarehouse> _warehouse;

    protected DuckDbTest() => _warehouse = new Lazy<DuckDbWarehouse>(() => new DuckDbWarehouse("warehouse", $"DataSource={File}"));

    protected static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    protected static Schema Trips { get; } = new(
        [new Field("id", Int64Type.Default, nullable: false), new Field("name", StringType.Default, nullable: true)], metadata: null);

    protected ScratchFolder Folder => _folder;

    protected string File => _folder.Combine("warehouse.duckdb");

    protected DuckDbWarehouse Warehouse => _warehouse.Value;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public virtual async ValueTask DisposeAsync()
    {
        if (_warehouse.IsValueCreated) await Warehouse.DisposeAsync();
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    protected async Task InTransactionAsync(Func<IWarehouseTransaction, Task> action)
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        await action(transaction);
        await transaction.CommitAsync(Cancelled);
    }

    protected Task ExecuteAsync(params string[] statements) => InTransactionAsync(async transaction =>
    {
        foreach (var statement in statements) await transaction.ExecuteAsync(statement, null, Cancelled);
    });

    protected async Task<IReadOnlyList<object?[]>> QueryAsync(string sql, params object?[] parameters)
    {
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        return await transaction.QueryAsync(sql, parameters, Cancelled);
    }

    protected static async Task AppendAsync(IWarehouseTransaction transaction, TableName table, Schema schema, IReadOnlyList<object?[]> rows)
    {
        await using var writer = await transaction.BeginAppendAsync(table, schema, Cancelled);
        using var batch = RecordBatches.Create(schema, rows);
        await writer.WriteAsync(batch, Cancelled);
        await writer.CompleteAsync(Cancelled);
    }

    protected static async Task<WarehouseException> FailAsync(Func<Task> action) => (await action.Should().ThrowAsync<WarehouseException>()).Which;

    /// <summary>Starts the program of the tests on the file.</summary>
    protected JobProcess StartProcess(params IEnumerable<string> arguments) => JobProcess.Start("DataPlatform.DuckDb.Tests.Job", [], _folder.Path, arguments);
}
