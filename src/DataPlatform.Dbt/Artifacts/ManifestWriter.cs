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
            macros[macro.UniqueId] = new PythonDict
            {
                ["name"] = macro.Name,
                ["resource_type"] = "macro",
                ["package_name"] = macro.Package,
                ["path"] = macro.Path,
                ["original_file_path"] = macro.Path,
                ["unique_id"] = macro.UniqueId,
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
            docs[$"doc.{package}.{name}"] = new PythonDict
            {
                ["name"] = name,
                ["resource_type"] = "doc",
                ["package_name"] = package,
                ["path"] = path,
                ["original_file_path"] = path,
                ["unique_id"] = $"doc.{package}.{name}",
                ["block_contents"] = text,
            };
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
                ["env"] = new PythonDict(),
                ["project_name"] = project.Root.Name,
                ["project_id"] = Hashes.Md5(project.Root.Name),
                ["user_id"] = null,
                ["send_anonymous_usage_stats"] = false,
                ["adapter_type"] = state.AdapterType,
                ["quoting"] = new PythonDict { ["database"] = true, ["schema"] = true, ["identifier"] = true, ["column"] = null },
                ["run_started_at"] = Moment(state.StartedAt),
            },
            ["nodes"] = Described(state, compiled, node => node.Type is not (ResourceType.Source or ResourceType.Exposure)),
            ["sources"] = Described(state, compiled, node => node.Type == ResourceType.Source),
            ["macros"] = macros,
            ["docs"] = docs,
            ["exposures"] = Described(state, compiled, node => node.Type == ResourceType.Exposure),
            ["metrics"] = new PythonDict(),
            ["groups"] = new PythonDict(),
            ["selectors"] = new PythonDict(),
            ["disabled"] = disabled,
            ["parent_map"] = parents,
            ["child_map"] = children,
            ["group_map"] = new PythonDict(),
            ["saved_queries"] = new PythonDict(),
            ["semantic_models"] = new PythonDict(),
            ["unit_tests"] = new PythonDict(),
            ["functions"] = new PythonDict(),
        };
    }

    /// <summary><c>graph</c> of templates.</summary>
    public static PythonDict Graph(EngineState state, bool isExecuting) => new()
    {
        ["nodes"] = isExecuting ? Described(state, new Dictionary<string, string>(), node => node.Type is not (ResourceType.Source or ResourceType.Exposure or ResourceType.Operation)) : new PythonDict(),
        ["sources"] = isExecuting ? Described(state, new Dictionary<string, string>(), node => node.Type == ResourceType.Source) : new PythonDict(),
        ["exposures"] = isExecuting ? Described(state, new Dictionary<string, string>(), node => node.Type == ResourceType.Exposure) : new PythonDict(),
        ["metrics"] = new PythonDict(),
        ["groups"] = new PythonDict(),
        ["semantic_models"] = new PythonDict(),
        ["saved_queries"] = new PythonDict(),
    };

    /// <summary>One node: what <c>model</c> is in its templates.</summary>
    public static PythonDict Describe(EngineState state, DbtNode node, string? compiled = null)
    {
        var columns = new PythonDict();
        foreach (var column in node.Columns)
        {
            columns[column.Name] = new PythonDict
            {
                ["name"] = column.Name,
                ["description"] = column.Description,
                ["meta"] = column.Meta,
                ["data_type"] = column.DataType,
                ["constraints"] = new PythonList([]),
                ["quote"] = column.Quote,
                ["config"] = new PythonDict { ["meta"] = column.Meta, ["tags"] = new PythonList(column.Tags) },
                ["tags"] = new PythonList(column.Tags),
                ["granularity"] = null,
                ["doc_blocks"] = new PythonList([]),
            };
        }

        var values = new PythonDict
        {
            ["database"] = node.Database ?? state.Database,
            ["schema"] = node.Schema,
            ["name"] = node.Name,
            ["resource_type"] = node.TypeName,
            ["package_name"] = node.Package,
            ["path"] = node.Path,
            ["original_file_path"] = node.OriginalPath,
            ["unique_id"] = node.UniqueId,
            ["fqn"] = new PythonList(node.Fqn),
        };
        if (node.Type is not (ResourceType.Source or ResourceType.Exposure)) values["alias"] = node.Alias.Length > 0 ? node.Alias : node.Name;
        if (node.Type is not ResourceType.Exposure)
        {
            values["checksum"] = new PythonDict { ["name"] = node.Checksum.Length > 0 ? "sha256" : "none", ["checksum"] = node.Checksum };
        }

        var config = node.Config.ToDict();
        if (!config.Contains("enabled")) config["enabled"] = true;
        config["tags"] = new PythonList(node.Tags);
        config["meta"] = node.Config.Meta;
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
        values["group"] = null;
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
            values["refs"] = new PythonList(node.Refs.Select(key => (object?)new PythonDict { ["name"] = key.Name, ["package"] = key.Package, ["version"] = null }));
            values["sources"] = new PythonList(node.Sources.Select(key => (object?)new PythonList(new object?[] { key.Source, key.Table })));
            values["metrics"] = new PythonList([]);
            values["functions"] = new PythonList([]);
            values["compiled_path"] = compiled is null ? null : $"target/compiled/{node.Package}/{node.OriginalPath}";
        }

        values["depends_on"] = new PythonDict { ["macros"] = new PythonList(node.DependsOnMacros.Order(StringComparer.Ordinal)), ["nodes"] = new PythonList(node.DependsOn) };
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
            foreach (var (key, value) in new (string, object?)[] { ("access", "protected"), ("constraints", new PythonList([])), ("version", null), ("latest_version", null), ("deprecation_date", null), ("primary_key", new PythonList([])), ("time_spine", null) })
                values[key] = value;
        }

        if (node.Type is not (ResourceType.Source or ResourceType.Exposure)) values["contract"] = new PythonDict { ["enforced"] = false, ["alias_types"] = true, ["checksum"] = null };
        foreach (var (key, value) in node.Extra.Items) values[key] = value;
        return values;
    }

    public static string? RelationName(EngineState state, DbtNode node) =>
        node.IsEphemeral || node.Type is ResourceType.Operation or ResourceType.Exposure or ResourceType.Analysis || (node.Type == ResourceType.Test && !Run.TestRun.StoresFailures(node, state.Options))
            ? null
            : state.NewRelation(node).Print();

    public static string Moment(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", System.Globalization.CultureInfo.InvariantCulture);

    private static PythonDict Described(EngineState state, IReadOnlyDictionary<string, string> compiled, Func<DbtNode, bool> include) =>
        new(state.Project!.Nodes.Values.Where(include).Select(node => new KeyValuePair<string, object?>(node.UniqueId, Describe(state, node, compiled.GetValueOrDefault(node.UniqueId)))));

    private static PythonDict Docs() => new() { ["show"] = true, ["node_color"] = null };

    private static double CreatedAt(EngineState state) => state.StartedAt.ToUnixTimeMilliseconds() / 1000d;
}
