using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Project;

/// <summary>Reads a project and its packages, and finds out what each node reads.</summary>
internal sealed class ProjectLoader
{
    private static readonly string[] RefusedStrategies = ["insert_overwrite"];

    /// <summary>What a query is called that the command line brings.</summary>
    public const string InlineName = "inline_query";

    private const string MicrobatchStrategy = "microbatch";

    private const string Python = ".py";

    private static readonly string[] HookKinds = ["pre-hook", "post-hook"];

    private readonly EngineState _state;
    private readonly CancellationToken _cancellationToken;
    private readonly List<DbtNode> _nodes = [];
    private readonly Dictionary<string, DbtNode> _byId = new(StringComparer.Ordinal);
    private DbtProject _project = null!;

    private ProjectLoader(EngineState state, CancellationToken cancellationToken) => (_state, _cancellationToken) = (state, cancellationToken);

    /// <exception cref="DataPlatformException">The project is wrong, or asks for what is not supported.</exception>
    public static DbtProject Load(EngineState state, CancellationToken cancellationToken) => new ProjectLoader(state, cancellationToken).Load();

    private DbtProject Load()
    {
        var folder = Path.GetFullPath(_state.Options.ProjectFolder);
        var root = ProjectFile.Load(folder, "", Renderer(""));
        _project = new DbtProject(root, new MacroTable(root.Name, root.SearchOrders.GetValueOrDefault(MacroTable.Dbt) ?? []));
        AddPackages(folder, root);
        foreach (var package in _project.Packages) ReadMacros(package);
        _state.Project = _project;
        foreach (var package in _project.Packages) ReadNodes(package);
        foreach (var package in _project.Packages) new SchemaReader(_state, _project, package, AddNode, Find, Rename).Read();
        foreach (var package in _project.Packages) AddHooks(package);
        if (_state.Options.Inline is { } query) AddNode(NewNode(root, ResourceType.Analysis, InlineName, InlineName, InlineName, query));
        foreach (var node in _nodes) Guard(node, () => Configure(node));
        Link();
        CheckNames();
        CheckCycles();
        CheckInputs();
        return _project;
    }

    private Func<YamlItem, string, object?> Renderer(string package) => (item, text) => _state.Evaluate(text, item.File, item.Line, () => new NodeContext(_state, package, cancellationToken: _cancellationToken));

    /// <summary>The folders of the packages that a project asks for, and what to call them.</summary>
    /// <exception cref="DataPlatformException">Some are not there.</exception>
    public static IReadOnlyList<(string Path, string Label)> FindPackages(string folder, string packagesFolder)
    {
        var folders = new List<(string Path, string Label)>();
        var needsInstalled = new List<YamlItem>();
        foreach (var file in new[] { "packages.yml", "dependencies.yml" })
        {
            if (!File.Exists(Path.Combine(folder, file))) continue;
            foreach (var entry in YamlItem.Parse(File.ReadAllText(Path.Combine(folder, file)), file)?["packages"]?.Items ?? [])
            {
                if (entry["local"] is { } local) folders.Add((Path.GetFullPath(Path.Combine(folder, local.Text)), local.Text.TrimEnd('/') + "/"));
                else needsInstalled.Add(entry);
            }
        }

        var installed = Path.Combine(folder, packagesFolder);
        if (Directory.Exists(installed))
            folders.AddRange(Directory.GetDirectories(installed).Where(path => File.Exists(Path.Combine(path, ProjectFile.FileName))).Order(StringComparer.Ordinal)
                .Select(path => (path, $"{packagesFolder}/{Path.GetFileName(path)}/")));
        if (needsInstalled.Count > folders.Count(package => package.Path.StartsWith(installed, StringComparison.Ordinal)))
            throw needsInstalled[0].Fault($"{needsInstalled.Count} packages are to be installed, and {packagesFolder} does not have them all.", "Run `dbt deps` once, with dbt itself, and keep the folder, or copy the packages there.");
        return folders;
    }

