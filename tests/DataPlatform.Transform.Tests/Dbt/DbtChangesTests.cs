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
                changes.Add(Change("a"));
                await isBusy.Task;
                foreach (var id in new[] { "b", "c", "b" }) changes.Add(Change(id));
                mayGoOn.SetResult();
                return 7;
            },
            TestContext.Current.CancellationToken);

        result.Should().Be(7);
        told.Should().Equal("a", "b c b");
    }

    [Fact]
    public async Task A_listener_that_throws_stops_the_invocation_and_its_exception_is_told()
    {
        var changes = new DbtChanges(_ => throw new InvalidOperationException("no place"));

        var run = () => changes.TellWhileAsync(
            async token =>
            {
                changes.Add(Change("a"));
                await Task.Delay(Timeout.Infinite, token);
                return 0;
            },
            TestContext.Current.CancellationToken);

        await run.Should().ThrowAsync<InvalidOperationException>().WithMessage("no place");
    }

    [Fact]
    public async Task One_can_wait_until_a_change_is_told()
    {
        var told = 0;
        var changes = new DbtChanges(batch =>
        {
            told += batch.Count;
            return ValueTask.CompletedTask;
        });

        var result = await changes.TellWhileAsync(
            async _ =>
            {
                changes.Add(Change("a"));
                await changes.AddAsync(Change("b"));
                return told;
            },
            TestContext.Current.CancellationToken);

        result.Should().Be(2);
        await FluentActions.Awaiting(() => changes.AddAsync(Change("c"))).Should().ThrowAsync<OperationCanceledException>("the invocation has ended");
    }

    [Fact]
    public async Task Nobody_waits_for_a_listener_that_threw()
    {
        var changes = new DbtChanges(_ => throw new InvalidOperationException("no place"));

        var run = () => changes.TellWhileAsync(
            async _ =>
            {
                await FluentActions.Awaiting(() => changes.AddAsync(Change("a"))).Should().ThrowAsync<OperationCanceledException>();
                await FluentActions.Awaiting(() => changes.AddAsync(Change("b"))).Should().ThrowAsync<OperationCanceledException>();
                return 0;
            },
            TestContext.Current.CancellationToken);

        await run.Should().ThrowAsync<InvalidOperationException>().WithMessage("no place");
    }

    private static DbtNodeChange Change(string id) => new(new DbtNodeResult(id, DbtStatus.Running), null);
}
