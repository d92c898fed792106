using System.Text.Json;
using DataPlatform.Dbt.Artifacts;
using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Selection;

namespace DataPlatform.Dbt.Project;

/// <summary>The nodes of a project as selection sees them.</summary>
internal static class ProjectSelection
{
    /// <summary>The ids that the options select, of nodes of every kind.</summary>
    public static Selection.Selection Select(EngineState state)
    {
        var options = state.Options;
        var previous = options.StateFolder is { } folder ? PreviousState.Load(folder, state.TargetFolder).Selection : null;
        var spec = FindNamed(options) ?? SelectionExpression.Parse(options.Select, options.Exclude, options.Indirect);
        return new NodeSelector(CreateGraph(state), previous).Select(spec);
    }

    public static SelectableGraph CreateGraph(EngineState state)
    {
        var project = state.Project!;
        return new SelectableGraph(
            project.Root.Name,
            project.Nodes.Values.Select(node => Describe(state, node)),
            project.Macros.All.ToDictionary(macro => macro.UniqueId, macro => new SelectableMacro(Hashes.Sha256(macro.Definition.Text), []), StringComparer.Ordinal));
    }

    /// <summary>The selection that is named, or the project's own, which holds when a command says nothing.</summary>
    private static SelectionSpec? FindNamed(DbtOptions options)
    {
        const string FileName = "selectors.yml";
        if (options.Selector is null && options.Select.Count + options.Exclude.Count > 0) return null;
        var path = Path.Combine(options.ProjectFolder, FileName);
        if (!File.Exists(path))
        {
            return options.Selector is not { } name ? null
                : throw new DataPlatformException(FailureClass.Configuration, $"Could not find selector named {name}: the project has no {FileName}.", "Define it there, or write --select.");
        }

        var file = SelectorFile.Parse(File.ReadAllText(path), FileName, options.Indirect);
        return options.Selector is { } wanted ? file.Find(wanted) : file.Default;
    }

    private static SelectableNode Describe(EngineState state, DbtNode node) => new()
    {
        UniqueId = node.UniqueId,
        ResourceType = node.TypeName,
        Name = node.Name,
        Package = node.Package,
        Fqn = node.Fqn,
        OriginalFilePath = node.OriginalPath,
        PatchPath = node.PatchPath is { } path ? path[(path.IndexOf("://", StringComparison.Ordinal) + 3)..] : null,
        Tags = node.Tags,
        Config = node.Config.Values.ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal),
        SourceName = node.SourceName,
        Access = node.Type == ResourceType.Model ? node.Access : null,
        Group = node.Group,
        Version = node.Version is null ? null : Representation.Print(node.Version),
        LatestVersion = node.LatestVersion is null ? null : Representation.Print(node.LatestVersion),
        TestName = node.Test?.Name,
        ParentIds = node.DependsOn,
        // Those of dbt itself are the engine's, and change with it.
        MacroIds = [.. node.Macros.Where(id => !id.StartsWith($"macro.{MacroTable.Dbt}.", StringComparison.Ordinal))],
        Checksums = state.Options.StateFolder is null ? new NodeChecksums() : Checksums(state, node),
    };

    // Of what a manifest says, so that both sides are compared alike.
    private static NodeChecksums Checksums(EngineState state, DbtNode node)
    {
        using var described = JsonDocument.Parse(JsonText.Write(ManifestWriter.Describe(state, node), sortKeys: false));
        return PreviousState.ChecksumsOf(described.RootElement);
    }
}
