using System.Text.Json;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;
using DataPlatform.Dbt.Selection;

namespace DataPlatform.Dbt.Tool;

/// <summary>What <c>retry</c> repeats: the command of an earlier run with its options, over the nodes that failed or were skipped in it.</summary>
internal sealed class PreviousRun
{
    private static readonly string[] Retried = ["error", "fail", "skipped", "runtime error", "partial success"];
    private static readonly ToolCommand[] Retryable = [ToolCommand.Build, ToolCommand.Run, ToolCommand.Test, ToolCommand.Seed, ToolCommand.Snapshot, ToolCommand.Compile, ToolCommand.RunOperation];

    private readonly JsonElement _arguments;

    private readonly DateTimeOffset? _startedAt;
    private readonly IReadOnlyDictionary<string, BatchResults> _batches;

    private PreviousRun(ToolCommand command, JsonElement arguments, IReadOnlyList<string> nodes, DateTimeOffset? startedAt, IReadOnlyDictionary<string, BatchResults> batches) =>
        (Command, _arguments, Nodes, _startedAt, _batches) = (command, arguments, nodes, startedAt, batches);

    public ToolCommand Command { get; }

    /// <summary>The ids of what is to run again.</summary>
    public IReadOnlyList<string> Nodes { get; }

    public string? Profile => Text("profile");

    public string? Target => Text("target");

    public string? Macro => Text("macro");

    public PythonDict MacroArguments => Dict("args");

    /// <param name="folder">The folder of the run's artifacts.</param>
    /// <param name="retriesWarnings">Whether tests that only warned are run again.</param>
    /// <exception cref="DataPlatformException">There is no such run, or it cannot be repeated.</exception>
    public static PreviousRun Load(string folder, bool retriesWarnings)
    {
        var path = Path.Combine(folder, "run_results.json");
        if (!File.Exists(path)) throw new DataPlatformException(FailureClass.Configuration, $"Could not find previous run in '{folder}' target directory", "Run a command first, or name the folder of its artifacts by --state.");
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            var arguments = document.RootElement.GetProperty("args").Clone();
            var which = arguments.GetProperty("which").GetString()!;
            if (!Enum.TryParse<ToolCommand>(which.Replace("-", "", StringComparison.Ordinal), ignoreCase: true, out var command) || !Retryable.Contains(command))
                throw new DataPlatformException(FailureClass.Configuration, $"{path}: '{which}' is no command that can be run again.", "Run it anew.");
            var nodes = document.RootElement.GetProperty("results").EnumerateArray()
                .Where(result => result.GetProperty("status").GetString() is { } status && (Retried.Contains(status) || (retriesWarnings && status == "warn")))
                .Select(result => result.GetProperty("unique_id").GetString()!)
                .Where(id => !id.StartsWith("operation.", StringComparison.Ordinal));
            DateTimeOffset? startedAt = document.RootElement.TryGetProperty("metadata", out var metadata) && metadata.TryGetProperty("invocation_started_at", out var started) && started.TryGetDateTimeOffset(out var moment) ? moment : null;
            return new PreviousRun(command, arguments, [.. nodes], startedAt, ReadBatches(document.RootElement.GetProperty("results")));
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new DataPlatformException(FailureClass.Configuration, $"{path} cannot be read as the results of a run: {e.Message}", "Run the command anew.", e);
        }
    }

    /// <summary>The run's options. Those that the retry itself is given go over them.</summary>
    public DbtOptions Apply(DbtOptions options, ToolArguments given) => options with
    {
        Vars = given.IsGiven("vars") ? options.Vars : Dict("vars"),
        FullRefresh = options.FullRefresh || Flag("full_refresh"),
        EventTimeStart = Time("event_time_start"),
        EventTimeEnd = Time("event_time_end"),
        Sample = Text("sample_start") is { } from && Text("sample_end") is { } until ? new Batch(Microbatch.ReadTime(from)!.Value, Microbatch.ReadTime(until)!.Value) : null,
        BatchesEnd = _startedAt,
        PreviousBatches = options.FullRefresh ? null : _batches,
        StoreFailures = Flag("store_failures"),
        Empty = Flag("empty"),
        FailFast = options.FailFast || Flag("fail_fast"),
        Defer = Flag("defer"),
        FavorState = Flag("favor_state"),
        StateFolder = Text("state"),
        DeferFolder = Text("defer_state"),
        Indirect = Enum.Parse<IndirectSelection>(Text("indirect_selection") ?? nameof(IndirectSelection.Eager), ignoreCase: true),
        Only = Nodes.ToHashSet(StringComparer.Ordinal),
    };

    // Where no batch was built, the model is not there to add the others to.
    private static Dictionary<string, BatchResults> ReadBatches(JsonElement results)
    {
        var found = new Dictionary<string, BatchResults>(StringComparer.Ordinal);
        foreach (var result in results.EnumerateArray())
        {
            if (!result.TryGetProperty("batch_results", out var batches) || batches.ValueKind != JsonValueKind.Object) continue;
            var (successful, failed) = (Read(batches.GetProperty("successful")), Read(batches.GetProperty("failed")));
            if (successful.Count > 0 && failed.Count > 0) found[result.GetProperty("unique_id").GetString()!] = new BatchResults(successful, failed);
        }

        return found;

        static List<Batch> Read(JsonElement list) => [.. list.EnumerateArray().Select(batch => new Batch(batch[0].GetDateTimeOffset().UtcDateTime, batch[1].GetDateTimeOffset().UtcDateTime))];
    }

    private DateTime? Time(string name) => Text(name) is { } text ? Microbatch.ReadTime(text) : null;

    private string? Text(string name) => _arguments.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private bool Flag(string name) => _arguments.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;

    // JSON is YAML.
    private PythonDict Dict(string name) => _arguments.TryGetProperty(name, out var value) && YamlItem.Parse(value.GetRawText(), name)?.ToValue() is PythonDict dict ? dict : new PythonDict();
}
