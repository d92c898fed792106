using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;
using DataPlatform.Warehouses;

namespace DataPlatform.Dbt.Run;

/// <summary>Keeps the versions of rows: a changed row's version ends and another begins.</summary>
internal sealed class SnapshotRun
{
    private const string Staging = "__dbt_snapshot_staging";

    private readonly NodeContext _context;
    private readonly Database _database;
    private readonly DbtNode _node;
    private readonly DbtRelation _this;
    private readonly string _sql;
    private readonly string _strategy;
    private readonly string _deletes;
    private readonly IReadOnlyList<string> _keys;
    private readonly string _now;
    private readonly string _open;
    private readonly string _scdId, _updatedAt, _validFrom, _validTo, _isDeleted;

    public SnapshotRun(NodeContext context, string sql)
    {
        (_context, _sql, _node, _this) = (context, sql, context.Node!, context.This!);
        _database = context.Database!;
        _strategy = _node.Config.Text("strategy") ?? throw new TemplateError("A snapshot needs a strategy: timestamp or check.");
        if (_strategy is not ("timestamp" or "check")) throw new TemplateError($"The strategy of a snapshot is timestamp or check, not '{_strategy}'.");
        _keys = _node.Config.Texts("unique_key") is { Count: > 0 } keys ? keys : throw new TemplateError("A snapshot needs a unique_key.");
        if (_strategy == "timestamp" && _node.Config["updated_at"] is null) throw new TemplateError("A snapshot with the strategy timestamp needs updated_at.");
        if (_strategy == "check" && _node.Config["check_cols"] is null) throw new TemplateError("A snapshot with the strategy check needs check_cols: a list of columns, or 'all'.");
        _deletes = _node.Config.Text("hard_deletes") ?? (_node.Config.Flag("invalidate_hard_deletes", false) ? "invalidate" : "ignore");
        if (_deletes is not ("ignore" or "invalidate" or "new_record")) throw new TemplateError($"hard_deletes is ignore, invalidate or new_record, not '{_deletes}'.");
        // The moment of the run, so that both ends of a version agree.
        _now = Representation.Print(context.CallMacro("snapshot_get_time")).Trim();
        _open = _node.Config.Text("dbt_valid_to_current") ?? "null";
        var names = _node.Config["snapshot_meta_column_names"] as PythonDict ?? new PythonDict();
        (_scdId, _updatedAt, _validFrom, _validTo, _isDeleted) = (Name("dbt_scd_id"), Name("dbt_updated_at"), Name("dbt_valid_from"), Name("dbt_valid_to"), Name("dbt_is_deleted"));

        string Name(string column) => names.TryGet(column, out var other) && other is not null ? Representation.Print(other) : column;
    }

    public void Run()
    {
        Hooks.Run(_context, "pre-hook", inside: false);
        Hooks.Run(_context, "pre-hook", inside: true);
        var existing = _database.Find(_this);
        if (existing is { Type: not "table" }) throw new TemplateError($"'{_this.Print()}' is a {existing.Type}, and a snapshot needs a table of its own.", "Give the snapshot another alias, or drop it.");
        _database.Query($"create temporary table {Staging}_source as (\n{_sql}\n)");
        var columns = _database.Columns(Temporary("_source"));
        if (existing is null) Create();
        else Continue(columns);
        var (verb, rows) = ((string)(_database.LastResponse.TryGet("code", out var code) ? code! : ""), _database.LastRows);
        _database.Query($"drop table {Staging}_source");
        Properties.Apply(_context, _this.As("table"), existing is null);
        Hooks.Run(_context, "post-hook", inside: true);
        _database.Commit();
        Hooks.Run(_context, "post-hook", inside: false);
        _database.Respond(verb, rows);
    }

    private static DbtRelation Temporary(string end) => new(new RelationName(null, null, Staging + end, "table"));

    private string UpdatedAt(string alias) => _node.Config.Text("updated_at") is { } column ? $"{alias}.{column}" : _now;

    private string Key(string alias) => string.Join(" || '|' || ", _keys.Select(key => $"coalesce(cast({Qualified(alias, key)} as varchar), '')"));

    private string ScdId(string alias, string updatedAt) => $"md5({Key(alias)} || '|' || coalesce(cast({updatedAt} as varchar), ''))";

    private void Create()
    {
        var updatedAt = UpdatedAt("source");
        _database.WriteTable(_this, $"""
            create table {_this.Print()} as
            select source.*,
                {ScdId("source", updatedAt)} as {_scdId},
                {updatedAt} as {_updatedAt},
                {updatedAt} as {_validFrom},
                coalesce(nullif({updatedAt}, {updatedAt}), {_open}) as {_validTo}
                {(_deletes == "new_record" ? $", 'False' as {_isDeleted}" : "")}
            from {Staging}_source as source
            """);
    }

