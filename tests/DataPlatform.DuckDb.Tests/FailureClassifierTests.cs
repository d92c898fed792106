using DataPlatform.Resilience;
using DuckDB.NET.Data;
using DuckDB.NET.Native;

namespace DataPlatform.DuckDb.Tests;

public sealed class FailureClassifierTests : DuckDbTest
{
    [Theory]
    [InlineData("Constraint Error: NOT NULL constraint failed: t.id", FailureClass.Data)]
    [InlineData("Conversion Error: Could not convert string 'abc' to INT32", FailureClass.Data)]
    [InlineData("Out of Range Error: Overflow in addition of INT64", FailureClass.Data)]
    [InlineData("TransactionContext Error: Conflict on update!", FailureClass.Transient)]
    [InlineData("TransactionContext Error: Failed to commit: PRIMARY KEY or UNIQUE constraint violation: duplicate key \"r\"", FailureClass.Transient)]
    [InlineData("TransactionContext Error: Current transaction is aborted (please ROLLBACK)", FailureClass.Bug)]
    [InlineData("Binder Error: Referenced column \"x\" not found", FailureClass.Configuration)]
    [InlineData("Not implemented Error: soon", FailureClass.Configuration)]
    [InlineData("Invalid Configuration Error: no", FailureClass.Configuration)]
    [InlineData("Out of Memory Error: failed to pin block", FailureClass.Configuration)]
    [InlineData("Missing Extension Error: File s3://b/x requires the extension httpfs", FailureClass.Configuration)]
    [InlineData("IO Error: Cannot open file \"/x\": Permission denied", FailureClass.CannotWrite)]
    [InlineData("IO Error: Could not write file \"/x\": No space left on device", FailureClass.CannotWrite)]
    [InlineData("FATAL Error: Failed to create checkpoint because of error: Could not write: No space left on device", FailureClass.CannotWrite)]
    [InlineData("IO Error: No files found that match the pattern \"x.csv\"", FailureClass.Configuration)]
    [InlineData("IO Error: Trying to read a database file with version number 99, but we can only read versions between 64 and 67.", FailureClass.Configuration)]
    [InlineData("Serialization Error: Failed to deserialize", FailureClass.Data)]
    [InlineData("Permission Error: disabled", FailureClass.NotAuthorized)]
    [InlineData("INTERNAL Error: Attempted to access index 1", FailureClass.Bug)]
    [InlineData("something else", FailureClass.Bug)]
    public void Messages_say_what_to_do_next(string message, FailureClass expected) =>
        DuckDbFailureClassifier.FromMessage(message, DuckDBErrorType.Invalid).Class.Should().Be(expected);

    [Fact]
    public void A_message_without_its_kind_is_told_by_the_type() =>
        DuckDbFailureClassifier.FromMessage("Failed to append: NOT NULL constraint failed: t.id", DuckDBErrorType.Constraint)
            .Should().Be(new Failure(FailureClass.Data, "NOT NULL constraint failed: t.id"));

    [Fact]
    public async Task Exceptions_of_a_callers_own_commands_are_known()
    {
        await using var connection = await Warehouse.OpenConnectionAsync(Cancelled);
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT CAST('abc' AS INTEGER)";
        var exception = (await command.Invoking(c => c.ExecuteScalarAsync(Cancelled)).Should().ThrowAsync<DuckDBException>()).Which;

        var failure = new FailureClassification([new DuckDbFailureClassifier()]).Classify(new InvalidOperationException("step", exception));
        failure.Class.Should().Be(FailureClass.Data);
        failure.Message.Should().Contain("'abc'");
        new DuckDbFailureClassifier().Classify(new InvalidOperationException()).Should().BeNull();
    }
}
