using System.Globalization;
using System.Numerics;
using System.Text.Json;
using DataPlatform.Dbt.Artifacts;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;
using DataPlatform.Dbt.Run;
using DataPlatform.Warehouses;

namespace DataPlatform.Dbt.Context;

/// <summary>
/// The names that a node's templates see: dbt's functions, and macros by the rules of the package that the node is in. While the project is read there is no
/// database; references and configurations are collected then.
/// </summary>
internal sealed class NodeContext : IJinjaNames
{
    private const string SecretPrefix = "DBT_ENV_SECRET";

    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<DbtMacro, JinjaMacro> _macros = [];
    private readonly Dictionary<string, object?> _results = new(StringComparer.Ordinal);
    private readonly CancellationToken _cancellationToken;
    private DbtRelation? _this;

    public NodeContext(EngineState state, string package, DbtNode? node = null, Database? database = null, CancellationToken cancellationToken = default)
    {
        (State, Package, Node, Database, _cancellationToken) = (state, package, node, database, cancellationToken);
        AddFunctions();
    }

    public EngineState State { get; }

    public string Package { get; }

    public DbtNode? Node { get; }

    public Database? Database { get; }

    /// <summary>Whether there is a database: templates are rendered without one first, to learn what they read.</summary>
    public bool IsExecuting => Database is not null;

    /// <summary>What <c>config()</c> was told while the project is read.</summary>
    public Dictionary<string, object?> ConfigCalls { get; } = new(StringComparer.Ordinal);

    /// <summary>Ephemeral models that were referred to.</summary>
    public List<DbtNode> Ephemerals { get; } = [];

    /// <summary>Whether templates may read environment variables that are secret.</summary>
    public bool SeesSecrets { get; init; }

    /// <summary>The batch of the model that is built.</summary>
    public BatchStep? Batch { get; init; }

    /// <summary>The unit test that the model is run for, on given rows.</summary>
    public UnitTest? UnitTest { get; init; }

    public DbtRelation? This => _this ??= Node is null || Node.Type is ResourceType.Operation ? null : State.NewRelation(Node);

    public object? this[string name]
    {
        set => _values[name] = value;
    }

    public JinjaRun NewRun() => new(EngineState.Environment, IsExecuting ? UndefinedMode.Strict : UndefinedMode.Lenient, cancellationToken: _cancellationToken);

    public string Render(string template, string origin) => JinjaTemplate.Parse(template, origin, EngineState.Environment).Render(this, NewRun());

    /// <summary>What an ephemeral model, or rows that a unit test gives, are called in a query.</summary>
    public static string ExpressionName(DbtNode node) => node.Type == ResourceType.Source ? $"__dbt__cte__{node.SourceName}__{node.Name}" : $"__dbt__cte__{node.Alias}";

    public bool TryResolve(string name, out object? value)
    {
        if (TryOverride(name, out value) || TryOverride($"{MacroTable.Dbt}.{name}", out value)) return true;
        if (_values.TryGetValue(name, out value) && name is "_dbt_generic_test_kwargs" or "results" or "schemas" or "database_schemas" or "sql" or "compiled_code" or "pre_hooks" or "post_hooks") return true;
        if (State.Project?.Macros is { } macros)
        {
            if (macros.Find(name, Package) is { } macro)
            {
                value = Bind(macro);
                return true;
            }

            if (!_values.ContainsKey(name) && (name == MacroTable.Dbt || macros.HasPackage(name)))
            {
                value = new PackageMacros(this, name);
                return true;
            }
        }

        if (_values.TryGetValue(name, out value))
        {
            if (value is Func<object?> lazy) value = lazy();
            return true;
        }

        return name is "submit_python_job" or "debug" or "adapter_macro" or "load_agate_table"
            ? throw TemplateObject.Unsupported($"'{name}'")
            : false;
    }

    /// <summary>What a unit test puts into a macro's place.</summary>
    private bool TryOverride(string macro, out object? value)
    {
        value = null;
        if (Override("macros")?.TryGet(macro, out var result) != true) return false;
        value = new JinjaFunction(macro, _ => result);
        return true;
    }

    private PythonDict? Override(string kind) => UnitTest?.Overrides?.Get(kind) as PythonDict;

