namespace DataPlatform.Transform.Tests;

/// <summary>How the listener of an invocation hears of its nodes.</summary>
public sealed class DbtChangesTests
{
    [Fact]
    public async Task What_comes_while_a_listener_is_busy_is_told_at_once_and_in_order()
    {
        var (told, isBusy, mayGoOn) = (new List<string>(), new TaskCompletionSource(), new TaskCompletionSource());
        var changes = new DbtChanges(async batch =>
        {
            told.Add(string.Join(' ', batch.Select(change => change.Node.UniqueId)));
            isBusy.TrySetResult();
            await mayGoOn.Task;
        });

        var result = await changes.TellWhileAsync(
            async _ =>
            {
                Add("a");
                await isBusy.Task;
                foreach (var id in new[] { "b", "c", "b" }) Add(id);
                mayGoOn.SetResult();
                return 7;
            },
            TestContext.Current.CancellationToken);

        result.Should().Be(7);
        told.Should().Equal("a", "b c b");

        void Add(string id) => changes.Add(new DbtNodeChange(new DbtNodeResult(id, DbtStatus.Running), null));
    }

    [Fact]
    public async Task A_listener_that_throws_stops_the_invocation_and_its_exception_is_told()
    {
        var changes = new DbtChanges(_ => throw new InvalidOperationException("no place"));

        var run = () => changes.TellWhileAsync(
            async token =>
            {
                changes.Add(new DbtNodeChange(new DbtNodeResult("a", DbtStatus.Running), null));
                await Task.Delay(Timeout.Infinite, token);
                return 0;
            },
            TestContext.Current.CancellationToken);

        await run.Should().ThrowAsync<InvalidOperationException>().WithMessage("no place");
    }
}
