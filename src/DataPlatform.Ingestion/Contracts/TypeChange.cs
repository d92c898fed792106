using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>How a column's type may change.</summary>
internal static class TypeChange
{
    private const int MaxDigits = 38;

    public static bool AreSame(Field left, Field right) => ColumnTypeName.Of(left) == ColumnTypeName.Of(right);

    /// <summary>
    /// The narrowest type that holds all values of both without loss, or null when there is none. Text holds anything that has one canonical text, but is only
    /// answered when it is asked for.
    /// </summary>
    public static Field? Widen(Field table, Field source, bool toText)
    {
        if (AreSame(table, source)) return table;
        if (ColumnTypes.ElementOf(table) is { } element && ColumnTypes.ElementOf(source) is { } other)
            return Widen(element, other, toText) is { } wide ? ColumnTypes.List(table.Name, wide, table.IsNullable) : null;
        if (WidenNumber(table.DataType, source.DataType) is { } number) return new Field(table.Name, number, table.IsNullable);
        return toText && IsReadableAsText(table) && IsReadableAsText(source) ? new Field(table.Name, StringType.Default, table.IsNullable) : null;
    }

    /// <summary>Whether values, of which a look gave one type, may be read as another: each is still checked. What a look finds is never narrower than a table may be.</summary>
    public static bool IsReadableAs(Field seen, Field table) => (Family(seen), Family(table)) switch
    {
        (TypeFamily.List, TypeFamily.List) => IsReadableAs(ColumnTypes.ElementOf(seen)!, ColumnTypes.ElementOf(table)!),
        (TypeFamily.List, _) => false,
        (_, TypeFamily.Text) => true,
        var (from, to) when from == to => true,
        (TypeFamily.Integer, TypeFamily.Real or TypeFamily.Decimal) => true,
        (TypeFamily.Real, TypeFamily.Decimal) => true,
        (TypeFamily.Decimal, TypeFamily.Real) => true,
        (TypeFamily.Timestamp, TypeFamily.Moment) => true,

        // A look finds text where it does not know better.
        (TypeFamily.Text, TypeFamily.Uuid or TypeFamily.Binary or TypeFamily.Time or TypeFamily.Json or TypeFamily.List) => true,
        (TypeFamily.Json, TypeFamily.List) => true,
        _ => false,
    };

    private static IArrowType? WidenNumber(IArrowType table, IArrowType source)
    {
        if (IntegerDigits(table) is { } a && IntegerDigits(source) is { } b) return a >= b ? table : source;
        if (IsReal(table) && IsReal(source)) return DoubleType.Default;
        if (IsReal(table)) return WidenReal(table, source);
        if (IsReal(source)) return WidenReal(source, table);
        if (Digits(table) is not { } left || Digits(source) is not { } right) return null;
        var (whole, scale) = (Math.Max(left.Whole, right.Whole), Math.Max(left.Scale, right.Scale));
        return whole + scale <= MaxDigits ? new Decimal128Type(whole + scale, scale) : null;
    }

    // A float has 24 bits of its own and a double 53: not every int32 is the first, not every int64 the second.
    private static IArrowType? WidenReal(IArrowType real, IArrowType other) => other switch
    {
        Int16Type => real,
        Int32Type => DoubleType.Default,
        _ => null,
    };

    private static bool IsReal(IArrowType type) => type is FloatType or DoubleType;

    private static int? IntegerDigits(IArrowType type) => type switch
    {
        Int16Type => 5,
        Int32Type => 10,
        Int64Type => 19,
        _ => null,
    };

    private static (int Whole, int Scale)? Digits(IArrowType type) => type switch
    {
        Decimal128Type number => (number.Precision - number.Scale, number.Scale),
        _ when IntegerDigits(type) is { } digits => (digits, 0),
        _ => null,
    };

    // How bytes and moments are written as text is a setting of the database's session.
    private static bool IsReadableAsText(Field field) => Family(field) is not (TypeFamily.Binary or TypeFamily.Moment or TypeFamily.List);

    private static TypeFamily Family(Field field) =>
        ColumnTypes.IsUuid(field) ? TypeFamily.Uuid
        : ColumnTypes.IsJson(field) ? TypeFamily.Json
        : field.DataType switch
        {
            BooleanType => TypeFamily.Boolean,
            FloatType or DoubleType => TypeFamily.Real,
            Decimal128Type => TypeFamily.Decimal,
            Date32Type => TypeFamily.Date,
            Time64Type => TypeFamily.Time,
            TimestampType { Timezone.Length: > 0 } => TypeFamily.Moment,
            TimestampType => TypeFamily.Timestamp,
            BinaryType => TypeFamily.Binary,
            StringType => TypeFamily.Text,
            ListType => TypeFamily.List,
            _ => TypeFamily.Integer,
        };

    private enum TypeFamily
    {
        Integer,
        Real,
        Decimal,
        Boolean,
        Date,
        Time,
        Timestamp,
        Moment,
        Uuid,
        Binary,
        Json,
        Text,
        List,
    }
}
