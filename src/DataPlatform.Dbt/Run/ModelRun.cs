using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;
using DataPlatform.Warehouses;

namespace DataPlatform.Dbt.Run;

/// <summary>Builds models. Each is one transaction with its hooks in it: readers see the old relation until it ends.</summary>
internal sealed class ModelRun(NodeContext context, string sql)
{
    private readonly Database _database = context.Database!;
    private readonly DbtNode _node = context.Node!;
    private readonly DbtRelation _this = context.This!;
    private bool _isNew;

    public void Run()
    {
        Hooks.Run(context, "pre-hook", inside: false);
        Hooks.Run(context, "pre-hook", inside: true);
        var existing = _database.Find(_this);
        switch (_node.Config.Materialized)
        {
            case "view": BuildView(existing); break;
            case "table": BuildTable(existing); break;
            case "incremental": BuildIncrement(existing); break;
        }

        // What hooks do is not what the model did.
        var response = (Verb: (string)Get("code")!, _database.LastRows);
        Properties.Apply(context, _this.As(_node.Config.Materialized == "view" ? "view" : "table"), _isNew);
        Hooks.Run(context, "post-hook", inside: true);
        _database.Commit();
        Hooks.Run(context, "post-hook", inside: false);
        _database.Respond(response.Verb, response.LastRows);
    }

    private object? Get(string key) => _database.LastResponse.TryGet(key, out var value) ? value : null;

    private void BuildView(DbtRelation? existing)
    {
        if (existing is not null) _database.Drop(existing);
        _database.QueryMain($"create view {_this.Print()} as (\n{sql}\n)");
        _database.Respond("CREATE VIEW", -1);
    }

    private void BuildTable(DbtRelation? existing)
    {
        var built = _this.Named(Suffixed("__dbt_tmp")).As("table");
        if (_database.Find(built) is { } left) _database.Drop(left);
        _database.Write("SELECT", $"create table {built.Print()} as (\n{sql}\n)");
        var (verb, rows) = ("SELECT", _database.LastRows);
        if (existing is not null) _database.Drop(existing);
        _database.Rename(built, _this);
        _isNew = true;
        _database.Respond(verb, rows);
    }

    private void BuildIncrement(DbtRelation? existing)
    {
        if (existing is null || existing.Type != "table" || _node.Config.Flag("full_refresh", context.State.Options.FullRefresh))
        {
            BuildTable(existing);
            return;
        }

        var keys = _node.Config.Texts("unique_key");
        var strategy = _node.Config.Text("incremental_strategy") is { Length: > 0 } named && named != "default" ? named : keys.Count > 0 ? "delete+insert" : "append";
        var temporary = new DbtRelation(new RelationName(null, null, Suffixed("__dbt_tmp"), "table"));
        _database.Query($"create temporary table {temporary.Print()} as (\n{sql}\n)");
        _database.ExpandColumns(temporary, _this);
        var columns = ReconcileColumns(temporary);
        var list = string.Join(", ", columns.Select(TableName.Quote));
        var predicates = _node.Config.Texts("incremental_predicates") is { Count: > 0 } given ? given : _node.Config.Texts("predicates");
        switch (strategy)
        {
            case "append": break;
            case "delete+insert" when keys.Count == 0: break;
            case "delete+insert":
                var key = string.Join(", ", keys);
                _database.Query($"""
                    delete from {_this.Print()} as DBT_INTERNAL_DEST
                    where ({key}) in (select distinct {key} from {temporary.Print()} as DBT_INTERNAL_SOURCE)
                    {string.Concat(predicates.Select(predicate => $"and {predicate}\n"))}
                    """);
                break;
            case "merge":
                Merge(temporary, columns, keys, predicates);
                _database.Query($"drop table {temporary.Print()}");
                return;
            default: throw new TemplateError($"There is no incremental strategy '{strategy}' here: there are append, delete+insert and merge.", "Set incremental_strategy to one of them.");
        }

        _database.Write("INSERT", $"insert into {_this.Print()} ({list})\n(\nselect {list}\nfrom {temporary.Print()}\n)");
        var rows = _database.LastRows;
        _database.Query($"drop table {temporary.Print()}");
        _database.Respond(_database.IsDuckDb ? "OK" : "INSERT 0", rows);
    }

