using System.Diagnostics;
using System.Runtime.InteropServices;

namespace DataPlatform.Transform;

/// <summary>
/// Runs dbt in a process group of its own. However this process ends, dbt does not outlive it for long: it gets SIGINT, at which it cancels its queries, and SIGKILL when that does not do.
/// </summary>
internal static class DbtProcess
{
    // A watchdog waits at the pipe that only this process holds the other end of, and that closes when it is killed. SIGINT, when this process was
    // started with it ignored (nohup, a shell's background job), is made to work again, as dbt needs it to stop.
    private const string Watched = """
        exec 3<&0 </dev/null
        (trap '' INT; read -r _ <&3; kill -s INT -- "-$$"; sleep 5; [ -z "$0" ] || rm -rf -- "$0"; kill -s KILL -- "-$$") >/dev/null 2>&1 &
        exec 3<&-
        if env --default-signal=INT true 2>/dev/null; then exec env --default-signal=INT "$@"; fi
        exec "$@"
        """;

    /// <summary>Runs it to its end and returns the exit code, 128 + n when signal n ended it. When cancelled it is stopped, and the call returns all the same.</summary>
    /// <param name="executable">dbt's full path.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Added to this process's environment.</param>
    /// <param name="workingDirectory">Where it runs.</param>
    /// <param name="scratch">A folder to remove when this process ends before it can do that itself; null for none.</param>
    /// <param name="onOutput">Gets each line of standard output.</param>
    /// <param name="onError">Gets each line of standard error.</param>
    /// <param name="grace">How long it may take to stop.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async Task<int> RunAsync(
        string executable, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment, string workingDirectory, string? scratch,
        Action<string> onOutput, Action<string> onError, TimeSpan grace, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("setsid")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = System.Text.Encoding.UTF8,
            StandardErrorEncoding = System.Text.Encoding.UTF8,
            WorkingDirectory = workingDirectory,
        };
        foreach (var argument in (IEnumerable<string>)["sh", "-c", Watched, scratch ?? "", executable, .. arguments]) start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment) start.Environment[name] = value;

        using var process = Start(start);
        // Not cancelled, and not ended by an exception of who is told: a pipe that nobody empties blocks dbt.
        var output = DrainAsync(process.StandardOutput, onOutput);
        var error = DrainAsync(process.StandardError, onError);
        var exited = process.WaitForExitAsync(CancellationToken.None);
        try
        {
            await exited.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            Signal(process, 2);
            await Task.WhenAny(exited, Task.Delay(grace, CancellationToken.None)).ConfigureAwait(false);
        }

        // The rest of its group: the watchdog always, dbt when it did not stop, what dbt started and left.
        Signal(process, 9);
        await Task.WhenAll(exited, output, error).ConfigureAwait(false);
        return process.ExitCode;
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new DataPlatformException(
                FailureClass.Configuration, $"dbt could not be started in {start.WorkingDirectory}: {e.Message}.", "The commands setsid and sh are needed to run dbt: install util-linux.", e);
        }
    }

    private static async Task DrainAsync(StreamReader reader, Action<string> onLine)
    {
        Exception? failure = null;
        while (await reader.ReadLineAsync(CancellationToken.None).ConfigureAwait(false) is { } line)
        {
            if (failure is not null) continue;
            try
            {
                onLine(line);
            }
            catch (Exception e)
            {
                failure = e;
            }
        }

        if (failure is not null) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
    }

    // ESRCH, when nothing of the group is left, is as good.
    private static void Signal(Process process, int signal) => _ = NativeMethods.Kill(-process.Id, signal);

    private static class NativeMethods
    {
        [DllImport("libc", EntryPoint = "kill", SetLastError = true, ExactSpelling = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int Kill(int processId, int signal);
    }
}
