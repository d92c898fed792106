using Apache.Arrow;
using Apache.Arrow.Types;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>How Arrow's types and PostgreSQL's correspond. Object ids are those of <c>pg_type.dat</c>; they are the same on every server.</summary>
internal static class PostgreSqlTypes
{
    public const uint Boolean = 16, Bytea = 17, Name = 19, Int8 = 20, Int2 = 21, Int4 = 23, Text = 25, Json = 114, Float4 = 700, Float8 = 701,
        Bpchar = 1042, Varchar = 1043, Date = 1082, Time = 1083, Timestamp = 1114, TimestampTz = 1184, Numeric = 1700, Uuid = 2950, Jsonb = 3802;

    /// <summary>What a numeric that does not fit into Decimal128 as declared is read as: rounded to 18 places, as a cast does.</summary>
    private static readonly Decimal128Type AnyNumeric = new(38, 18);

    /// <summary>The column type for a field, or null when there is none.</summary>
    public static string? ToSql(Field field) => ColumnTypes.ElementOf(field) is not { } element ? ScalarToSql(field)
        : ScalarToSql(element) is { } type ? $"{type}[]"
        : null;

    private static string? ScalarToSql(Field field) => field.DataType switch
    {
        _ when ColumnTypes.IsUuid(field) => "uuid",
        _ when ColumnTypes.IsJson(field) => "jsonb",
        BooleanType => "boolean",
        Int16Type => "smallint",
        Int32Type => "integer",
        Int64Type => "bigint",
        FloatType => "real",
        DoubleType => "double precision",
        Decimal128Type { Scale: >= 0 } type => $"numeric({type.Precision},{type.Scale})",
        StringType => "text",
        BinaryType => "bytea",
        Date32Type => "date",
        Time64Type { Unit: TimeUnit.Microsecond } => "time",
        TimestampType { Unit: TimeUnit.Microsecond } type => string.IsNullOrEmpty(type.Timezone) ? "timestamp" : "timestamptz",
        _ => null,
    };

    /// <summary>The field for a column. Types that Arrow lacks are text, as PostgreSQL writes them; see <see cref="IsReadAsText"/>.</summary>
    /// <param name="name">The column's name.</param>
    /// <param name="typeOid">Its type.</param>
    /// <param name="precision">Declared precision of a numeric, or null.</param>
    /// <param name="scale">Declared scale of a numeric.</param>
    /// <param name="nullable">Whether it can be NULL.</param>
    public static Field ToField(string name, uint typeOid, int? precision, int? scale, bool nullable) => typeOid switch
    {
        Uuid => ColumnTypes.Uuid(name, nullable),
        Json or Jsonb => ColumnTypes.Json(name, nullable),
        Numeric => new Field(name, ToDecimal(precision, scale ?? 0), nullable),
        _ when ElementOf(typeOid) is { } element => ColumnTypes.List(name, ToField(name, element, precision, scale, nullable: true), nullable),
        _ => new Field(name, Plain(typeOid), nullable),
    };

    /// <summary>Whether values of the type are asked for in the server's text form because Arrow has no type for them.</summary>
    public static bool IsReadAsText(uint typeOid) =>
        typeOid is not (Uuid or Json or Jsonb or Numeric) && Plain(typeOid) is StringType && !IsText(typeOid) && ElementOf(typeOid) is null;

    /// <summary>The type of an array's elements; null when it is no array, or one of a type that Arrow lacks.</summary>
    public static uint? ElementOf(uint typeOid) => typeOid switch
    {
        1000 => Boolean,
        1001 => Bytea,
        1003 => Name,
        1005 => Int2,
        1007 => Int4,
        1016 => Int8,
        1009 => Text,
        1014 => Bpchar,
        1015 => Varchar,
        1021 => Float4,
        1022 => Float8,
        1182 => Date,
        1183 => Time,
        1115 => Timestamp,
        1185 => TimestampTz,
        1231 => Numeric,
        199 => Json,
        3807 => Jsonb,
        2951 => Uuid,
        _ => null,
    };

    /// <summary>Whether a value of the type goes over the wire as its characters.</summary>
    public static bool IsText(uint typeOid) => typeOid is Text or Varchar or Bpchar or Name;

    /// <summary>Whether values that were put in as one Arrow type are equal to the database only if their bytes are: not so floats, padded texts, JSON, and times that are rounded.</summary>
    /// <param name="typeOid">The type.</param>
    /// <param name="modifier">The catalog's <c>atttypmod</c>: -1 for none.</param>
    public static bool IsEqualByBytes(uint typeOid, int modifier) => typeOid switch
    {
        Boolean or Bytea or Int2 or Int4 or Int8 or Text or Varchar or Date or Numeric or Uuid => true,
        Time or Timestamp or TimestampTz => modifier < 0,
        _ => false,
    };

    private static ArrowType Plain(uint typeOid) => typeOid switch
    {
        Boolean => BooleanType.Default,
        Int2 => Int16Type.Default,
        Int4 => Int32Type.Default,
        Int8 => Int64Type.Default,
        Float4 => FloatType.Default,
        Float8 => DoubleType.Default,
        Bytea => BinaryType.Default,
        Date => Date32Type.Default,
        Time => ColumnTypes.Time,
        Timestamp => ColumnTypes.Timestamp,
        TimestampTz => ColumnTypes.TimestampUtc,
        _ => StringType.Default,
    };

    // PostgreSQL allows a scale below zero (rounding to tens, hundreds, …) or above the precision; both are widened.
    private static Decimal128Type ToDecimal(int? precision, int scale)
    {
        if (precision is not { } declared) return AnyNumeric;
        var signed = ((scale & 0x7FF) ^ 0x400) - 0x400; // eleven bits in the type modifier
        var (widePrecision, wideScale) = (Math.Max(declared - Math.Min(signed, 0), signed), Math.Max(signed, 0));
        return widePrecision <= AnyNumeric.Precision ? new Decimal128Type(widePrecision, wideScale) : AnyNumeric;
    }
}

/// <summary>A column of a table as the catalog has it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="TypeOid">Its type; of a domain, the type the domain is on.</param>
/// <param name="TypeName">Its type for people: <c>numeric(10,2)</c>.</param>
/// <param name="Precision">Declared precision of a numeric.</param>
/// <param name="Scale">Declared scale of a numeric.</param>
/// <param name="TakesText">Whether it is of another type whose values go over the wire as text: an enum, citext.</param>
/// <param name="Nullable">Whether it can be NULL.</param>
/// <param name="IsEqualByBytes">Whether two of its values that came from one Arrow type are equal only if their bytes are.</param>
internal sealed record TableColumn(string Name, uint TypeOid, string TypeName, int? Precision, int? Scale, bool TakesText, bool Nullable, bool IsEqualByBytes)
{
    public Field ToField() => PostgreSqlTypes.ToField(Name, TypeOid, Precision, Scale, Nullable);
}
