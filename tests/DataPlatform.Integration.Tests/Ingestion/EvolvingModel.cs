using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Ingestion;

namespace DataPlatform.Integration.Tests.Ingestion;

/// <summary>One load of a history: up to three columns of random types, besides the number of the row.</summary>
/// <param name="TypeOf">The type of each column.</param>
/// <param name="Has">Whether the load has it.</param>
/// <param name="Values">A value for each row; every type holds it.</param>
internal sealed record EvolvingLoad(string[] TypeOf, bool[] Has, int[] Values)
{
    public static string[] Types { get; } = ["int16", "int32", "int64", "float", "double", "decimal(9,2)", "decimal(12,4)", "text"];

    private static long Number;

    private readonly long[] _numbers = [.. Values.Select(_ => Interlocked.Increment(ref Number))];

    public IEnumerable<(string Name, string Type)> Columns => TypeOf.Select((type, i) => ($"c{i}", type)).Where((_, i) => Has[i]);

    public Contract ToContract() => new([new ContractColumn(new Field("nr", Int64Type.Default, false)), .. Columns.Select(c => new ContractColumn(new Field(c.Name, ToArrow(c.Type), true)))]);

    public string ToCsv() => string.Join(',', Columns.Select(c => c.Name).Prepend("nr")) + "\n"
        + string.Concat(Rows.Select(row => string.Join(',', row.Values.Prepend(row.Number.ToString(CultureInfo.InvariantCulture))) + "\n"));

    public IEnumerable<(long Number, IEnumerable<string> Values)> Rows => _numbers.Select((number, i) => (number, Columns.Select(_ => Values[i].ToString(CultureInfo.InvariantCulture))));

    private static ArrowType ToArrow(string type) => type switch
    {
        "int16" => Int16Type.Default,
        "int32" => Int32Type.Default,
        "int64" => Int64Type.Default,
        "float" => FloatType.Default,
        "double" => DoubleType.Default,
        "decimal(9,2)" => new Decimal128Type(9, 2),
        "decimal(12,4)" => new Decimal128Type(12, 4),
        _ => StringType.Default,
    };
}

/// <summary>A table as the documentation says it evolves, written down as plainly as can be.</summary>
internal sealed class EvolvingModel
{
    // What two types become; what is not here in either order is refused.
    private static readonly Dictionary<(string, string), string> Wider = new()
    {
        [("int16", "int32")] = "int32",
        [("int16", "int64")] = "int64",
        [("int32", "int64")] = "int64",
        [("int16", "float")] = "float",
        [("int16", "double")] = "double",
        [("int32", "float")] = "double",
        [("int32", "double")] = "double",
        [("float", "double")] = "double",
        [("int16", "decimal(9,2)")] = "decimal(9,2)",
        [("int32", "decimal(9,2)")] = "decimal(12,2)",
        [("int64", "decimal(9,2)")] = "decimal(21,2)",
        [("int16", "decimal(12,4)")] = "decimal(12,4)",
        [("int32", "decimal(12,4)")] = "decimal(14,4)",
        [("int64", "decimal(12,4)")] = "decimal(23,4)",
        [("decimal(9,2)", "decimal(12,4)")] = "decimal(12,4)",
    };

    private readonly Dictionary<string, string> _types = new(StringComparer.Ordinal);
    private readonly List<(long Number, Dictionary<string, string> Values)> _rows = [];

    public IEnumerable<string> Columns => _types.Select(column => $"{column.Key} {column.Value}").Concat(["nr int64", "_load_id int64"]);

    public string[] Names => [.. _types.Keys.Prepend("nr")];

    public IEnumerable<string> Rows => _rows.Select(row => string.Join('|', Names.Select(name => name == "nr" ? row.Number.ToString(CultureInfo.InvariantCulture) : row.Values.GetValueOrDefault(name, "-"))));

    /// <summary>A type in which both warehouses write a whole number the same way.</summary>
    public string CastOf(string column) => _types.TryGetValue(column, out var type) && type == "text" ? "text" : "bigint";

    /// <summary>Loads, or changes nothing when the load's types do not go together with the table's.</summary>
    public bool TryLoad(EvolvingLoad load)
    {
        var types = new Dictionary<string, string>(_types, StringComparer.Ordinal);
        foreach (var (name, type) in load.Columns)
        {
            if (!types.TryGetValue(name, out var old)) types[name] = type;
            else if (Combine(old, type) is { } wide) types[name] = wide;
            else return false;
        }

        _types.Clear();
        foreach (var (name, type) in types) _types[name] = type;
        var names = load.Columns.Select(c => c.Name).ToArray();
        foreach (var (number, values) in load.Rows) _rows.Add((number, names.Zip(values).ToDictionary(StringComparer.Ordinal)));
        return true;
    }

    // Decimals grow beyond those of the table above: whole digits and digits after the point each as many as either has.
    private static string? Combine(string a, string b)
    {
        if (a == b) return a;
        if (Wider.TryGetValue((a, b), out var wide) || Wider.TryGetValue((b, a), out wide)) return wide;
        if (Digits(a) is not { } left || Digits(b) is not { } right) return null;
        var scale = Math.Max(left.Scale, right.Scale);
        return $"decimal({Math.Max(left.Whole, right.Whole) + scale},{scale})";
    }

    private static (int Whole, int Scale)? Digits(string type) => type switch
    {
        "int16" => (5, 0),
        "int32" => (10, 0),
        "int64" => (19, 0),
        ['d', 'e', 'c', ..] => (int.Parse(type[8..^1].Split(',')[0], CultureInfo.InvariantCulture) - int.Parse(type[8..^1].Split(',')[1], CultureInfo.InvariantCulture), int.Parse(type[8..^1].Split(',')[1], CultureInfo.InvariantCulture)),
        _ => null,
    };
}