    private DbtRelation Given(DbtNode node, string call) => UnitTest!.Inputs.ContainsKey(node.UniqueId)
        ? new DbtRelation(new RelationName(node.Database, node.Schema, ExpressionName(node), "cte"))
        : throw new TemplateError($"The unit test gives no rows for {call}, which the model reads.", $"Add to it: - input: {call}");

    public JinjaMacro Bind(DbtMacro macro)
    {
        Node?.AddMacro(macro.UniqueId);
        if (!_macros.TryGetValue(macro, out var bound)) _macros[macro] = bound = macro.Definition.Bind(this);
        return bound;
    }

    /// <summary>Calls a macro by its name, which there is.</summary>
    public object? CallMacro(string name, params object?[] arguments) =>
        Bind(State.Project!.Macros.Find(name, Package)!).Invoke(NewRun(), arguments);

    /// <summary>Finds the macro of an incremental strategy: dbt's, or one that the project or a package has by its name.</summary>
    public JinjaMacro FindStrategy(string? strategy)
    {
        var name = $"get_incremental_{(string.IsNullOrEmpty(strategy) ? "default" : strategy).Replace('+', '_')}_sql";
        return State.Project!.Macros.Find(name, Package) is { } macro ? Bind(macro) : throw new TemplateError(
            $"There is no incremental strategy '{strategy}' here: dbt could not find a macro with the name \"{name}\" in {State.Project.Root.Name}.",
            "Set incremental_strategy to append, delete+insert, merge or microbatch, or write that macro.");
    }

    /// <summary>What the database answered to the statement of a name, or null when there was none.</summary>
    public PythonDict? Result(string statement) =>
        _results.TryGetValue(statement, out var result) && result is PythonDict dict && dict.TryGet("response", out var response) ? response as PythonDict : null;

    /// <summary>The rows that the statement of a name gave.</summary>
    public IEnumerable<object?[]> Rows(string statement) => _results.GetValueOrDefault(statement) is PythonDict result && result.Get("table") is ResultTable table ? table.Rows : [];

    public ResultTable? Query(string sql)
    {
        if (Database is null) return null;
        return Database.Query(sql);
    }

