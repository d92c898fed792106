using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;

namespace DataPlatform.Dbt.Artifacts;

/// <summary>What is known of a project, in the form of dbt's <c>manifest.json</c>, version 12.</summary>
internal static class ManifestWriter
{
    public static PythonDict Write(EngineState state, IReadOnlyDictionary<string, string> compiled)
    {
        var project = state.Project!;
        var macros = new PythonDict();
        foreach (var macro in project.Macros.All)
        {
            macros[macro.UniqueId] = new PythonDict(Identity(macro.UniqueId, "macro", macro.Package, macro.Name, macro.Path, macro.Path))
            {
                ["macro_sql"] = macro.Definition.Text,
                ["depends_on"] = new PythonDict { ["macros"] = new PythonList([]) },
                ["description"] = macro.Description,
                ["meta"] = new PythonDict(),
                ["docs"] = Docs(),
                ["config"] = new PythonDict { ["meta"] = new PythonDict(), ["docs"] = Docs() },
                ["patch_path"] = null,
                ["arguments"] = new PythonList([]),
                ["created_at"] = CreatedAt(state),
                ["supported_languages"] = null,
            };
        }

        var docs = new PythonDict();
        foreach (var ((package, name), (text, path)) in project.Docs)
        {
            var id = $"doc.{package}.{name}";
            docs[id] = new PythonDict(Identity(id, "doc", package, name, path, path)) { ["block_contents"] = text };
        }

        var disabled = new PythonDict();
        foreach (var node in project.Disabled) disabled[node.UniqueId] = new PythonList([Describe(state, node)]);
        var (parents, children) = (new PythonDict(), new PythonDict());
        foreach (var node in project.Nodes.Values)
        {
            parents[node.UniqueId] = new PythonList(node.DependsOn);
            children[node.UniqueId] = new PythonList(project.Nodes.Values.Where(other => other.DependsOn.Contains(node.UniqueId)).Select(other => other.UniqueId));
        }

        return new PythonDict
        {
            ["metadata"] = new PythonDict
            {
                ["dbt_schema_version"] = "https://schemas.getdbt.com/dbt/manifest/v12.json",
                ["dbt_version"] = ProjectFile.DbtVersion,
                ["generated_at"] = Moment(state.Options.Time.GetUtcNow()),
                ["invocation_id"] = state.InvocationId,
                ["invocation_started_at"] = Moment(state.StartedAt),
                ["env"] = state.Options.Metadata,
                ["project_name"] = project.Root.Name,
                ["project_id"] = Hashes.Md5(project.Root.Name),
                ["user_id"] = null,
                ["send_anonymous_usage_stats"] = false,
                ["adapter_type"] = state.AdapterType,
                ["quoting"] = new PythonDict { ["database"] = true, ["schema"] = true, ["identifier"] = true, ["column"] = null },
                ["run_started_at"] = Moment(state.StartedAt),
            },
            ["nodes"] = Described(state, compiled, IsInNodes),
            ["sources"] = Described(state, compiled, node => node.Type == ResourceType.Source),
            ["macros"] = macros,
            ["docs"] = docs,
            ["exposures"] = Described(state, compiled, node => node.Type == ResourceType.Exposure),
            ["metrics"] = Described(state, compiled, node => node.Type == ResourceType.Metric),
            ["groups"] = Groups(project),
            ["selectors"] = new PythonDict(),
            ["disabled"] = disabled,
            ["parent_map"] = parents,
            ["child_map"] = children,
            ["group_map"] = new PythonDict(project.Groups.Keys.Select(group => new KeyValuePair<string, object?>(group, new PythonList(project.Nodes.Values.Where(node => node.Group == group).Select(node => node.UniqueId))))),
            ["saved_queries"] = Described(state, compiled, node => node.Type == ResourceType.SavedQuery),
            ["semantic_models"] = Described(state, compiled, node => node.Type == ResourceType.SemanticModel),
            ["unit_tests"] = Described(state, compiled, node => node.Type == ResourceType.UnitTest),
            ["functions"] = new PythonDict(),
        };
    }

    /// <summary><c>graph</c> of templates.</summary>
    public static PythonDict Graph(EngineState state) => Graph(include => Described(state, new Dictionary<string, string>(), include), Groups(state.Project!));

    /// <summary><c>graph</c> of templates while the project is read.</summary>
    public static PythonDict EmptyGraph() => Graph(_ => new PythonDict(), new PythonDict());

