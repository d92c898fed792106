using System.Globalization;
using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Selection;

/// <summary>What a criterion's method and value match, without relatives and tests.</summary>
internal static class SelectionMethods
{
    public const string Fqn = "fqn";
    public const string Path = "path";
    public const string File = "file";
    private const string Config = "config";

    private delegate Func<SelectableNode, bool> Method(Criterion criterion, SelectableGraph graph, SelectionState state);

    private static readonly Dictionary<string, Method> Methods = new(StringComparer.Ordinal)
    {
        [Fqn] = (c, _, _) => node => node.ResourceType is not (NodeKinds.Source or NodeKinds.Exposure) && HasName(node, c.Value),
        ["tag"] = (c, _, _) => node => node.Tags.Any(tag => Wildcard.Matches(tag, c.Value)),
        ["source"] = Source,
        [Path] = InPath,
        [File] = (c, _, _) => node => Wildcard.Matches(node.OriginalFilePath.AsSpan(node.OriginalFilePath.LastIndexOf('/') + 1), c.Value),
        ["package"] = Package,
        [Config] = (c, _, _) => node => node.ResourceType != NodeKinds.Exposure && HasConfig(node, c),
        ["resource_type"] = ResourceType,
        ["test_type"] = TestType,
        ["test_name"] = (c, _, _) => node => node.ResourceType == NodeKinds.Test && node.TestName is not null && Wildcard.Matches(node.TestName, c.Value),
        ["unit_test"] = (c, _, _) => Named(c, NodeKinds.UnitTest),
        ["exposure"] = (c, _, _) => Named(c, NodeKinds.Exposure),
        ["metric"] = (c, _, _) => Named(c, NodeKinds.Metric),
        ["semantic_model"] = (c, _, _) => Named(c, NodeKinds.SemanticModel),
        ["saved_query"] = (c, _, _) => Named(c, NodeKinds.SavedQuery),
        ["group"] = (c, _, _) => node => node.Group == c.Value,
        ["access"] = Access,
        ["version"] = Version,
        ["state"] = State,
        ["result"] = Result,
        ["source_status"] = SourceStatus,
    };

    public static string Known { get; } = $"The methods are {string.Join(", ", Methods.Keys)}.";

    /// <summary>Refuses methods that are not known, and arguments that a method does not take.</summary>
    public static void Check(Criterion criterion)
    {
        var method = criterion.Method;
        if (!Methods.ContainsKey(method)) throw criterion.Fault($"'{method}' is not a selection method.", Known);
        if (method == Config && (criterion.Arguments.Count == 0 || criterion.Arguments.Contains("")))
            throw criterion.Fault("'config' needs the name of a configuration.", "Write 'config.materialized:incremental' or 'config.meta.owner:finance'.");
        if (method != Config && criterion.Arguments.Count > 0)
            throw criterion.Fault($"'{method}' takes nothing after a dot, and '{string.Join('.', criterion.Arguments)}' was found.", $"Write '{method}:{criterion.Value}'.");
    }

    public static Func<SelectableNode, bool> Matcher(Criterion criterion, SelectableGraph graph, SelectionState state) => Methods[criterion.Method](criterion, graph, state);

    private static bool HasName(SelectableNode node, string pattern)
    {
        if (node.Fqn[^1] == pattern) return true;
        if (node is { Version: not null, Fqn: [.., var name, var version] } && (pattern == name || pattern == $"{name}_{version}" || pattern == $"{name}.{version}")) return true;
        var parts = pattern.Split('.');
        return BeginsWith(node.Fqn, parts) || BeginsWith(node.Fqn.Skip(1), parts);
    }

    // A name leads to all that is in a folder; from the first wildcard on, the pattern is to match all the rest.
    private static bool BeginsWith(IEnumerable<string> fqn, string[] parts)
    {
        // A dot within a name separates, too.
        var names = string.Join('.', fqn).Split('.');
        if (names.Length < parts.Length) return false;
        for (var i = 0; i < parts.Length; i++)
        {
            if (Wildcard.IsIn(parts[i])) return Wildcard.Matches(string.Join('.', names[i..]), string.Join('.', parts[i..]));
            if (names[i] != parts[i]) return false;
        }

        return true;
    }