    private void AddPackages(string folder, ProjectFile root)
    {
        foreach (var (path, label) in FindPackages(folder, root.PackagesFolder))
        {
            var package = ProjectFile.Load(path, label, Renderer(""));
            if (_project.Packages.Find(other => other.Name == package.Name) is not { } same) _project.Packages.Add(package);
            else if (Path.GetFullPath(same.Folder) != path && !label.StartsWith(root.PackagesFolder, StringComparison.Ordinal))
                throw new DataPlatformException(FailureClass.Configuration, $"{package.Label}: there is a package '{package.Name}' already, at {same.Label}.", "Keep one of them.");
        }
    }

    private void ReadMacros(ProjectFile package)
    {
        _project.Macros.AddPackage(package.Name);
        foreach (var (path, file) in Files(package, package.Paths("macro-paths", "macros"), ".sql").Concat(Files(package, package.Paths("test-paths", "tests").Select(tests => $"{tests}/generic"), ".sql")))
            foreach (var definition in JinjaLibrary.Parse(File.ReadAllText(file), Origin(package, path), EngineState.Environment).Definitions) _project.Macros.Add(package.Name, path, definition);
        foreach (var (path, file) in Files(package, [.. package.Paths("docs-paths", [.. package.Paths("model-paths", "models"), .. package.Paths("macro-paths", "macros"), .. package.Paths("seed-paths", "seeds"), .. package.Paths("snapshot-paths", "snapshots")])], ".md"))
            foreach (var definition in JinjaLibrary.Parse(File.ReadAllText(file), Origin(package, path), EngineState.Environment).Definitions.Where(definition => definition.Tag == "docs"))
                _project.Docs[(package.Name, definition.Name)] = (definition.BodyText.Trim(), path);
    }

    private void ReadNodes(ProjectFile package)
    {
        ReadSql(package, package.Paths("model-paths", "models"), ResourceType.Model);
        foreach (var (path, _, root) in FilesBelow(package, package.Paths("model-paths", "models"), Python))
            AddNode(NewNode(package, ResourceType.Model, Path.GetFileNameWithoutExtension(path), path[(root.Length + 1)..], path, ""));
        ReadSql(package, package.Paths("analysis-paths", "analyses"), ResourceType.Analysis);
        ReadSql(package, package.Paths("test-paths", "tests"), ResourceType.Test);
        foreach (var (path, file, root) in FilesBelow(package, package.Paths("seed-paths", "seeds"), ".csv"))
            AddNode(NewNode(package, ResourceType.Seed, Path.GetFileNameWithoutExtension(path), path[(root.Length + 1)..], path, "", file: file));
        foreach (var (path, file, root) in FilesBelow(package, package.Paths("snapshot-paths", "snapshots"), ".sql"))
        {
            foreach (var definition in JinjaLibrary.Parse(File.ReadAllText(file), Origin(package, path), EngineState.Environment).Definitions)
            {
                if (definition.Tag != "snapshot") throw YamlItem.Unsupported(definition.Origin, definition.Line, $"the block '{definition.Tag}' among snapshots");
                // Lines before keep the places of errors.
                var inFile = path[(root.Length + 1)..];
                var node = NewNode(package, ResourceType.Snapshot, definition.Name, inFile, path, new string('\n', definition.Line - 1) + definition.BodyText,
                    [package.Name, .. Parts(inFile), definition.Name], definition.Line);
                AddNode(node);
            }
        }
    }

    private void ReadSql(ProjectFile package, IEnumerable<string> folders, ResourceType type)
    {
        foreach (var (path, file, root) in FilesBelow(package, folders, ".sql"))
        {
            var inFolder = path[(root.Length + 1)..];
            // Definitions of generic tests, and rows of unit tests.
            if (type == ResourceType.Test && (inFolder.StartsWith("generic/", StringComparison.Ordinal) || inFolder.StartsWith("fixtures/", StringComparison.Ordinal))) continue;
            AddNode(NewNode(package, type, Path.GetFileNameWithoutExtension(path), inFolder, path, File.ReadAllText(file)));
        }
    }

    private void AddHooks(ProjectFile package)
    {
        foreach (var kind in new[] { "on-run-start", "on-run-end" })
        {
            var place = 0;
            foreach (var (sql, line) in package.Hooks(kind))
            {
                var name = $"{package.Name}-{kind}-{place++}";
                var node = NewNode(package, ResourceType.Operation, name, $"hooks/{name}.sql", $"./{ProjectFile.FileName}", sql, [package.Name, "hooks", name], line);
                node.Config.Merge([new("tags", kind)]);
                AddNode(node);
            }
        }
    }

