using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.DuckDb.Native;
using DataPlatform.Warehouses;
using DuckDB.NET.Native;

namespace DataPlatform.DuckDb.Columns;

/// <summary>A column's type in DuckDB, as far as it matters here.</summary>
/// <param name="Id">Which type it is.</param>
/// <param name="Precision">Digits of a decimal.</param>
/// <param name="Scale">Digits of a decimal that are after the point.</param>
/// <param name="IsJson">Whether it is text that holds JSON.</param>
/// <param name="Element">The type of a list's elements.</param>
internal sealed record ColumnType(DuckDBType Id, byte Precision = 0, byte Scale = 0, bool IsJson = false, ColumnType? Element = null)
{
    public static ColumnType From(DuckDBLogicalType type) => NativeMethods.LogicalType.DuckDBGetTypeId(type) switch
    {
        DuckDBType.Decimal => new(DuckDBType.Decimal, NativeMethods.LogicalType.DuckDBDecimalWidth(type), NativeMethods.LogicalType.DuckDBDecimalScale(type)),
        DuckDBType.Varchar => new(DuckDBType.Varchar, IsJson: DuckDbNative.LogicalTypeAlias(type) == "JSON"),
        DuckDBType.List => new(DuckDBType.List, Element: ElementOf(type)),
        var id => new(id),
    };

    private static ColumnType ElementOf(DuckDBLogicalType list)
    {
        using var element = NativeMethods.LogicalType.DuckDBListTypeChildType(list);
        return From(element);
    }
}

/// <summary>How Arrow's types and DuckDB's correspond.</summary>
internal static class DuckDbTypes
{
    private static readonly Decimal128Type AnyInteger = new(38, 0);

    /// <summary>The column type for a field, or null when there is none.</summary>
    public static string? ToSql(Field field) => ColumnTypes.ElementOf(field) is not { } element ? ScalarToSql(field)
        : ScalarToSql(element) is { } type ? $"{type}[]"
        : null;

    private static string? ScalarToSql(Field field) => field.DataType switch
    {
        _ when ColumnTypes.IsUuid(field) => "UUID",
        _ when ColumnTypes.IsJson(field) => "JSON",
        BooleanType => "BOOLEAN",
        Int16Type => "SMALLINT",
        Int32Type => "INTEGER",
        Int64Type => "BIGINT",
        FloatType => "FLOAT",
        DoubleType => "DOUBLE",
        Decimal128Type { Scale: >= 0 } type => $"DECIMAL({type.Precision},{type.Scale})",
        StringType => "VARCHAR",
        BinaryType => "BLOB",
        Date32Type => "DATE",
        Time64Type { Unit: TimeUnit.Microsecond } => "TIME",
        TimestampType { Unit: TimeUnit.Microsecond } type => string.IsNullOrEmpty(type.Timezone) ? "TIMESTAMP" : "TIMESTAMPTZ",
        _ => null,
    };

    /// <summary>The type that DuckDB gives values of the field when they come as Arrow. JSON comes as text; see <see cref="ToStorage"/>.</summary>
    public static ColumnType ToColumnType(Field field) => field.DataType switch
    {
        BooleanType => new(DuckDBType.Boolean),
        Int16Type => new(DuckDBType.SmallInt),
        Int32Type => new(DuckDBType.Integer),
        Int64Type => new(DuckDBType.BigInt),
        FloatType => new(DuckDBType.Float),
        DoubleType => new(DuckDBType.Double),
        Decimal128Type type => new(DuckDBType.Decimal, (byte)type.Precision, (byte)type.Scale),
        FixedSizeBinaryType => new(DuckDBType.Uuid),
        StringType => new(DuckDBType.Varchar),
        BinaryType => new(DuckDBType.Blob),
        Date32Type => new(DuckDBType.Date),
        Time64Type => new(DuckDBType.Time),
        TimestampType type => new(string.IsNullOrEmpty(type.Timezone) ? DuckDBType.Timestamp : DuckDBType.TimestampTz),
        ListType => new(DuckDBType.List, Element: ToColumnType(ColumnTypes.ElementOf(field)!)),
        _ => throw new ArgumentOutOfRangeException(nameof(field), field.DataType.Name, "ToSql answers null for it."),
    };

    /// <summary>The field as it is handed to DuckDB: JSON as text, which the INSERT casts and so checks.</summary>
    public static Field ToStorage(Field field) => ColumnTypes.IsJson(field) ? new Field(field.Name, StringType.Default, field.IsNullable)
        : ColumnTypes.ElementOf(field) is { } element ? ColumnTypes.List(field.Name, ToStorage(element), field.IsNullable)
        : field;