    private void Continue(IReadOnlyList<DbtColumn> source)
    {
        var target = _database.Columns(_this);
        foreach (var column in new[] { _scdId, _updatedAt, _validFrom, _validTo }.Concat(_deletes == "new_record" ? [_isDeleted] : []))
        {
            if (!Has(target, column))
                throw new TemplateError($"Snapshot target {_this.Print()} has no column '{column}': it was not made by a snapshot of this configuration.", "Add the column to the table, or give the snapshot another alias.");
        }

        var isGrown = false;
        foreach (var column in source.Where(column => !Has(target, column.Name)))
        {
            _database.Query($"alter table {_this.Print()} add column {column.Quoted} {column.DataType}");
            isGrown = true;
        }

        _database.ExpandColumns(Temporary("_source"), _this);
        var list = string.Join(", ", source.Select(column => column.Quoted));
        var updatedAt = UpdatedAt("source");
        var changed = Changed(source, isGrown);
        var isOpen = _open == "null" ? $"{_validTo} is null" : $"({_validTo} = {_open} or {_validTo} is null)";
        var isNotDeleted = _deletes == "new_record" ? $"kept.{_isDeleted} = 'False'" : "true";
        var versions = $"(select * from {_this.Print()} where {isOpen})";
        var join = string.Join(" and ", _keys.Select(key => $"{Qualified("source", key)} = {Qualified("kept", key)}"));

        // The versions that begin: of new rows, of changed ones, and of those that are back.
        _database.Query($"""
            create temporary table {Staging} as
            select source.*, {ScdId("source", updatedAt)} as {_scdId}, {updatedAt} as {_updatedAt}, {updatedAt} as {_validFrom},
                coalesce(nullif({updatedAt}, {updatedAt}), {_open}) as {_validTo},
                kept.{_scdId} as __dbt_ends, 'False' as __dbt_is_deleted
            from {Staging}_source as source
            left join {versions} as kept on {join}
            where {Qualified("kept", _scdId)} is null or {changed}{(_deletes == "new_record" ? $" or not ({isNotDeleted})" : "")}
            """);
        var isGone = $"not exists (select 1 from {Staging}_source as source where {join}) and {isNotDeleted}";
        if (_deletes != "ignore")
        {
            // Ends that nothing follows, and with new_record the versions that say so.
            _database.Query($"""
                create temporary table {Staging}_gone as
                select kept.*, {_now} as __dbt_now from {versions} as kept where {isGone}
                """);
        }

        _database.Query($"update {_this.Print()} as kept set {_validTo} = staged.{_validFrom} from {Staging} as staged where kept.{_scdId} = staged.__dbt_ends and {Prefixed(isOpen)}");
        var ended = _database.LastRows;
        if (_deletes != "ignore")
        {
            _database.Query($"update {_this.Print()} as kept set {_validTo} = gone.__dbt_now from {Staging}_gone as gone where kept.{_scdId} = gone.{_scdId} and {Prefixed(isOpen)}");
            ended += Math.Max(0, _database.LastRows);
        }

        var marks = $"{_scdId}, {_updatedAt}, {_validFrom}, {_validTo}{(_deletes == "new_record" ? $", {_isDeleted}" : "")}";
        _database.Write("INSERT", $"""
            insert into {_this.Print()} ({list}, {marks})
            select {list}, {_scdId}, {_updatedAt}, {_validFrom}, {_validTo}{(_deletes == "new_record" ? ", __dbt_is_deleted" : "")} from {Staging}
            """);
        var begun = _database.LastRows;
        if (_deletes == "new_record")
        {
            var common = string.Join(", ", source.Select(column => column.Quoted));
            _database.Write("INSERT", $"""
                insert into {_this.Print()} ({common}, {marks})
                select {common}, {ScdId("gone", "gone.__dbt_now")}, __dbt_now, __dbt_now, {_open}, 'True' from {Staging}_gone as gone
                """);
            begun += _database.LastRows;
        }

        _database.Query($"drop table {Staging}");
        if (_deletes != "ignore") _database.Query($"drop table {Staging}_gone");
        _database.Respond(_database.IsDuckDb ? "OK" : "INSERT 0", begun + Math.Max(0, ended));

        // In an UPDATE with FROM the table's own columns need its name.
        string Prefixed(string condition) => condition.Replace(_validTo, $"kept.{_validTo}", StringComparison.Ordinal);
    }

    /// <summary>The condition under which a row's version has ended.</summary>
    private string Changed(IReadOnlyList<DbtColumn> source, bool isGrown)
    {
        if (_strategy == "timestamp") return $"kept.{_validFrom} < {UpdatedAt("source")}";
        // A column that was not there has changed everywhere.
        if (isGrown && _node.Config["check_cols"] is "all") return "true";
        var checks = _node.Config["check_cols"] is "all"
            ? source.Select(column => column.Quoted).Where(column => !_keys.Any(key => string.Equals(TableName.Quote(key), column, StringComparison.OrdinalIgnoreCase)))
            : _node.Config.Texts("check_cols").Select(column => source.FirstOrDefault(found => string.Equals(found.Name, column, StringComparison.OrdinalIgnoreCase))?.Quoted
                ?? throw new TemplateError($"check_cols names '{column}', which the snapshot's query does not have."));
        return $"({string.Join(" or ", checks.Select(column => $"source.{column} is distinct from kept.{column}").DefaultIfEmpty("false"))})";
    }

    private static bool Has(IEnumerable<DbtColumn> columns, string name) => columns.Any(column => string.Equals(column.Name, name, StringComparison.OrdinalIgnoreCase));

    // A key may be an expression, which keeps its names as they are.
    private static string Qualified(string alias, string column) => column.All(c => char.IsLetterOrDigit(c) || c is '_' or '"') ? $"{alias}.{column}"
        : throw TemplateObject.Unsupported($"the unique_key '{column}' of a snapshot: an expression");
}
