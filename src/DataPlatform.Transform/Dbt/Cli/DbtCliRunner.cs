using System.Text.Json;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Transform;

/// <summary>Runs the dbt command: dbt-core 1.x by its events and artifacts, 2.x by its artifacts. Against PostgreSQL; on Linux.</summary>
/// <remarks>
/// Each invocation has a private folder for its profile, artifacts and logs, so that several may run at once and the project's folder is only read.
/// The profile is made of the connection string; the password goes through an environment variable.
/// </remarks>
/// <param name="connectionString">The warehouse's connection string.</param>
/// <param name="options">What else it does.</param>
public sealed class DbtCliRunner(string connectionString, DbtRunnerOptions? options = null) : IDbtRunner
{
    private const int KeptErrorLines = 50;

    private readonly DbtRunnerOptions _options = options ?? new DbtRunnerOptions();

    /// <summary>Whether dbt can be run against the warehouse.</summary>
    internal static bool Supports(IWarehouse warehouse) => warehouse.System == "postgresql";

    /// <inheritdoc/>
    public async Task CheckAsync(DbtInvocation invocation, IWarehouse warehouse, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(invocation);
        ArgumentNullException.ThrowIfNull(warehouse);
        invocation.FindProject();
        if (!Supports(warehouse))
            throw new DataPlatformException(FailureClass.Configuration, $"The dbt command cannot be run against warehouse '{warehouse.Name}', which is {warehouse.System}: only PostgreSQL will do.",
                "Set Dbt:Runner to BuiltIn.");

        // Asked once, before the first row: it costs a second of Python's start.
        var lines = new List<string>();
        void Add(string line)
        {
            lock (lines) lines.Add(DbtText.Plain(line));
        }

        var exitCode = await DbtProcess.RunAsync(Executable(), ["--version"], Variables(null, null), Path.GetTempPath(), null, Add, Add, _options.StopGrace, cancellationToken).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        var text = string.Join('\n', lines).Trim();
        if (exitCode != 0)
            throw new DataPlatformException(FailureClass.Configuration, $"'{_options.Executable} --version' ended with {exitCode}: {text}", "Install dbt anew, or set Dbt:Executable to one that works.");
        // Version 2 has its adapters built in and lists none.
        if (text.Contains("Plugins:", StringComparison.Ordinal) && !text.Contains("postgres", StringComparison.Ordinal))
            throw new DataPlatformException(FailureClass.Configuration, $"'{_options.Executable}' has no adapter for PostgreSQL: {text}", "pip install dbt-postgres, where dbt is installed.");
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<DbtNode>> ListAsync(DbtInvocation invocation, DbtRunContext context, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(invocation);
        ArgumentNullException.ThrowIfNull(context);
        var nodes = new List<DbtNode>();
        var said = new List<string>();
        var (exitCode, error) = await InvokeAsync(
            invocation, context, DbtArguments.ForListing,
            line =>
            {
                if (ReadListed(line) is not { } listed) said.Add(DbtText.Plain(line));
                else if (listed.IsRun) nodes.Add(listed.Node);
            },
            cancellationToken,
            (workspace, _) =>
            {
                if (File.Exists(workspace.ManifestFile) && DbtManifest.Read(workspace.ManifestFile) is var manifest) nodes = nodes.ConvertAll(manifest.WithSources);
            }).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        if (DbtExit.Explain(exitCode, [], said.Count > 0 ? string.Join('\n', said) : null, error) is { } failure) throw new DataPlatformException(failure.Class, failure.Message, failure.Hint);
        return nodes;
    }

    /// <inheritdoc/>
    public async Task<DbtResult> RunAsync(DbtInvocation invocation, DbtRunContext context, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(invocation);
        ArgumentNullException.ThrowIfNull(context);
        var collected = new DbtCollected();
        var changes = new DbtChanges(context);
        var (exitCode, error) = await changes.TellWhileAsync(
            token => InvokeAsync(
                invocation, context, DbtArguments.For,
                line =>
                {
                    var dbtEvent = DbtEvent.Parse(line);
                    if (dbtEvent.Message.Length > 0) context.Logger.Log(dbtEvent.Level, new EventId(0, dbtEvent.Name), "{DbtMessage}", dbtEvent.Message);
                    collected.Add(dbtEvent);
                    if (dbtEvent.Change is { } change) changes.Add(change);
                },
                token, collected.ReadArtifacts),
            cancellationToken).ConfigureAwait(false);

        cancellationToken.ThrowIfCancellationRequested();
        await TellOfTheRestAsync(collected, context, cancellationToken).ConfigureAwait(false);
        return new DbtResult(collected.Nodes, DbtExit.Explain(exitCode, collected.Nodes, collected.Error, error))
        {
            InvocationId = collected.InvocationId,
            Version = collected.Version,
            Lineage = collected.Lineage,
        };
    }

    private async Task<(int ExitCode, string Error)> InvokeAsync(
        DbtInvocation invocation, DbtRunContext context, Func<DbtInvocation, string, DbtWorkspace, IReadOnlyList<string>> arguments, Action<string> onLine,
        CancellationToken cancellationToken, Action<DbtWorkspace, ILogger>? onEnd = null)
    {
        var project = invocation.FindProject();
        var executable = Executable();
        var profile = DbtProfile.ForPostgreSql(connectionString, invocation, context.SessionName);
        var environment = Variables(context.RunId, profile.Password);
        await AddServerSettingsAsync(environment, context.Warehouse, cancellationToken).ConfigureAwait(false);
        using var workspace = new DbtWorkspace(profile.Text, _options.CachePath);
        var errors = new Queue<string>();
        var exitCode = await DbtProcess.RunAsync(
            executable, arguments(invocation, project, workspace), environment, project, workspace.Root, onLine,
            line =>
            {
                var plain = DbtText.Plain(line);
                if (errors.Count == KeptErrorLines) errors.Dequeue();
                errors.Enqueue(plain);
                context.Logger.Log(LogLevel.Warning, new EventId(0, "stderr"), "{DbtMessage}", plain);
            },
            _options.StopGrace, cancellationToken).ConfigureAwait(false);

        // A dbt that was killed, or would not stop, leaves its queries running and their locks held.
        if (cancellationToken.IsCancellationRequested || exitCode > 128) await EndSessionsAsync(context).ConfigureAwait(false);
        workspace.KeepParsed();
        if (invocation.ArtifactsPath is { } kept) workspace.KeepArtifacts(kept);
        onEnd?.Invoke(workspace, context.Logger);
        return (exitCode, string.Join('\n', errors));
    }

    private async Task EndSessionsAsync(DbtRunContext context)
    {
        using var limit = new CancellationTokenSource(_options.StopGrace);
        try
        {
            await context.Warehouse.EndSessionsAsync(context.SessionName, limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is DataPlatformException or OperationCanceledException)
        {
            context.Logger.LogWarning(e, "dbt's sessions at the database, {SessionName}, may go on: {Message}", context.SessionName, e.Message);
        }
    }

    private string Executable() => DbtExecutable.Find(_options.Executable) ?? throw new DataPlatformException(
        FailureClass.Configuration, $"There is no command '{_options.Executable}'.", "Install dbt (pip install dbt-core dbt-postgres), or set Dbt:Executable to its path.");

    private static Dictionary<string, string> Variables(string? runId, string? password)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["DBT_USE_COLORS"] = "false",
            ["DBT_QUIET"] = "false",
            ["DBT_LOG_LEVEL"] = "info",
            ["DBT_LOG_LEVEL_FILE"] = "none",
            ["PYTHONUNBUFFERED"] = "1",
            ["PYTHONUTF8"] = "1",
        };
        if (runId is not null) variables["DBT_ENV_CUSTOM_ENV_RUN_ID"] = runId;
        if (!string.IsNullOrEmpty(password)) variables[DbtProfile.PasswordVariable] = password;
        return variables;
    }

