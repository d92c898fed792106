namespace DataPlatform.Transform.Tests;

public sealed class DbtExitTests
{
    [Theory]
    [InlineData(0, null, FailureClass.None)]
    [InlineData(1, null, FailureClass.Data)]
    [InlineData(2, "Runtime Error\n  Could not find profile named 'x'", FailureClass.Configuration)]
    [InlineData(2, "Compilation Error\n  Model 'model.p.a' (models/a.sql) depends on a node named 'b' which was not found", FailureClass.Configuration)]
    [InlineData(2, "Parsing Error\n  Error reading p: s.yml", FailureClass.Configuration)]
    [InlineData(2, "Usage: dbt run [OPTIONS]\nError: No such option: --nope", FailureClass.Configuration)]
    [InlineData(2, "Parsing Error\n  Env var required but not provided: 'X'", FailureClass.Configuration)]
    [InlineData(2, "Database Error\n  connection to server at \"127.0.0.1\", port 54999 failed: Connection refused", FailureClass.Unavailable)]
    [InlineData(2, "Database Error\n  connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  password authentication failed for user \"x\"", FailureClass.NotAuthorized)]
    [InlineData(2, "", FailureClass.Bug)]
    [InlineData(2, "'NoneType' object has no attribute 'name'", FailureClass.Bug)]
    [InlineData(120, "", FailureClass.Bug)]
    [InlineData(126, "sh: dbt: Permission denied", FailureClass.Configuration)]
    [InlineData(127, "sh: dbt: not found", FailureClass.Configuration)]
    [InlineData(130, "", FailureClass.Transient)]
    [InlineData(137, "", FailureClass.Transient)]
    [InlineData(143, "", FailureClass.Transient)]
    public void An_exit_code_has_a_class(int exitCode, string? error, FailureClass expected) =>
        (DbtExit.Explain(exitCode, [], error, "")?.Class ?? FailureClass.None).Should().Be(expected);

    [Theory]
    [InlineData(FailureClass.Data, "division by zero")]
    [InlineData(FailureClass.Data, "division by zero", "deadlock detected")]
    [InlineData(FailureClass.Unavailable, "server closed the connection unexpectedly", "connection already closed")]
    [InlineData(FailureClass.Transient, "deadlock detected")]
    [InlineData(FailureClass.NotAuthorized, "permission denied for schema marts")]
    [InlineData(FailureClass.CannotWrite, "could not extend file \"base/1/2\": No space left on device")]
    public void Nodes_that_failed_decide_by_their_cause_when_it_is_the_same(FailureClass expected, params string[] messages)
    {
        var nodes = messages.Select((message, i) => new DbtNodeResult($"model.p.m{i}", DbtStatus.Error) { Message = $"Database Error in model m{i}\n  {message}" })
            .Append(new DbtNodeResult("model.p.ok", DbtStatus.Success)).ToList();
        var failure = DbtExit.Explain(1, nodes, null, "")!;
        failure.Class.Should().Be(expected);
        failure.Message.Should().StartWith($"{messages.Length} of {nodes.Count} dbt nodes failed:\n  model.p.m0: Database Error in model m0\n      {messages[0]}");
    }
}