    private void AddFunctions()
    {
        Function("ref", Ref);
        Function("source", Signature.Of("source source_name table_name", (_, a) => Source(new SourceKey(a.Text(0), a.Text(1)))));
        Function("metric", Signature.Of("metric name package?", (_, a) => Metric(a.Has(1) ? a.Text(1) : a.Text(0))));
        _values["config"] = new ConfigObject(this);
        _values["var"] = new VarObject(this);
        Function("env_var", Signature.Of("env_var var default?", (_, a) => EnvVar(a.Text(0), a.Or(1, null), a.Has(1))));
        _values["this"] = (Func<object?>)(() => UnitTest is null ? This : UnitTest.Inputs.ContainsKey(Node!.UniqueId) ? Given(Node, "this") : null);
        _values["defer_relation"] = (Func<object?>)(() => Node is null ? null : State.Deferred.GetValueOrDefault(Node.UniqueId));
        foreach (var name in new[] { "target", "env" }) _values[name] = (Func<object?>)(() => State.Target);
        _values["execute"] = IsExecuting;
        _values["invocation_id"] = State.InvocationId;
        _values["run_started_at"] = new PythonDateTime(State.StartedAt.UtcDateTime);
        _values["dbt_version"] = ProjectFile.DbtVersion;
        _values["thread_id"] = (Func<object?>)(() => Thread.CurrentThread.Name);
        _values["project_name"] = State.Project?.Root.Name;
        _values["schema"] = (Func<object?>)(() => Node?.Schema ?? State.Schema);
        _values["database"] = (Func<object?>)(() => Node?.Database ?? State.Database);
        _values["model"] = (Func<object?>)Model;
        _values["graph"] = (Func<object?>)(() => IsExecuting ? State.Graph : State.EmptyGraph);
        _values["selected_resources"] = State.SelectedResources;
        _values["dbt_metadata_envs"] = State.Options.Metadata;
        _values["flags"] = (Func<object?>)Flags;
        _values["invocation_args_dict"] = (Func<object?>)(() => State.Arguments);
        _values["return"] = ReturnSignal.Function;
        _values["adapter"] = new AdapterObject(this);
        _values["api"] = new TemplateObject("api").Add("Relation", new TemplateObject("api.Relation").Add("create", DbtRelation.CreateFunction(State.Project?.Root.QuotedParts ?? DbtRelation.AllParts))
            .Add("Table", "table").Add("View", "view").Add("CTE", "cte").Add("MaterializedView", "materialized_view").Add("External", "external")).Add("Column", DbtColumn.Api);
        _values["column"] = DbtColumn.Api;
        _values["modules"] = new TemplateObject("modules").Add("datetime", PythonDateTime.Module).Add("pytz", PythonZone.Module).Add("re", PythonRegex.Module).Add("itertools", PythonItertools.Module);
        _values["exceptions"] = Exceptions();
        _values["builtins"] = new TemplateObject("builtins").Add("ref", new BuiltInRef(this)).Add("source", _values["source"]).Add("config", _values["config"]);
        Function("log", Signature.Of("log msg info?", (_, a) =>
        {
            State.Log(a.Flag(1) ? "info" : "debug", Representation.Print(a[0]));
            return "";
        }));
        Function("print", Signature.Of("print msg", (_, a) =>
        {
            if (IsExecuting) State.Log("print", Representation.Print(a[0]));
            return "";
        }));
        Function("tojson", Signature.Of("tojson value default? sort_keys?", (_, a) => Or(a, () => JsonText.Write(a[0], a.Has(2) && Operations.IsTrue(a[2])))));
        Function("fromjson", Signature.Of("fromjson string default?", (_, a) => Or(a, () => FromJson(a.Text(0)))));
        Function("fromyaml", Signature.Of("fromyaml value default?", (_, a) => Or(a, () => YamlItem.Parse(a.Text(0), "fromyaml")?.ToValue())));
        Function("toyaml", Signature.Of("toyaml value default? sort_keys?", (_, a) => Or(a, () => YamlText.Write(a[0], a.Has(2) && Operations.IsTrue(a[2])))));
        Function("local_md5", Signature.Of("local_md5 value", (_, a) => Hashes.Md5(a.Text(0))));
        Function("set", Signature.Of("set value default?", (_, a) => Or(a, () => new PythonSet(Operations.Enumerate(a[0])))));
        Function("set_strict", Signature.Of("set_strict value", (_, a) => new PythonSet(Operations.Enumerate(a[0]))));
        Function("zip", ZipOrDefault);
        Function("zip_strict", a => Zip(a.Positional));
        Function("diff_of_two_dicts", Signature.Of("diff_of_two_dicts dict_a dict_b", (_, a) => Difference(a[0], a[1])));
        Function("doc", a => State.Project?.FindDoc([.. a.Positional.Select(Representation.Print)], Package) ?? throw new TemplateError($"There is no docs block '{string.Join("', '", a.Positional.Select(Representation.Print))}'."));
        Function("statement", Signature.Of("statement name? fetch_result? auto_begin? language? caller?", (run, a) => Statement(run, a)));
        Function("run_query", Signature.Of("run_query sql", (_, a) => Query(a.Text(0))));
        Function("load_result", Signature.Of("load_result name", (_, a) => _results.GetValueOrDefault(a.Text(0))));
        Function("store_result", Signature.Of("store_result name response agate_table?", (_, a) => Store(a.TextOrNull(0), a[1], a.Or(2, null) as ResultTable)));
        Function("store_raw_result", Signature.Of("store_raw_result name message? code? rows_affected? agate_table?", (_, a) => Store(
            a.TextOrNull(0), new PythonDict { ["_message"] = a.Or(1, null), ["code"] = a.Or(2, null), ["rows_affected"] = a.Or(3, null) }, a.Or(4, null) as ResultTable)));
        Function("is_incremental", Signature.Of("is_incremental", (_, _) => IsIncremental()));
        Function("should_full_refresh", Signature.Of("should_full_refresh", (_, _) => Node?.Config.Flag("full_refresh", State.Options.FullRefresh) ?? State.Options.FullRefresh));
        Function("should_store_failures", Signature.Of("should_store_failures", (_, _) => Node is not null && TestRun.StoresFailures(Node, State.Options)));
        Function("load_relation", Signature.Of("load_relation relation", (_, a) => a[0] is DbtRelation relation ? Database?.Find(relation) : null));
        Function("load_cached_relation", Signature.Of("load_cached_relation relation", (_, a) => a[0] is DbtRelation relation ? Database?.Find(relation) : null));
        Function("render", Signature.Of("render string", (_, a) => Render(a.Text(0), $"{Node?.OriginalPath ?? State.Project?.Root.Name} (render)")));
        Function("run_hooks", Signature.Of("run_hooks hooks inside_transaction?", (_, a) =>
        {
            if (IsExecuting) Hooks.RunDescribed(this, Operations.Enumerate(a[0]), a.Or(1, true) is not false);
            return "";
        }));
        Function("write", Signature.Of("write payload", (_, _) => ""));
        Function("try_or_compiler_error", TryOrCompilerError);
        _values["validation"] = new TemplateObject("validation").Add("any", new AnyType());
        _values["context"] = new ContextObject(this);
    }

