using System.Numerics;
using System.Text;
using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Tool;

/// <summary>Rows as <c>show</c> writes them.</summary>
internal static class TableText
{
    /// <summary>Columns between bars, numbers to the right.</summary>
    public static string Write(ResultTable table)
    {
        var rows = table.Rows.ToList();
        var cells = rows.Select(row => row.Select(value => value is null ? "" : Representation.Print(value).ReplaceLineEndings("\\n")).ToArray()).ToList();
        var columns = Enumerable.Range(0, table.Names.Count)
            .Select(place => (Width: cells.Select(row => row[place].Length).Append(table.Names[place].Length).Max(), IsNumber: rows.All(row => row[place] is null or long or BigInteger or double) && rows.Exists(row => row[place] is not null))).ToList();
        var text = new StringBuilder();
        Append(table.Names);
        Append([.. columns.Select(column => new string('-', column.Width))]);
        foreach (var row in cells) Append(row);
        return text.ToString();

        void Append(IReadOnlyList<string> row) =>
            text.Append("| ").AppendJoin(" | ", row.Select((cell, place) => columns[place].IsNumber ? cell.PadLeft(columns[place].Width) : cell.PadRight(columns[place].Width))).Append(" |\n");
    }

    /// <summary>A list of dicts by the columns' names.</summary>
    public static PythonList ToList(ResultTable table) => new(table.Rows.Select(row => (object?)new PythonDict(table.Names.Zip(row, (name, value) => new KeyValuePair<string, object?>(name, Plain(value))))));

    // JSON has no dates.
    private static object? Plain(object? value) => value switch
    {
        PythonDateTime time => time.Print().Replace(' ', 'T'),
        PythonList list => new PythonList(list.Items.Select(Plain)),
        PythonDict dict => new PythonDict(dict.Items.Select(item => new KeyValuePair<string, object?>(Representation.Print(item.Key), Plain(item.Value)))),
        null or bool or long or BigInteger or double or string => value,
        _ => Representation.Print(value),
    };
}
