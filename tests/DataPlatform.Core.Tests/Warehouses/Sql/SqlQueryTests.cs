using System.Data.Common;
using System.Runtime.CompilerServices;
using Apache.Arrow;
using DataPlatform.Pipelines;
using DataPlatform.Testing;
using DataPlatform.Warehouses;

namespace DataPlatform.Core.Tests.Warehouses.Sql;

public sealed class SqlQueryTests
{
    private static readonly RunInfo Run = new("run-1", "demand", "Test", new DateOnly(2026, 3, 1), GitCommit: null, TraceId: null);

    [Fact]
    public void Holes_are_filled_and_all_else_stays_as_it_was()
    {
        var query = new SqlQuery
        {
            Source = """
                -- only @open stations of {stations}
                SELECT s.name, '@min' AS a, "{x}" FROM {stations} s -- @min
                WHERE s.docks>=@min AND s.city IN (@city) AND day < @run_date /* {nothing} */;
                -- the end @last
                """,
        };
        query.SetParameter("min", 5);
        query.SetParameter("city", "Land's End");
        query.SetRelation("stations", "raw.stations");
        query.Render(Run).Text.Should().Be("""
            -- only @open stations of {stations}
            SELECT s.name, '@min' AS a, "{x}" FROM "raw"."stations" s -- @min
            WHERE s.docks>=5 AND s.city IN ('Land''s End') AND day < CAST('2026-03-01' AS date)
            """);
    }

    [Fact]
    public void A_parameter_after_less_than_is_one_only_when_it_is_given()
    {
        var query = new SqlQuery { Source = "SELECT a<@b, a<@c" };
        query.SetParameter("c", 1);
        query.Render(Run).Text.Should().Be("SELECT a<@b, a<1");
    }

    [Fact]
    public void An_unknown_parameter_is_shown_where_it_stands_with_those_there_are()
    {
        using var folder = new ScratchFolder();
        var file = folder.Combine("open.sql");
        File.WriteAllText(file, "SELECT *\nFROM raw.stations\n\tWHERE docks > @min_doks");
        var query = new SqlQuery { Source = file };
        query.SetParameter("min_docks", 5);
        Configuration(query.Check).Should().Match<DataPlatformException>(e =>
            e.Message == $"{file}:3:16: There is no parameter @min_doks.\n     WHERE docks > @min_doks\n                   ^"
            && e.Hint == "Give it a value with .With(\"min_doks\", …). Known are @min_docks, @run_date, @run_id.");
    }

    [Fact]
    public void An_unknown_relation_is_shown_where_it_stands()
    {
        var query = new SqlQuery { Source = "SELECT * FROM {stations}" };
        Configuration(query.Check).Should().Match<DataPlatformException>(e =>
            e.Message.StartsWith("inline SQL:1:15: There is no relation {stations}.") && e.Hint!.EndsWith("Known are none."));
    }

    [Fact]
    public void What_is_given_but_not_used_is_refused()
    {
        var unusedParameter = new SqlQuery { Source = "SELECT '@p', @q" };
        unusedParameter.SetParameter("p", 1);
        unusedParameter.SetParameter("q", 1);
        Configuration(unusedParameter.Check).Should().Match<DataPlatformException>(e =>
            e.Message == "inline SQL does not use @p, which is given to it." && e.Hint!.EndsWith("The SQL uses @q."));

        var unusedRelation = new SqlQuery { Source = "SELECT 1" };
        unusedRelation.SetRelation("trips", "raw.trips");
        Configuration(unusedRelation.Check).Message.Should().Be("inline SQL does not use {trips}, which is given to it.");
    }

    [Theory]
    [InlineData("  -- nothing", "1:1: There is no SQL.")]
    [InlineData("DELETE FROM raw.trips", "1:1: This is not a SELECT.")]
    [InlineData("SELECT 1;\nDROP TABLE raw.trips", "1:9: A second statement follows.")]
    [InlineData("SELECT 1;;", null)]
    [InlineData("with a as (select 1) select * from a", null)]
    [InlineData("(SELECT 1) UNION (SELECT 2)", null)]
    [InlineData("SELECT 'a", "1:8: The string is not closed.")]
    public void Only_one_select_is_taken(string sql, string? fault)
    {
        var query = new SqlQuery { Source = sql };
        if (fault is null) query.Check();
        else Configuration(query.Check).Message.Should().StartWith($"inline SQL:{fault}");
    }

