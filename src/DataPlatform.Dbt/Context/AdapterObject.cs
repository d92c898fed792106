using DataPlatform.Dbt.Jinja;
using DataPlatform.Warehouses;

namespace DataPlatform.Dbt.Context;

/// <summary><c>adapter</c>. While the project is read its questions to the database have empty answers.</summary>
internal sealed class AdapterObject : TemplateObject
{
    private readonly NodeContext _context;

    public AdapterObject(NodeContext context)
        : base("adapter")
    {
        _context = context;
        Method("dispatch macro_name macro_namespace? packages?", Dispatch);
        Method("type", _ => context.State.AdapterType);
        Method("quote identifier", a => TableName.Quote(a.Text(0)));
        Method("quote_as_configured identifier quote_key", a => IsQuoted(a.Text(1)) ? TableName.Quote(a.Text(0)) : a.Text(0));
        Method("quote_seed_column column quote_config?", a => a.Or(1, null) is false ? a.Text(0) : TableName.Quote(a.Text(0)));
        Asking("get_relation database schema identifier", null, (database, a) => database.Find(new DbtRelation(new RelationName(a.TextOrNull(0), a.TextOrNull(1), a.TextOrNull(2)))));
        Asking("load_relation relation", null, (database, a) => database.Find(Relation(a, 0)));
        Asking("get_columns_in_relation relation", new PythonList([]), (database, a) => new PythonList(database.Columns(Relation(a, 0))));
        Asking("get_column_schema_from_query sql", new PythonList([]), (database, a) => new PythonList(database.Describe(a.Text(0))));
        Method("render_raw_columns_constraints raw_columns", a => Run.Constraints.OfColumns(a[0] as PythonDict ?? new PythonDict()));
        Method("render_raw_model_constraints raw_constraints", a => Run.Constraints.OfModel(a[0]));
        Method("parse_index raw_index", a => IndexConfig.Parse(a[0]));
        Asking("list_relations database schema", new PythonList([]), (database, a) => new PythonList(database.List(a.TextOrNull(0), a.Text(1))));
        Asking("list_relations_without_caching schema_relation", new PythonList([]), (database, a) => new PythonList(database.List(Relation(a, 0).Database, Relation(a, 0).Schema!)));
        Asking("get_missing_columns from_relation to_relation", new PythonList([]), (database, a) =>
        {
            var there = database.Columns(Relation(a, 1)).Select(column => column.Name).ToHashSet(StringComparer.Ordinal);
            return new PythonList(database.Columns(Relation(a, 0)).Where(column => !there.Contains(column.Name)));
        });
        Asking("check_schema_exists database schema", false, (database, a) => database.SchemaExists(a.Text(1)));
        Asking("already_exists schema name", false, (database, a) => database.List(null, a.Text(0), a.Text(1)).Count > 0);
        Asking("list_schemas database", new PythonList([]), (database, a) => new PythonList(database.Query("select distinct schema_name from information_schema.schemata order by 1").Rows.Select(row => row[0])));
        Asking("get_columns_in_table schema identifier", new PythonList([]), (database, a) => new PythonList(database.Columns(new DbtRelation(new RelationName(context.State.Database, a.Text(0), a.Text(1))))));
        Method("get_pseudocolumns_for_relation relation", _ => new PythonList([]));
        Method("valid_incremental_strategies", _ => new PythonList(["append", "delete+insert", "merge", "microbatch"]));
        Method("get_incremental_strategy_macro model_context strategy", a => context.IsExecuting ? context.FindStrategy(a.TextOrNull(1)) : null);
        Method("standardize_grants_dict grants_table", a => Grants(a[0]));
        Method("verify_database database", a => string.Equals(a.Text(0).Trim('"'), context.State.Database, StringComparison.OrdinalIgnoreCase) ? ""
            : throw new TemplateError($"Cross-db references not allowed in {context.State.AdapterType} ({a.Text(0)} vs {context.State.Database})"));
        Method("warn_once msg", a =>
        {
            context.State.Log("warn", a.Text(0));
            return "";
        });
        foreach (var kind in new[] { "is_motherduck", "is_ducklake relation", "disable_transactions" }) Method(kind, _ => false);
        Doing("create_schema relation", (database, a) => database.CreateSchema(Relation(a, 0).Schema!));
        Doing("drop_schema relation", (database, a) => database.Query($"drop schema if exists {TableName.Quote(Relation(a, 0).Schema!)} cascade"));
        Doing("drop_relation relation", (database, a) => database.Drop(Relation(a, 0)));
        Doing("rename_relation from_relation to_relation", (database, a) => database.Rename(Relation(a, 0), Relation(a, 1)));
        Doing("truncate_relation relation", (database, a) => database.Query($"truncate table {Relation(a, 0).Print()}"));
        Doing("expand_target_column_types from_relation to_relation", (database, a) => database.ExpandColumns(Relation(a, 0), Relation(a, 1)));
        Doing("commit", (database, _) => database.EndAndBegin("commit"));
        Doing("cache_added relation", (_, _) => { });
        Doing("cache_dropped relation", (_, _) => { });
        Doing("cache_renamed from_relation to_relation", (_, _) => { });
        Asking("execute sql auto_begin? fetch? limit?", new PythonTuple("", new ResultTable([], [])), (database, a) =>
        {
            var table = database.Query(a.Text(0));
            return new PythonTuple(database.LastResponse, table);
        });
        Doing("add_query sql auto_begin?", (database, a) => database.Query(a.Text(0)));
    }

