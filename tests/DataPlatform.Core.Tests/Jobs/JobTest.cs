using System.Text.Json;
using DataPlatform.Testing;

namespace DataPlatform.Core.Tests.Jobs;

/// <summary>Runs the tests' job as a process, with a folder and an embedded warehouse of its own.</summary>
public abstract class JobTest : IDisposable
{
    private const string Program = "DataPlatform.Core.Tests.Job";

    protected ScratchFolder Folder { get; } = new();

    public void Dispose()
    {
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    protected Task<JobResult> RunAsync(string arguments, params (string Key, string? Value)[] settings) =>
        JobProcess.RunAsync(Program, Environment(settings), Folder.Path, arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    protected JobProcess Start(string arguments, params (string Key, string? Value)[] settings) =>
        JobProcess.Start(Program, Environment(settings), Folder.Path, arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    /// <summary>The lines of a log, each of which must be a JSON object.</summary>
    protected static IReadOnlyList<JsonElement> Lines(string log) =>
        [.. log.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];

    /// <summary>The one JSON object that the text must be.</summary>
    protected static JsonElement SingleObject(string text)
    {
        text.TrimEnd('\n').Should().NotContain("\n");
        return JsonDocument.Parse(text).RootElement;
    }

    protected Dictionary<string, string?> Environment((string Key, string? Value)[] settings)
    {
        var environment = new Dictionary<string, string?>
        {
            ["ConnectionStrings__lake"] = Folder.Combine("lake"),
            ["ConnectionStrings__warehouse"] = $"DataSource={Folder.Combine("warehouse.duckdb")}",
            ["DataPlatform__Resilience__none__MaxRetries"] = "0",
            ["DOTNET_ENVIRONMENT"] = "Test",
            ["TRACEPARENT"] = null,
        };
        foreach (var (key, value) in settings) environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        return environment;
    }
}