    private void Function(string name, Func<CallArguments, object?> body) => _values[name] = new JinjaFunction(name, body);

    private object? Ref(CallArguments arguments)
    {
        string? version = null;
        foreach (var (name, value) in arguments.Named)
            version = name is "v" or "version" ? Representation.Print(value) : throw new TemplateError($"ref() takes no argument '{name}'");
        var words = arguments.Positional.Select(word => Operations.AsText(word) ?? (word is Undefined undefined ? throw undefined.Failure() : throw new TemplateError("The name of a model in ref() is a text."))).ToArray();
        var key = words switch
        {
            [var name] => new RefKey(null, name, version),
            [var package, var name] => new RefKey(package, name, version),
            _ => throw new TemplateError($"ref() takes one or two arguments, and got {words.Length}"),
        };
        if (!IsExecuting)
        {
            if (Node is not null && !Node.Refs.Contains(key)) Node.Refs.Add(key);
            return This;
        }

        var target = State.Project!.FindRef(key, Package) ?? throw State.Project.MissingRef(Node, key);
        if (UnitTest is not null) return Given(target, $"ref('{string.Join("', '", words)}')");
        Require(target, $"ref('{string.Join("', '", words)}')");
        if (!target.IsEphemeral) return Read(target, State.Deferred.GetValueOrDefault(target.UniqueId) ?? State.NewRelation(target));
        if (!Ephemerals.Contains(target)) Ephemerals.Add(target);
        return Read(target, new DbtRelation(new RelationName(target.Database, target.Schema, ExpressionName(target), "cte")));
    }

    /// <summary>What is read of a relation: all, no rows, or those of a time.</summary>
    private DbtRelation Read(DbtNode target, DbtRelation relation)
    {
        var needsAlias = State.AdapterType == "postgres";
        if (State.Options.Empty) relation = relation.Empty(needsAlias);
        var sample = Node?.Type is ResourceType.Model or ResourceType.Snapshot ? State.Options.Sample : null;
        var time = Batch is null ? sample : Batch.Batch.Within(sample);
        if (time is null || target.Config.Text("event_time") is not { } written) return relation;
        var column = target.Columns.Any(column => column.Name == written && column.Quote == true) ? TableName.Quote(written) : written;
        return relation.Where($"{column} >= '{time.StartText}' and {column} < '{time.EndText}'", needsAlias);
    }

    private PythonDict? Model()
    {
        if (Node is null) return null;
        var model = ManifestWriter.Describe(State, Node);
        if (Batch is not null) model["batch"] = new PythonDict { ["id"] = Batch.Name.Replace("-", "", StringComparison.Ordinal), ["event_time_start"] = Batch.Batch.Iso.Start, ["event_time_end"] = Batch.Batch.Iso.End };
        return model;
    }

    private DbtRelation? Source(SourceKey key)
    {
        if (!IsExecuting)
        {
            if (Node is not null && !Node.Sources.Contains(key)) Node.Sources.Add(key);
            return This;
        }

        var target = State.Project!.FindSource(key, Package) ?? throw State.Project.MissingSource(Node, key);
        return UnitTest is null ? Read(target, State.NewRelation(target)) : Given(target, $"source('{key.Source}', '{key.Table}')");
    }

    private string Metric(string name)
    {
        if (!IsExecuting) Node?.Needs.Add((ResourceType.Metric, name));
        return name;
    }

