using Apache.Arrow;
using Apache.Arrow.Types;
using CsCheck;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;

namespace DataPlatform.Core.Tests.Warehouses;

public sealed class SeenKeysTests
{
    private static readonly Schema Columns = new(
        [new Field("n", Int64Type.Default, true), new Field("text", StringType.Default, false), new Field("day", Date32Type.Default, false), new Field("paid", BooleanType.Default, false), ColumnTypes.Uuid("id", false)],
        metadata: null);

    [Fact]
    public void Knows_whether_keys_came_twice() => Gen
        .Select(Gen.Select(Gen.OneOf("", "a", "aa"), Gen.Int[0, 3], Gen.Bool, Gen.OneOf(Guid.Empty, new Guid("00000000-0000-0000-0000-000000000001"))).Array[0, 20].Array[1, 3], Gen.Shuffle(new[] { "text", "day", "paid", "id" }, 1, 4))
        .Sample((batches, key) =>
        {
            var seen = SeenKeys.Of(Columns, key, Table)!;
            var rows = batches.Select(batch => batch.Select(row => (object?[])[null, row.Item1, row.Item2, row.Item3, row.Item4]).ToArray()).ToArray();
            foreach (var batch in rows) seen.Add(RecordBatches.Create(Columns, batch));

            var keys = rows.SelectMany(batch => batch).Select(row => string.Join('|', key.Select(column => row[Columns.GetFieldIndex(column)]))).ToList();
            seen.AreDistinct.Should().Be(keys.Distinct().Count() == keys.Count);
        });

    [Fact]
    public void Knows_it_of_many_keys_and_gives_up_at_too_many()
    {
        const int Rows = SeenKeys.MaxKeys / 4;
        var schema = new Schema([new Field("n", Int64Type.Default, false)], metadata: null);
        var seen = SeenKeys.Of(schema, ["n"], Table)!;
        void Add(int first, int count) => seen.Add(new RecordBatch(schema, [new Int64Array.Builder().AppendRange(Enumerable.Range(first, count).Select(n => (long)n)).Build()], count));

        for (var i = 0; i < 4; i++) Add(i * Rows, Rows);
        seen.AreDistinct.Should().BeTrue();

        Add(4 * Rows, 1);
        seen.AreDistinct.Should().BeFalse("it is not known of so many");
    }

    [Fact]
    public void Knows_nothing_of_keys_that_are_equal_in_more_than_one_way() =>
        SeenKeys.Of(Columns, ["text", "n"], [.. Table.Select(column => column with { IsEqualByBytes = column.Name != "n" })]).Should().BeNull();

    private static readonly IReadOnlyList<TableColumn> Table =
        [.. Columns.FieldsList.Select(field => new TableColumn(field.Name, PostgreSqlTypes.Text, "type", null, null, TakesText: false, Nullable: false, IsEqualByBytes: true))];
}