    private static Func<SelectableNode, bool> Source(Criterion criterion, SelectableGraph graph, SelectionState state)
    {
        var (package, source, table) = criterion.Value.Split('.') switch
        {
            [var onlySource] => ("*", onlySource, "*"),
            [var itsSource, var itsTable] => ("*", itsSource, itsTable),
            [var its, var itsSource, var itsTable] => (its, itsSource, itsTable),
            _ => throw criterion.Fault($"'{criterion.Value}' is not the name of a source.", "Write 'source:name', 'source:name.table' or 'source:package.name.table'."),
        };
        return node => node.ResourceType == NodeKinds.Source && Wildcard.Matches(node.Package, package) && Wildcard.Matches(node.SourceName, source) && Wildcard.Matches(node.Name, table);
    }

    private static Func<SelectableNode, bool> Named(Criterion criterion, string kind)
    {
        var (package, name) = criterion.Value.Split('.') switch
        {
            [var only] => ("*", only),
            [var its, var second] => (its, second),
            _ => throw criterion.Fault($"'{criterion.Value}' has too many dots.", $"Write '{criterion.Method}:name' or '{criterion.Method}:package.name'."),
        };
        return node => node.ResourceType == kind && Wildcard.Matches(node.Package, package) && Wildcard.Matches(node.Name, name);
    }

    // dbt looks the pattern up in the project's own folder: nodes of packages match where the project has the same path.
    private static Func<SelectableNode, bool> InPath(Criterion criterion, SelectableGraph graph, SelectionState state)
    {
        if (criterion.Value.StartsWith('/') || criterion.Value.Split('/').Contains(".."))
            throw criterion.Fault($"'{criterion.Value}' is not a path within the project.", "Write a path from the project's folder on: 'path:models/staging'.");
        var pattern = new FilePattern(criterion.Value);
        var paths = graph.RootPaths.Where(pattern.Matches).ToHashSet(StringComparer.Ordinal);
        return node => FilePattern.PathsOf(node).Any(paths.Contains);
    }

    private static Func<SelectableNode, bool> Package(Criterion criterion, SelectableGraph graph, SelectionState state)
    {
        var package = criterion.Value == "this" ? graph.RootPackage : criterion.Value;
        return node => Wildcard.Matches(node.Package, package);
    }

    private static bool HasConfig(SelectableNode node, Criterion criterion)
    {
        if (!node.Config.TryGetValue(criterion.Arguments[0], out var value)) return false;
        foreach (var key in criterion.Arguments.Skip(1))
        {
            if (value is not PythonDict dict || !dict.TryGet(key, out value)) return false;
        }

        return value is PythonSequence list ? list.Items.Any(item => IsValue(item, criterion)) : IsValue(value, criterion);
    }

    private static bool IsValue(object? value, Criterion criterion) => value switch
    {
        null or PythonDict => false,
        bool => string.Equals(Representation.Print(value), criterion.Value, StringComparison.OrdinalIgnoreCase),
        _ => string.Equals(Representation.Print(value), criterion.Value, criterion.Arguments is ["severity"] ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal),
    };

    private static Func<SelectableNode, bool> ResourceType(Criterion criterion, SelectableGraph graph, SelectionState state)
    {
        RequireOneOf(criterion, NodeKinds.All);
        if (criterion.Value == NodeKinds.Source) throw criterion.Fault("sources are not selected by 'resource_type'.", "Write 'source:*'.");
        return node => node.ResourceType == criterion.Value;
    }

    private static Func<SelectableNode, bool> TestType(Criterion criterion, SelectableGraph graph, SelectionState state)
    {
        RequireOneOf(criterion, ["generic", "singular", "data", "unit", "schema"]);
        return criterion.Value switch
        {
            "generic" or "schema" => node => node is { ResourceType: NodeKinds.Test, TestName: not null },
            "singular" => node => node is { ResourceType: NodeKinds.Test, TestName: null },
            "data" => node => node.ResourceType == NodeKinds.Test,
            _ => node => node.ResourceType == NodeKinds.UnitTest,
        };
    }

    private static Func<SelectableNode, bool> Access(Criterion criterion, SelectableGraph graph, SelectionState state)
    {
        RequireOneOf(criterion, ["public", "protected", "private"]);
        return node => node.ResourceType == NodeKinds.Model && (node.Access ?? "protected") == criterion.Value;
    }

