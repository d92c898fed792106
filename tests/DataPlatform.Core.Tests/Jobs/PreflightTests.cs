using DataPlatform.Jobs;
using DataPlatform.Resilience;

namespace DataPlatform.Core.Tests.Jobs;

public class PreflightTests
{
    [Fact]
    public void All_failures_are_reported_together_under_the_class_that_says_most()
    {
        var failure = Preflight.Combine(
        [
            Check(new Failure(FailureClass.Unavailable, "The lake is down.", "Wait.")),
            Check(null),
            Check(new Failure(FailureClass.NotAuthorized, "The warehouse refuses.")),
        ])!;

        failure.Class.Should().Be(FailureClass.NotAuthorized);
        failure.Message.Should().Be("2 checks failed before the run began:\n- The lake is down. Wait.\n- The warehouse refuses.");
    }

    [Theory]
    [InlineData(FailureClass.Configuration, FailureClass.Bug, FailureClass.Unavailable, FailureClass.Configuration)]
    [InlineData(FailureClass.NotAuthorized, FailureClass.CannotWrite, FailureClass.NotAuthorized)]
    [InlineData(FailureClass.CannotWrite, FailureClass.CannotWrite, FailureClass.Unavailable)]
    [InlineData(FailureClass.Unavailable, FailureClass.Transient, FailureClass.Unavailable)]
    [InlineData(FailureClass.Bug, FailureClass.Bug, FailureClass.Bug)]
    public void The_class_of_several_failures(FailureClass expected, params FailureClass[] failures) =>
        Preflight.Combine([.. failures.Select(f => Check(new Failure(f, "It failed.")))])!.Class.Should().Be(expected);

    [Fact]
    public void A_single_failure_is_reported_as_it_is()
    {
        var failure = new Failure(FailureClass.Transient, "Busy.", "Wait.");

        Preflight.Combine([Check(null), Check(failure)]).Should().BeSameAs(failure);
        Preflight.Combine([Check(null)]).Should().BeNull();
    }

    private static CheckResult Check(Failure? failure) => new("warehouse", "warehouse", failure, TimeSpan.Zero);
}
