using System.Globalization;
using System.Text.RegularExpressions;
using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Project;

/// <summary>Reads the YAML files of a package: what they say of nodes, and the sources, snapshots, exposures and tests that they ask for.</summary>
internal sealed partial class SchemaReader(EngineState state, DbtProject project, ProjectFile package, Action<DbtNode> addNode, Func<ResourceType, string, string, DbtNode?> find, Action<DbtNode, string> rename)
{
    private static readonly string[] TestConfigs =
        ["severity", "warn_if", "error_if", "where", "limit", "fail_calc", "store_failures", "store_failures_as", "enabled", "tags", "meta", "alias", "database", "schema", "group"];

    private SemanticReader Semantics => field ??= new SemanticReader(package, addNode, Doc, TakeConfig, Check);

    public void Read()
    {
        var folders = new[] { ("model-paths", "models"), ("seed-paths", "seeds"), ("snapshot-paths", "snapshots"), ("analysis-paths", "analyses"), ("macro-paths", "macros"), ("test-paths", "tests") }
            .SelectMany(pair => package.Paths(pair.Item1, pair.Item2)).Distinct(StringComparer.Ordinal);
        foreach (var folder in folders)
        {
            var full = Path.Combine(package.Folder, folder);
            if (!Directory.Exists(full)) continue;
            foreach (var file in Directory.GetFiles(full, "*", SearchOption.AllDirectories).Where(file => file.EndsWith(".yml", StringComparison.Ordinal) || file.EndsWith(".yaml", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
            {
                var path = Path.GetRelativePath(package.Folder, file).Replace('\\', '/');
                if (YamlItem.Parse(File.ReadAllText(file), package.Label[..^ProjectFile.FileName.Length] + path) is { } yaml) ReadFile(yaml, path, path[(folder.Length + 1)..]);
            }
        }
    }

    private void ReadFile(YamlItem yaml, string path, string inFolder)
    {
        foreach (var (key, value) in yaml.Entries)
        {
            if (value.IsNull && key.Text != "version") continue;
            switch (key.Text)
            {
                case "version" or "anchors": break;
                case "groups": foreach (var group in value.Items) ReadGroup(group, path); break;
                case "semantic_models": foreach (var model in value.Items) Semantics.ReadSemanticModel(model, path, inFolder); break;
                case "metrics": foreach (var metric in value.Items) Semantics.ReadMetric(metric, path, inFolder); break;
                case "saved_queries": foreach (var query in value.Items) Semantics.ReadSavedQuery(query, path, inFolder); break;
                case "sources": foreach (var source in value.Items) ReadSource(source, path, inFolder); break;
                case "models": foreach (var model in value.Items) ReadPatch(model, ResourceType.Model, path, inFolder); break;
                case "seeds": foreach (var seed in value.Items) ReadPatch(seed, ResourceType.Seed, path, inFolder); break;
                case "snapshots": foreach (var snapshot in value.Items) ReadSnapshot(snapshot, path, inFolder); break;
                case "analyses": foreach (var analysis in value.Items) ReadPatch(analysis, ResourceType.Analysis, path, inFolder); break;
                case "data_tests" or "tests": foreach (var test in value.Items) ReadPatch(test, ResourceType.Test, path, inFolder); break;
                case "exposures": foreach (var exposure in value.Items) ReadExposure(exposure, path, inFolder); break;
                case "macros":
                    foreach (var macro in value.Items)
                        if (project.Macros.In(package.Name, macro.Require("name")) is { } found) found.Description = macro["description"]?.Text ?? "";
                    break;
                case "unit_tests": foreach (var test in value.Items) ReadUnitTest(test, path, inFolder); break;
                case "functions": throw key.Unsupported($"'{key.Text}' in schema files");
                default: state.Log("warn", $"{key.File}:{key.Line}: '{key.Text}' is no key of schema files, and has no effect."); break;
            }
        }
    }

    private void ReadSource(YamlItem yaml, string path, string inFolder)
    {
        Check(yaml, "a source", "name", "description", "database", "schema", "loader", "tables", "config", "meta", "tags", "freshness", "loaded_at_field", "loaded_at_query", "quoting", "overrides", "tests", "data_tests", "enabled");
        if (yaml["overrides"] is { } overrides) throw overrides.Unsupported("'overrides' of a source");
        var source = yaml.Require("name");
        foreach (var table in yaml["tables"]?.Items ?? [])
        {
            Check(table, "a table of a source", "name", "description", "identifier", "columns", "tests", "data_tests", "config", "meta", "tags", "freshness", "loaded_at_field", "loaded_at_query", "quoting", "external", "loader", "enabled");
            var name = table.Require("name");
            var node = new DbtNode
            {
                UniqueId = $"source.{package.Name}.{source}.{name}",
                Type = ResourceType.Source,
                Package = package.Name,
                Name = name,
                SourceName = source,
                Path = path,
                OriginalPath = path,
                Line = table.Line,
                Fqn = [package.Name, .. inFolder.Split('/')[..^1], source, name],
                Description = Doc(table["description"]),
                Database = Text(yaml["database"]),
                Schema = Text(yaml["schema"]) ?? source,
                Alias = Text(table["identifier"]) ?? name,
                Extra = new PythonDict
                {
                    ["source_description"] = Doc(yaml["description"]),
                    ["loader"] = Text(table["loader"] ?? yaml["loader"]) ?? "",
                    ["loaded_at_field"] = Text(table["loaded_at_field"] ?? yaml["loaded_at_field"]),
                    ["loaded_at_query"] = Text(table["loaded_at_query"] ?? yaml["loaded_at_query"]),
                    ["freshness"] = Freshness(yaml, table),
                    ["external"] = table["external"]?.ToValue(Render),
                },
            };
            node.QuotedParts = ProjectFile.Quoting(table["quoting"], ProjectFile.Quoting(yaml["quoting"], DbtRelation.AllParts, Render), Render);
            foreach (var level in new[] { yaml, table }) TakeConfig(node, level, "tags", "meta", "enabled");

            addNode(node);
            ReadColumns(node, Columns(table));
            ReadTests(node, table, Columns(table), path, inFolder);
        }
    }

    // A table's limits go over those of its source one by one; a null takes them all away.
    private PythonDict? Freshness(YamlItem source, YamlItem table)
    {
        var isSaid = table.Entries.FirstOrDefault(entry => entry.Key.Text == "freshness") is { Value: not null };
        if (isSaid && table["freshness"] is null) return null;
        var merged = source["freshness"]?.ToValue(Render) as PythonDict ?? new PythonDict();
        if (table["freshness"]?.ToValue(Render) is not PythonDict own) return merged;
        foreach (var (key, limit) in own.Items)
        {
            if (limit is PythonDict given && merged.TryGet(key, out var found) && found is PythonDict old)
                foreach (var (part, value) in given.Items) old[part] = value;
            else
                merged[key] = limit;
        }

        return merged;
    }

    private void ReadSnapshot(YamlItem yaml, string path, string inFolder)
    {
        if (yaml["relation"] is { } relation)
        {
            var name = yaml.Require("name");
            var code = $"select * from {{{{ {relation.Text} }}}}";
            addNode(new DbtNode
            {
                UniqueId = $"snapshot.{package.Name}.{name}",
                Type = ResourceType.Snapshot,
                Package = package.Name,
                Name = name,
                Path = $"{inFolder}/{name}.sql",
                OriginalPath = path,
                Line = yaml.Line,
                Fqn = [package.Name, .. inFolder.Split('/')[..^1], name],
                RawCode = code,
                Checksum = Hashes.Sha256(code),
            });
        }

        ReadPatch(yaml, ResourceType.Snapshot, path, inFolder);
    }

    private void ReadPatch(YamlItem yaml, ResourceType type, string path, string inFolder)
    {
        Check(yaml, $"a {DbtNode.NameOf(type)}", "name", "description", "columns", "config", "meta", "tags", "tests", "data_tests", "docs", "relation", "access", "group", "constraints", "enabled", "deprecation_date", "time_spine", "versions", "latest_version");
        var name = yaml.Require("name");
        if (type == ResourceType.Model && yaml["versions"] is { } versions)
        {
            var latest = yaml["latest_version"]?.ToValue() ?? Latest(versions);
            foreach (var version in versions.Items) ReadVersion(yaml, version, latest, path, inFolder);
            return;
        }

        if (find(type, package.Name, name) is not { } node)
        {
            // The tests are read all the same.
            if (type is ResourceType.Model && (find(ResourceType.Seed, package.Name, name) ?? find(ResourceType.Snapshot, package.Name, name)) is { } misplaced)
            {
                state.Log("warn", $"{yaml.File}:{yaml.Line}: '{name}' is a {misplaced.TypeName}, and described among models: its configuration there has no effect.");
                if (misplaced.Columns.Count > 0) return;
                ReadColumns(misplaced, Columns(yaml));
                ReadTests(misplaced, yaml, Columns(yaml), path, inFolder);
                return;
            }

            state.Log("warn", $"{yaml.File}:{yaml.Line}: did not find matching node for patch with name '{name}' in the '{DbtNode.NameOf(type)}s' section");
            return;
        }

        Patch(node, yaml, path);
        ReadColumns(node, Columns(yaml));
        ReadTests(node, yaml, Columns(yaml), path, inFolder);
    }

    private static IEnumerable<YamlItem> Columns(YamlItem yaml) => yaml["columns"]?.Items ?? [];

    /// <summary>The highest version.</summary>
    private static object? Latest(YamlItem versions)
    {
        var values = versions.Items.Select(version => (version["v"] ?? throw version.Fault("'v' is missing here.")).ToValue()).ToList();
        return values.TrueForAll(Numbers.IsNumber) ? values.MaxBy(value => Convert.ToDouble(value, CultureInfo.InvariantCulture)) : values.Select(Representation.Print).Max(StringComparer.Ordinal);
    }

    /// <summary>Makes a version of a model of the file that it is in, by default <c>name_v1</c> for 1.</summary>
    private void ReadVersion(YamlItem yaml, YamlItem version, object? latest, string path, string inFolder)
    {
        Check(version, "a version", "v", "defined_in", "description", "columns", "config", "tests", "data_tests", "docs", "access", "constraints", "deprecation_date");
        var (name, value) = (yaml.Require("name"), (version["v"] ?? throw version.Fault("'v' is missing here.")).ToValue());
        var (v, isLatest) = (Representation.Print(value), Representation.Print(value) == Representation.Print(latest));
        var file = version["defined_in"]?.Text ?? $"{name}_v{v}";
        var node = find(ResourceType.Model, package.Name, file) ?? (isLatest && version["defined_in"] is null ? find(ResourceType.Model, package.Name, name) : null)
            ?? throw version.Fault($"version {v} of '{name}' is in no model '{file}'.", "Name its file so, or say with defined_in which it is.");
        rename(node, $"model.{package.Name}.{name}.v{v}");
        (node.Name, node.Version, node.LatestVersion, node.Fqn) = (name, value, latest, [.. node.Fqn.SkipLast(1), name, $"v{v}"]);
        Patch(node, yaml, path);
        if (version["description"] is { } description) node.Description = Doc(description);
        if (version["constraints"] is { } constraints) node.Constraints = ReadConstraints(constraints);
        TakeConfig(node, version, "access");
        // All columns of the model, unless the version says which, and its own over them.
        var chosen = Columns(version).FirstOrDefault(column => column["include"] is not null || column["exclude"] is not null);
        var own = Columns(version).Where(column => column["name"] is not null).ToList();
        var columns = Columns(yaml).Where(column => Includes(column.Require("name")) && !own.Exists(other => other.Require("name") == column.Require("name"))).Concat(own).ToList();
        ReadColumns(node, columns);
        ReadTests(node, version["data_tests"] is not null || version["tests"] is not null ? version : yaml, columns, path, inFolder);

        bool Includes(string column) => chosen is null
            || ((chosen["include"] is not { } include || include is { IsList: false, Text: "all" or "*" } || include.Texts.Contains(column, StringComparer.Ordinal)) && chosen["exclude"]?.Texts.Contains(column, StringComparer.Ordinal) != true);
    }

    private void Patch(DbtNode node, YamlItem yaml, string path)
    {
        if (node.PatchPath is { } other) throw yaml.Fault($"'{node.Name}' is described twice: in {other} too.", "Keep one of them.");
        node.PatchPath = $"{package.Name}://{path}";
        node.Description = Doc(yaml["description"]);
        if (yaml["time_spine"] is { } spine) node.Extra["time_spine"] = spine.ToValue(Render);
        node.Constraints = ReadConstraints(yaml["constraints"]);
        TakeConfig(node, yaml, "tags", "meta", "access", "group", "enabled");
    }

    private void ReadExposure(YamlItem yaml, string path, string inFolder)
    {
        Check(yaml, "an exposure", "name", "description", "type", "owner", "url", "maturity", "depends_on", "tags", "meta", "label", "config", "enabled", "group");
        // Rendered, the code gives what the exposure reads.
        addNode(Semantics.NewNode(ResourceType.Exposure, yaml, path, inFolder, string.Concat((yaml["depends_on"]?.Items ?? []).Select(item => $"{{{{ {item.Text} }}}}")), new PythonDict
        {
            ["type"] = yaml.Require("type"),
            ["owner"] = (yaml["owner"] ?? throw yaml.Fault("'owner' is missing here.")).ToValue(Render),
            ["url"] = Text(yaml["url"]),
            ["maturity"] = Text(yaml["maturity"]),
            ["label"] = Text(yaml["label"]),
        }));
    }

    private void ReadUnitTest(YamlItem yaml, string path, string inFolder)
    {
        Check(yaml, "a unit test", "name", "description", "model", "given", "expect", "overrides", "config", "versions", "tags", "meta", "enabled");
        if (yaml["versions"] is { } versions)
            foreach (var (key, value) in versions.Entries)
                if (key.Text is not ("include" or "exclude") || !value.IsList) throw key.Fault("the versions of a unit test are a list under 'include' or 'exclude'.");
        var (name, test) = (yaml.Require("name"), UnitTest.Read(yaml, FindSeed, FindFixture));
        var node = new DbtNode
        {
            UniqueId = $"unit_test.{package.Name}.{test.Model}.{name}",
            Type = ResourceType.UnitTest,
            Package = package.Name,
            Name = name,
            Path = inFolder,
            OriginalPath = path,
            Line = yaml.Line,
            Fqn = [package.Name, .. inFolder.Split('/')[..^1], test.Model, name],
            Description = Doc(yaml["description"]),
            UnitTest = test,
            Checksum = Hashes.Sha256(Representation.Of(yaml.ToValue())),
            Extra = new PythonDict
            {
                ["model"] = test.Model,
                ["given"] = yaml["given"]?.ToValue() ?? new PythonList([]),
                ["expect"] = yaml["expect"]!.ToValue(),
                ["overrides"] = test.Overrides,
                ["versions"] = test.Versions,
                ["version"] = null,
            },
        };
        TakeConfig(node, yaml, "tags", "meta", "enabled");
        addNode(node);

        string? FindSeed(string input) => SeedName().Match(input) is { Success: true } match ? find(ResourceType.Seed, package.Name, match.Groups[1].Value)?.File : null;

        string? FindFixture(string fixture, string extension) => package.Paths("test-paths", "tests").Select(folder => Path.Combine(package.Folder, folder, "fixtures")).Where(Directory.Exists)
            .SelectMany(folder => Directory.GetFiles(folder, fixture + extension, SearchOption.AllDirectories)).FirstOrDefault();
    }

    private void ReadGroup(YamlItem yaml, string path)
    {
        Check(yaml, "a group", "name", "owner", "description", "config");
        var owner = yaml["owner"] ?? throw yaml.Fault("'owner' is missing here.");
        if (owner["name"] is null && owner["email"] is null) throw owner.Fault("the owner of a group needs a name or an email.");
        var group = new DbtGroup(package.Name, yaml.Require("name"), path, Doc(yaml["description"]), (PythonDict)owner.ToValue()!, yaml["config"]?["meta"]?.ToValue() as PythonDict ?? new PythonDict());
        if (!project.Groups.TryAdd(group.Name, group)) throw yaml.Fault($"the group '{group.Name}' is defined in {project.Groups[group.Name].Path} already.", "Give one of them another name.");
    }

    /// <summary>Warns of keys that dbt does not know either: they have no effect.</summary>
    private void Check(YamlItem yaml, string what, params string[] keys)
    {
        foreach (var (key, _) in yaml.Entries)
            if (Array.IndexOf(keys, key.Text) < 0) state.Log("warn", $"{key.File}:{key.Line}: '{key.Text}' is no key of {what}, and has no effect.");
    }

    private void ReadColumns(DbtNode node, IEnumerable<YamlItem> columns)
    {
        foreach (var column in columns)
        {
            Check(column, "a column", "name", "description", "data_type", "meta", "tags", "tests", "data_tests", "quote", "constraints", "config", "policy_tags", "granularity", "dimension", "entity");
            node.Columns.Add(new ColumnDoc(
                column.Require("name"), Doc(column["description"]), Text(column["data_type"]), (column["meta"] ?? column["config"]?["meta"])?.ToValue(Render) as PythonDict ?? new PythonDict(),
                [.. Texts(column["tags"] ?? column["config"]?["tags"])], column["quote"]?.ToValue(Render) as bool?, ReadConstraints(column["constraints"])));
        }
    }

    private PythonList ReadConstraints(YamlItem? yaml) => new((yaml?.Items ?? []).Select(constraint =>
    {
        Check(constraint, "a constraint", "type", "name", "expression", "columns", "to", "to_columns", "warn_unenforced", "warn_unsupported");
        if (constraint.Require("type") is not ("check" or "not_null" or "unique" or "primary_key" or "foreign_key" or "custom"))
            throw constraint["type"]!.Fault($"the type of a constraint is check, not_null, unique, primary_key, foreign_key or custom, not '{constraint["type"]!.Text}'.");
        return constraint.ToValue(Render);
    }));

    private void ReadTests(DbtNode node, YamlItem yaml, IEnumerable<YamlItem> columns, string path, string inFolder)
    {
        foreach (var test in Tests(yaml)) AddTest(node, test, column: null, path, inFolder);
        var place = 0;
        foreach (var column in columns)
        {
            var doc = node.Columns[place++];
            foreach (var test in Tests(column)) AddTest(node, test, doc, path, inFolder);
        }

        static IEnumerable<YamlItem> Tests(YamlItem owner)
        {
            if (owner["tests"] is not null && owner["data_tests"] is { } twice) throw twice.Fault("'tests' and 'data_tests' are both here: they are the same.", "Keep data_tests.");
            return (owner["data_tests"] ?? owner["tests"])?.Items ?? [];
        }
    }

    private void AddTest(DbtNode node, YamlItem yaml, ColumnDoc? column, string path, string inFolder)
    {
        var (written, body) = yaml.IsMap ? Unfold(yaml) : (yaml.Text, null);
        var dot = written.IndexOf('.', StringComparison.Ordinal);
        var (space, name) = dot < 0 ? (null, written) : (written[..dot], written[(dot + 1)..]);
        var (arguments, config) = (new PythonDict(), new Dictionary<string, object?>(StringComparer.Ordinal));
        var (custom, description) = ((string?)null, "");
        foreach (var (key, value) in body is null || body.IsNull ? [] : body.Entries)
        {
            switch (key.Text)
            {
                case "test_name": break;
                case "name": custom = value.Text; break;
                case "description": description = Doc(value); break;
                case "arguments":
                    foreach (var (inner, argument) in value.IsNull ? [] : value.Entries) arguments[inner.Text] = argument.ToValue();
                    break;
                case "config":
                    foreach (var (inner, setting) in value.IsNull ? [] : value.Entries) config[inner.Text] = setting.ToValue(Render);
                    break;
                case var setting when Array.IndexOf(TestConfigs, setting) >= 0: config[setting] = value.ToValue(Render); break;
                default: arguments[key.Text] = value.ToValue(); break;
            }
        }

        if (column is not null) arguments["column_name"] = column.Quote == true ? Warehouses.TableName.Quote(column.Name) : column.Name;
        var isSource = node.Type == ResourceType.Source;
        var kind = (isSource ? "source_" : "") + (space is null ? name : $"{space}_{name}");
        var (full, brief) = TestNames.Create(kind, isSource ? $"{node.SourceName}_{node.Name}" : node.Version is null ? node.Name : $"{node.Name}_v{Representation.Print(node.Version)}", arguments);
        if (custom is not null) (full, brief) = (custom, custom);
        var target = isSource ? $"source('{node.SourceName}', '{node.Name}')" : node.Version is null ? $"ref('{node.Name}')" : $"ref('{node.Name}', version='{Representation.Print(node.Version)}')";
        arguments["model"] = $"{{{{ get_where_subquery({target}) }}}}";
        var code = $"{{{{ {(space is null ? "" : space + ".")}test_{name}(**_dbt_generic_test_kwargs) }}}}";
        if (full != brief) config.TryAdd("alias", brief);
        var testNode = new DbtNode
        {
            UniqueId = $"test.{package.Name}.{full}.{TestNames.Hash(full, space, name, arguments)}",
            Type = ResourceType.Test,
            Package = package.Name,
            Name = full,
            Path = $"{brief}.sql",
            OriginalPath = path,
            Line = yaml.Line,
            Fqn = [package.Name, .. inFolder.Split('/')[..^1], full],
            RawCode = code,
            Checksum = "",
            Test = new GenericTest(space, name, arguments, column?.Name, node.Name),
            AttachedNode = node.UniqueId,
            Description = description,
        };
        // A test has the tags of what it tests.
        if (column is not null && column.Tags.Count > 0) testNode.PatchConfig["tags"] = new PythonList(column.Tags);
        foreach (var (key, value) in config)
            testNode.PatchConfig[key] = key == "tags" && testNode.PatchConfig.TryGetValue(key, out var tags) ? new PythonList([.. ((PythonList)tags!).Items, .. value is PythonSequence list ? list.Items : [value]]) : value;
        addNode(testNode);
    }

    /// <summary>A test in a map: its name is the one key, or under <c>test_name</c>.</summary>
    private static (string Name, YamlItem Body) Unfold(YamlItem yaml)
    {
        if (yaml["test_name"] is { } named) return (named.Text, yaml);
        var entries = yaml.Entries.ToList();
        if (entries.Count == 1) return (entries[0].Key.Text, entries[0].Value);
        // What stands beside the test's name, at the same indentation, is refused by dbt too.
        throw yaml.Fault($"a test is one key with its arguments below it, and there are {entries.Count} keys: {string.Join(", ", entries.Select(entry => entry.Key.Text))}.", "Indent the arguments below the test's name.");
    }

    private void TakeConfig(DbtNode node, YamlItem yaml, params string[] outside)
    {
        var taken = new NodeConfig();
        taken.Merge(node.PatchConfig);
        taken.Merge(outside.Where(key => yaml[key] is not null).Select(key => new KeyValuePair<string, object?>(key, yaml[key]!.ToValue(Render))));
        foreach (var (key, value) in yaml["config"]?.Entries ?? [])
            taken.Merge([new(key.Text, key.Text is "pre_hook" or "post_hook" or "pre-hook" or "post-hook" ? value.ToValue() : value.ToValue(Render))]);
        foreach (var (key, value) in taken.Values) node.PatchConfig[key] = value;
    }

    private string? Text(YamlItem? item) => item is null ? null : Representation.Print(item.ToValue(Render));

    private IEnumerable<string> Texts(YamlItem? item) => item is null ? [] : (item.IsList ? item.Items : [item]).Select(part => Text(part)!);

    private object? Render(YamlItem item, string text) => state.Evaluate(text, item.File, item.Line, NewNames);

    private NodeContext NewNames() => new(state, package.Name);

    private string Doc(YamlItem? item)
    {
        if (item is null) return "";
        // Only docs blocks are put into descriptions: other braces are text in them.
        return DocCall().Replace(item.Text, match => Representation.Print(state.Evaluate(match.Value, item.File, item.Line, NewNames)));
    }

    [GeneratedRegex("""^\s*ref\(\s*['"](\w+)['"]\s*\)\s*$""")]
    private static partial Regex SeedName();

    [GeneratedRegex(@"\{\{\s*doc\([^}]*\)\s*\}\}")]
    private static partial Regex DocCall();
}