    /// <summary>What was not seen while the project was read was not waited for.</summary>
    private void Require(DbtNode target, string call)
    {
        if (Node is null or { Type: ResourceType.Operation } || Node.DependsOn.Contains(target.UniqueId) || Node.UniqueId == target.UniqueId) return;
        throw new TemplateError(
            $"dbt was unable to infer all dependencies for the model \"{Node.Name}\": {call} stands where it is not seen while the project is read.",
            $"Put this into the model: -- depends_on: {{{{ {call} }}}}");
    }

    private bool IsIncremental()
    {
        if (Database is null || UnitTest is not null || Node is not { Type: ResourceType.Model } || Node.Config.Materialized != "incremental") return false;
        return !Node.Config.Flag("full_refresh", State.Options.FullRefresh) && Database.Find(This!) is { Type: "table" };
    }

    private object? EnvVar(string name, object? otherwise, bool hasDefault) => name.StartsWith(SecretPrefix, StringComparison.Ordinal) && !SeesSecrets
        ? throw new TemplateError($"Secret env vars are allowed only in profiles.yml or packages.yml. Found '{name}' referenced elsewhere.", $"Give the variable a name that does not begin with {SecretPrefix}, or do not read it here.")
        : Override("env_vars")?.Get(name) is { } other ? other
        : State.Options.Environment(name) is { } value ? value
        : hasDefault ? otherwise
        : throw new TemplateError($"Env var required but not provided: '{name}'", "Set the environment variable, or give env_var() a default.");

    private string Statement(JinjaRun run, BoundArguments arguments)
    {
        if (arguments.Or(3, "sql") is not "sql") throw TemplateObject.Unsupported("statements in Python");
        var caller = arguments.Has(4) ? arguments[4] : throw new TemplateError("statement() is used with call: {% call statement('name') %}...{% endcall %}");
        if (Database is null) return "";
        var sql = Representation.Print(Operations.Call(caller, new CallArguments(run, [], [])));
        // The statement of the name main is what a materialization is for.
        var isMain = arguments.Or(0, null) is "main";
        var table = !arguments.Flag(1) ? null : isMain ? Database.QueryMain(sql) : Database.Query(sql);
        if (table is null && isMain) Database.Write("OK", sql);
        else if (table is null) Database.Execute("OK", sql);
        return Store(arguments.Has(0) ? arguments.TextOrNull(0) : null, Database.LastResponse, table);
    }

    private string Store(string? name, object? response, ResultTable? table)
    {
        if (name is null) return "";
        table ??= new ResultTable([], []);
        _results[name] = new PythonDict { ["response"] = response, ["data"] = new PythonList(table.Rows.Select(row => (object?)new PythonList(row.ToList()))), ["table"] = table };
        return "";
    }

    /// <summary>The options of the command, by dbt's names for its flags.</summary>
    private PythonDict Flags()
    {
        var flags = new PythonDict { ["STRICT_MODE"] = false };
        foreach (var (key, value) in State.Arguments.Items) flags[((string)key!).ToUpperInvariant()] = value;
        return flags;
    }

    private TemplateObject Exceptions() => new TemplateObject("exceptions")
        .Method("raise_compiler_error msg node?", a => throw new TemplateError(Representation.Print(a[0])))
        .Method("raise_contract_error yaml_columns sql_columns", a => throw Constraints.Broken(Operations.Enumerate(a[0]).OfType<DbtColumn>(), Operations.Enumerate(a[1]).OfType<DbtColumn>()))
        .Method("raise_not_implemented msg", a => throw new TemplateError(Representation.Print(a[0])))
        .Method("raise_fail_fast_error msg node?", a => throw new TemplateError(Representation.Print(a[0])))
        .Method("raise_database_error msg node?", a => throw new TemplateError(Representation.Print(a[0])))
        .Method("raise_dependency_error msg node?", a => throw new TemplateError(Representation.Print(a[0])))
        .Method("relation_wrong_type relation expected_type model?", a => throw new TemplateError(
            $"Trying to create {Representation.Print(a[1])} {Representation.Print(a[0])}, but it currently exists as a {(a[0] as DbtRelation)?.Type}. Either drop {Representation.Print(a[0])} manually, or run dbt with `--full-refresh` and dbt will drop it for you."))
        .Method("missing_config model name", a => throw new TemplateError($"Model '{NameOf(a[0])}' does not define a required config parameter '{Representation.Print(a[1])}'."))
        .Method("missing_materialization model adapter_type", a => throw new TemplateError($"No materialization '{(a[0] as PythonDict)?.Get("config") switch { PythonDict config => Representation.Print(config.Get("materialized")), _ => NameOf(a[0]) }}' was found for adapter {Representation.Print(a[1])}! (searched types 'default' and '{State.AdapterType}')"))
        .Method("column_type_missing column_names", a => throw new TemplateError($"Contracted models require data_type to be defined for each column. Please ensure that the column name and data_type are defined within the YAML configuration for the {Representation.Print(a[0])} column(s)."))
        .Method("missing_relation relation_name model?", a => throw new TemplateError($"Relation {Representation.Print(a[0])} not found!"))
        .Method("warn msg node?", a =>
        {
            State.Log("warn", Representation.Print(a[0]));
            return "";
        });

