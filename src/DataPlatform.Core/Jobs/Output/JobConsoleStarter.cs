using Microsoft.Extensions.Hosting;

namespace DataPlatform.Jobs.Output;

/// <summary>Lets logs out when the host is run in another way than by <c>RunJobAsync</c>, for example as a web application.</summary>
internal sealed class JobConsoleStarter(JobConsole console) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        console.Start(toError: false);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