    /// <summary>The type as DuckDB's API has it; the caller disposes of it.</summary>
    public static DuckDBLogicalType ToLogicalType(ColumnType type)
    {
        if (type.Id is DuckDBType.Decimal) return NativeMethods.LogicalType.DuckDBCreateDecimalType(type.Precision, type.Scale);
        if (type.Element is null) return NativeMethods.LogicalType.DuckDBCreateLogicalType(type.Id);
        using var element = ToLogicalType(type.Element);
        return NativeMethods.LogicalType.DuckDBCreateListType(element);
    }

    /// <summary>
    /// The field that values of a type are read as, and the SQL type to cast them to first, or null when they are read as they are.
    /// Types that Arrow lacks are text, as DuckDB writes them.
    /// </summary>
    public static (Field Field, string? Cast) ToField(string name, ColumnType type, bool nullable)
    {
        if (type.Element is { Element: null })
        {
            var (element, elementCast) = ToField(name, type.Element, nullable: true);
            return (ColumnTypes.List(name, element, nullable), elementCast is null ? null : $"{elementCast}[]");
        }

        var (arrowType, cast) = ToArrow(type);
        return type switch
        {
            { Id: DuckDBType.Uuid } => (ColumnTypes.Uuid(name, nullable), cast),
            { IsJson: true } => (ColumnTypes.Json(name, nullable), cast),
            _ => (new Field(name, arrowType, nullable), cast),
        };
    }

    private static (IArrowType Type, string? Cast) ToArrow(ColumnType type) => type.Id switch
    {
        DuckDBType.Boolean => (BooleanType.Default, null),
        DuckDBType.SmallInt => (Int16Type.Default, null),
        DuckDBType.Integer => (Int32Type.Default, null),
        DuckDBType.BigInt => (Int64Type.Default, null),
        DuckDBType.HugeInt => (AnyInteger, null),
        DuckDBType.Float => (FloatType.Default, null),
        DuckDBType.Double => (DoubleType.Default, null),
        DuckDBType.Decimal => (new Decimal128Type(type.Precision, type.Scale), null),
        DuckDBType.Varchar => (StringType.Default, null),
        DuckDBType.Blob => (BinaryType.Default, null),
        DuckDBType.Date => (Date32Type.Default, null),
        DuckDBType.Time => (ColumnTypes.Time, null),
        DuckDBType.Timestamp => (ColumnTypes.Timestamp, null),
        DuckDBType.TimestampTz => (ColumnTypes.TimestampUtc, null),
        DuckDBType.Uuid => (new FixedSizeBinaryType(16), null),
        DuckDBType.TinyInt or DuckDBType.UnsignedTinyInt => (Int16Type.Default, "SMALLINT"),
        DuckDBType.UnsignedSmallInt => (Int32Type.Default, "INTEGER"),
        DuckDBType.UnsignedInteger => (Int64Type.Default, "BIGINT"),
        DuckDBType.UnsignedBigInt or DuckDBType.UnsignedHugeInt => (AnyInteger, "DECIMAL(38,0)"),
        DuckDBType.TimestampS or DuckDBType.TimestampMs or DuckDBType.TimestampNs => (ColumnTypes.Timestamp, "TIMESTAMP"),
        _ => (StringType.Default, "VARCHAR"),
    };

    /// <summary>Whether a column takes values of a field without loss.</summary>
    public static bool CanStore(Field field, ColumnType column) => field.DataType switch
    {
        _ when ToSql(field) is null => false,
        ListType => column.Element is not null && CanStore(ColumnTypes.ElementOf(field)!, column.Element),
        Int16Type => column.Id is DuckDBType.SmallInt or DuckDBType.Integer or DuckDBType.BigInt or DuckDBType.HugeInt,
        Int32Type => column.Id is DuckDBType.Integer or DuckDBType.BigInt or DuckDBType.HugeInt,
        Int64Type => column.Id is DuckDBType.BigInt or DuckDBType.HugeInt,
        FloatType => column.Id is DuckDBType.Float or DuckDBType.Double,
        Decimal128Type type => (column.Id is DuckDBType.Decimal && column.Scale >= type.Scale) || (column.Id is DuckDBType.HugeInt && type.Scale == 0),
        StringType => column.Id is DuckDBType.Varchar or DuckDBType.Enum,
        _ => column.Id == ToColumnType(field).Id,
    };
}