    [Fact]
    public void A_missing_file_is_looked_for_next_to_the_program_and_in_the_working_directory()
    {
        var query = new SqlQuery { Source = "sql/none.sql" };
        string[] places = [Path.Combine(AppContext.BaseDirectory, "sql/none.sql"), Path.Combine(Environment.CurrentDirectory, "sql/none.sql")];
        Configuration(query.Check).Message.Should().Be($"There is no SQL file {string.Join(" and no ", places.Distinct())}.");
    }

    [Fact]
    public void The_names_of_the_run_cannot_be_taken()
    {
        var query = new SqlQuery { Source = "SELECT @run_date" };
        Configuration(() => query.SetParameter("run_date", "x")).Message.Should().Be("Parameter @run_date is the run's own.");
    }

    [Fact]
    public void A_value_that_is_no_literal_is_refused_when_it_is_given()
    {
        var query = new SqlQuery { Source = "SELECT @p" };
        Configuration(() => query.SetParameter("p", new Uri("https://example.org"))).Message.Should().Contain("type Uri");
        Configuration(() => query.SetParameter("p", "a\0b")).Message.Should().Contain("NUL");
        Configuration(() => query.SetParameter("p", "\ud800")).Message.Should().Contain("Unicode");
    }

    [Theory]
    [InlineData("no_such", "open.sql:3:9: wrong")]
    [InlineData("Bergen", "open.sql:2:23: wrong")]
    [InlineData("also_wrong", "open.sql:2:33: wrong")]
    public async Task A_fault_that_the_database_finds_is_shown_in_the_file(string at, string message)
    {
        using var folder = new ScratchFolder();
        File.WriteAllText(folder.Combine("open.sql"), "SELECT *\nFROM {r} WHERE city = @city AND also_wrong\n   AND (no_such)");
        var query = new SqlQuery { Source = folder.Combine("open.sql") };
        query.SetParameter("city", "The city of Bergen");
        query.SetRelation("r", "a_long_schema_name.a_long_table_name");
        var warehouse = new FakeFaultyWarehouse(at);
        var describe = () => query.Render(Run).DescribeAsync(warehouse);
        var read = async () => await query.Render(Run).ReadAsync(warehouse).ToListAsync();
        (await describe.Should().ThrowAsync<DataPlatformException>()).Which.Message.Should().StartWith(folder.Combine(message));
        (await read.Should().ThrowAsync<DataPlatformException>()).Which.Message.Should().StartWith(folder.Combine(message));
    }

    private static DataPlatformException Configuration(Action action)
    {
        var thrown = action.Should().Throw<DataPlatformException>().Which;
        thrown.FailureClass.Should().Be(FailureClass.Configuration);
        return thrown;
    }

    /// <summary>Finds a fault where a text stands in the statement.</summary>
    private sealed class FakeFaultyWarehouse(string at) : IWarehouse
    {
        public string Name => "warehouse";

        public string System => "fake";

        public string Location => "nowhere";

        public string SessionName => "fake";

        public async IAsyncEnumerable<RecordBatch> ReadAsync(
            string sql, IReadOnlyList<object?>? parameters, int batchBytes, [EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            await Task.CompletedTask;
            if (sql.IndexOf(at, StringComparison.Ordinal) is var offset and >= 0) throw new WarehouseException(FailureClass.Configuration, "Warehouse: wrong") { Fault = new SqlFault("wrong", offset) };
            yield return new RecordBatch(new Schema([], null), [], 0);
        }

        public Task<DbConnection> OpenConnectionAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public Task<IWarehouseTransaction> BeginAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public Task<bool> IsSessionAliveAsync(string sessionName, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public Task EndSessionsAsync(string sessionName, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public Task CheckAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