    private static DbtNode NewNode(
        ProjectFile package, ResourceType type, string name, string path, string originalPath, string code, IReadOnlyList<string>? fqn = null, int line = 1, string? file = null) => new()
        {
            UniqueId = $"{DbtNode.NameOf(type)}.{package.Name}.{name}",
            Type = type,
            Package = package.Name,
            Name = name,
            Path = path,
            OriginalPath = originalPath,
            Line = line,
            Fqn = fqn ?? [package.Name, .. Parts(path)],
            RawCode = code,
            Checksum = Hashes.Sha256(file is null ? code.Trim() : File.ReadAllText(file).Trim()),
            File = file,
        };

    private static string[] Parts(string path) => Path.ChangeExtension(path, null).Split('/');

    private void AddNode(DbtNode node)
    {
        _nodes.Add(node);
        if (_byId.TryAdd(node.UniqueId, node) || !IsEnabled(node)) return;
        var other = _byId[node.UniqueId];
        if (IsEnabled(other))
            throw new DataPlatformException(FailureClass.Configuration, $"dbt found two {node.TypeName}s with the name '{node.Name}': {node.OriginalPath}:{node.Line} and {other.OriginalPath}:{other.Line}.", "Rename one of them.");
        _byId[node.UniqueId] = node;
    }

    /// <summary>Whether a node is enabled, before what schema files say. Of one name only one is: packages have a model for each database.</summary>
    private bool IsEnabled(DbtNode node)
    {
        var written = node.Config;
        node.Config = new NodeConfig();
        Guard(node, () => Configure(node));
        var isEnabled = node.Config.IsEnabled;
        node.Config = written;
        return isEnabled;
    }

    private void Rename(DbtNode node, string id)
    {
        _byId.Remove(node.UniqueId);
        node.UniqueId = id;
        if (!_byId.TryAdd(id, node)) throw new DataPlatformException(FailureClass.Configuration, $"{node.OriginalPath}: there is a '{id}' already, at {_byId[id].OriginalPath}.", "Give each version a number of its own.");
    }

    private DbtNode? Find(ResourceType type, string package, string name) => _byId.GetValueOrDefault($"{DbtNode.NameOf(type)}.{package}.{name}");

    /// <summary>Makes a node's configuration, names its relation, and renders it to learn what it reads.</summary>
    private void Configure(DbtNode node)
    {
        _cancellationToken.ThrowIfCancellationRequested();
        node.Config = MakeConfig(node, new Dictionary<string, object?>(), node.Config);
        if (node.Type is ResourceType.Source)
        {
            node.Database ??= _state.Database;
            if (_state.AdapterType == "duckdb") node.External = ExternalSource.Find(node);
            return;
        }

        // Who does not enable it does without it.
        if (node.OriginalPath.EndsWith(Python, StringComparison.Ordinal) && node.Config.IsEnabled) throw YamlItem.Unsupported(Origin(PackageOf(node), node.OriginalPath), 1, "models in Python");
        if (node.Type is not (ResourceType.Operation or ResourceType.UnitTest) && !node.IsDescription) NameRelation(node);
        var context = new NodeContext(_state, node.Package, node, cancellationToken: _cancellationToken);
        // Templates of nodes that are not enabled are rendered as well: config() may say so.
        if (node.Type == ResourceType.Seed) CheckConfig(node);
        else if (node.Test is not null) RenderTest(node, context);
        else
        {
            context.Render(node.RawCode, Origin(PackageOf(node), node.OriginalPath));
            foreach (var hook in Hooks(node)) context.Render(hook, $"{node.OriginalPath} (hook)");
        }

        if (context.ConfigCalls.Count > 0)
        {
            node.Config = MakeConfig(node, context.ConfigCalls, new NodeConfig());
            if (node.Type is not ResourceType.Operation) NameRelation(node);
            if (context.ConfigCalls.Keys.Any(key => key.Contains("hook", StringComparison.Ordinal)))
                foreach (var hook in Hooks(node)) context.Render(hook, $"{node.OriginalPath} (hook)");
        }

        CheckConfig(node);
    }