    private static PythonDict Graph(Func<Func<DbtNode, bool>, PythonDict> seen, PythonDict groups) => new()
    {
        ["nodes"] = seen(node => IsInNodes(node) && node.Type != ResourceType.Operation),
        ["sources"] = seen(node => node.Type == ResourceType.Source),
        ["exposures"] = seen(node => node.Type == ResourceType.Exposure),
        ["metrics"] = seen(node => node.Type == ResourceType.Metric),
        ["groups"] = groups,
        ["semantic_models"] = seen(node => node.Type == ResourceType.SemanticModel),
        ["saved_queries"] = seen(node => node.Type == ResourceType.SavedQuery),
    };

    /// <summary>One node: what <c>model</c> is in its templates.</summary>
    public static PythonDict Describe(EngineState state, DbtNode node, string? compiled = null)
    {
        if (node.IsDescription || node.Type == ResourceType.UnitTest) return DescribeBriefly(state, node);
        var columns = new PythonDict();
        foreach (var column in node.Columns)
        {
            columns[column.Name] = new PythonDict
            {
                ["name"] = column.Name,
                ["description"] = column.Description,
                ["meta"] = column.Meta,
                ["data_type"] = column.DataType,
                ["constraints"] = column.Constraints,
                ["quote"] = column.Quote,
                ["config"] = new PythonDict { ["meta"] = column.Meta, ["tags"] = new PythonList(column.Tags) },
                ["tags"] = new PythonList(column.Tags),
                ["granularity"] = null,
                ["doc_blocks"] = new PythonList([]),
            };
        }

        var values = new PythonDict(Identity(node))
        {
            ["database"] = node.Database ?? state.Database,
            ["schema"] = node.Schema,
            ["fqn"] = new PythonList(node.Fqn),
        };
        if (node.Type != ResourceType.Source) values["alias"] = node.Alias.Length > 0 ? node.Alias : node.Name;
        values["checksum"] = new PythonDict { ["name"] = node.Checksum.Length > 0 ? "sha256" : "none", ["checksum"] = node.Checksum };
        var config = ConfigDefaults.Fill(node);
        foreach (var key in new[] { "pre-hook", "post-hook" })
        {
            if (node.Type is ResourceType.Model or ResourceType.Seed or ResourceType.Snapshot)
                config[key] = new PythonList(Run.Hooks.Read(node, key).Select(hook => (object?)new PythonDict { ["sql"] = hook.Sql, ["transaction"] = hook.IsInside, ["index"] = null }));
        }

        values["config"] = config;
        values["tags"] = new PythonList(node.Tags);
        values["description"] = node.Description;
        values["columns"] = columns;
        values["meta"] = node.Config.Meta;
        values["group"] = node.Group;
        values["docs"] = Docs();
        values["patch_path"] = node.PatchPath;
        values["build_path"] = null;
        values["unrendered_config"] = new PythonDict();
        values["created_at"] = CreatedAt(state);
        values["relation_name"] = RelationName(state, node);
        values["raw_code"] = node.RawCode;
        values["doc_blocks"] = new PythonList([]);
        if (node.Type is ResourceType.Seed) values["root_path"] = state.Project?.Packages.Find(package => package.Name == node.Package)?.Folder;
        else
        {
            values["language"] = "sql";
            values["refs"] = Refs(node);
            values["sources"] = Sources(node);
            values["metrics"] = new PythonList([]);
            values["functions"] = new PythonList([]);
            values["compiled_path"] = compiled is null ? null : TargetFiles.PathOf(state, TargetFiles.Compiled, node);
        }

        values["depends_on"] = new PythonDict { ["macros"] = new PythonList(node.Macros), ["nodes"] = new PythonList(node.DependsOn) };
        if (compiled is not null)
        {
            values["compiled"] = true;
            values["compiled_code"] = compiled;
            values["extra_ctes_injected"] = true;
            values["extra_ctes"] = new PythonList([]);
        }

        if (node.Test is { } test)
        {
            values["test_metadata"] = new PythonDict { ["name"] = test.Name, ["kwargs"] = test.Arguments, ["namespace"] = test.Namespace };
            values["column_name"] = test.ColumnName;
            values["file_key_name"] = node.AttachedNode is null ? null : $"{node.AttachedNode[..node.AttachedNode.IndexOf('.', StringComparison.Ordinal)]}s.{test.AttachedName}";
            values["attached_node"] = node.AttachedNode;
        }

        if (node.Type == ResourceType.Source)
        {
            values["source_name"] = node.SourceName;
            values["identifier"] = node.Alias;
            values["quoting"] = new PythonDict { ["database"] = null, ["schema"] = null, ["identifier"] = null, ["column"] = null };
            values["source_meta"] = node.Config.Meta;
            values["external"] = null;
        }

        if (node.Type == ResourceType.Model)
        {
            foreach (var (key, value) in new (string, object?)[] { ("access", node.Access), ("constraints", node.Constraints), ("version", node.Version), ("latest_version", node.LatestVersion), ("deprecation_date", null), ("primary_key", new PythonList([])), ("time_spine", null) })
                values[key] = value;
        }

        if (node.Type != ResourceType.Source) values["contract"] = new PythonDict { ["enforced"] = Run.Constraints.IsEnforced(node), ["alias_types"] = true, ["checksum"] = ContractChecksum(node) };
        foreach (var (key, value) in node.Extra.Items) values[key] = value;
        if (node.Type == ResourceType.Source)
            foreach (var key in new[] { "freshness", "loaded_at_field", "loaded_at_query" }) values[key] = config.Get(key);
        return values;
    }

