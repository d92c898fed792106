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
        foreach (var argument in new[] { "publish", "tests/DataPlatform.Aot.Job", "-c", "Release", "--use-current-runtime", "-o", Output, "-v", "quiet", "-clp:NoSummary" }) start.ArgumentList.Add(argument);
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