    private static IEnumerable<string> Hooks(DbtNode node) => HookKinds.SelectMany(kind => Run.Hooks.Read(node, kind)).Select(hook => hook.Sql);

    private NodeConfig MakeConfig(DbtNode node, Dictionary<string, object?> calls, NodeConfig config)
    {
        var own = PackageOf(node);
        var root = _project.Root;
        foreach (var level in own.Configurations(node.Type, node.Fqn)) config.Merge(Pairs(level));
        config.Merge(node.PatchConfig);
        config.Merge(calls);
        if (own != root)
            foreach (var level in root.Configurations(node.Type, node.Fqn)) config.Merge(Pairs(level));
        switch (node.Type)
        {
            case ResourceType.Seed: config.SetDefault("materialized", "seed"); break;
            case ResourceType.Snapshot: config.Merge([new("materialized", "snapshot")]); break;
            case ResourceType.Test:
                config.Merge([new("materialized", "test")]);
                config.SetDefault("schema", "dbt_test__audit");
                break;
            default: config.SetDefault("materialized", "view"); break;
        }

        return config;

        static IEnumerable<KeyValuePair<string, object?>> Pairs(PythonDict level) => level.Items.Select(item => new KeyValuePair<string, object?>(Representation.Print(item.Key), item.Value));
    }

    private void NameRelation(DbtNode node)
    {
        var context = new NodeContext(_state, node.Package, node, cancellationToken: _cancellationToken);
        var description = Artifacts.ManifestWriter.Describe(_state, node);
        var isSnapshotWithPlace = node.Type == ResourceType.Snapshot && node.Config["target_schema"] is not null;
        node.Schema = isSnapshotWithPlace ? node.Config.Text("target_schema")! : Name("generate_schema_name", node.Config["schema"]);
        node.Alias = Name("generate_alias_name", node.Config["alias"]);
        node.Database = isSnapshotWithPlace && node.Config["target_database"] is not null ? node.Config.Text("target_database") : Name("generate_database_name", node.Config["database"]);

        string Name(string macro, object? custom)
        {
            // Of a package's own macros of this name only the project's counts.
            var found = _project.Macros.In(_project.Root.Name, macro) ?? _project.Macros.In(MacroTable.Dbt, macro)!;
            return Representation.Print(context.Bind(found).Invoke(context.NewRun(), [custom, description])).Trim();
        }
    }

    private void RenderTest(DbtNode node, NodeContext context)
    {
        context["_dbt_generic_test_kwargs"] = Run.TestRun.Arguments(_state, node, context);
        var macro = FindTest(node) ?? throw new DataPlatformException(
            FailureClass.Configuration, $"{node.OriginalPath}:{node.Line}: there is no test '{(node.Test!.Namespace is { } package ? package + "." : "")}{node.Test.Name}'.", "Define it with {% test %}, or install the package that has it.");
        node.AddMacro(macro.UniqueId);
        context.Render(node.RawCode, $"{node.OriginalPath}:{node.Line}");
    }

    private DbtMacro? FindTest(DbtNode node) => node.Test!.Namespace is { } package ? _project.Macros.In(package, $"test_{node.Test.Name}") : _project.Macros.Find($"test_{node.Test.Name}", node.Package);

    private void CheckConfig(DbtNode node)
    {
        var config = node.Config;
        var allowed = node.Type switch
        {
            ResourceType.Model => new[] { "view", "table", "incremental", "ephemeral", "materialized_view" },
            ResourceType.Seed => ["seed"],
            ResourceType.Snapshot => ["snapshot"],
            ResourceType.Test => ["test"],
            _ => [config.Materialized],
        };
        var isOwn = node.Type == ResourceType.Model && Run.OwnMaterialization.Find(_state, config.Materialized) is not null;
        if (Array.IndexOf(allowed, config.Materialized) < 0 && !isOwn) Refuse($"the materialization '{config.Materialized}'");
        if (config.IsEnabled && !isOwn && config.Materialized == "materialized_view") CheckMaterializedView(config);
        if (config.IsEnabled && !isOwn) Run.Constraints.Check(node);
        if (!isOwn && config["incremental_strategy"] is string strategy && RefusedStrategies.Contains(strategy)) Refuse($"the incremental strategy '{strategy}'");
        node.IsMicrobatch = node.Type == ResourceType.Model && config.Materialized == "incremental" && config["incremental_strategy"] is MicrobatchStrategy
            && (_project.Root.BatchesCustomStrategies || IsOfDbt("get_incremental_microbatch_sql"));
        if (node.IsMicrobatch && config.IsEnabled) CheckMicrobatch(node);

        void Refuse(string construct)
        {
            if (config.IsEnabled) throw YamlItem.Unsupported(node.OriginalPath, node.Line, construct);
        }
    }

