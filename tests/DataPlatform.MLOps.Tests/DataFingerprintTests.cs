using Apache.Arrow;
using CsCheck;
using DataPlatform.Warehouses;

namespace DataPlatform.MLOps.Tests;

public sealed class DataFingerprintTests
{
    private static readonly Gen<Row> Rows =
        from number in Gen.Int[0, 3].Nullable()
        from text in Gen.OneOf(Gen.Const(""), Gen.Const("a"), Gen.Const("ab")).Null()
        from other in Gen.OneOf(Gen.Const(""), Gen.Const("b"))
        from flag in Gen.Bool.Nullable()
        from at in Gen.DateTime
        select new Row(number, text, other, flag, new DateTime(at.Ticks / 10 * 10), 1.5m);

    [Fact]
    public void The_same_rows_in_any_order_and_cut_have_the_same_fingerprint() =>
        Gen.Select(Rows.List[1, 40], Gen.Int[1, 10], Gen.Int).Sample((rows, cut, seed) =>
        {
            var shuffled = rows.ToArray();
            new Random(seed).Shuffle(shuffled);
            Fingerprint(shuffled, cut).Should().Be(Fingerprint(rows, rows.Count));
        }, iter: 200);

    [Fact]
    public void Any_other_rows_have_another_fingerprint() =>
        Gen.Select(Rows.List[1, 8], Rows.List[1, 8]).Sample((left, right) =>
        {
            var same = left.Count == right.Count && left.GroupBy(row => row).All(group => right.Count(row => row == group.Key) == group.Count());
            (Fingerprint(left, 3) == Fingerprint(right, 3)).Should().Be(same);
        }, iter: 500);

    [Fact]
    public void One_changed_row_among_many_changes_it()
    {
        var rows = Enumerable.Range(0, 1000).Select(i => new Row(i, "a", "b", true, DateTime.UnixEpoch, 2)).ToList();
        var before = Fingerprint(rows, 100);
        rows[500] = rows[500] with { Amount = 2.0000000001m };
        Fingerprint(rows, 100).Should().NotBe(before);
    }

    [Fact]
    public void The_load_number_does_not_count_but_the_names_and_types_of_columns_do()
    {
        using var batch = RecordMapper.For<Named>().ToBatch([new Named(1)]);
        Fingerprint(batch.WithColumn("_load_id", 7)).Should().Be(Fingerprint(batch.WithColumn("_load_id", 8))).And.Be(Fingerprint(batch));
        Fingerprint(RecordMapper.For<OtherName>().ToBatch([new OtherName(1)])).Should().NotBe(Fingerprint(batch));
        Fingerprint(RecordMapper.For<OtherType>().ToBatch([new OtherType(1)])).Should().NotBe(Fingerprint(batch));
    }

    [Fact]
    public void Part_of_a_batch_is_that_part()
    {
        using var batch = RecordMapper.For<Row>().ToBatch([new Row(1, "x", "y", true, default, 1), new Row(2, "ab", "", false, default, 2), new Row(null, null, "", null, default, 3)]);
        using var part = RecordMapper.For<Row>().ToBatch([new Row(2, "ab", "", false, default, 2), new Row(null, null, "", null, default, 3)]);
        Fingerprint(batch.Slice(1, 2)).Should().Be(Fingerprint(part));
    }

    private static string Fingerprint(IReadOnlyList<Row> rows, int cut)
    {
        var fingerprint = new DataFingerprint();
        foreach (var part in rows.Chunk(cut))
        {
            using var batch = RecordMapper.For<Row>().ToBatch(part);
            fingerprint.Add(batch);
        }

        return fingerprint.ToString();
    }

    private static string Fingerprint(RecordBatch batch)
    {
        var fingerprint = new DataFingerprint();
        fingerprint.Add(batch);
        return fingerprint.ToString();
    }

    private sealed record Row(int? Number, string? Text, string Other, bool? Flag, DateTime At, decimal Amount);

    private sealed record Named(int Value);

    private sealed record OtherName(int Val);

    private sealed record OtherType(long Value);
}
