using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion;

/// <summary>What a column is in the Parquet format (<c>LogicalTypes.md</c>), and how its element of the schema says so.</summary>
/// <param name="Physical">The number of the physical type.</param>
/// <param name="Length">Bytes of a value of fixed length.</param>
/// <param name="Converted">The number of the older annotation, for older readers; null when there is none that says the same.</param>
/// <param name="DescribeLogical">Writes the annotation; null when the physical type says all.</param>
internal sealed record ParquetColumnType(int Physical, int? Length = null, int? Converted = null, Action<ThriftWriter>? DescribeLogical = null)
{
    public const int Boolean = 0, Int32 = 1, Int64 = 2, Float = 4, Double = 5, ByteArray = 6, FixedLengthByteArray = 7;

    private const int MaxInt32Digits = 9, MaxInt64Digits = 18;

    /// <exception cref="DataPlatformException">The type is not one of <see cref="ColumnTypes"/>.</exception>
    public static ParquetColumnType Of(Field field) => field.DataType switch
    {
        FixedSizeBinaryType when ColumnTypes.IsUuid(field) => new(FixedLengthByteArray, Length: 16, DescribeLogical: union => union.EmptyStruct(14)),
        BooleanType => new(Boolean),
        Int16Type => new(Int32, Converted: 16, DescribeLogical: union => union.BeginStruct(10).I8(1, 16).Bool(2, true).End()),
        Int32Type => new(Int32),
        Int64Type => new(Int64),
        FloatType => new(Float),
        DoubleType => new(Double),
        Decimal128Type { Scale: >= 0 } type => OfDecimal(type.Precision, type.Scale),
        StringType when ColumnTypes.IsJson(field) => new(ByteArray, Converted: 19, DescribeLogical: union => union.EmptyStruct(12)),
        StringType => new(ByteArray, Converted: 0, DescribeLogical: union => union.EmptyStruct(1)),
        BinaryType => new(ByteArray),
        Date32Type => new(Int32, Converted: 6, DescribeLogical: union => union.EmptyStruct(6)),
        Time64Type { Unit: TimeUnit.Microsecond } => new(Int64, DescribeLogical: union => Micros(union.BeginStruct(7).Bool(1, false))),
        TimestampType { Unit: TimeUnit.Microsecond, Timezone: null or "" } => new(Int64, DescribeLogical: union => Micros(union.BeginStruct(8).Bool(1, false))),
        TimestampType { Unit: TimeUnit.Microsecond } => new(Int64, Converted: 10, DescribeLogical: union => Micros(union.BeginStruct(8).Bool(1, true))),
        var other => throw new DataPlatformException(
            FailureClass.Configuration, $"Column '{field.Name}' has the type {other.Name}, which is not one of ColumnTypes and cannot be written to Parquet.", "Widen it to one of these."),
    };

    /// <summary>How many elements of the schema a column is.</summary>
    public static int ElementsOf(Field column) => column.DataType is ListType ? 3 : 1;

    /// <summary>The names on the way to a column's values.</summary>
    public static string[] PathOf(Field column) => column.DataType is ListType ? [column.Name, "list", "element"] : [column.Name];

    /// <summary>Writes a column's elements of the schema: of a list, a group of repeated groups of an element each.</summary>
    public void Describe(ThriftWriter elements, Field column)
    {
        if (ColumnTypes.ElementOf(column) is not { } element)
        {
            Describe(elements, column, column.Name);
            return;
        }

        var path = PathOf(column);
        elements.Begin().I32(3, column.IsNullable ? 1 : 0).Text(4, path[0]).I32(5, 1).I32(6, 3).BeginStruct(10).EmptyStruct(3).End().End();
        elements.Begin().I32(3, 2).Text(4, path[1]).I32(5, 1).End();
        Describe(elements, element, path[2]);
    }

    private void Describe(ThriftWriter element, Field field, string name)
    {
        element.Begin().I32(1, Physical);
        if (Length is { } length) element.I32(2, length);
        element.I32(3, field.IsNullable ? 1 : 0).Text(4, name);
        if (Converted is { } converted) element.I32(6, converted);
        if (field.DataType is Decimal128Type digits) element.I32(7, digits.Scale).I32(8, digits.Precision);
        if (DescribeLogical is not null)
        {
            element.BeginStruct(10);
            DescribeLogical(element);
            element.End();
        }

        element.End();
    }

    private static ParquetColumnType OfDecimal(int precision, int scale) => new(
        precision <= MaxInt32Digits ? Int32 : precision <= MaxInt64Digits ? Int64 : FixedLengthByteArray,
        precision <= MaxInt64Digits ? null : BytesOf(precision),
        Converted: 5,
        union => union.BeginStruct(5).I32(1, scale).I32(2, precision).End());

    // The least number of bytes whose two's complement holds as many digits.
    private static int BytesOf(int precision) => (int)Math.Ceiling(((precision * Math.Log2(10)) + 1) / 8);

    private static void Micros(ThriftWriter type) => type.BeginStruct(2).EmptyStruct(2).End().End();
}
