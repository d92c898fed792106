namespace DataPlatform.Dbt.Tool;

/// <summary>An option of dbt's command line.</summary>
/// <param name="Name">Its name, without hyphens.</param>
/// <param name="Description">What it does.</param>
internal sealed record ToolOption(string Name, string Description)
{
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>Whether it takes no value; <c>--no-name</c> turns it off.</summary>
    public bool IsFlag { get; init; }

    /// <summary>Whether it takes any number of values.</summary>
    public bool IsList { get; init; }

    public string? Default { get; init; }

    public IReadOnlyList<string> Choices { get; init; } = [];

    /// <summary>Whether it can be given by an environment variable too, such as DBT_TARGET_PATH.</summary>
    public bool HasVariable { get; init; } = true;
}

/// <summary>The options there are.</summary>
internal static class ToolOptions
{
    private static readonly string[] Formats = ["text", "debug", "json", "default"];
    private static readonly string[] Levels = ["debug", "info", "warn", "error", "none"];

    /// <summary>Those that may stand before the command as well as after it.</summary>
    public static readonly IReadOnlyList<ToolOption> Global =
    [
        new("project-dir", "The folder of dbt_project.yml. Default: the working directory, or the nearest above that has one."),
        new("profiles-dir", "The folder of profiles.yml. Default: the working directory when it has one, else ~/.dbt."),
        new("profile", "The profile to use, in place of that of dbt_project.yml."),
        new("target", "The target of the profile.") { Aliases = ["-t"] },
        new("target-path", "Where artifacts go. Default: target in the project."),
        new("log-path", "Where dbt.log goes. Default: logs in the project."),
        new("log-format", "How lines are written to the console.") { Choices = Formats, Default = "default" },
        new("log-format-file", "How lines are written to dbt.log.") { Choices = Formats, Default = "debug" },
        new("log-level", "The least level of lines at the console.") { Choices = Levels, Default = "info" },
        new("log-level-file", "The least level of lines in dbt.log.") { Choices = Levels, Default = "debug" },
        new("vars", "Variables of the project, as YAML: '{from: 2026-01-01}'.") { HasVariable = false },
        new("threads", "How many nodes run at the same time.") { HasVariable = false },
        new("indirect-selection", "When tests are selected by what they test.") { Choices = ["eager", "cautious", "buildable", "empty"], Default = "eager" },
        new("state", "The folder of an earlier run's artifacts: for state:, result:, source_status:, --defer, and for retry."),
        new("defer-state", "The folder of the artifacts to defer to, when it is not that of --state."),
        new("defer", "Read what is not selected where the earlier run has it, when this target lacks it.") { IsFlag = true },
        new("favor-state", "With --defer: also what this target has.") { IsFlag = true },
        new("debug", "Write debug lines to the console.") { IsFlag = true, Aliases = ["-d"] },
        new("quiet", "Write nothing to the console but errors and what was asked for.") { IsFlag = true, Aliases = ["-q"] },
        new("print", "Write what print() in templates says.") { IsFlag = true, Default = "true" },
        new("use-colors", "Colour lines at the console. Default: at a terminal.") { IsFlag = true },
        new("fail-fast", "Begin nothing more after the first failure.") { IsFlag = true, Aliases = ["-x"] },
        new("warn-error", "Take warnings as errors.") { IsFlag = true },
        new("version-check", "Check require-dbt-version.") { IsFlag = true, Default = "true" },
        // Of these there is nothing to do here.
        .. new[]
        {
            "partial-parse", "populate-cache", "cache-selected-only", "static-parser", "use-experimental-parser", "send-anonymous-usage-stats", "use-colors-file", "log-cache-events",
            "macro-debugging", "introspect", "write-json",
        }.Select(name => new ToolOption(name, "Accepted, without effect.") { IsFlag = true }),
    ];

    public static readonly ToolOption Select = new("select", "Nodes to take.") { IsList = true, Aliases = ["-s", "-m", "--models", "--model"], HasVariable = false };
    public static readonly ToolOption Exclude = new("exclude", "Nodes to leave out of those selected.") { IsList = true, HasVariable = false };
    public static readonly ToolOption Selector = new("selector", "A selection of selectors.yml, in place of --select and --exclude.") { HasVariable = false };
    public static readonly ToolOption ResourceTypes = new("resource-types", "Kinds of nodes to take of those selected.") { IsList = true, Aliases = ["--resource-type"] };
    public static readonly ToolOption ExcludeResourceTypes = new("exclude-resource-types", "Kinds of nodes to leave out.") { IsList = true, Aliases = ["--exclude-resource-type"] };
    public static readonly ToolOption FullRefresh = new("full-refresh", "Build incremental models and seeds anew.") { IsFlag = true, Aliases = ["-f"] };
    public static readonly ToolOption Empty = new("empty", "Read no rows of what models refer to, to see that their SQL runs.") { IsFlag = true };
    public static readonly ToolOption EventTimeStart = new("event-time-start", "The first moment, in UTC, to build microbatch models for: 2026-01-01 or 2026-01-01T06:00:00.");
    public static readonly ToolOption EventTimeEnd = new("event-time-end", "The moment, in UTC, before which to build microbatch models.");
    public static readonly ToolOption Sample = new("sample", "Read of inputs with an event_time only some: '3 days', or '{start: 2026-01-01, end: 2026-01-08}'.");
    public static readonly ToolOption Inline = new("inline", "A query to take in place of a node.") { HasVariable = false };
    public static readonly ToolOption Limit = new("limit", "How many rows to show; -1 for all.") { Default = "5", HasVariable = false };
    public static readonly ToolOption ShowOutput = new("output", "How the rows are written.") { Choices = ["json", "text"], Default = "text", HasVariable = false };
    public static readonly ToolOption StoreFailures = new("store-failures", "Keep the rows that tests find.") { IsFlag = true };
    public static readonly ToolOption Output = new("output", "What of each node is written.") { Choices = ["selector", "name", "path", "json"], Default = "selector", HasVariable = false };
    public static readonly ToolOption OutputKeys = new("output-keys", "The keys to write with --output json.") { IsList = true, HasVariable = false };
    public static readonly ToolOption Args = new("args", "The macro's arguments, as YAML: '{who: bob}'.") { HasVariable = false };
    public static readonly ToolOption CompileDocs = new("compile", "Compile the project first.") { IsFlag = true, Default = "true", HasVariable = false };
    public static readonly ToolOption CleanProjectFilesOnly = new("clean-project-files-only", "Refuse to remove folders outside of the project.") { IsFlag = true, Default = "true" };
    public static readonly ToolOption Connection = new("connection", "Test the connection only.") { IsFlag = true, HasVariable = false };
}
