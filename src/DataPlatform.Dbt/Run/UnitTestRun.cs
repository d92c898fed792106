using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;
using DataPlatform.Warehouses;

namespace DataPlatform.Dbt.Run;

/// <summary>Runs a model over rows that are given, and compares what it makes with what is expected.</summary>
internal sealed class UnitTestRun
{
    private const string Actual = "actual", Expected = "expected", Side = "actual_or_expected";

    private readonly Database _database;
    private readonly DbtNode _node;
    private readonly DbtNode _model;
    private readonly UnitTest _test;
    private readonly NodeContext _context;

    public UnitTestRun(EngineState state, DbtNode node, Database database, CancellationToken cancellationToken)
    {
        (_database, _node, _test) = (database, node, node.UnitTest!);
        _model = state.Project!.Nodes[node.DependsOn[0]];
        _context = new NodeContext(state, _model.Package, _model, database, cancellationToken) { UnitTest = _test };
    }

    /// <summary>The model's query, that reads the given rows.</summary>
    public string Compile()
    {
        var sql = _context.Render(_model.RawCode, _model.OriginalPath);
        var state = _context.State;
        return Compiler.Inject(sql, [.. _test.Inputs.Select(input => $" {NodeContext.ExpressionName(state.Project!.Nodes[input.Key])} as (\n{Rows(state.Project!.Nodes[input.Key], input.Value)}\n)")]);
    }

    public (string Status, string? Message, long Failures) Run(string sql)
    {
        var temporary = new DbtRelation(new RelationName(null, null, "__dbt_unit_test", "table"));
        _database.Query($"create temporary table {temporary.Print()} as (\nselect * from (\n{sql}\n) as __dbt_sbq where false limit 0\n)");
        var columns = _database.Columns(temporary);
        var compared = _test.Expected.Rows is [var first, ..] ? [.. first.Keys.Select(key => Find(columns, Representation.Print(key), "expected output"))] : columns;
        var names = string.Join(", ", compared.Select(column => column.Quoted));
        var expected = _test.Expected.Sql ?? (_test.Expected.Rows.Count == 0 ? $"select * from dbt_internal_unit_test_{Actual} limit 0"
            : string.Join("\nunion all\n", _test.Expected.Rows.Select(row => Select(row, columns, "expected output", null))));
        var table = _database.Query($"""
            with dbt_internal_unit_test_{Actual} as (
              select {names}, '{Actual}' as {TableName.Quote(Side)} from (
            {sql}
              ) as _dbt_internal_unit_test_{Actual}
            ),
            dbt_internal_unit_test_{Expected} as (
              select {names}, '{Expected}' as {TableName.Quote(Side)} from (
            {expected}
              ) as _dbt_internal_unit_test_{Expected}
            )
            select * from dbt_internal_unit_test_{Actual}
            union all
            select * from dbt_internal_unit_test_{Expected}
            """);
        _database.Respond("SELECT", table.Rows.Count());
        var difference = TableDifference.Find([.. compared.Select(column => column.Name.ToLowerInvariant())], Of(Expected), Of(Actual));
        return difference is null ? ("pass", null, 0) : ("fail", $"\n\nactual differs from expected:\n\n{difference}\n", 1);

        IEnumerable<string?[]> Of(string side) => table.Rows.Where(row => (string)row[^1]! == side).Select(row => row[..^1].Select(value => value is null ? null : Representation.Print(value)).ToArray());
    }

    /// <summary>Given rows as a query. Columns that a row does not have are NULL; their types are those that the relation has.</summary>
    private string Rows(DbtNode node, UnitTestRows given)
    {
        if (given.Sql is not null) return given.Sql;
        var relation = _context.State.NewRelation(node);
        var columns = node.IsEphemeral || (node.External is null && _database.Find(relation) is null) ? [] : _database.Columns(relation);
        if (columns.Count == 0)
        {
            throw new TemplateError(
                $"Not able to get columns for unit test '{_node.Name}' from relation {relation.Print()} because the relation doesn't exist",
                node.IsEphemeral ? "Give the rows of an ephemeral model with format: sql." : "Build it once, or give its rows with format: sql.");
        }

        if (given.Rows.Count == 0) return Select(new PythonDict(), columns, node.Name, columns) + " limit 0";
        return string.Join("\nunion all\n", given.Rows.Select(row => Select(row, columns, $"'{node.Name}'", columns)));
    }

    private static string Select(PythonDict row, IReadOnlyList<DbtColumn> columns, string fixture, IReadOnlyList<DbtColumn>? all)
    {
        var values = row.Items.Select(item => (Column: Find(columns, Representation.Print(item.Key), fixture), item.Value)).ToList();
        var selected = all is null ? values : all.Select(column => (Column: column, values.Find(value => value.Column == column).Value));
        return $"select {string.Join(", ", selected.Select(value => $"cast({Value(value.Value)} as {Type(value.Column, value.Value)}) as {value.Column.Quoted}"))}";
    }

    private static string Value(object? value) => value switch
    {
        null => "null",
        string text => Database.Literal(text),
        PythonDict or PythonSequence => Database.Literal(JsonText.Write(value, sortKeys: false)),
        _ => Representation.Print(value),
    };

    // The limit of a text would cut what is given.
    private static string Type(DbtColumn column, object? value) => value is string && column.IsText ? column.BareType : column.DataType;

    private static DbtColumn Find(IReadOnlyList<DbtColumn> columns, string name, string fixture) =>
        columns.FirstOrDefault(column => string.Equals(column.Name, name, StringComparison.OrdinalIgnoreCase)) ?? throw new TemplateError(
            $"Invalid column name: '{name.ToLowerInvariant()}' in unit test fixture for {fixture}. Accepted columns for {fixture} are: {string.Join(", ", columns.Select(column => $"'{column.Name}'"))}");
}