    private static Func<SelectableNode, bool> Version(Criterion criterion, SelectableGraph graph, SelectionState state)
    {
        RequireOneOf(criterion, ["latest", "prerelease", "old", "none"]);
        return node => node.ResourceType == NodeKinds.Model && criterion.Value == (node is { Version: { } version, LatestVersion: { } latest }
            ? CompareVersions(version, latest) switch { 0 => "latest", > 0 => "prerelease", _ => "old" }
            : "none");
    }

    private static int CompareVersions(string version, string other) =>
        decimal.TryParse(version, NumberStyles.Number, CultureInfo.InvariantCulture, out var number) && decimal.TryParse(other, NumberStyles.Number, CultureInfo.InvariantCulture, out var otherNumber)
            ? number.CompareTo(otherNumber)
            : string.CompareOrdinal(version, other);

    private static Func<SelectableNode, bool> State(Criterion criterion, SelectableGraph graph, SelectionState state)
    {
        RequireOneOf(criterion, [
            "new", "old", "modified", "unmodified", "modified.body", "modified.configs", "modified.relation", "modified.persisted_descriptions", "modified.macros", "modified.contract",
        ]);
        var nodes = state.Nodes ?? throw criterion.Fault("there is no earlier manifest to compare with.", "Give the folder that has its manifest.json: --state.");
        var macros = new MacroComparison(graph.Macros, state.Macros);
        NodeChecksums? Old(SelectableNode node) => nodes.GetValueOrDefault(node.UniqueId);
        bool IsModified(SelectableNode node) => node.Checksums != Old(node) || macros.IsModified(node.MacroIds);
        Func<SelectableNode, bool> Part(Func<NodeChecksums, string> part) => node => Old(node) is not { } old || part(old) != part(node.Checksums);
        return criterion.Value switch
        {
            "new" => node => Old(node) is null,
            "old" => node => Old(node) is not null,
            "modified" => IsModified,
            "unmodified" => node => !IsModified(node),
            "modified.body" => Part(checksums => checksums.Body),
            "modified.configs" => Part(checksums => checksums.Configs),
            "modified.relation" => Part(checksums => checksums.Relation),
            "modified.persisted_descriptions" => Part(checksums => checksums.PersistedDescriptions),
            "modified.contract" => Part(checksums => checksums.Contract),
            _ => node => macros.IsModified(node.MacroIds),
        };
    }

    private static Func<SelectableNode, bool> Result(Criterion criterion, SelectableGraph graph, SelectionState state)
    {
        RequireOneOf(criterion, ["error", "fail", "skipped", "success", "warn", "pass"]);
        var results = state.Results ?? throw criterion.Fault("there are no earlier results to look at.", "Give the folder that has their run_results.json: --state.");
        return node => results.GetValueOrDefault(node.UniqueId) == criterion.Value;
    }

    private static Func<SelectableNode, bool> SourceStatus(Criterion criterion, SelectableGraph graph, SelectionState state)
    {
        RequireOneOf(criterion, ["fresher"]);
        var freshness = state.Freshness
            ?? throw criterion.Fault("there is no freshness to compare.", "Run 'source freshness', and give the folder that has an earlier sources.json: --state.");
        return node => freshness.Now.TryGetValue(node.UniqueId, out var now) && (!freshness.Before.TryGetValue(node.UniqueId, out var before) || now > before);
    }

    private static void RequireOneOf(Criterion criterion, IReadOnlyList<string> values)
    {
        if (!values.Contains(criterion.Value)) throw criterion.Fault($"'{criterion.Value}' is not a value of '{criterion.Method}'.", $"It is one of {string.Join(", ", values)}.");
    }

    /// <summary>Which macros differ from those before, and which call one that does.</summary>
    private sealed class MacroComparison(IReadOnlyDictionary<string, SelectableMacro> now, IReadOnlyDictionary<string, string> before)
    {
        public bool IsModified(IEnumerable<string> ids)
        {
            var seen = new HashSet<string>(StringComparer.Ordinal);
            var open = new Stack<string>(ids);
            while (open.TryPop(out var id))
            {
                if (!seen.Add(id)) continue;
                if (!now.TryGetValue(id, out var macro) || before.GetValueOrDefault(id) != macro.Checksum) return true;
                foreach (var called in macro.MacroIds) open.Push(called);
            }

            return false;
        }
    }
}
