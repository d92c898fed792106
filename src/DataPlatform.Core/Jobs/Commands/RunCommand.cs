using DataPlatform.Jobs.Output;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Resilience;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DataPlatform.Jobs.Commands;

/// <summary><c>run</c>: preflight, start the host, run the pipeline, stop the host, and tell how it went.</summary>
internal sealed class RunCommand(JobEnvironment job, IHost host)
{
    private readonly RunProgress _progress = job.Services.GetRequiredService<RunProgress>();
    private readonly FailureClassification _classification = job.Services.GetRequiredService<FailureClassification>();
    private readonly ILogger _logger = job.Services.GetRequiredService<ILoggerFactory>().CreateLogger("DataPlatform.Jobs");
    private PipelineRunResult? _result;

    public async Task<int> RunAsync(string? pipeline, PipelineRunOptions options, OutputFormat format, CancellationToken cancellationToken)
    {
        var startedAt = job.Time.GetUtcNow();
        var printed = job.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Console");
        job.Console.Capture(line => printed.Log(LogLevel.Information, 0, new ConsoleLine(line), null, static (state, _) => state.Text));
        Failure? failure;
        try
        {
            failure = await RunWithinGraceAsync(pipeline, options, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            job.Console.Release();
        }

        var summary = Summarize(pipeline, failure, startedAt).Mask(job.Services.GetRequiredService<Secrets.ISecretMasker>());
        Report(summary, failure, format);
        return summary.ExitCode;
    }

    // What ignores the cancellation is left behind: an orchestrator would kill it shortly after anyway, and what it did not commit never was.
    private async Task<Failure?> RunWithinGraceAsync(string? pipeline, PipelineRunOptions options, CancellationToken cancellationToken)
    {
        var work = Task.Run(() => RunGuardedAsync(pipeline, options, cancellationToken), CancellationToken.None);
        try
        {
            return await work.WaitAsync(job.Shutdown.Abort).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (job.Shutdown.Abort.IsCancellationRequested)
        {
            return new Failure(
                FailureClass.Transient, "The job was told to stop and did not drain in time. What was not committed is undone.",
                "The next run goes on from the last commit. Raise DataPlatform:GracePeriod if draining needs longer.");
        }
    }

    private async Task<Failure?> RunGuardedAsync(string? pipeline, PipelineRunOptions options, CancellationToken cancellationToken)
    {
        try
        {
            return await PreflightAsync(pipeline, options, cancellationToken).ConfigureAwait(false)
                ?? await RunHostedAsync(pipeline, options, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (cancellationToken.IsCancellationRequested && _progress.Run is null)
        {
            // A cancelled operation surfaces as many kinds of exception.
            _logger.LogDebug(e, "The job was stopped before its run began");
            return Stopped();
        }
        catch (Exception e)
        {
            return Classify(e);
        }
    }

    private async Task<Failure?> PreflightAsync(string? pipeline, PipelineRunOptions options, CancellationToken cancellationToken)
    {
        var checks = await job.Services.GetRequiredService<Preflight>().CheckRunAsync(pipeline, options, cancellationToken).ConfigureAwait(false);
        return Preflight.Combine(checks);
    }

    private async Task<Failure?> RunHostedAsync(string? pipeline, PipelineRunOptions options, CancellationToken cancellationToken)
    {
        job.Shutdown.SetGracePeriod(job.Services.GetRequiredService<IOptions<DataPlatformOptions>>().Value.GracePeriod);
        await host.StartAsync(cancellationToken).ConfigureAwait(false);
        Failure? failure;
        try
        {
            failure = await RunPipelineAsync(pipeline, options, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await host.StopAsync(CancellationToken.None).ConfigureAwait(false);
        }

        // The host survives a hosted service that fails, and .NET would exit with 0.
        return failure is null or { Class: FailureClass.Terminated } ? FindFailedService() ?? failure : failure;
    }

    private async Task<Failure?> RunPipelineAsync(string? pipeline, PipelineRunOptions options, CancellationToken cancellationToken)
    {
        var lifetime = job.Services.GetRequiredService<IHostApplicationLifetime>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.ApplicationStopping);
        using var finished = CancellationTokenSource.CreateLinkedTokenSource(job.Shutdown.Abort);
        var display = job.Console.Terminal is { } terminal
            ? new ProgressDisplay(_progress, job.Services.GetRequiredService<Secrets.ISecretMasker>(), job.Time).ShowAsync(terminal, job.Console.Gate, finished.Token)
            : Task.CompletedTask;
        try
        {
            var definition = job.Services.GetRequiredService<PipelineCatalog>().Build(pipeline);
            _result = await job.Services.GetRequiredService<PipelineRunner>().RunAsync(definition, options, stop.Token).ConfigureAwait(false);
            return FailureOf(_result);
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested && _progress.Run is null)
        {
            return Stopped();
        }
        finally
        {
            await finished.CancelAsync().ConfigureAwait(false);
            await display.ConfigureAwait(false);
        }
    }

    private Failure? FindFailedService()
    {
        if (job.Services.GetRequiredService<IOptions<HostOptions>>().Value.BackgroundServiceExceptionBehavior == BackgroundServiceExceptionBehavior.Ignore) return null;
        var failed = job.Services.GetServices<IHostedService>().OfType<BackgroundService>().FirstOrDefault(s => s.ExecuteTask is { IsFaulted: true });
        if (failed is null) return null;

        var failure = Classify(failed.ExecuteTask!.Exception!.InnerException!);
        return failure with { Message = $"Hosted service {failed.GetType().Name} failed. {failure.Message}" };
    }

    private Failure Classify(Exception exception)
    {
        var failure = _classification.Classify(exception);
        _logger.Log(failure.Class == FailureClass.Bug ? LogLevel.Error : LogLevel.Debug, exception, "The job failed");
        return failure;
    }

    private static Failure Stopped() => new(FailureClass.Terminated, "The job was told to stop before it began to run steps.");

    private static Failure? FailureOf(PipelineRunResult result) => result switch
    {
        { Failure: { Class: not FailureClass.None } failure } => failure,
        { Status: RunStatus.Succeeded } => null,
        _ => new Failure(FailureClass.Bug, $"The run ended as {result.Status} without saying why."),
    };

    private JobSummary Summarize(string? pipeline, Failure? failure, DateTimeOffset startedAt)
    {
        if (_result is not null) return JobSummary.Of(_result, failure);
        var now = job.Time.GetUtcNow();
        return JobSummary.Create(
            _progress.Run?.RunId, _progress.Run?.Pipeline ?? pipeline ?? job.Services.GetRequiredService<PipelineCatalog>().OnlyName, failure, startedAt, now - startedAt, [.. _progress.Snapshot().Select(s => s.ToSummary(now))]);
    }

    private void Report(JobSummary summary, Failure? failure, OutputFormat format)
    {
        TerminationLog.TryWrite(TerminationLogPath(), summary);
        if (failure is not null && summary.RunId is null) job.Console.WriteError(failure);
        if (format == OutputFormat.Json) job.Console.WriteResult(summary);
        else if (job.Console.Terminal is null) job.Console.WriteSummaryLine(summary, _progress.Run?.TraceId);
        else if (summary.RunId is not null) job.Console.WriteResult(_ => ProgressDisplay.DrawSummary(summary));
    }

    private string TerminationLogPath()
    {
        try
        {
            return job.Services.GetRequiredService<IOptions<DataPlatformOptions>>().Value.TerminationLogPath;
        }
        catch (OptionsValidationException)
        {
            return new DataPlatformOptions().TerminationLogPath;
        }
    }

    /// <summary>A line that a step printed, as the state of a log event without properties.</summary>
    private sealed class ConsoleLine(string text) : List<KeyValuePair<string, object?>>(
        [new("{OriginalFormat}", text.Replace("{", "{{", StringComparison.Ordinal).Replace("}", "}}", StringComparison.Ordinal))])
    {
        public string Text => text;
    }
}
