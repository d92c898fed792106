using System.Collections.Concurrent;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Resilience;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Integration.Tests.Ledger;

/// <summary>What the runner promises, with its ledger on whatever warehouse.</summary>
public abstract class RunnerConformance : IAsyncLifetime
{
    private readonly ConcurrentQueue<string> _ran = new();
    private IWarehouse _warehouse = null!;
    private RunLedgers _ledgers = null!;

    protected abstract Task<IWarehouse> OpenWarehouseAsync();

    public async ValueTask InitializeAsync()
    {
        _warehouse = await OpenWarehouseAsync();
        _ledgers = new RunLedgers(_warehouse);
    }

    public virtual async ValueTask DisposeAsync()
    {
        await _ledgers.DisposeAsync();
        await _warehouse.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Steps_run_in_order_and_the_ledger_knows()
    {
        var result = await RunAsync(p =>
        {
            p.Step("a", Record);
            p.Step("b", Record).After("a");
            p.Step("c", Record).After("b");
        });

        _ran.Should().Equal("a", "b", "c");
        result.Status.Should().Be(RunStatus.Succeeded);
        result.Failure.Should().BeNull();
        (await _ledgers.Primary.FindRunAsync(result.Run.RunId))!.Status.Should().Be(RunStatus.Succeeded);
        (await _ledgers.Primary.ListStepsAsync(result.Run.RunId)).Select(s => (s.Step, s.Status)).Should().BeEquivalentTo(
            [("a", RunStatus.Succeeded), ("b", RunStatus.Succeeded), ("c", RunStatus.Succeeded)]);
    }

    [Fact]
    public async Task Independent_steps_run_at_the_same_time()
    {
        using var both = new Barrier(2);
        Task Meet(StepContext context, CancellationToken token) => Task.Run(() => both.SignalAndWait(TimeSpan.FromSeconds(30), token).Should().BeTrue(), token);

        var result = await RunAsync(p =>
        {
            p.Step("a", Meet);
            p.Step("b", Meet);
        });

        result.Status.Should().Be(RunStatus.Succeeded);
    }

    [Fact]
    public async Task After_a_failure_nothing_starts_and_what_runs_is_stopped()
    {
        var running = new TaskCompletionSource();
        var result = await RunAsync(p =>
        {
            p.Step("fails", async (_, _) =>
            {
                await running.Task;
                throw new DataPlatformException(FailureClass.Data, "half of the rows are bad", "fix them");
            });
            p.Step("runs", async (_, token) =>
            {
                running.SetResult();
                await Task.Delay(Timeout.Infinite, token);
            });
            p.Step("next", Record).After("fails");
        });

        _ran.Should().BeEmpty();
        result.Status.Should().Be(RunStatus.Failed);
        result.Failure.Should().Be(new Failure(FailureClass.Data, "half of the rows are bad", "fix them"));
        result.Steps.Select(s => (s.Name, s.Status)).Should().Equal(
            ("fails", RunStatus.Failed), ("runs", RunStatus.Terminated), ("next", RunStatus.Skipped));
        (await _ledgers.Primary.FindRunAsync(result.Run.RunId)).Should().BeEquivalentTo(
            new { Status = RunStatus.Failed, FailureClass = FailureClass.Data, Error = "half of the rows are bad" });
    }

    [Fact]
    public async Task What_may_pass_is_tried_again_and_what_will_not_is_not()
    {
        var attempts = new ConcurrentDictionary<string, int>();
        Func<StepContext, CancellationToken, Task> FailTwice(FailureClass failure) => (context, _) =>
            attempts.AddOrUpdate(context.Step, 1, (_, n) => n + 1) <= 2 ? throw new DataPlatformException(failure, "no") : Task.CompletedTask;

        var transient = await RunAsync(p => p.Step("transient", FailTwice(FailureClass.Transient)));
        var unavailable = await RunAsync(p => p.Step("unavailable", FailTwice(FailureClass.Unavailable)));
        var data = await RunAsync(p => p.Step("data", FailTwice(FailureClass.Data)));
        var bug = await RunAsync(p => p.Step("bug", (c, _) => FailTwice(FailureClass.Bug)(c, default)));

        transient.Steps[0].Should().BeEquivalentTo(new { Status = RunStatus.Succeeded, Attempts = 3 });
        unavailable.Steps[0].Should().BeEquivalentTo(new { Status = RunStatus.Succeeded, Attempts = 3 });
        data.Steps[0].Should().BeEquivalentTo(new { Status = RunStatus.Failed, Attempts = 1 });
        bug.Steps[0].Should().BeEquivalentTo(new { Status = RunStatus.Failed, Attempts = 1 });
    }

    [Fact]
    public async Task A_failed_run_is_resumed_from_the_step_that_failed()
    {
        var broken = true;
        void Configure(PipelineBuilder p)
        {
            p.Step("a", Record);
            p.Step("b", (c, t) => broken ? throw new DataPlatformException(FailureClass.Data, "no") : Record(c, t)).After("a");
            p.Step("c", Record).After("b");
        }

        var failed = await RunAsync(Configure, new PipelineRunOptions { LogicalDate = new DateOnly(2025, 6, 1) });
        broken = false;
        var resumed = await RunAsync(Configure, new PipelineRunOptions { Resume = failed.Run.RunId });

        _ran.Should().Equal("a", "b", "c");
        resumed.Status.Should().Be(RunStatus.Succeeded);
        resumed.Run.RunId.Should().Be(failed.Run.RunId);
        resumed.Run.LogicalDate.Should().Be(new DateOnly(2025, 6, 1));
        resumed.Steps.Select(s => s.Status).Should().Equal(RunStatus.Skipped, RunStatus.Succeeded, RunStatus.Succeeded);
        (await _ledgers.Primary.FindRunAsync(failed.Run.RunId))!.Status.Should().Be(RunStatus.Succeeded);
    }

    [Fact]
    public async Task A_step_alone_takes_what_an_earlier_run_handed_on()
    {
        var taken = new List<int>();
        void Configure(PipelineBuilder p)
        {
            p.Step("train", (c, _) =>
            {
                c.SetOutput("version", 7);
                return Task.CompletedTask;
            });
            p.Step("score", async (c, t) => taken.Add(await c.GetOutputAsync<int>("train", "version", t))).After("train");
        }

        var early = await RunAsync(Configure, new PipelineRunOptions { Step = "score" });
        early.Failure!.Message.Should().Be("Step 'train' of pipeline 'demo' has not handed on 'version' in this run or any before it.");
        early.Failure.Class.Should().Be(FailureClass.Configuration);

        await RunAsync(Configure, new PipelineRunOptions { Step = "train", RunId = "wf-1" });
        var score = await RunAsync(Configure, new PipelineRunOptions { Step = "score", RunId = "wf-1" });

        score.Status.Should().Be(RunStatus.Succeeded);
        taken.Should().Equal(7);
        (await _ledgers.Primary.ListStepsAsync("wf-1")).Select(s => s.Step).Should().BeEquivalentTo("train", "score");
    }

    [Fact]
    public async Task A_step_that_takes_too_long_fails_as_transient()
    {
        var result = await RunAsync(p => p.Step("slow", (_, token) => Task.Delay(Timeout.Infinite, token)).WithTimeout(TimeSpan.FromMilliseconds(50)));

        result.Steps[0].Failure!.Class.Should().Be(FailureClass.Transient);
        result.Steps[0].Failure!.Message.Should().Contain("'slow' took longer than its limit of 00:00:00.05");
    }

    [Fact]
    public async Task A_run_that_is_told_to_stop_says_how_to_go_on()
    {
        using var stop = new CancellationTokenSource();
        var result = await RunAsync(
            p =>
            {
                p.Step("a", async (_, token) =>
                {
                    await stop.CancelAsync();
                    await Task.Delay(Timeout.Infinite, token);
                });
                p.Step("b", Record).After("a");
            },
            cancellationToken: stop.Token);

        result.Status.Should().Be(RunStatus.Terminated);
        result.Failure!.Class.Should().Be(FailureClass.Terminated);
        result.Failure.Hint.Should().Contain($"--resume {result.Run.RunId}");
        result.Steps.Select(s => s.Status).Should().Equal(RunStatus.Terminated, RunStatus.Skipped);
        (await _ledgers.Primary.FindRunAsync(result.Run.RunId))!.Status.Should().Be(RunStatus.Terminated);
        (await QueryAsync("SELECT session_name FROM dataplatform.leases")).Should().BeEquivalentTo(new object?[][] { [null] });
    }

    [Fact]
    public async Task A_run_that_does_not_exist_cannot_be_resumed()
    {
        var failure = (await FluentActions.Awaiting(() => RunAsync(p => p.Step("a", Record), new PipelineRunOptions { Resume = "nope" }))
            .Should().ThrowAsync<DataPlatformException>()).Which;
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Be("There is no run 'nope' to resume.");
    }

    [Fact]
    public async Task A_retry_that_nobody_configured_is_refused_before_anything_runs()
    {
        await FluentActions.Awaiting(() => RunAsync(p =>
            {
                p.Step("a", Record);
                p.Step("b", Record).After("a").WithRetry("patient");
            }))
            .Should().ThrowAsync<DataPlatformException>().WithMessage("There is no resilience pipeline 'patient'.");
        _ran.Should().BeEmpty();
    }

    private Task Record(StepContext context, CancellationToken cancellationToken)
    {
        _ran.Enqueue(context.Step);
        return Task.CompletedTask;
    }

    private async Task<PipelineRunResult> RunAsync(
        Action<PipelineBuilder> configure, PipelineRunOptions? options = null, CancellationToken cancellationToken = default)
    {
        var builder = new PipelineBuilder("demo");
        configure(builder);
        await using var services = new ServiceCollection()
            .AddSingleton(new StepResilience(new FailureClassification(), name => name == "step" ? new RetryOptions { Delay = TimeSpan.FromMilliseconds(1) } : null))
            .BuildServiceProvider();
        return await new PipelineRunner(_ledgers, services).RunAsync(builder.Build(), options, cancellationToken);
    }

    private async Task<IReadOnlyList<object?[]>> QueryAsync(string sql)
    {
        await using var transaction = await _warehouse.BeginAsync();
        return await transaction.QueryAsync(sql);
    }
}
