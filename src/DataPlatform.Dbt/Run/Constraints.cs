using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;
using DataPlatform.Warehouses;

namespace DataPlatform.Dbt.Run;

/// <summary>Contracts of models: the columns, types and constraints that the tables they make are to have.</summary>
internal static class Constraints
{
    public static bool IsEnforced(DbtNode node) => node.Config["contract"] is PythonDict contract && contract.Get("enforced") is true;

    /// <summary>Refuses a contract that cannot be kept.</summary>
    public static void Check(DbtNode node)
    {
        if (!IsEnforced(node) || node.Type != ResourceType.Model) return;
        var materialized = node.Config.Materialized;
        if (materialized is not ("table" or "view" or "incremental"))
            throw new TemplateError($"A contract can be enforced of the materializations table, view and incremental, not of '{materialized}'.", "Change the materialization, or set contract to {enforced: false}.");
        if (materialized == "incremental" && (node.Config.Text("on_schema_change") ?? "ignore") is not ("append_new_columns" or "fail") and var mode)
            throw new TemplateError($"Invalid value for on_schema_change: {mode}. Models materialized as incremental with contracts enabled must set on_schema_change to 'append_new_columns' or 'fail'");
        if (node.Columns.Count == 0) throw new TemplateError("The contract of the model is enforced, and its schema file has no columns.", "List the columns with their data_type.");
        if (node.Columns.Where(column => string.IsNullOrEmpty(column.DataType)).Select(column => $"'{column.Name}'").ToList() is { Count: > 0 } untyped)
            throw new TemplateError($"The contract of the model is enforced, and data_type is missing of the columns {string.Join(", ", untyped)}.", "Give each column its data_type.");
    }

    /// <summary>The columns of a table's definition.</summary>
    public static PythonList OfColumns(PythonDict columns) => new(columns.Values.OfType<PythonDict>().Select(column =>
    {
        var name = Text(column, "name")!;
        return (object?)string.Join(' ', [column.Get("quote") is true ? TableName.Quote(name) : name, Text(column, "data_type"), .. Items(column, "constraints").Select(OfColumn).OfType<string>()]);
    }));

    /// <summary>The constraints behind the columns of a table's definition.</summary>
    public static PythonList OfModel(object? constraints) => new(((constraints as PythonSequence)?.Items ?? []).OfType<PythonDict>().Select(constraint =>
    {
        var columns = $"({string.Join(", ", Texts(constraint, "columns"))})";
        var rendered = Render(constraint, expression => $"unique {expression}{columns}", expression => $"primary key {expression}{columns}", target => $"foreign key {columns} references {target}");
        return rendered is not null && Text(constraint, "name") is { Length: > 0 } name ? $"constraint {name} {rendered}" : (object?)rendered;
    }).Where(rendered => rendered is not null));

    /// <summary>Says how the columns of a query differ from those of the contract.</summary>
    public static TemplateError Broken(IEnumerable<DbtColumn> contract, IEnumerable<DbtColumn> definition)
    {
        var (wanted, given) = (contract.ToList(), definition.ToList());
        var rows = new List<string[]> { (string[])["column_name", "definition_type", "contract_type", "mismatch_reason"] };
        foreach (var column in given.OrderBy(column => column.Name, StringComparer.Ordinal))
        {
            var same = wanted.Find(other => string.Equals(other.Name, column.Name, StringComparison.OrdinalIgnoreCase));
            if (same is null) rows.Add([column.Name, column.BareType, "", "missing in contract"]);
            else if (same.BareType != column.BareType) rows.Add([column.Name, column.BareType, same.BareType, "data type mismatch"]);
        }

        rows.AddRange(wanted.Where(column => !given.Exists(other => string.Equals(other.Name, column.Name, StringComparison.OrdinalIgnoreCase))).Select(column => (string[])[column.Name, "", column.BareType, "missing in definition"]));
        var widths = Enumerable.Range(0, 4).Select(place => rows.Max(row => row[place].Length)).ToArray();
        rows.Insert(1, [.. widths.Select(width => new string('-', width))]);
        return new TemplateError(
            "This model has an enforced contract that failed.\nPlease ensure the name, data_type, and number of columns in your contract match the columns in your model's definition.\n\n"
            + string.Join('\n', rows.Select(row => $"| {string.Join(" | ", row.Select((cell, place) => cell.PadRight(widths[place])))} |")));
    }

    private static string? OfColumn(PythonDict constraint) => Render(constraint, expression => $"unique {expression}", expression => $"primary key {expression}", target => $"references {target}");

    private static string? Render(PythonDict constraint, Func<string, string> unique, Func<string, string> key, Func<string, string> reference)
    {
        var expression = Text(constraint, "expression") ?? "";
        return Text(constraint, "type") switch
        {
            "check" => expression.Length > 0 ? $"check ({expression})" : null,
            "not_null" => $"not null {expression}".TrimEnd(),
            "unique" => unique(expression).TrimEnd(),
            "primary_key" => key(expression).TrimEnd(),
            "foreign_key" when Text(constraint, "to") is { Length: > 0 } to => reference($"{to} ({string.Join(", ", Texts(constraint, "to_columns"))})"),
            "foreign_key" => expression.Length > 0 ? reference(expression) : null,
            "custom" => expression.Length > 0 ? expression : null,
            var other => throw new TemplateError($"The type of a constraint is check, not_null, unique, primary_key, foreign_key or custom, not '{other}'."),
        };
    }

    private static string? Text(PythonDict dict, string key) => dict.Get(key) is { } value ? Representation.Print(value) : null;

    private static IEnumerable<PythonDict> Items(PythonDict dict, string key) => (dict.Get(key) as PythonSequence)?.Items.OfType<PythonDict>() ?? [];

    private static IEnumerable<string> Texts(PythonDict dict, string key) => (dict.Get(key) as PythonSequence)?.Items.Select(Representation.Print) ?? [];
}
