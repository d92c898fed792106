using System.Collections;
using System.Globalization;
using System.Numerics;
using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Context;

/// <summary>The rows of a query, as templates see them: what agate's tables are to dbt.</summary>
internal sealed class ResultTable : TemplateObject
{
    private readonly IReadOnlyList<string> _names;
    private readonly IReadOnlyList<Row> _rows;

    public ResultTable(IReadOnlyList<string> names, IEnumerable<object?[]> rows)
        : base("table")
    {
        _names = names;
        _rows = [.. rows.Select(values => new Row(names, values))];
        Add("column_names", new PythonTuple([.. names]));
        Add("rows", new PythonTuple([.. _rows]));
        Add("columns", new Mapped(names, [.. names.Select((name, place) => new Column(name, place, [.. _rows.Select(row => row.Values[place])]))]));
        Method("print_table max_rows? max_columns? output? max_column_width? locale? max_precision?", _ => null);
        Method("select key", a => Pick([.. Operations.Enumerate(a[0]).Select(Representation.Print)]));
        Method("exclude key", a => Pick([.. names.Except(Operations.Enumerate(a[0]).Select(Representation.Print))]));
        Method("limit start_or_stop?", a => new ResultTable(names, _rows.Take(a.Int(0, int.MaxValue)).Select(row => row.Values)));
        Method("rename column_names?", a => Rename(a.Or(0, null)));
    }

    private ResultTable Rename(object? to)
    {
        var renamed = to is PythonDict map ? [.. _names.Select(name => map.TryGet(name, out var other) ? Representation.Print(other) : name)] : to is null ? _names : Operations.Enumerate(to).Select(Representation.Print).ToList();
        return renamed.Count == _names.Count ? new ResultTable(renamed, Rows) : throw new TemplateError($"rename() takes a dict of old and new names, or a name for each of the {_names.Count} columns, and got {renamed.Count}.");
    }

    public IEnumerable<object?[]> Rows => _rows.Select(row => row.Values);

    public IReadOnlyList<string> Names => _names;

    public override IEnumerator<object?> Iterate() => _rows.GetEnumerator();

    public override bool TryGetItem(object? key, out object? value)
    {
        var place = PythonSequence.Index(key, _rows.Count);
        value = place is { } index ? _rows[index] : null;
        return place is not null;
    }

    /// <summary>A value of the database as one of a template.</summary>
    public static object? Convert(object? value) => value switch
    {
        null or DBNull => null,
        bool or string or double => value,
        sbyte or byte or short or ushort or int or uint or long => System.Convert.ToInt64(value, CultureInfo.InvariantCulture),
        ulong number => Numbers.Normalize(number),
        BigInteger number => Numbers.Normalize(number),
        Int128 number => Numbers.Normalize((BigInteger)number),
        UInt128 number => Numbers.Normalize((BigInteger)number),
        float number => (double)number,
        decimal number => Decimal(number),
        DateTime time => new PythonDateTime(time),
        DateTimeOffset time => new PythonDateTime(time.UtcDateTime),
        DateOnly date => new PythonDate(date),
        IDictionary map => new PythonDict(map.Keys.Cast<object>().Select(key => new KeyValuePair<string, object?>(key.ToString()!, Convert(map[key])))),
        byte[] bytes => System.Convert.ToHexStringLower(bytes),
        IEnumerable list => new PythonList(list.Cast<object?>().Select(Convert)),
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString(),
    };

    private ResultTable Pick(string[] picked)
    {
        var places = picked.Select(name => Enumerable.Range(0, _names.Count).First(place => _names[place] == name)).ToArray();
        return new ResultTable(picked, _rows.Select(row => places.Select(place => row.Values[place]).ToArray()));
    }

    // A double where that prints the same, because templates can calculate with it.
    private static object Decimal(decimal number)
    {
        if (number.Scale == 0) return Numbers.Normalize(new BigInteger(number));
        var text = number.ToString(CultureInfo.InvariantCulture);
        return Representation.Of((double)number) == text ? (double)number : new PythonDecimal(text);
    }

    /// <summary>A decimal whose digits a double would not keep.</summary>
    private sealed class PythonDecimal(string text) : JinjaObject
    {
        public override string TypeName => "Decimal";

        public override string Print() => text;

        public override string Repr() => $"Decimal('{text}')";

        public override bool ValueEquals(object? other) => other is PythonDecimal number && number.Print() == text;

        public override int ValueHash() => text.GetHashCode(StringComparison.Ordinal);
    }

    /// <summary>Values that can be reached by place and by name.</summary>
    private class Mapped(IReadOnlyList<string> names, object?[] values) : JinjaObject
    {
        public object?[] Values { get; } = values;

        public override string TypeName => "MappedSequence";

        public override bool IsTrue => Values.Length > 0;

        public override bool IsSequence => true;

        public override int? Length => Values.Length;

        public override IEnumerator<object?> Iterate() => ((IEnumerable<object?>)Values).GetEnumerator();

        public override bool TryGetItem(object? key, out object? value)
        {
            var place = Operations.AsText(key) is { } name ? IndexOf(name) : PythonSequence.Index(key, Values.Length) ?? -1;
            value = place < 0 ? null : Values[place];
            return place >= 0;
        }

        public override bool TryGetAttribute(string name, out object? value)
        {
            value = name switch
            {
                "values" => new JinjaFunction("values", _ => new PythonTuple([.. Values])),
                "keys" => new JinjaFunction("keys", _ => new PythonTuple([.. names])),
                "items" => new JinjaFunction("items", _ => new PythonList(names.Select((key, place) => (object?)new PythonTuple(key, Values[place])))),
                "dict" => new JinjaFunction("dict", _ => new PythonDict(names.Select((key, place) => new KeyValuePair<string, object?>(key, Values[place])))),
                "get" => new JinjaFunction("get", Signature.Of("get key default?", (_, a) => TryGetItem(a[0], out var found) ? found : a.Or(1, null))),
                _ => null,
            };
            return value is not null || TryGetItem(name, out value);
        }

        public override string Repr() => new PythonTuple([.. Values]).Repr();

        public override bool ValueEquals(object? other) => other is Mapped mapped && new PythonTuple([.. Values]).ValueEquals(new PythonTuple([.. mapped.Values]));

        public override int ValueHash() => new PythonTuple([.. Values]).ValueHash();

        private int IndexOf(string name)
        {
            for (var i = 0; i < names.Count; i++)
                if (names[i] == name) return i;
            return -1;
        }
    }

    private sealed class Row(IReadOnlyList<string> names, object?[] values) : Mapped(names, values)
    {
        public override string TypeName => "Row";
    }

    private sealed class Column(string name, int place, object?[] values) : Mapped([], values)
    {
        public override string TypeName => "Column";

        public override bool TryGetAttribute(string attribute, out object? value)
        {
            value = attribute switch
            {
                "name" => name,
                "index" => (long)place,
                "data_type" => new TemplateObject("data_type").Method("jsonify value", a => a[0] is null or bool or string || Numbers.IsNumber(a[0]) ? a[0] : Representation.Print(a[0])),
                "values_without_nulls" => new JinjaFunction(attribute, _ => new PythonTuple([.. Values.Where(item => item is not null)])),
                "values_distinct" => new JinjaFunction(attribute, _ => new PythonTuple([.. new PythonSet(Values).Items])),
                _ => null,
            };
            return value is not null || base.TryGetAttribute(attribute, out value);
        }
    }
}
