using Apache.Arrow;
using Apache.Arrow.Types;
using CsCheck;
using DataPlatform.Warehouses;

namespace DataPlatform.Integration.Tests.Warehouses;

/// <summary>A table with a column of every type, and rows with all that can go wrong in them: NULLs, extremes, Unicode, nothing at all.</summary>
internal static class EveryType
{
    // What both systems can store: PostgreSQL's dates begin at Julian day 0, DuckDB's timestamps end in 294247.
    private const int MinDate = -2_440_588, MaxDate = 2_145_042_905;
    private const long MinTimestamp = -210_866_803_200_000_000, MaxTimestamp = 9_000_000_000_000_000_000;
    private const long LastMicrosecondOfDay = 86_399_999_999;

    private static readonly string[] Texts =
        ["", " ", "NULL", "\\N", "a,b\t\"c\"\r\n'd'\\", "äöüß", "日本語", "👩‍👩‍👧‍👦 e\u0301", "\u0001\u001f\u007f", "\ufeff", new('x', 70_000)];

    /// <summary>The columns; the first is the number of the row.</summary>
    public static Schema Schema { get; } = new(
    [
        new Field("id", Int64Type.Default, nullable: false),
        new Field("a boolean", BooleanType.Default, nullable: true),
        new Field("an int16", Int16Type.Default, nullable: true),
        new Field("an int32", Int32Type.Default, nullable: true),
        new Field("an int64", Int64Type.Default, nullable: true),
        new Field("a float", FloatType.Default, nullable: true),
        new Field("a double", DoubleType.Default, nullable: true),
        new Field("money", new Decimal128Type(12, 2), nullable: true),
        new Field("whole", new Decimal128Type(38, 0), nullable: true),
        new Field("fraction", new Decimal128Type(38, 37), nullable: true),
        new Field("Text", StringType.Default, nullable: true),
        new Field("bytes", BinaryType.Default, nullable: true),
        new Field("date", Date32Type.Default, nullable: true),
        new Field("time", ColumnTypes.Time, nullable: true),
        new Field("timestamp", ColumnTypes.Timestamp, nullable: true),
        new Field("moment", ColumnTypes.TimestampUtc, nullable: true),
        ColumnTypes.Uuid("uuid"),
        ColumnTypes.Json("json"),
        new Field("required", Int32Type.Default, nullable: false),
        ColumnTypes.List("booleans", new Field("item", BooleanType.Default, nullable: true)),
        ColumnTypes.List("numbers", new Field("item", Int32Type.Default, nullable: true), nullable: false),
        ColumnTypes.List("amounts", new Field("item", new Decimal128Type(20, 3), nullable: true)),
        ColumnTypes.List("tags", new Field("item", StringType.Default, nullable: true)),
        ColumnTypes.List("documents", ColumnTypes.Json("item")),
        ColumnTypes.List("moments", new Field("item", ColumnTypes.TimestampUtc, nullable: true)),
        ColumnTypes.List("uuids", ColumnTypes.Uuid("item")),
    ], metadata: null);

    /// <summary>Rows, each with its number first.</summary>
    public static Gen<List<object?[]>> Rows(int least, int most) =>
        Row.List[least, most].Select(rows => rows.Select((row, i) => (object?[])[(long)i, .. row]).ToList());

    private static Gen<object?[]> Row =>
        from first in Gen.Select(
            Nullable(Gen.Bool), Nullable(Edges(Gen.Short, short.MinValue, short.MaxValue)), Nullable(Edges(Gen.Int, int.MinValue, int.MaxValue)),
            Nullable(Edges(Gen.Long, long.MinValue, long.MaxValue)), Nullable(Gen.Float), Nullable(Gen.Double))
        from decimals in Gen.Select(Nullable(Decimal(12)), Nullable(Decimal(38)), Nullable(Decimal(38)))
        from variable in Gen.Select(Nullable(Text), Nullable(Gen.Byte.Array[0, 40]), Nullable(Json))
        from temporal in Gen.Select(
            Nullable(Edges(Gen.Int[MinDate, MaxDate], MinDate, MaxDate)), Nullable(Edges(Gen.Long[0, LastMicrosecondOfDay], 0, LastMicrosecondOfDay)),
            Nullable(Edges(Gen.Long[MinTimestamp, MaxTimestamp], MinTimestamp, MaxTimestamp)),
            Nullable(Edges(Gen.Long[MinTimestamp, MaxTimestamp], -1, 0)))
        from rest in Gen.Select(Nullable(Gen.Guid), Gen.Int)
        from lists in Gen.Select(
            Nullable(List(Gen.Bool)), List(Edges(Gen.Int, int.MinValue, int.MaxValue)), Nullable(List(Decimal(20))), Nullable(List(Text)), Nullable(List(Json)),
            Nullable(List(Gen.Long[MinTimestamp, MaxTimestamp])), Nullable(List(Gen.Guid)))
        select (object?[])
        [
            first.Item1, first.Item2, first.Item3, first.Item4, first.Item5, first.Item6, decimals.Item1, decimals.Item2, decimals.Item3,
            variable.Item1, variable.Item2, temporal.Item1, temporal.Item2, temporal.Item3, temporal.Item4, rest.Item1, variable.Item3, rest.Item2,
            lists.Item1, lists.Item2, lists.Item3, lists.Item4, lists.Item5, lists.Item6, lists.Item7,
        ];

    // In the form that PostgreSQL's jsonb writes, so that text can be compared.
    private static Gen<string> Json => Gen.OneOf(
        Gen.OneOf("{}", "[]", "null", "\"\"", "\"äöü 日本\"", "{\"a\": [1, {\"b\": null}], \"c\": \"x\"}", "[true, false, 1.50]"),
        Gen.Int.Select(number => $"{{\"n\": {number}}}"));

    private static Gen<string> Text => Gen.Frequency(
        (3, Gen.Int[0, 60].SelectMany(length => Gen.String[length, length]).Select(Storable)), (1, Gen.OneOf(Texts)));

    // No U+0000, which PostgreSQL cannot store, and no half of a surrogate pair, which is not text.
    private static string Storable(string text) => new([.. text.Where(c => c != '\0' && !char.IsSurrogate(c))]);

    private static Gen<Int128> Decimal(int digits)
    {
        var limit = Int128.Parse("1" + new string('0', digits), null) - 1;
        return Gen.Frequency((3, Gen.Select(Gen.Int128, Gen.Int[0, digits]).Select((value, places) => value % (Power(places)))), (1, Gen.OneOf(limit, -limit, 0, 1, -1)));
    }

    private static Int128 Power(int exponent) => Int128.Parse("1" + new string('0', exponent), null);

    private static Gen<T> Edges<T>(Gen<T> gen, params T[] edges) => Gen.Frequency((4, gen), (1, Gen.OneOf(edges)));

    private static Gen<object?[]> List<T>(Gen<T> gen) => Nullable(gen).Array[0, 4];

    private static Gen<object?> Nullable<T>(Gen<T> gen) => Gen.Frequency((6, gen.Select(value => (object?)value)), (1, Gen.Const((object?)null)));
}
