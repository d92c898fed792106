using System.Globalization;
using System.Text;
using DataPlatform.Dbt.Context;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Dbt.Project;
using DataPlatform.Warehouses;

namespace DataPlatform.Dbt.Run;

/// <summary>Loads CSV files of the project. Types are those that dbt finds: the first that takes all values of a column.</summary>
internal sealed class SeedRun(NodeContext context)
{
    private const string CurrencySymbols = "$€£¥₩₽₹฿₫₪₴₦₱";

    private static readonly string[] DateFormats = ["yyyy-M-d"];
    private static readonly string[] TimeFormats = ["yyyy-M-d H:m:s"];
    private static readonly string[] IsoFormats =
        ["yyyy-MM-ddTHH:mm:ss", "yyyy-MM-ddTHH:mm:ss.FFFFFFF", "yyyy-MM-ddTHH:mm:ssZ", "yyyy-MM-ddTHH:mm:ss.FFFFFFFZ", "yyyy-MM-ddTHH:mm:sszzz", "yyyy-MM-ddTHH:mm:ss.FFFFFFFzzz", "yyyy-MM-ddTHH:mm"];

    private readonly Database _database = context.Database!;
    private readonly DbtNode _node = context.Node!;
    private readonly DbtRelation _this = context.This!;

    private enum Kind
    {
        Number, Date, DateTime, Boolean, Text,
    }

    public void Run()
    {
        var (header, rows) = Read(_node);
        var declared = _node.Config["column_types"] as PythonDict ?? new PythonDict();
        var quotes = _node.Config.Flag("quote_columns", otherwise: true);
        var columns = new List<(string Sql, string Type, Func<string, string?> Value)>();
        for (var i = 0; i < header.Length; i++)
        {
            var place = i;
            var sql = quotes ? TableName.Quote(header[i]) : header[i];
            if (declared.TryGet(header[i], out var type)) columns.Add((sql, Representation.Print(type), static text => IsNull(text) ? null : text));
            else columns.Add(Infer(sql, rows.Select(row => row[place])));
        }

        Hooks.Run(context, "pre-hook", inside: false);
        Hooks.Run(context, "pre-hook", inside: true);
        var isNew = Load(columns, rows);
        Properties.Apply(context, _this.As("table"), isNew);
        Hooks.Run(context, "post-hook", inside: true);
        _database.Commit();
        Hooks.Run(context, "post-hook", inside: false);
        _database.Respond("INSERT", rows.Count);
    }

    private bool Load(List<(string Sql, string Type, Func<string, string?> Value)> columns, List<string[]> rows)
    {
        var existing = _database.Find(_this);
        if (existing is { Type: "view" }) throw new TemplateError($"Cannot seed to '{_this.Print()}', it is a view", "Drop the view, or give the seed another alias.");
        var isNew = existing is null || context.State.Options.FullRefresh || _node.Config.Flag("full_refresh", false);
        if (!isNew) _database.Query($"{(_database.IsDuckDb ? "delete from" : "truncate table")} {_this.Print()}");
        else
        {
            if (existing is not null) _database.Drop(existing);
            _database.Query($"create table {_this.Print()} ({string.Join(", ", columns.Select(column => $"{column.Sql} {column.Type}"))})");
        }

        var names = string.Join(", ", columns.Select(column => column.Sql));
        var size = context.CallMacro("get_batch_size") is var given && Numbers.AsLong(given) is > 0 and <= int.MaxValue and { } number
            ? (int)number : throw new TemplateError($"get_batch_size() is to give a whole number above zero, not {Representation.Of(given)}.");
        foreach (var batch in rows.Chunk(size))
        {
            var sql = new StringBuilder($"insert into {_this.Print()} ({names}) values\n");
            for (var i = 0; i < batch.Length; i++)
                sql.Append(i == 0 ? "(" : ",\n(").AppendJoin(", ", columns.Select((column, place) => column.Value(batch[i][place]) is { } value ? Database.Literal(value) : "null")).Append(')');
            _database.Query(sql.ToString());
        }

        return isNew;
    }

