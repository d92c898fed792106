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
        var spec = FindDefault(state) ?? SelectionExpression.Parse(state.Options.Select, state.Options.Exclude, state.Options.Indirect);
        return new NodeSelector(CreateGraph(state)).Select(spec);
    }

    public static SelectableGraph CreateGraph(EngineState state)
    {
        var project = state.Project!;
        return new SelectableGraph(
            project.Root.Name,
            project.Nodes.Values.Select(node => Describe(state, node)),
            project.Macros.All.ToDictionary(macro => macro.UniqueId, macro => new SelectableMacro(Hashes.Sha256(macro.Definition.Text), []), StringComparer.Ordinal));
    }

    /// <summary>The project's own selection, which holds when a command says nothing.</summary>
    private static SelectionSpec? FindDefault(EngineState state)
    {
        var file = Path.Combine(state.Options.ProjectFolder, "selectors.yml");
        return state.Options.Select.Count + state.Options.Exclude.Count > 0 || !File.Exists(file)
            ? null
            : SelectorFile.Parse(File.ReadAllText(file), "selectors.yml", state.Options.Indirect).Default;
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
        MacroIds = [.. node.DependsOnMacros],
        Checksums = new NodeChecksums
        {
            Body = node.Test is null ? node.Checksum : Representation.Of(node.Test.Arguments),
            Configs = JsonText.Write(node.Config.ToDict(), sortKeys: true),
            Relation = ManifestWriter.RelationName(state, node) ?? "",
            Rest = string.Join('.', node.Fqn) + Representation.Of(node.Extra),
        },
    };
}