    private static string? ContractChecksum(DbtNode node) => Run.Constraints.IsEnforced(node)
        ? Hashes.Sha256(string.Join('\n', node.Columns.Select(column => $"{column.Name.ToLowerInvariant()} {column.DataType} {Representation.Of(column.Constraints)}")) + Representation.Of(node.Constraints))
        : null;

    private static PythonDict DescribeBriefly(EngineState state, DbtNode node)
    {
        var values = new PythonDict(Identity(node))
        {
            ["fqn"] = new PythonList(node.Fqn),
            ["description"] = node.Description,
        };
        foreach (var (key, value) in node.Extra.Items) values[key] = value;
        values["meta"] = node.Config.Meta;
        values["tags"] = new PythonList(node.Tags);
        values["config"] = ConfigDefaults.Fill(node);
        values["unrendered_config"] = new PythonDict();
        values["group"] = node.Group;
        values["refs"] = Refs(node);
        values["sources"] = Sources(node);
        values["metrics"] = new PythonList(node.Needs.Where(need => need.Type == ResourceType.Metric).Select(need => (object?)new PythonList(new object?[] { need.Name })));
        values["depends_on"] = new PythonDict { ["macros"] = new PythonList([]), ["nodes"] = new PythonList(node.DependsOn) };
        values["created_at"] = CreatedAt(state);
        if (node.Type == ResourceType.SemanticModel && state.Project!.Nodes.GetValueOrDefault(node.DependsOn.FirstOrDefault() ?? "") is { } model)
            values["node_relation"] = new PythonDict { ["alias"] = model.Alias, ["schema_name"] = model.Schema, ["database"] = model.Database, ["relation_name"] = RelationName(state, model) };
        return values;
    }

    private static KeyValuePair<string, object?>[] Identity(DbtNode node) => Identity(node.UniqueId, node.TypeName, node.Package, node.Name, node.Path, node.OriginalPath);

    private static KeyValuePair<string, object?>[] Identity(string id, string type, string package, string name, string path, string originalPath) =>
    [
        new("name", name), new("resource_type", type), new("package_name", package), new("path", path), new("original_file_path", originalPath), new("unique_id", id),
    ];

    private static PythonList Refs(DbtNode node) => new(node.Refs.Select(key => (object?)new PythonDict { ["name"] = key.Name, ["package"] = key.Package, ["version"] = key.Version }));

    private static PythonList Sources(DbtNode node) => new(node.Sources.Select(key => (object?)new PythonList(new object?[] { key.Source, key.Table })));

    private static PythonDict Groups(DbtProject project) => new(project.Groups.Values.Select(group => new KeyValuePair<string, object?>(group.UniqueId, new PythonDict(Identity(group.UniqueId, "group", group.Package, group.Name, group.Path, group.Path))
    {
        ["owner"] = group.Owner,
        ["description"] = group.Description,
        ["config"] = new PythonDict { ["meta"] = group.Meta },
    })));

    private static bool IsInNodes(DbtNode node) => !node.IsDescription && node.Type is not (ResourceType.Source or ResourceType.UnitTest);

    public static string? RelationName(EngineState state, DbtNode node) =>
        node.IsEphemeral || node.IsDescription || node.Type is ResourceType.Operation or ResourceType.UnitTest or ResourceType.Analysis || (node.Type == ResourceType.Test && !Run.TestRun.StoresFailures(node, state.Options))
            ? null
            : state.NewRelation(node).Print();

    public static string Moment(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", System.Globalization.CultureInfo.InvariantCulture);

    private static PythonDict Described(EngineState state, IReadOnlyDictionary<string, string> compiled, Func<DbtNode, bool> include) =>
        new(state.Project!.Nodes.Values.Where(include).Select(node => new KeyValuePair<string, object?>(node.UniqueId, Describe(state, node, compiled.GetValueOrDefault(node.UniqueId)))));

    private static PythonDict Docs() => new() { ["show"] = true, ["node_color"] = null };

    private static double CreatedAt(EngineState state) => state.StartedAt.ToUnixTimeMilliseconds() / 1000d;
}
