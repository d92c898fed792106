using System.Globalization;
using DataPlatform.Dbt.Jinja;
using DataPlatform.Warehouses;

namespace DataPlatform.Dbt.Context;

/// <summary>A column of a relation, as templates see it.</summary>
/// <param name="name">Its name.</param>
/// <param name="type">Its type as the database says it, without size.</param>
/// <param name="size">Of texts: the most characters, when there is a limit.</param>
/// <param name="precision">Of decimals: the digits.</param>
/// <param name="scale">Of decimals: the digits behind the point.</param>
internal sealed class DbtColumn(string name, string type, long? size = null, long? precision = null, long? scale = null) : JinjaObject
{
    private static readonly string[] TextTypes = ["text", "character varying", "character", "varchar"];
    private static readonly string[] IntegerTypes = ["smallint", "integer", "bigint", "smallserial", "serial", "bigserial", "int2", "int4", "int8", "serial2", "serial4", "serial8", "tinyint", "hugeint", "utinyint", "usmallint", "uinteger", "ubigint"];
    private static readonly string[] FloatTypes = ["real", "float4", "float", "double precision", "float8", "double"];

    public override string TypeName => "Column";

    public string Name => name;

    public string Quoted => TableName.Quote(name);

    public bool IsText => Array.IndexOf(TextTypes, type.ToLowerInvariant()) >= 0;

    public bool IsNumeric => type.ToLowerInvariant() is "numeric" or "decimal" || type.StartsWith("DECIMAL(", StringComparison.OrdinalIgnoreCase);

    public bool IsInteger => Array.IndexOf(IntegerTypes, type.ToLowerInvariant()) >= 0;

    public bool IsFloat => Array.IndexOf(FloatTypes, type.ToLowerInvariant()) >= 0;

    /// <summary>The type as it can be declared.</summary>
    public string DataType => IsText && size is not null ? StringType(size)
        : IsNumeric && precision is not null && !type.Contains('(', StringComparison.Ordinal) ? string.Create(CultureInfo.InvariantCulture, $"{type}({precision},{scale ?? 0})")
        : type;

    public long? Size => size;

    public string BareType => type;

    public bool CanExpandTo(DbtColumn other) => IsText && other.IsText && size is { } ours && (other.Size is not { } theirs || theirs > ours);

    public override bool TryGetAttribute(string attribute, out object? value)
    {
        value = attribute switch
        {
            "name" or "column" => name,
            "quoted" => Quoted,
            "dtype" => type,
            "data_type" => DataType,
            "char_size" => size,
            "numeric_precision" => precision,
            "numeric_scale" => scale,
            "is_string" => Method("is_string", _ => IsText),
            "is_number" => Method("is_number", _ => IsNumeric || IsInteger || IsFloat),
            "is_numeric" => Method("is_numeric", _ => IsNumeric),
            "is_integer" => Method("is_integer", _ => IsInteger),
            "is_float" => Method("is_float", _ => IsFloat),
            "string_size" => Method("string_size", _ => IsText ? size ?? 256 : throw new TemplateError("Called string_size() on non-string field!")),
            "string_type" => Method("string_type size", a => StringType(a.Int(0))),
            "numeric_type" => NumericTypeFunction,
            "literal" => Method("literal value", a => $"{Representation.Print(a[0])}::{DataType}"),
            "is_struct" => Method("is_struct", _ => IsStruct),
            "fields" => new PythonList(Fields),
            "flatten" => Method("flatten", _ => new PythonList(Flatten())),
            "can_expand_to" => Method("can_expand_to other_column", a => a[0] is DbtColumn other && CanExpandTo(other)),
            _ => null,
        };
        // What dbt's columns do not have either is undefined, so that macros for other databases can ask.
        return value is not null || attribute is "char_size" or "numeric_precision" or "numeric_scale";
    }

    /// <summary><c>api.Column</c>.</summary>
    public static JinjaObject Api { get; } = new ColumnApi();

    public override string Repr() => $"<Column {name} ({DataType})>";

    public override bool ValueEquals(object? other) => other is DbtColumn column && column.Name == name && column.DataType == DataType;

    public override int ValueHash() => HashCode.Combine(name, DataType);

    private bool IsStruct => type.StartsWith("STRUCT(", StringComparison.OrdinalIgnoreCase);

    /// <summary>The parts of a STRUCT of DuckDB.</summary>
    private IEnumerable<DbtColumn> Fields
    {
        get
        {
            if (!IsStruct) yield break;
            var (start, depth, isQuoted) = (7, 0, false);
            for (var i = start; i < type.Length; i++)
            {
                isQuoted ^= type[i] == '"';
                if (isQuoted) continue;
                depth += type[i] switch { '(' => 1, ')' => -1, _ => 0 };
                if (depth >= 0 && (depth > 0 || type[i] != ',')) continue;
                var part = type[start..i].Trim();
                var space = part.IndexOf(' ', part.StartsWith('"') ? part.IndexOf('"', 1) : 0);
                yield return new DbtColumn(part[..space].Trim('"'), part[(space + 1)..]);
                start = i + 1;
            }
        }
    }

    private IEnumerable<DbtColumn> Flatten() => !IsStruct ? [this] : Fields.SelectMany(field => field.Flatten()).Select(field => new DbtColumn($"{name}.{field.Name}", field.BareType));

    private static JinjaFunction NumericTypeFunction { get; } = Method("numeric_type dtype precision scale", a =>
        a[1] is null || a[2] is null ? a.Text(0) : string.Create(CultureInfo.InvariantCulture, $"{a.Text(0)}({a.Int(1)},{a.Int(2)})"));

    private static string StringType(long? length) => string.Create(CultureInfo.InvariantCulture, $"character varying({length})");

    private static string TranslateType(string type) => type.ToUpperInvariant() switch
    {
        "STRING" => "TEXT",
        "INTEGER" => "INT",
        "TIMESTAMP" or "FLOAT" or "BOOLEAN" => type.ToUpperInvariant(),
        _ => type,
    };

    private static JinjaFunction Method(string signature, Func<BoundArguments, object?> body) => new(signature.Split(' ')[0], Signature.Of(signature, (_, arguments) => body(arguments)));

    private sealed class ColumnApi() : TemplateObject("api.Column")
    {
        private readonly JinjaFunction _create = DbtColumn.Method("Column column dtype char_size? numeric_precision? numeric_scale?", a => new DbtColumn(a.Text(0), a.Text(1), a.IntOrNull(2), a.IntOrNull(3), a.IntOrNull(4)));

        public override bool IsCallable => true;

        public override object? Call(CallArguments arguments) => _create.Call(arguments);

        public override bool TryGetAttribute(string attribute, out object? value)
        {
            value = attribute switch
            {
                "translate_type" => DbtColumn.Method("translate_type dtype", a => TranslateType(a.Text(0))),
                "create" => DbtColumn.Method("create name label_or_dtype", a => new DbtColumn(a.Text(0), TranslateType(a.Text(1)))),
                "string_type" => DbtColumn.Method("string_type size", a => StringType(a.Int(0))),
                "numeric_type" => NumericTypeFunction,
                _ => throw Unsupported($"'api.Column.{attribute}'"),
            };
            return true;
        }
    }
}