    private static string NameOf(object? model) => model is PythonDict dict && dict.TryGet("name", out var name) ? Representation.Print(name) : Representation.Print(model);

    private static object? TryOrCompilerError(CallArguments arguments)
    {
        if (arguments.Positional.Count < 2) throw new TemplateError("try_or_compiler_error() takes a message, a function, and what the function takes.");
        try
        {
            return Operations.Call(arguments.Positional[1], new CallArguments(arguments.Run, [.. arguments.Positional.Skip(2)], arguments.Named));
        }
        catch (TemplateError)
        {
            throw new TemplateError(Representation.Print(arguments.Positional[0]));
        }
    }

    private static object? Or(BoundArguments arguments, Func<object?> value)
    {
        try
        {
            return value();
        }
        catch (Exception e) when (e is TemplateError or JsonException or DataPlatformException)
        {
            return arguments.Has(1) ? arguments[1] : null;
        }
    }

    private static object? ZipOrDefault(CallArguments arguments)
    {
        try
        {
            return Zip(arguments.Positional);
        }
        catch (TemplateError)
        {
            return arguments.TryGetNamed("default", out var otherwise) ? otherwise : null;
        }
    }

    /// <summary>What the lists of one dict have and those of another do not, whatever the case.</summary>
    private static PythonDict Difference(object? left, object? right)
    {
        var others = Lists(right).ToDictionary(list => list.Key, list => list.Items.ToHashSet(StringComparer.OrdinalIgnoreCase), StringComparer.OrdinalIgnoreCase);
        var rest = new PythonDict();
        foreach (var (key, items) in Lists(left))
        {
            if (!others.TryGetValue(key, out var other)) rest[key] = new PythonList(items);
            else if (items.Where(item => !other.Contains(item)).ToList() is { Count: > 0 } more) rest[key] = new PythonList(more);
        }

        return rest;

        static IEnumerable<(string Key, List<string> Items)> Lists(object? dict) =>
            (dict as PythonDict ?? throw new TemplateError($"diff_of_two_dicts() takes dicts of lists of texts, not {Representation.Of(dict)}.")).Items
            .Select(item => (Representation.Print(item.Key), Operations.Enumerate(item.Value).Select(Representation.Print).ToList()));
    }

    private static PythonList Zip(IReadOnlyList<object?> lists)
    {
        var items = lists.Select(list => Operations.Enumerate(list).ToList()).ToArray();
        return new PythonList(Enumerable.Range(0, items.Length == 0 ? 0 : items.Min(list => list.Count)).Select(place => (object?)new PythonTuple([.. items.Select(list => list[place])])));
    }

    public static object? FromJson(string text)
    {
        using var document = JsonDocument.Parse(text);
        return Value(document.RootElement);

        static object? Value(JsonElement json) => json.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.String => json.GetString(),
            JsonValueKind.Number => json.TryGetInt64(out var whole) ? whole : BigInteger.TryParse(json.GetRawText(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var large) ? large : (object)json.GetDouble(),
            JsonValueKind.Array => new PythonList(json.EnumerateArray().Select(Value)),
            _ => new PythonDict(json.EnumerateObject().Select(property => new KeyValuePair<string, object?>(property.Name, Value(property.Value)))),
        };
    }

    /// <summary><c>builtins.ref</c>, by whose <c>config</c> packages learn what project runs them.</summary>
    private sealed class BuiltInRef(NodeContext context) : JinjaObject
    {
        public override string TypeName => "ref";

        public override bool IsCallable => true;

        public override object? Call(CallArguments arguments) => context.Ref(arguments);

