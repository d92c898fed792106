using System.Diagnostics;
using DataPlatform.Testing;

namespace DataPlatform.Integration.Tests.Aot;

/// <summary>A job compiled ahead of time. Made once for all tests, which takes more than a minute; a warning of the compiler about our code fails it.</summary>
public sealed class AotJob : IAsyncLifetime
{
    private static readonly string Output = Path.Combine(RepositoryFolder.Path, "artifacts", "aot-job");

    public async ValueTask InitializeAsync()
    {
        var start = new ProcessStartInfo("dotnet") { WorkingDirectory = RepositoryFolder.Path, RedirectStandardOutput = true, RedirectStandardError = true };

        // The lock files name no platform: this one's goes to a lock file of its own.
        string[] arguments =
        [
            "publish", "tests/DataPlatform.Aot.Job", "-c", "Release", "--use-current-runtime", "-p:NuGetLockFilePath=obj/native-aot.lock.json", "-p:RestoreLockedMode=false",
            "-o", Output, "-v", "quiet", "-clp:NoSummary",
        ];
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        using var publish = Process.Start(start)!;
        var output = Task.WhenAll(publish.StandardOutput.ReadToEndAsync(), publish.StandardError.ReadToEndAsync());
        await publish.WaitForExitAsync();
        if (publish.ExitCode != 0) throw new InvalidOperationException(string.Join('\n', await output));
    }

    public ValueTask DisposeAsync() => default;

    /// <summary>Runs it to its end.</summary>
    public Task<JobResult> RunAsync(IReadOnlyDictionary<string, string?> environment, string workingDirectory, params IEnumerable<string> arguments) =>
        JobProcess.RunAsync(Path.Combine(Output, "DataPlatform.Aot.Job"), environment, workingDirectory, arguments);
}
