using DataPlatform.Warehouses.PostgreSql;
using Npgsql;

namespace DataPlatform.Core.Tests.Warehouses;

public sealed class PostgreSqlFailureClassifierTests
{
    private static readonly PostgreSqlFailureClassifier Classifier = new();

    [Theory]
    [InlineData("08006", FailureClass.Unavailable)]
    [InlineData("57P01", FailureClass.Unavailable)]
    [InlineData("57P03", FailureClass.Unavailable)]
    [InlineData("57014", FailureClass.Transient)]
    [InlineData("40001", FailureClass.Transient)]
    [InlineData("40P01", FailureClass.Transient)]
    [InlineData("55P03", FailureClass.Transient)]
    [InlineData("53300", FailureClass.Transient)]
    [InlineData("53200", FailureClass.Transient)]
    [InlineData("25P03", FailureClass.Transient)]
    [InlineData("53100", FailureClass.CannotWrite)]
    [InlineData("25006", FailureClass.CannotWrite)]
    [InlineData("28P01", FailureClass.NotAuthorized)]
    [InlineData("28000", FailureClass.NotAuthorized)]
    [InlineData("42501", FailureClass.NotAuthorized)]
    [InlineData("3D000", FailureClass.Configuration)]
    [InlineData("3F000", FailureClass.Configuration)]
    [InlineData("42601", FailureClass.Configuration)]
    [InlineData("42P01", FailureClass.Configuration)]
    [InlineData("2BP01", FailureClass.Configuration)]
    [InlineData("22003", FailureClass.Data)]
    [InlineData("23505", FailureClass.Data)]
    [InlineData("21000", FailureClass.Data)]
    [InlineData("P0001", FailureClass.Data)]
    public void The_SQLSTATE_decides(string state, FailureClass expected)
    {
        var failure = Classifier.Classify(new PostgresException("it failed", "ERROR", "ERROR", state))!;
        failure.Class.Should().Be(expected);
        failure.Message.Should().Be($"it failed. (SQLSTATE {state})");
    }

    [Theory]
    [InlineData("XX000")]
    [InlineData("25P02")]
    public void What_only_a_bug_can_cause_is_left_to_be_one(string state) =>
        Classifier.Classify(new PostgresException("it failed", "ERROR", "ERROR", state)).Should().BeNull();

    [Fact]
    public void A_disk_so_full_that_no_connection_can_be_opened_cannot_be_written() =>
        Classifier.Classify(new PostgresException("could not write init file", "FATAL", "FATAL", "XX000")).Should().BeEquivalentTo(
            new { Class = FailureClass.CannotWrite, Message = "could not write init file. (SQLSTATE XX000)", Hint = "Free or add space on the database server." });

    [Fact]
    public void All_that_the_server_says_is_told()
    {
        var exception = new PostgresException(
            "duplicate key value violates unique constraint \"trips_pkey\"", "ERROR", "ERROR", "23505", detail: "Key (id)=(7) already exists.", hint: "Look at 7.",
            where: "COPY trips, line 3, column id\nSQL statement");
        Classifier.Classify(exception).Should().BeEquivalentTo(new
        {
            Message = "duplicate key value violates unique constraint \"trips_pkey\". Key (id)=(7) already exists. In COPY trips, line 3, column id. (SQLSTATE 23505)",
            Hint = "Look at 7.",
        });
        var nothing = new PostgresException("null value", "ERROR", "ERROR", "23502", schemaName: "raw", tableName: "trips", columnName: "id");
        Classifier.Classify(nothing)!.Message.Should().Be("null value. Table raw.trips, column id. (SQLSTATE 23502)");
    }

    [Fact]
    public void Exceptions_of_others_are_not_judged()
    {
        Classifier.Classify(new InvalidOperationException("x")).Should().BeNull();
        Classifier.Classify(new NpgsqlException("something else")).Should().BeNull();
    }

    [Fact]
    public void Connections_that_break_are_an_unavailable_server()
    {
        Classifier.Classify(new NpgsqlException("Exception while reading from stream", new EndOfStreamException()))!.Class.Should().Be(FailureClass.Unavailable);
        Classifier.Classify(new NpgsqlException("Unable to connect to a suitable host", new AggregateException(
            new NpgsqlException("one", new System.Net.Sockets.SocketException(111)))))!.Class.Should().Be(FailureClass.Unavailable);
    }
}
