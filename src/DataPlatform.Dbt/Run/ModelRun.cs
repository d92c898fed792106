using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;

namespace DataPlatform.Dbt.Run;

/// <summary>Builds models. Each is one transaction with its hooks in it: readers see the old relation until it ends.</summary>
/// <param name="context">Of the node.</param>
/// <param name="sql">Its query.</param>
/// <param name="materialized">What it becomes, or null for what is configured.</param>
internal sealed class ModelRun(NodeContext context, string sql, string? materialized = null)
{
    private const string MaterializedView = "materialized_view";

    private readonly Database _database = context.Database!;
    private readonly DbtNode _node = context.Node!;
    private readonly DbtRelation _this = context.This!;
    private readonly string _materialized = materialized ?? context.Node!.Config.Materialized;
    private bool _isNew;

    public void Run()
    {
        if (OwnMaterialization.Find(context.State, _materialized) is { } own)
        {
            OwnMaterialization.Run(context, own, sql);
            return;
        }

        Hooks.Run(context, "pre-hook", inside: false);
        Hooks.Run(context, "pre-hook", inside: true);
        if (_materialized == "view") BuildView(_database.Find(_this));
        else if (_materialized == MaterializedView) BuildMaterializedView(_database.Find(_this));
        else
        {
            var built = _this.Named(Suffixed("__dbt_tmp")).As("table");
            var (existing, left) = _database.Find(_this, built);
            if (_materialized == "table") BuildTable(built, existing, left);
            else BuildIncrement(built, existing, left);
        }

        // What hooks do is not what the model did.
        var response = (Verb: (string)Get("code")!, _database.LastRows);
        Properties.Apply(context, _this.As(_materialized is "view" or MaterializedView ? _materialized : "table"), _isNew);
        Hooks.Run(context, "post-hook", inside: true);
        _database.Commit();
        Hooks.Run(context, "post-hook", inside: false);
        _database.Respond(response.Verb, response.LastRows);
    }

    private object? Get(string key) => _database.LastResponse.TryGet(key, out var value) ? value : null;

    private void BuildView(DbtRelation? existing)
    {
        if (existing is not null) _database.Drop(existing);
        _database.QueryMain(Sql("get_create_view_as_sql", _this.As("view"), sql));
        _database.Respond("CREATE VIEW", -1);
    }

    private void BuildMaterializedView(DbtRelation? existing)
    {
        var target = _this.As(MaterializedView);
        if (existing?.Type != MaterializedView || _node.Config.Flag("full_refresh", context.State.Options.FullRefresh))
        {
            if (existing is not null) _database.Drop(existing);
            _database.Write("SELECT", Sql("get_create_materialized_view_as_sql", target, sql));
            _isNew = true;
            return;
        }

        if (context.CallMacro("get_materialized_view_configuration_changes", target, new NodeContext.ConfigObject(context)) is not { } changes)
        {
            _database.QueryMain(Sql("refresh_materialized_view", target));
            _database.Respond("REFRESH MATERIALIZED VIEW", -1);
            return;
        }

        var name = target.Print();
        switch (_node.Config.Text("on_configuration_change") ?? "apply")
        {
            case "continue":
                context.State.Log("warn", $"Configuration changes were identified and `on_configuration_change` was set to `continue` for `{name}`");
                _database.Respond($"skip {name}", -1);
                break;
            case "fail": throw new TemplateError($"Configuration changes were identified and `on_configuration_change` was set to `fail` for `{name}`", "Run it with --full-refresh, or set on_configuration_change to apply.");
            default:
                _database.Write("ALTER", Sql("get_alter_materialized_view_as_sql", target, changes, sql, existing));
                _database.Respond("ALTER MATERIALIZED VIEW", -1);
                break;
        }
    }

    /// <param name="built">What it is called until it takes the name's place.</param>
    /// <param name="existing">What has the name.</param>
    /// <param name="left">What is called as the one that is built.</param>
    private void BuildTable(DbtRelation built, DbtRelation? existing, DbtRelation? left)
    {
        if (left is not null) _database.Drop(left);
        _database.WriteTable(built, Sql("get_create_table_as_sql", false, built, sql));
        var (verb, rows) = ("SELECT", _database.LastRows);
        if (existing is not null) _database.Drop(existing);
        _database.Rename(built, _this);
        _isNew = true;
        _database.Respond(verb, rows);
    }

    private void BuildIncrement(DbtRelation built, DbtRelation? existing, DbtRelation? left)
    {
        if (existing is null || existing.Type != "table" || (context.Batch is not { IsIncremental: true } && _node.Config.Flag("full_refresh", context.State.Options.FullRefresh)))
        {
            BuildTable(built, existing, left);
            return;
        }

        var temporary = new DbtRelation(new RelationName(null, null, Suffixed("__dbt_tmp"), "table"));
        _database.Query(Sql("get_create_table_as_sql", true, temporary, sql));
        _database.ExpandColumns(temporary, _this);
        var mode = context.CallMacro("incremental_validate_on_schema_change", _node.Config.Text("on_schema_change") ?? "ignore");
        var columns = context.CallMacro("process_schema_changes", mode, temporary, _this);
        // Keys and predicates are one text or several: the macros of strategies take both.
        var arguments = new PythonDict
        {
            ["target_relation"] = _this,
            ["temp_relation"] = temporary,
            ["unique_key"] = _node.Config["unique_key"],
            ["dest_columns"] = Operations.IsTrue(columns) ? columns : new PythonList(_database.Columns(_this)),
            ["incremental_predicates"] = (_node.Config.Texts("incremental_predicates") is { Count: > 0 } given ? given : _node.Config.Texts("predicates")) is { Count: > 0 } predicates ? new PythonList(predicates) : null,
        };
        _database.Write("INSERT", Representation.Print(context.FindStrategy(_node.Config.Text("incremental_strategy")).Invoke(context.NewRun(), [arguments])));
        var rows = _database.LastRows;
        _database.Query($"drop table {temporary.Print()}");
        _database.Respond(_database.IsDuckDb ? "OK" : _node.IsMicrobatch || _node.Config.Text("incremental_strategy") == "merge" ? "MERGE" : "INSERT 0", rows);
    }

    private string Sql(string macro, params object?[] arguments) => Representation.Print(context.CallMacro(macro, arguments));

    /// <summary>The relation's name with an end, short enough for PostgreSQL.</summary>
    private string Suffixed(string suffix) => _node.Alias[..Math.Min(_node.Alias.Length, 63 - suffix.Length)] + suffix;
}