    // Where our own sessions may ask the server to watch whether its client is there, so may dbt's: a killed dbt's queries then end in that time.
    private static async Task AddServerSettingsAsync(Dictionary<string, string> environment, IWarehouse warehouse, CancellationToken cancellationToken)
    {
        if (Environment.GetEnvironmentVariable("PGOPTIONS") is { Length: > 0 }) return;
        await using var transaction = await warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        var rows = await transaction.QueryAsync("SELECT current_setting('client_connection_check_interval', true)", null, cancellationToken).ConfigureAwait(false);
        if (rows[0][0] is string interval and not ("" or "0")) environment["PGOPTIONS"] = $"-c client_connection_check_interval={interval}";
    }

    // Without events, as with version 2, the artifacts are the first to tell.
    private static async Task TellOfTheRestAsync(DbtCollected collected, DbtRunContext context, CancellationToken cancellationToken)
    {
        if (context.NodeChanged is not { } changed) return;
        foreach (var node in collected.Untold) await changed(new DbtNodeChange(node, collected.Nodes.Count), cancellationToken).ConfigureAwait(false);
    }

    private static (DbtNode Node, bool IsRun)? ReadListed(string line)
    {
        if (!line.StartsWith('{')) return null;
        try
        {
            using var document = JsonDocument.Parse(line);
            var node = document.RootElement;
            if (node.Object("data")?.Text("msg") is { } wrapped) return ReadListed(wrapped);
            if (node.Text("unique_id") is not { } id) return null;
            var type = node.Text("resource_type") ?? id.Split('.', 2)[0];
            return (
                new DbtNode(id, type, node.Text("name") ?? id, node.Texts("fqn"), node.Text("original_file_path") ?? ""),
                type is "model" or "seed" or "snapshot" or "test" or "unit_test" or "function" && node.Object("config")?.Text("materialized") != "ephemeral");
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
