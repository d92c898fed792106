using System.CommandLine;

namespace DataPlatform.Jobs;

/// <summary>What a <see cref="IJobCommand"/> hands its actions to.</summary>
public sealed class JobCommandHost
{
    private readonly Action<Command, Func<JobCommandContext, CancellationToken, Task<FailureClass>>> _setAction;

    internal JobCommandHost(Action<Command, Func<JobCommandContext, CancellationToken, Task<FailureClass>>> setAction) => _setAction = setAction;

    /// <summary>
    /// Says what a command does, and gives it the option <c>--output text|json</c>. When it is called the secrets in the configuration are known.
    /// An exception ends the job as that of a step does: one readable message and the exit code of its class.
    /// </summary>
    /// <param name="command">The command.</param>
    /// <param name="run">What it does. Its result is the exit code: <see cref="FailureClass.None"/> is 0. The token is cancelled on SIGTERM and Ctrl+C.</param>
    public void SetAction(Command command, Func<JobCommandContext, CancellationToken, Task<FailureClass>> run)
    {
        ArgumentNullException.ThrowIfNull(command);
        ArgumentNullException.ThrowIfNull(run);
        _setAction(command, run);
    }
}
