using DataPlatform.Pipelines;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;

namespace DataPlatform.Integration.Tests.Transform;

public sealed class PostgreSqlTransformTests : TransformConformance
{
    private TestDatabase _database = null!;

    protected override async Task<IWarehouse> OpenWarehouseAsync()
    {
        _database = await TestPostgres.CreateDatabaseAsync();
        return new PostgreSqlWarehouse("warehouse", _database.ConnectionString);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _database.DisposeAsync();
    }

    // DuckDB gives the second one another name by itself.
    [Fact]
    public async Task Two_columns_of_one_name_are_refused()
    {
        var result = await RunAsync(p => p.Sql("twice", "SELECT trip_id, trip_id FROM raw.trips").AsTable("warehouse", "marts.twice"));
        result.Failure.Should().BeEquivalentTo(new { Class = FailureClass.Configuration, Message = "inline SQL: two columns of the result are named 'trip_id'." });
    }
}