    private void CheckMaterializedView(NodeConfig config)
    {
        if (_state.AdapterType == "duckdb") throw new TemplateError("DuckDB has no materialized views, which the materialization 'materialized_view' makes.", "Use the materialization table.");
        if ((config.Text("on_configuration_change") ?? "apply") is not ("apply" or "continue" or "fail") and var other)
            throw new TemplateError($"on_configuration_change is apply, continue or fail, not '{other}'.", "It says what is done when the indexes of a materialized view are others.");
    }

    private void CheckMicrobatch(DbtNode node)
    {
        Microbatch.Read(node);
        if (!IsOfDbt($"{_state.AdapterType}__get_incremental_microbatch_sql")) return;
        var hasKey = node.Config["unique_key"] is not null;
        if (_state.AdapterType == "postgres" && !hasKey) throw new TemplateError($"Microbatch model '{node.Name}' must provide a 'unique_key' config: on PostgreSQL each batch is merged by it.", "Name the columns that tell rows apart.");
        if (_state.AdapterType == "duckdb" && hasKey)
            throw new TemplateError($"Microbatch model '{node.Name}' must not have a 'unique_key' config: on DuckDB each batch takes the place of the rows of its time.", "Leave it out, or use the incremental_strategy merge.");
    }

    private bool IsOfDbt(string macro) => _project.Macros.Find(macro, _project.Root.Name)?.Package == MacroTable.Dbt;

    /// <summary>Warns of microbatch models that read all rows for each batch.</summary>
    private void CheckInputs()
    {
        foreach (var node in _project.Nodes.Values.Where(node => node.IsMicrobatch && !node.DependsOn.Exists(id => _project.Nodes[id].Config["event_time"] is not null)))
            _state.Log("warn", $"The microbatch model '{node.Name}' has no 'ref' or 'source' input with an 'event_time' configuration. \nThis means no filtering can be applied and can result in unexpected duplicate records in the resulting microbatch model.");
    }

    /// <summary>Finds what each node's references mean, and leaves out what is not enabled.</summary>
    private void Link()
    {
        foreach (var node in _nodes)
        {
            if (node.Config.IsEnabled) _project.Nodes.Add(node.UniqueId, node);
            else _project.Disabled.Add(node);
        }

        // A generic test belongs to what it tests.
        foreach (var test in _nodes.Where(node => node.Test is not null))
            if (_byId.GetValueOrDefault(test.AttachedNode ?? "")?.Group is { } group) test.Config.Merge([new("group", group)]);
        foreach (var test in _project.Nodes.Values.Where(node => node.UnitTest is not null).ToList()) Guard(test, () => TakeVersions(test, test.UnitTest!));
        foreach (var node in _project.Nodes.Values.ToList()) Guard(node, () => Link(node));
    }

    /// <summary>Makes of the unit test of a model of several versions one of each.</summary>
    private void TakeVersions(DbtNode node, UnitTest test)
    {
        if (_project.FindRef(new RefKey(null, test.Model), node.Package) is not { Type: ResourceType.Model } model) return;
        if (model.Version is null)
        {
            if (test.Versions is not null) throw new TemplateError($"Unit test '{node.Name}' should not have a versions include or exclude when referencing non-versioned model '{model.Name}'.", "Leave out 'versions'.");
            return;
        }

        var versions = _project.Nodes.Values.Where(other => other.Type == ResourceType.Model && other.Package == model.Package && other.Name == model.Name && test.Takes(other.Version)).ToList();
        if (versions.Count == 0) throw new TemplateError($"Unit test '{node.Name}' referenced a version of '{model.Name}' which was not found.", "Name versions that there are.");
        _project.Nodes.Remove(node.UniqueId);
        foreach (var tested in versions)
        {
            var id = $"{node.UniqueId}_v{Representation.Print(tested.Version)}";
            var extra = Globals.CopyDict(node.Extra);
            extra["version"] = tested.Version;
            _project.Nodes.Add(id, new DbtNode
            {
                UniqueId = id,
                Type = ResourceType.UnitTest,
                Package = node.Package,
                Name = node.Name,
                Path = node.Path,
                OriginalPath = node.OriginalPath,
                Line = node.Line,
                Fqn = node.Fqn,
                Description = node.Description,
                Checksum = node.Checksum,
                Config = node.Config,
                Version = tested.Version,
                UnitTest = test.Copy(),
                Extra = extra,
            });
        }
    }

