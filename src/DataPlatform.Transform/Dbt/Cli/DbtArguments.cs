using System.Text.Json;

namespace DataPlatform.Transform;

/// <summary>Writes dbt's command line. No secret is in it.</summary>
internal static class DbtArguments
{
    /// <summary>The arguments of a command.</summary>
    public static IReadOnlyList<string> For(DbtInvocation invocation, string project, DbtWorkspace workspace)
    {
        var command = invocation.Command;
        List<string> arguments =
        [
            .. Words(command),
            .. command == DbtCommand.RunOperation ? [invocation.Macro!] : Array.Empty<string>(),
            "--project-dir", project,
            "--profiles-dir", workspace.Profiles,
            "--profile", DbtProfile.Name,
            "--target", invocation.Target,
            "--target-path", workspace.Target,
            "--log-path", workspace.Logs,
            "--log-format", command == DbtCommand.List ? "text" : "json",
        ];
        if (invocation.Vars.Count > 0) arguments.AddRange(["--vars", JsonSerializer.Serialize(invocation.Vars)]);
        if (command == DbtCommand.RunOperation && invocation.MacroArguments.Count > 0) arguments.AddRange(["--args", JsonSerializer.Serialize(invocation.MacroArguments)]);
        if (command is DbtCommand.RunOperation or DbtCommand.Deps) return arguments;

        AddSelection(arguments, invocation);
        if (invocation.State is { } state) arguments.AddRange(["--state", Path.GetFullPath(state)]);
        if (invocation.Defer && command != DbtCommand.List) arguments.Add("--defer");
        if (invocation.FullRefresh && command is DbtCommand.Build or DbtCommand.Run or DbtCommand.Seed) arguments.Add("--full-refresh");
        if (invocation.EventTime is { } time && command is DbtCommand.Build or DbtCommand.Run) arguments.AddRange(["--event-time-start", DbtText.Text(time.Start), "--event-time-end", DbtText.Text(time.End)]);
        if (invocation.FailFast) arguments.Add("--fail-fast");
        if (invocation.WarnError) arguments.Add("--warn-error");
        return arguments;
    }

    /// <summary>The arguments that list the nodes that a command would run.</summary>
    public static IReadOnlyList<string> ForListing(DbtInvocation invocation, string project, DbtWorkspace workspace) =>
    [
        .. For(invocation with { Command = DbtCommand.List }, project, workspace),
        "--quiet", "--output", "json", "--output-keys", "unique_id", "name", "resource_type", "fqn", "original_file_path", "config",
        .. Resources(invocation.Command).SelectMany(type => new[] { "--resource-type", type }),
    ];

    private static void AddSelection(List<string> arguments, DbtInvocation invocation)
    {
        if (invocation.Nodes is { } nodes)
        {
            // A qualified name may also be that of a folder; its file tells them apart. Tests that hang on a node are not to come along.
            arguments.AddRange(["--select", .. nodes.Select(node => $"fqn:{string.Join('.', node.Fqn)},path:{node.OriginalFilePath}"), "--indirect-selection", "empty"]);
            return;
        }

        if (invocation.Selector is { } selector) arguments.AddRange(["--selector", selector]);
        if (invocation.Select.Count > 0) arguments.AddRange(["--select", .. invocation.Select]);
        if (invocation.Exclude.Count > 0) arguments.AddRange(["--exclude", .. invocation.Exclude]);
    }

    private static string[] Words(DbtCommand command) => command switch
    {
        DbtCommand.List => ["ls"],
        DbtCommand.SourceFreshness => ["source", "freshness"],
        DbtCommand.DocsGenerate => ["docs", "generate"],
        DbtCommand.RunOperation => ["run-operation"],
        DbtCommand.Retry => throw new ArgumentException("A retry is run as the command it repeats.", nameof(command)),
        _ => [command.ToString().ToLowerInvariant()],
    };

    private static string[] Resources(DbtCommand command) => command switch
    {
        DbtCommand.Run => ["model"],
        DbtCommand.Test => ["test", "unit_test"],
        DbtCommand.Seed => ["seed"],
        DbtCommand.Snapshot => ["snapshot"],
        _ => [],
    };
}