        public override bool TryGetAttribute(string name, out object? value)
        {
            value = name == "config" ? Config() : null;
            return value is not null;
        }

        private TemplateObject Config()
        {
            var (state, project, root) = (context.State, context.State.Project!, context.State.Project!.Root);
            return new TemplateObject("builtins.ref.config").Add("project_name", root.Name).Add("version", root.Version).Add("profile_name", state.Options.ProfileName).Add("target_name", state.Options.TargetName)
                .Add("threads", (long)state.Options.Threads).Add("args", () => state.Arguments).Add("cli_vars", state.Options.Vars).Add("vars", new TemplateObject("builtins.ref.config.vars").Method("to_dict", _ => root.Vars))
                .Add("dependencies", () => new PythonDict(project.Packages.Select(package => new KeyValuePair<string, object?>(
                    package.Name, new PythonDict { ["project_name"] = package.Name, ["version"] = package.Version, ["project_root"] = package.Folder }))));
        }
    }

    /// <summary><c>context</c>: all names by their texts.</summary>
    private sealed class ContextObject(NodeContext context) : JinjaObject
    {
        public override string TypeName => "context";

        public override bool IsMapping => true;

        public override bool TryGetItem(object? key, out object? value)
        {
            value = null;
            return Operations.AsText(key) is { } name && context.TryResolve(name, out value);
        }

        public override bool TryGetAttribute(string name, out object? value)
        {
            value = name switch
            {
                "get" => new JinjaFunction(name, Signature.Of("get key default?", (_, a) => TryGetItem(a[0], out var found) ? found : a.Or(1, null))),
                "setdefault" => new JinjaFunction(name, Signature.Of("setdefault key default?", (_, a) => TryGetItem(a[0], out var found) ? found : context._values[a.Text(0)] = a.Or(1, null))),
                // Packages keep here what one macro leaves to another in the same node.
                "update" => new JinjaFunction(name, Update),
                _ => null,
            };
            return value is not null;
        }

        private object? Update(CallArguments arguments)
        {
            var added = new PythonDict();
            Globals.FillDict(added, arguments, "update");
            foreach (var (key, value) in added.Items) context._values[Operations.AsText(key) ?? throw new TemplateError("The names of the context are texts.")] = value;
            return null;
        }
    }

    /// <summary><c>validation.any</c>: types in brackets, which nothing is checked for.</summary>
    private sealed class AnyType : JinjaObject
    {
        public override string TypeName => "validation.any";

        public override bool TryGetItem(object? key, out object? value)
        {
            value = null;
            return true;
        }
    }

    /// <summary>The macros of a package behind its name and a dot.</summary>
    private sealed class PackageMacros(NodeContext context, string package) : JinjaObject
    {
        public override string TypeName => $"package '{package}'";

        public override bool TryGetAttribute(string name, out object? value)
        {
            if (context.TryOverride($"{package}.{name}", out value)) return true;
            if (context.State.Project!.Macros.In(package, name) is { } macro)
            {
                value = context.Bind(macro);
                return true;
            }

            if (name == "get")
            {
                value = new JinjaFunction(name, Signature.Of("get name default?", (_, a) => TryGetAttribute(a.Text(0), out var found) && found is not Undefined ? found : a.Or(1, null)));
                return true;
            }

            // Macros of dbt that are code here.
            if (package == MacroTable.Dbt && context._values.TryGetValue(name, out value) && value is JinjaFunction) return true;
            // Packages ask whether dbt, or another package, has a macro. It is called only where there is one.
            var missing = package == MacroTable.Dbt ? TemplateObject.Unsupported($"the macro 'dbt.{name}'") : new TemplateError($"The package '{package}' has no macro '{name}'.");
            value = new Undefined(missing.Message, isLenient: false, missing.Hint);
            return true;
        }
    }

    /// <summary><c>config</c>: called it configures, and it gives what is configured.</summary>
    internal sealed class ConfigObject(NodeContext context) : JinjaObject
    {
        public override string TypeName => "config";

        public override bool IsCallable => true;

        public override object? Call(CallArguments arguments)
        {
            if (context.IsExecuting) return "";
            if (arguments.Positional.Count > 1) throw new TemplateError("config() takes named arguments, or one dict.");
            var given = arguments.Named.AsEnumerable();
            if (arguments.Positional is [PythonDict dict]) given = dict.Items.Select(item => new KeyValuePair<string, object?>(Representation.Print(item.Key), item.Value)).Concat(given);
            foreach (var (key, value) in given) context.ConfigCalls[key] = value is Undefined ? null : value;
            return "";
        }