    private void Link(DbtNode node)
    {
        // The test of what is not enabled is not enabled either.
        if (node.Type == ResourceType.Test && (node.Refs.Any(key => _project.FindRef(key, node.Package) is null && _project.IsDisabled(key, node.Package))
            || node.Sources.Any(key => _project.FindSource(key, node.Package) is null && _project.IsDisabled(key, node.Package))))
        {
            _project.Nodes.Remove(node.UniqueId);
            _project.Disabled.Add(node);
            return;
        }

        if (node.UnitTest is { } unit)
        {
            LinkUnitTest(node, unit);
            return;
        }

        foreach (var key in node.Refs)
        {
            var target = _project.FindRef(key, node.Package) ?? throw _project.MissingRef(node, key);
            CheckAccess(node, target);
            Add(target.UniqueId);
        }

        if (node.Group is { } group && !_project.Groups.ContainsKey(group))
            throw new TemplateError($"Invalid group '{group}', expected one of [{string.Join(", ", _project.Groups.Keys.Select(name => $"'{name}'"))}].", "Define it under groups in a schema file.");
        LinkConstraints(node, Add);
        foreach (var id in SemanticReader.Link(_project, node)) Add(id);
        foreach (var key in node.Sources) Add((_project.FindSource(key, node.Package) ?? throw _project.MissingSource(node, key)).UniqueId);

        void Add(string id)
        {
            if (!node.DependsOn.Contains(id)) node.DependsOn.Add(id);
        }
    }

    /// <summary>Finds the model that is tested, and the nodes that the given rows stand for.</summary>
    private void LinkUnitTest(DbtNode node, UnitTest test)
    {
        var key = new RefKey(null, test.Model, node.Version is null ? null : Representation.Print(node.Version));
        if (_project.FindRef(key, node.Package) is not { Type: ResourceType.Model } model)
        {
            if (!_project.IsDisabled(key, node.Package)) throw new TemplateError($"Unable to find model '{node.Package}.{test.Model}' for unit test '{node.Name}'.", "Name a model of the project.");
            _project.Nodes.Remove(node.UniqueId);
            _project.Disabled.Add(node);
            return;
        }

        node.DependsOn.Add(model.UniqueId);
        node.Schema = model.Schema;
        foreach (var (input, rows) in test.Given)
        {
            var read = input.Trim() == "this" ? model : FindCalled(node, input) ?? throw new TemplateError($"The input of a unit test is ref(...), source(...) or this, not '{input}'.");
            test.Inputs[read.UniqueId] = rows;
        }
    }

    /// <summary>The node that one <c>ref()</c> or <c>source()</c> means, or null when the text is neither.</summary>
    private DbtNode? FindCalled(DbtNode from, string call)
    {
        var asked = NewNode(PackageOf(from), ResourceType.Operation, from.Name, from.Path, from.OriginalPath, "");
        new NodeContext(_state, from.Package, asked, cancellationToken: _cancellationToken).Render($"{{{{ {call} }}}}", $"{from.OriginalPath}:{from.Line}");
        return (asked.Refs, asked.Sources) switch
        {
            ([var reference], []) => _project.FindRef(reference, from.Package) ?? throw _project.MissingRef(from, reference),
            ([], [var source]) => _project.FindSource(source, from.Package) ?? throw _project.MissingSource(from, source),
            _ => null,
        };
    }

