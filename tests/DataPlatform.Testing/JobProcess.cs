using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace DataPlatform.Testing;

/// <summary>A job as its orchestrator sees it: a process with an environment, signals, two streams and an exit code.</summary>
public sealed partial class JobProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _awaited = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    private JobProcess(Process process) => _process = process;

    /// <summary>Starts a program of this test's output folder.</summary>
    /// <param name="program">The name of its assembly; or the path of an executable file.</param>
    /// <param name="environment">Added to the environment; a null value removes.</param>
    /// <param name="workingDirectory">Where it runs.</param>
    /// <param name="arguments">Its arguments.</param>
    public static JobProcess Start(
        string program, IEnumerable<KeyValuePair<string, string?>> environment, string workingDirectory, params IEnumerable<string> arguments)
    {
        ArgumentNullException.ThrowIfNull(environment);
        var isExecutable = System.IO.Path.IsPathRooted(program);
        var start = new ProcessStartInfo(isExecutable ? program : "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = workingDirectory,
        };
        if (!isExecutable) start.ArgumentList.Add(System.IO.Path.Combine(AppContext.BaseDirectory, $"{program}.dll"));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment) start.Environment[name] = value;

        var job = new JobProcess(new Process { StartInfo = start });
        job._process.OutputDataReceived += (_, line) => job.Receive(job._output, line.Data);
        job._process.ErrorDataReceived += (_, line) => job.Receive(job._error, line.Data);
        job._process.Start();
        job._process.StandardInput.Close();
        job._process.BeginOutputReadLine();
        job._process.BeginErrorReadLine();
        return job;
    }

    /// <summary>The process id.</summary>
    public int Id => _process.Id;

    /// <summary>Starts a program and waits for its end.</summary>
    public static async Task<JobResult> RunAsync(
        string program, IEnumerable<KeyValuePair<string, string?>> environment, string workingDirectory, params IEnumerable<string> arguments)
    {
        await using var job = Start(program, environment, workingDirectory, arguments);
        return await job.WaitAsync();
    }

    /// <summary>Waits until a line of either stream has held the text.</summary>
    /// <exception cref="InvalidOperationException">The process ended before; the message holds its output.</exception>
    public async Task WaitForAsync(string text)
    {
        TaskCompletionSource seen;
        lock (_lock)
        {
            if (_output.ToString().Contains(text, StringComparison.Ordinal) || _error.ToString().Contains(text, StringComparison.Ordinal)) return;
            seen = _awaited.GetOrAdd(text, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        var end = _process.WaitForExitAsync();
        if (await Task.WhenAny(seen.Task, end) == end && !seen.Task.IsCompleted)
            throw new InvalidOperationException($"The job ended with {_process.ExitCode} before it said '{text}':\n{_output}\n{_error}");
    }

    /// <summary>Sends a signal.</summary>
    public void Send(JobSignal signal)
    {
        if (SendSignal(_process.Id, (int)signal) != 0 && !_process.HasExited) throw new InvalidOperationException($"kill({signal}) failed: {Marshal.GetLastPInvokeError()}");
    }

    /// <summary>Waits for the end, at most two minutes; a job that takes longer is killed and the test fails.</summary>
    public async Task<JobResult> WaitAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill(entireProcessTree: true);
            throw new TimeoutException($"The job did not end within two minutes:\n{_output}\n{_error}");
        }

        lock (_lock) return new JobResult(_process.ExitCode, _output.ToString(), _error.ToString(), _clock.Elapsed);
    }

    /// <summary>Kills it when it still runs.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private void Receive(StringBuilder stream, string? line)
    {
        if (line is null) return;
        lock (_lock)
        {
            stream.AppendLine(line);
            foreach (var (text, seen) in _awaited)
            {
                if (line.Contains(text, StringComparison.Ordinal)) seen.TrySetResult();
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int processId, int signal);
}

/// <summary>How a job ended.</summary>
/// <param name="ExitCode">Its exit code; 128 + n when signal n ended it.</param>
/// <param name="Output">What it wrote to stdout.</param>
/// <param name="Error">What it wrote to stderr.</param>
/// <param name="Duration">From start to end.</param>
public sealed record JobResult(int ExitCode, string Output, string Error, TimeSpan Duration)
{
    /// <summary>Both streams.</summary>
    public string All => $"{Output}\n{Error}";
}

/// <summary>Signals by their numbers on Linux.</summary>
public enum JobSignal
{
    /// <summary>Ctrl+C.</summary>
    Interrupt = 2,

    /// <summary>kill -9.</summary>
    Kill = 9,

    /// <summary>Kubernetes' way to stop a container.</summary>
    Terminate = 15,

    /// <summary>Go on after <see cref="Stop"/>.</summary>
    Continue = 18,

    /// <summary>Pause.</summary>
    Stop = 19,
}
