namespace DataPlatform.Transform;

/// <summary>What it means when dbt fails.</summary>
internal static class DbtExit
{
    private const string ShowLog = "dbt's lines in the log above say more.";

    private static readonly (FailureClass Class, string[] Words, string Hint)[] Causes =
    [
        (FailureClass.NotAuthorized, ["password authentication failed", "no password supplied", "permission denied for", "no pg_hba.conf entry"], "Correct the connection string's user and password, or the user's rights."),
        (FailureClass.Unavailable,
            ["connection refused", "could not connect to server", "could not translate host name", "connection to server at", "connection timed out", "timeout expired", "server closed the connection",
             "terminating connection", "the database system is", "connection already closed", "too many clients", "remaining connection slots", "ssl syscall error"],
            "The database cannot be reached, or ended the connection: see whether it runs and has connections left."),
        (FailureClass.Transient, ["deadlock detected", "could not serialize access", "canceling statement due to lock timeout"], "Run it again."),
        (FailureClass.CannotWrite, ["no space left on device", "could not extend file", "read-only file system"], "Make room, or the place writable."),
    ];

    // How dbt begins what is wrong with a project, a profile or the command line.
    private static readonly string[] UserErrors =
    [
        "parsing error", "compilation error", "validation error", "runtime error", "dbt_project", "profile", "env var required", "usage:", "no such option", "invalid value for", "invalid selector",
        "selector", "dependency error", "version error", "yaml", "found a cycle", "syntax error", "no such command", "missing option", "not a valid",
    ];

    /// <summary>Why an invocation failed, or null when it did not.</summary>
    /// <param name="exitCode">The exit code.</param>
    /// <param name="nodes">The nodes' results.</param>
    /// <param name="error">Why dbt said that it cannot go on; null when it did not.</param>
    /// <param name="stderr">The last lines of standard error.</param>
    public static DbtFailure? Explain(int exitCode, IReadOnlyList<DbtNodeResult> nodes, string? error, string stderr)
    {
        var said = (error ?? stderr).Trim();
        return exitCode switch
        {
            0 => null,
            1 when nodes.Any(node => node.IsFailed) => Explain(nodes, node => Cause("", node.Message ?? "")),
            1 => Cause($"dbt failed: {Or(said, "it did not say why")}", said) ?? new DbtFailure(FailureClass.Data, $"dbt failed: {Or(said, "it did not say why")}", ShowLog),
            2 => Cause($"dbt could not go on: {said}", said) ?? Stopped(said),
            126 or 127 => new DbtFailure(FailureClass.Configuration, $"dbt could not be started: {Or(said, "the command is not there or cannot be run")}", "Install dbt, or set Dbt:Executable to its path."),
            > 128 => new DbtFailure(FailureClass.Transient, $"dbt was ended by signal {exitCode - 128}.", exitCode == 137 ? "It may have run out of memory; set Threads lower or the limit higher." : null),
            _ => new DbtFailure(FailureClass.Bug, $"dbt ended with exit code {exitCode}: {Or(said, "it did not say why")}", ShowLog),
        };
    }

    /// <summary>Why nodes failed.</summary>
    /// <param name="nodes">The nodes' results, some of which failed.</param>
    /// <param name="findCause">What outside of the project and its data a node failed for; null when that is not it.</param>
    public static DbtFailure Explain(IReadOnlyList<DbtNodeResult> nodes, Func<DbtNodeResult, DbtFailure?> findCause)
    {
        var causes = nodes.Where(node => node.IsFailed).Select(findCause).ToList();
        var text = DbtResult.Describe(nodes);
        // What another try may cure decides only when nothing else is wrong.
        return causes.TrueForAll(cause => cause is not null) && causes.Select(cause => cause!.Class).Distinct().Count() == 1
            ? causes[0]! with { Message = text }
            : new DbtFailure(FailureClass.Data, text, "Correct the data or the model, then run the step again: of the same run it repeats what is left.");
    }

    private static DbtFailure? Cause(string message, string said)
    {
        foreach (var (failureClass, words, hint) in Causes)
        {
            if (Array.Exists(words, word => said.Contains(word, StringComparison.OrdinalIgnoreCase))) return new DbtFailure(failureClass, message, hint);
        }

        return null;
    }

    private static DbtFailure Stopped(string said) => Array.Exists(UserErrors, word => said.Contains(word, StringComparison.OrdinalIgnoreCase))
        ? new DbtFailure(FailureClass.Configuration, $"dbt could not go on: {said}", "Correct the project or the step's options.")
        : new DbtFailure(FailureClass.Bug, $"dbt could not go on: {Or(said, "it did not say why")}", ShowLog);

    private static string Or(string text, string otherwise) => text.Length > 0 ? text : otherwise;
}
