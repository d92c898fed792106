using DataPlatform.Jobs.Output;
using DataPlatform.Resilience;

namespace DataPlatform.Jobs;

/// <summary>What happens to an exception that nobody caught: one readable message and the exit code of its class.</summary>
internal static class LastResort
{
    private static JobConsole? InstalledConsole;

    /// <summary>
    /// From now on an exception that leaves the program, for example while it is being put together, is reported like any other failure
    /// and does not abort the process with a core dump.
    /// </summary>
    public static void Install(JobConsole console)
    {
        if (Interlocked.Exchange(ref InstalledConsole, console) is not null) return;
        AppDomain.CurrentDomain.UnhandledException += (_, e) =>
        {
            if (e.ExceptionObject is Exception exception) Environment.Exit(Report(exception, InstalledConsole, new FailureClassification(), Environment.GetCommandLineArgs()[1..], withTrace: false));
        };
    }

    /// <summary>Tells of the exception on standard error and returns the exit code.</summary>
    public static int Report(Exception exception, JobConsole console, FailureClassification classification, IReadOnlyList<string> args, bool withTrace)
    {
        var failure = classification.Classify(exception);
        console.Start(toError: true);
        console.WriteError(failure, withTrace || failure.Class == FailureClass.Bug ? exception : null);
        if (JobCommandLine.AsksForJsonRun(args)) console.WriteResult(JobSummary.BeforeRun(failure, DateTimeOffset.UtcNow));
        return JobSummary.ExitCodeOf(failure);
    }
}
