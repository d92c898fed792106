using System.CommandLine;
using System.CommandLine.Invocation;
using DataPlatform.Jobs.Commands;
using DataPlatform.Jobs.Output;
using DataPlatform.Pipelines;
using DataPlatform.Resilience;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Jobs;

/// <summary>One process: from the command line to the exit code. Owns the host from here on.</summary>
internal sealed class Job : IJobCommands, IDisposable
{
    private readonly IHost _host;
    private readonly JobConsole _console;
    private readonly ILogger _logger;
    private readonly ShutdownSignals _shutdown;
    private readonly JobEnvironment _environment;

    public Job(IHost host, CancellationToken cancellationToken)
    {
        _host = host;
        _console = host.Services.GetService<JobConsole>() ?? throw new InvalidOperationException(
            "The host is not a data job: call builder.AddDataPlatform() before builder.Build().");
        _logger = host.Services.GetRequiredService<ILoggerFactory>().CreateLogger("DataPlatform.Jobs");
        var time = host.Services.GetRequiredService<TimeProvider>();
        _shutdown = new ShutdownSignals(new DataPlatformOptions().GracePeriod, message => _logger.LogInformation("{Message}", message), time, cancellationToken);
        _environment = new JobEnvironment(host.Services, _console, _shutdown, time);
    }

    private PipelineCatalog Catalog => _host.Services.GetRequiredService<PipelineCatalog>();

    public async Task<int> RunAsync(string[] args)
    {
        var exitCode = await GuardAsync(() => InvokeAsync(args), args).ConfigureAwait(false);
        if (_shutdown.Abort.IsCancellationRequested) return exitCode;
        var disposed = await GuardAsync(() => DisposeHostAsync().WaitAsync(_shutdown.Abort), []).ConfigureAwait(false);
        return exitCode == 0 ? disposed : exitCode;
    }

    public void Dispose() => _shutdown.Dispose();

    Task<int> IJobCommands.RunAsync(string? pipeline, PipelineRunOptions options, OutputFormat format, CancellationToken cancellationToken)
    {
        _console.Start(toError: format == OutputFormat.Json);
        return new RunCommand(_environment, _host).RunAsync(pipeline, options, format, cancellationToken);
    }

    int IJobCommands.List() => ListCommand.List(Catalog, _console);

    int IJobCommands.Describe(string? pipeline, GraphFormat format) => ListCommand.Describe(Catalog, _console, pipeline, format);

    Task<int> IJobCommands.ListRunsAsync(string? pipeline, int limit, OutputFormat format, CancellationToken cancellationToken) =>
        new RunsCommand(ForResult()).ListAsync(pipeline, limit, format, cancellationToken).WaitAsync(_shutdown.Abort);

    Task<int> IJobCommands.ShowRunAsync(string runId, OutputFormat format, CancellationToken cancellationToken) =>
        new RunsCommand(ForResult()).ShowAsync(runId, format, cancellationToken).WaitAsync(_shutdown.Abort);

    Task<int> IJobCommands.DoctorAsync(OutputFormat format, CancellationToken cancellationToken) =>
        new DoctorCommand(ForResult()).RunAsync(format, cancellationToken).WaitAsync(_shutdown.Abort);

    async Task<int> IJobCommands.InvokeAsync(
        Func<JobCommandContext, CancellationToken, Task<FailureClass>> run, ParseResult arguments, OutputFormat format, CancellationToken cancellationToken)
    {
        var context = new JobCommandContext(ForResult(), Catalog, arguments, format);
        await _host.Services.GetRequiredService<Preflight>().EnsureSecretsAsync(cancellationToken).WaitAsync(_shutdown.Abort).ConfigureAwait(false);
        return (int)await run(context, cancellationToken).WaitAsync(_shutdown.Abort).ConfigureAwait(false);
    }

    // Standard output is for the command's result alone.
    private JobEnvironment ForResult()
    {
        _console.Start(toError: true);
        return _environment;
    }

    private async Task<int> InvokeAsync(string[] args)
    {
        var parsed = new JobCommandLine(this, Catalog, _host.Services.GetServices<IJobCommand>()).Parse(args);
        if (parsed.Action is ParseErrorAction misuse)
        {
            misuse.ShowHelp = false;
            parsed.Invoke(new InvocationConfiguration { Output = Console.Error });
            var failure = new Failure(FailureClass.Configuration, string.Join(" ", parsed.Errors.Select(e => e.Message)), "See --help.");
            if (JobCommandLine.AsksForJsonRun(args)) _console.WriteResult(JobSummary.BeforeRun(failure, _environment.Time.GetUtcNow()));
            return (int)failure.Class;
        }

        // Signals are ours: the library's own handling ends the process after two seconds, with a code that means something else here.
        var invocation = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
        return await parsed.InvokeAsync(invocation, _shutdown.Drain).ConfigureAwait(false);
    }

    private async Task<int> GuardAsync(Func<Task<int>> action, string[] args)
    {
        try
        {
            return await action().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_shutdown.Drain.IsCancellationRequested)
        {
            return (int)(_shutdown.Abort.IsCancellationRequested ? FailureClass.Transient : FailureClass.Terminated);
        }
        catch (Exception e)
        {
            return LastResort.Report(e, _console, _host.Services.GetRequiredService<FailureClassification>(), args, _logger.IsEnabled(LogLevel.Debug));
        }
    }

    private async Task<int> DisposeHostAsync()
    {
        if (_host is IAsyncDisposable disposable) await disposable.DisposeAsync().ConfigureAwait(false);
        else _host.Dispose();
        return 0;
    }
}