        public override bool TryGetAttribute(string name, out object? value)
        {
            value = name switch
            {
                // While the project is read nothing is configured yet, and dbt gives an empty text, whatever the default.
                "get" or "require" or "meta_get" or "meta_require" when !context.IsExecuting => new JinjaFunction(name, _ => ""),
                "get" => new JinjaFunction(name, Signature.Of("get name default? validator?", (_, a) => Find(a.Text(0)) ?? a.Or(1, null))),
                "require" => new JinjaFunction(name, Signature.Of("require name validator?", (_, a) =>
                    Find(a.Text(0)) ?? throw new TemplateError($"'{context.Node?.Name}' does not define a required config parameter '{a.Text(0)}'."))),
                "meta_get" => new JinjaFunction(name, Signature.Of("meta_get name default?", (_, a) => Meta(a.Text(0)) ?? a.Or(1, null))),
                "meta_require" => new JinjaFunction(name, Signature.Of("meta_require name", (_, a) => Meta(a.Text(0)) ?? throw new TemplateError($"'{context.Node?.Name}' has no '{a.Text(0)}' in its meta."))),
                "persist_relation_docs" => new JinjaFunction(name, _ => PersistsDocs("relation")),
                "persist_column_docs" => new JinjaFunction(name, _ => PersistsDocs("columns")),
                "set" => new JinjaFunction(name, Signature.Of("set name value", (_, a) => Set(a.Text(0), a[1]))),
                _ => throw TemplateObject.Unsupported($"'config.{name}'"),
            };
            return true;
        }

        private bool PersistsDocs(string kind) => context.IsExecuting && Find("persist_docs") is PythonDict docs && docs.Get(kind) is true;

        private string Set(string key, object? value)
        {
            if (context.IsExecuting) context.Node?.Config.Set(key, value);
            else context.ConfigCalls[key] = value;
            return "";
        }

        private object? Find(string key) => context.Node is { } node && node.Config.TryGet(key, out var value) ? value : null;

        private object? Meta(string key) => context.Node?.Config.Meta.TryGet(key, out var value) == true ? value : null;
    }

    /// <summary><c>var</c>.</summary>
    private sealed class VarObject(NodeContext context) : JinjaObject
    {
        public override string TypeName => "var";

        public override bool IsCallable => true;

        public override object? Call(CallArguments arguments) => Signature.Of("var name default?", (_, a) =>
        {
            var vars = Vars();
            // A text may be a template, in which a package's user refers to models.
            if (vars.TryGet(a.Text(0), out var value))
                return value is string text && text.Contains("{{", StringComparison.Ordinal) ? context.Render(text, $"var '{a.Text(0)}'") : value;
            return a.Has(1) ? a[1] : throw new TemplateError(
                $"Required var '{a.Text(0)}' not found in config: vars supplied to {context.Node?.Name ?? "the project"} = {JsonText.Write(vars, sortKeys: true)}", "Set it under vars in dbt_project.yml, or give var() a default.");
        })(arguments);

        public override bool TryGetAttribute(string name, out object? value)
        {
            value = name == "has_var" ? new JinjaFunction(name, Signature.Of("has_var name", (_, a) => Vars().Contains(a.Text(0)))) : throw TemplateObject.Unsupported($"'var.{name}'");
            return true;
        }

        private PythonDict Vars()
        {
            var vars = new PythonDict();
            if (context.State.Project is { } project)
            {
                if (context.Package != project.Root.Name && project.Packages.FirstOrDefault(package => package.Name == context.Package) is { } own) Take(vars, own.Vars);
                Take(vars, project.Root.Vars);
            }

            Take(vars, context.State.Options.Vars);
            if (context.Override("vars") is { } others) Take(vars, others);
            return vars;
        }

        private void Take(PythonDict vars, PythonDict level)
        {
            foreach (var (key, value) in level.Items) vars[key] = value;
            if (!level.TryGet(context.Package, out var own) || own is not PythonDict scoped) return;
            foreach (var (key, value) in scoped.Items) vars[key] = value;
        }
    }
}