    private void Asking(string signature, object? otherwise, Func<Run.Database, BoundArguments, object?> body) =>
        Method(signature, arguments => _context.Database is { } database ? body(database, arguments) : otherwise);

    private void Doing(string signature, Action<Run.Database, BoundArguments> body) => Asking(signature, "", (database, arguments) =>
    {
        body(database, arguments);
        return "";
    });

    private bool IsQuoted(string part) => ((_context.State.Project?.Root.QuotedParts ?? DbtRelation.AllParts) & part switch
    {
        "database" => DbtRelation.DatabasePart,
        "schema" => DbtRelation.SchemaPart,
        "identifier" => DbtRelation.IdentifierPart,
        _ => 0,
    }) != 0;

    private object? Dispatch(BoundArguments arguments)
    {
        var name = arguments.Text(0);
        if (arguments.Has(2)) throw new TemplateError("The 'packages' argument of adapter.dispatch() is no more.", "Give it the name of the package as macro_namespace.");
        if (name.Contains('.', StringComparison.Ordinal)) throw new TemplateError($"In adapter.dispatch, got a macro name of '{name}', but '.' is not a valid macro name component.", $"Did you mean adapter.dispatch('{name.Split('.')[^1]}', macro_namespace='{name.Split('.')[0]}')?");
        var space = arguments.Has(1) ? arguments.TextOrNull(1) : null;
        var project = _context.State.Project!;
        var packages = space is null ? null
            : project.Root.SearchOrders.TryGetValue(space, out var order) ? order
            : project.Macros.HasPackage(space) ? [project.Root.Name, space]
            : (string[]?)null;
        var searched = new List<string>();
        foreach (var package in packages ?? [""])
        {
            foreach (var prefix in new[] { _context.State.AdapterType, "default" })
            {
                var candidate = $"{prefix}__{name}";
                searched.Add(package.Length == 0 ? candidate : $"{package}.{candidate}");
                var macro = package.Length == 0 ? project.Macros.Find(candidate, _context.Package) : project.Macros.In(package, candidate);
                if (macro is not null) return _context.Bind(macro);
            }
        }

        throw new TemplateError($"In dispatch: No macro named '{name}' found within namespace: '{space ?? "None"}'. Searched for: {string.Join(", ", searched.Select(text => $"'{text}'"))}");
    }

    /// <summary>Who has which privilege, by privilege.</summary>
    private static PythonDict Grants(object? table)
    {
        var grants = new PythonDict();
        foreach (var row in Operations.Enumerate(table).OfType<JinjaObject>())
        {
            row.TryGetItem("privilege_type", out var privilege);
            row.TryGetItem("grantee", out var grantee);
            var before = grants.TryGet(privilege, out var found) ? ((PythonList)found!).Items : [];
            grants[privilege] = new PythonList([.. before, grantee]);
        }

        return grants;
    }

    private static DbtRelation Relation(BoundArguments arguments, int place) =>
        arguments[place] as DbtRelation ?? throw new TemplateError($"A relation is wanted here, and {Operations.TypeName(arguments[place])} given.", "Make one with api.Relation.create or adapter.get_relation.");
}
