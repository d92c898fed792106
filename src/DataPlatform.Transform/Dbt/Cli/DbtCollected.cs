using Microsoft.Extensions.Logging;

namespace DataPlatform.Transform;

/// <summary>What is known of an invocation: from events while it runs, from artifacts when it has ended.</summary>
internal sealed class DbtCollected
{
    private readonly OrderedDictionary<string, DbtNodeResult> _nodes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _explanations = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DbtStatus> _told = new(StringComparer.Ordinal);

    public string? InvocationId { get; private set; }

    public string? Version { get; private set; }

    public string? Error { get; private set; }

    public IReadOnlyList<DbtLineage> Lineage { get; private set; } = [];

    public IReadOnlyList<DbtNodeResult> Nodes => [.. _nodes.Values];

    /// <summary>The nodes whose outcome no event told.</summary>
    public IReadOnlyList<DbtNodeResult> Untold => [.. _nodes.Values.Where(node => !_told.TryGetValue(node.UniqueId, out var status) || status != node.Status)];

    public void Add(DbtEvent dbtEvent)
    {
        InvocationId ??= dbtEvent.InvocationId;
        Version ??= dbtEvent.Version;
        Error = dbtEvent.Error ?? Error;
        if (dbtEvent.Explanation is var (id, message)) _explanations[id] = message;
        if (dbtEvent.Change is not { Node: var node }) return;
        _nodes[node.UniqueId] = node;
        _told[node.UniqueId] = node.Status;
    }

    public void ReadArtifacts(DbtWorkspace workspace, ILogger logger)
    {
        foreach (var (id, message) in _explanations)
        {
            if (_nodes.TryGetValue(id, out var node)) _nodes[id] = node with { Message = message };
        }

        if (TryRead(workspace.RunResultsFile, DbtRunResults.Read, logger) is { } results && IsOurs(results.InvocationId))
        {
            InvocationId ??= results.InvocationId;
            Version ??= results.Version;
            foreach (var result in results.Nodes)
            {
                // Names are better in events: those of tests end in a hash here.
                _nodes[result.UniqueId] = _nodes.TryGetValue(result.UniqueId, out var node) ? result with { Name = node.Name, ResourceType = node.ResourceType } : result;
            }
        }

        if (TryRead(workspace.SourcesFile, DbtSources.Read, logger) is { } sources && IsOurs(sources.InvocationId))
        {
            InvocationId ??= sources.InvocationId;
            foreach (var source in sources.Sources)
            {
                var node = _nodes.TryGetValue(source.UniqueId, out var known) ? known : new DbtNodeResult(source.UniqueId, source.Status);
                _nodes[source.UniqueId] = node with { Status = source.Status, Seconds = source.Seconds };
            }
        }

        Lineage = TryRead(workspace.ManifestFile, DbtManifest.Read, logger)?.GetLineage() ?? [];
    }

    // An artifact of an earlier invocation stays where it is when dbt ends before it writes its own.
    private bool IsOurs(string invocationId) => InvocationId is null || InvocationId == invocationId;

    // dbt does not write them at once: one that is cut off is no reason to fail what has succeeded.
    private static T? TryRead<T>(string path, Func<string, T> read, ILogger logger) where T : class
    {
        if (!File.Exists(path)) return null;
        try
        {
            return read(path);
        }
        catch (DataPlatformException e)
        {
            logger.LogWarning("{Message} {Hint}", e.Message, e.Hint);
            return null;
        }
    }
}