    /// <summary>A foreign key is to a relation, and its table is made after that.</summary>
    private void LinkConstraints(DbtNode node, Action<string> add)
    {
        foreach (var constraint in node.Constraints.Items.Concat(node.Columns.SelectMany(column => column.Constraints.Items)).OfType<PythonDict>())
        {
            if (constraint.Get("to") is not string to || !(to.TrimStart().StartsWith("ref(", StringComparison.Ordinal) || to.TrimStart().StartsWith("source(", StringComparison.Ordinal))) continue;
            var target = FindCalled(node, to)!;
            // DuckDB refuses the name of a database here.
            constraint["to"] = (_state.AdapterType == "duckdb" ? _state.NewRelation(target).Only(DbtRelation.SchemaPart | DbtRelation.IdentifierPart) : _state.NewRelation(target)).Print();
            add(target.UniqueId);
        }
    }

    private void CheckAccess(DbtNode node, DbtNode target)
    {
        if (target.Type != ResourceType.Model || node.UniqueId == target.UniqueId) return;
        var problem = target.Access switch
        {
            "private" when node.Group is null || node.Group != target.Group => $"the referenced node is private to the '{target.Group}' group",
            "protected" when node.Package != target.Package && PackageOf(target).RestrictsAccess => $"the referenced node is protected within the package '{target.Package}'",
            "private" or "protected" or "public" => null,
            var other => throw new TemplateError($"The access of a model is private, protected or public, not '{other}' as in {target.OriginalPath}."),
        };
        if (problem is not null)
            throw new TemplateError($"Node {node.UniqueId} attempted to reference node {target.UniqueId}, which is not allowed because {problem}.", "Change the access of the model, or the group of what refers to it.");
    }

    private void CheckNames()
    {
        var relations = new Dictionary<string, DbtNode>(StringComparer.OrdinalIgnoreCase);
        foreach (var node in _project.Nodes.Values.Where(node => node.IsRefable && !node.IsEphemeral))
        {
            var name = $"{node.Database}.{node.Schema}.{node.Alias}";
            if (relations.TryAdd(name, node)) continue;
            throw new DataPlatformException(
                FailureClass.Configuration, $"dbt found two resources with the database representation {name}: {relations[name].OriginalPath} and {node.OriginalPath}.", "Give one of them another alias or schema.");
        }
    }

    private void CheckCycles()
    {
        var done = new HashSet<string>(StringComparer.Ordinal);
        var path = new List<string>();
        foreach (var id in _project.Nodes.Keys) Visit(id);

        void Visit(string id)
        {
            if (path.IndexOf(id) is >= 0 and var start)
            {
                var nodes = path[start..].Append(id).ToList();
                throw new DataPlatformException(
                    FailureClass.Configuration, $"{_project.Nodes[id].OriginalPath}: the nodes depend on each other in a cycle: {string.Join(" --> ", nodes)}.", "Break the cycle: one of them must not refer to the other.");
            }

            if (!done.Add(id)) return;
            done.Remove(id);
            path.Add(id);
            foreach (var parent in _project.Nodes[id].DependsOn) Visit(parent);
            path.RemoveAt(path.Count - 1);
            done.Add(id);
        }
    }

    private ProjectFile PackageOf(DbtNode node) => _project.Packages.Find(package => package.Name == node.Package)!;

    private static void Guard(DbtNode node, Action work)
    {
        try
        {
            work();
        }
        catch (TemplateError e)
        {
            throw new DataPlatformException(FailureClass.Configuration, $"{node.OriginalPath}:{node.Line}: {e.Message}", e.Hint, e);
        }
    }

    /// <summary>A file as messages name it.</summary>
    private static string Origin(ProjectFile package, string path) => package.Label[..^ProjectFile.FileName.Length] + path;

    private static IEnumerable<(string Path, string File)> Files(ProjectFile package, IEnumerable<string> folders, string extension) =>
        FilesBelow(package, folders, extension).Select(found => (found.Path, found.File));

    private static IEnumerable<(string Path, string File, string Root)> FilesBelow(ProjectFile package, IEnumerable<string> folders, string extension)
    {
        foreach (var folder in folders.Distinct(StringComparer.Ordinal))
        {
            var full = Path.Combine(package.Folder, folder);
            if (!Directory.Exists(full)) continue;
            foreach (var file in Directory.GetFiles(full, $"*{extension}", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
                yield return (Path.GetRelativePath(package.Folder, file).Replace('\\', '/'), file, folder);
        }
    }
}
