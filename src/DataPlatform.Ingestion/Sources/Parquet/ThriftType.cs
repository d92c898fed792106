namespace DataPlatform.Ingestion;

/// <summary>
/// What a value of Parquet's metadata is, as <c>parquet.thrift</c> has it. The library reads a field by its number, whatever type the file gives it: a number where there is none takes it
/// to the end of the bytes, where it reads on for ever.
/// </summary>
/// <param name="Wire">The types of the compact protocol that it may have.</param>
internal sealed record ThriftType(params int[] Wire)
{
    private static readonly ThriftType Flag = new(1, 2), Octet = new(3), Number = new(4, 5, 6), Real = new(7), Text = new(8), Any = StructOf(), Empty = StructOf();

    private static readonly ThriftType KeyValue = StructOf((1, Text), (2, Text));

    private static readonly ThriftType Statistics = StructOf((1, Text), (2, Text), (3, Number), (4, Number), (5, Text), (6, Text), (7, Flag), (8, Flag));

    private static readonly ThriftType TimeUnit = StructOf((1, Empty), (2, Empty), (3, Empty));

    private static readonly ThriftType Time = StructOf((1, Flag), (2, TimeUnit));

    private static readonly ThriftType LogicalType = StructOf(
        (1, Empty), (2, Empty), (3, Empty), (4, Empty), (5, StructOf((1, Number), (2, Number))), (6, Empty), (7, Time), (8, Time), (10, StructOf((1, Octet), (2, Flag))), (11, Empty), (12, Empty),
        (13, Empty), (14, Empty), (15, Empty), (16, StructOf((1, Octet))), (17, StructOf((1, Text))), (18, StructOf((1, Text), (2, Number))));

    private static readonly ThriftType SchemaElement = StructOf(
        (1, Number), (2, Number), (3, Number), (4, Text), (5, Number), (6, Number), (7, Number), (8, Number), (9, Number), (10, LogicalType));

    private static readonly ThriftType Geospatial = StructOf(
        (1, StructOf((1, Real), (2, Real), (3, Real), (4, Real), (5, Real), (6, Real), (7, Real), (8, Real))), (2, ListOf(Number)));

    private static readonly ThriftType ColumnMetaData = StructOf(
        (1, Number), (2, ListOf(Number)), (3, ListOf(Text)), (4, Number), (5, Number), (6, Number), (7, Number), (8, ListOf(KeyValue)), (9, Number), (10, Number), (11, Number), (12, Statistics),
        (13, ListOf(StructOf((1, Number), (2, Number), (3, Number)))), (14, Number), (15, Number), (16, StructOf((1, Number), (2, ListOf(Number)), (3, ListOf(Number)))), (17, Geospatial));

    private static readonly ThriftType ColumnChunk = StructOf(
        (1, Text), (2, Number), (3, ColumnMetaData), (4, Number), (5, Number), (6, Number), (7, Number), (8, Any), (9, Text));

    private static readonly ThriftType RowGroup = StructOf(
        (1, ListOf(ColumnChunk)), (2, Number), (3, Number), (4, ListOf(StructOf((1, Number), (2, Flag), (3, Flag)))), (5, Number), (6, Number), (7, Number));

    /// <summary>The footer.</summary>
    public static ThriftType FileMetaData { get; } = StructOf(
        (1, Number), (2, ListOf(SchemaElement)), (3, Number), (4, ListOf(RowGroup)), (5, ListOf(KeyValue)), (6, Text), (7, ListOf(StructOf((1, Empty)))), (8, Any), (9, Text));

    /// <summary>What is before each page.</summary>
    public static ThriftType PageHeader { get; } = StructOf(
        (1, Number), (2, Number), (3, Number), (4, Number), (5, StructOf((1, Number), (2, Number), (3, Number), (4, Number), (5, Statistics))), (6, Empty), (7, StructOf((1, Number), (2, Number), (3, Flag))),
        (8, StructOf((1, Number), (2, Number), (3, Number), (4, Number), (5, Number), (6, Number), (7, Flag), (8, Statistics))));

    /// <summary>The fields of a struct, by number; null for what is none. Fields that are not among them may be anything.</summary>
    public IReadOnlyDictionary<int, ThriftType>? Fields { get; private init; }

    /// <summary>What the elements of a list are; null for what is none.</summary>
    public ThriftType? Element { get; private init; }

    private static ThriftType StructOf(params (int Id, ThriftType Type)[] fields) => new(12) { Fields = fields.ToDictionary(field => field.Id, field => field.Type) };

    private static ThriftType ListOf(ThriftType element) => new(9) { Element = element };
}