    private static (string Sql, string Type, Func<string, string?> Value) Infer(string sql, IEnumerable<string> texts)
    {
        var values = texts.Where(text => !IsNull(text)).Select(text => text.Trim()).ToList();
        var kind = values.TrueForAll(IsNumber) ? Kind.Number
            : values.TrueForAll(value => IsTime(value, DateFormats)) ? Kind.Date
            : values.TrueForAll(value => IsTime(value, TimeFormats)) || values.TrueForAll(value => IsTime(value, IsoFormats)) ? Kind.DateTime
            : values.TrueForAll(value => value.ToLowerInvariant() is "true" or "false") ? Kind.Boolean
            : Kind.Text;
        return kind switch
        {
            Kind.Number => (sql, values.Exists(value => Number(value).Contains('.', StringComparison.Ordinal)) ? "float8" : values.Exists(IsLong) ? "bigint" : "integer", Null(Number)),
            Kind.Date => (sql, "date", Null(static text => text)),
            Kind.DateTime => (sql, "timestamp without time zone", Null(static text => text)),
            Kind.Boolean => (sql, "boolean", Null(static text => text)),
            _ => (sql, "text", static text => text.Length == 0 || string.Equals(text, "null", StringComparison.OrdinalIgnoreCase) ? null : text),
        };

        static Func<string, string?> Null(Func<string, string> value) => text => IsNull(text) ? null : value(text.Trim());

        // dbt calls them integer, and the database then refuses them: there is no result to differ from.
        static bool IsLong(string value) => !int.TryParse(Number(value), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _);
    }

    private static bool IsNull(string text) => text.Trim().ToLowerInvariant() is "" or "null";

    private static bool IsNumber(string text) => Number(text) is { Length: > 0 } number
        && decimal.TryParse(number, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out _);

    /// <summary>The number in a text, as agate takes it: currency signs, commas between thousands and a percent sign behind are left out.</summary>
    private static string Number(string text)
    {
        var bare = text.Trim().TrimEnd('%').Replace(",", "", StringComparison.Ordinal);
        foreach (var symbol in CurrencySymbols) bare = bare.Replace(symbol.ToString(), "", StringComparison.Ordinal);
        return decimal.TryParse(bare, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && bare.Contains('e', StringComparison.OrdinalIgnoreCase)
            ? number.ToString(CultureInfo.InvariantCulture) : bare;
    }

    private static bool IsTime(string text, string[] formats) => DateTime.TryParseExact(text, formats, CultureInfo.InvariantCulture, DateTimeStyles.None, out _);

    private static (string[] Header, List<string[]> Rows) Read(DbtNode node)
    {
        var delimiter = node.Config.Text("delimiter") ?? ",";
        if (delimiter.Length != 1) throw new TemplateError($"The delimiter of a seed is one character, not '{delimiter}'.");
        return Parse(File.ReadAllText(node.File!), delimiter[0], node.OriginalPath);
    }

    /// <summary>The header and the rows of a text: RFC 4180, and nothing looser.</summary>
    public static (string[] Header, List<string[]> Rows) Parse(string text, char delimiter, string origin)
    {
        text = text.TrimStart('\uFEFF');
        var (rows, row, field) = (new List<string[]>(), new List<string>(), new StringBuilder());
        var (line, isQuoted, hasField) = (1, false, false);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '\n') line++;
            if (isQuoted)
            {
                if (c != '"') field.Append(c);
                else if (i + 1 < text.Length && text[i + 1] == '"') field.Append(text[++i]);
                else isQuoted = false;
            }
            else if (c == '"' && field.Length == 0)
            {
                isQuoted = hasField = true;
            }
            else if (c == delimiter)
            {
                EndField();
                hasField = true;
            }
            else if (c is '\n' or '\r')
            {
                EndRow();
            }
            else
            {
                field.Append(c);
                hasField = true;
            }
        }

        if (isQuoted) throw YamlItem.Unsupported(origin, line, "a quoted field that does not end");
        EndRow();
        if (rows.Count == 0) throw new TemplateError("There is nothing in it: it needs a header.");
        var header = rows[0];
        rows.RemoveAt(0);
        return (header, rows);

        void EndField()
        {
            row.Add(field.ToString());
            field.Clear();
        }

        void EndRow()
        {
            if (!hasField && row.Count == 0) return;
            EndField();
            hasField = false;
            if (rows.Count > 0 && row.Count > rows[0].Length)
                throw new DataPlatformException(FailureClass.Data, $"{origin}:{line}: the row has {row.Count} fields, and the header {rows[0].Length}.", "Quote fields that have the delimiter in them.");
            // What a short row lacks is NULL.
            while (rows.Count > 0 && row.Count < rows[0].Length) row.Add("");
            rows.Add([.. row]);
            row.Clear();
        }
    }
}