    private void Merge(DbtRelation source, IReadOnlyList<string> columns, IReadOnlyList<string> keys, IReadOnlyList<string> predicates)
    {
        var (only, except) = (_node.Config.Texts("merge_update_columns"), _node.Config.Texts("merge_exclude_columns"));
        if (only.Count > 0 && except.Count > 0) throw new TemplateError("Model cannot specify merge_update_columns and merge_exclude_columns. Please update model to use only one config");
        var updated = only.Count > 0 ? only.Select(TableName.Quote) : columns.Where(column => !except.Contains(column, StringComparer.OrdinalIgnoreCase)).Select(TableName.Quote);
        var conditions = predicates.Concat(keys.Count == 0 ? ["FALSE"] : keys.Select(key => $"DBT_INTERNAL_SOURCE.{key} = DBT_INTERNAL_DEST.{key}"));
        var list = string.Join(", ", columns.Select(TableName.Quote));
        _database.Write("MERGE", $"""
            merge into {_this.Print()} as DBT_INTERNAL_DEST
            using {source.Print()} as DBT_INTERNAL_SOURCE
            on ({string.Join(") and (", conditions)})
            {(keys.Count == 0 ? "" : $"when matched then update set {string.Join(", ", updated.Select(column => $"{column} = DBT_INTERNAL_SOURCE.{column}"))}")}
            when not matched then insert ({list}) values ({string.Join(", ", columns.Select(column => $"DBT_INTERNAL_SOURCE.{TableName.Quote(column)}"))})
            """);
        _database.Respond("MERGE", _database.LastRows);
    }

    /// <summary>Does what is configured when the query's columns differ from the table's, and returns the columns to write.</summary>
    private IReadOnlyList<string> ReconcileColumns(DbtRelation source)
    {
        var mode = _node.Config.Text("on_schema_change") ?? "ignore";
        var (ours, theirs) = (_database.Columns(source), _database.Columns(_this));
        if (mode is not ("ignore" or "fail" or "append_new_columns" or "sync_all_columns"))
            throw new TemplateError($"on_schema_change is ignore, fail, append_new_columns or sync_all_columns, not '{mode}'.");
        if (mode == "ignore") return Names(theirs);
        var added = ours.Where(column => !Has(theirs, column)).ToList();
        var removed = theirs.Where(column => !Has(ours, column)).ToList();
        var changed = ours.Where(column => theirs.Any(other => Same(other, column) && other.DataType != column.DataType)).ToList();
        if (added.Count + removed.Count + changed.Count == 0) return Names(ours);
        switch (mode)
        {
            case "fail":
                throw new TemplateError(
                    $"The source and target schemas on this incremental model are out of sync! Source columns not in target: {Show(added)}. Target columns not in source: {Show(removed)}. New column types: {Show(changed)}.",
                    "Re-run the incremental model with full_refresh, update its schema by hand, or set on_schema_change to append_new_columns or sync_all_columns.");
            case "append_new_columns":
                foreach (var column in added) _database.Query($"alter table {_this.Print()} add column {column.Quoted} {column.DataType}");
                break;
            default:
                foreach (var column in added) _database.Query($"alter table {_this.Print()} add column {column.Quoted} {column.DataType}");
                foreach (var column in removed) _database.Query($"alter table {_this.Print()} drop column {column.Quoted}{(_database.IsDuckDb ? "" : " cascade")}");
                foreach (var column in changed) _database.Query($"alter table {_this.Print()} alter column {column.Quoted} type {column.DataType}{(_database.IsDuckDb ? "" : $" using {column.Quoted}::{column.DataType}")}");
                break;
        }

        // What the query does not give stays NULL.
        return Names(ours);

        static IReadOnlyList<string> Names(IEnumerable<DbtColumn> columns) => [.. columns.Select(column => column.Name)];

        static bool Same(DbtColumn one, DbtColumn other) => string.Equals(one.Name, other.Name, StringComparison.OrdinalIgnoreCase);

        static bool Has(IEnumerable<DbtColumn> columns, DbtColumn column) => columns.Any(other => Same(other, column));

        static string Show(IReadOnlyCollection<DbtColumn> columns) => columns.Count == 0 ? "none" : string.Join(", ", columns.Select(column => $"{column.Name} {column.DataType}"));
    }

    /// <summary>The relation's name with an end, short enough for PostgreSQL.</summary>
    private string Suffixed(string suffix) => _node.Alias[..Math.Min(_node.Alias.Length, 63 - suffix.Length)] + suffix;
}
