using System.ComponentModel.DataAnnotations;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion.Tests.Sources;

public sealed class RowBatchBuilderTests
{
    private enum Kind
    {
        Casual,
        Member,
    }

    [Fact]
    public async Task Rows_become_columns_and_those_that_break_the_contract_are_rejected()
    {
        var at = new DateTimeOffset(2024, 2, 29, 12, 0, 0, TimeSpan.FromHours(2));
        Order[] orders =
        [
            new(1, 10.25m, "ok", at, new DateOnly(2024, 2, 29), new TimeOnly(1, 2, 3), new DateTime(1969, 12, 31, 23, 59, 59), Guid.Empty, [1, 2], true, 1.5, 2.5f, 3, Kind.Member),
            new(2, 10.255m, "too fine", at, default, null, default, null, null, null, null, null, null, null),
            new(3, 1, null!, at, default, null, default, null, null, null, null, null, null, null),
            new(4, -1, "negative", at, default, null, default, null, null, null, null, null, null, null),
            new(5, 1, "a\0b", at, default, null, default, null, null, null, null, null, null, null),
            new(6, 1, "\ud800", at, default, null, default, null, null, null, null, null, null, null),
        ];
        var result = await ReadResult.OfAsync(From.Rows("orders", (_, _) => orders.ToAsyncEnumerable()));
        var day = (int)(new DateTime(2024, 2, 29, 0, 0, 0, DateTimeKind.Utc) - DateTime.UnixEpoch).TotalDays;
        result.Rows.Should().ContainSingle().Which.Should().BeEquivalentTo(
            new object?[]
            {
                1L, (Int128)1025, "ok", (day * 86_400_000_000L) + 36_000_000_000L, day, 3_723_000_000L, -1_000_000L, Guid.Empty, new byte[] { 1, 2 }, true, 1.5, 2.5f, (short)3, "Member",
            },
            options => options.WithStrictOrdering());
        result.Rejected.Select(row => (row.Source, row.Position, row.Column, row.Reason)).Should().Equal(
            ("orders", 2, "price", "'10.255' is not a decimal(8,2): it has more than 2 digits after the point or 6 before it"),
            ("orders", 3, "note", "the value is missing, and the column does not allow NULL"),
            ("orders", 4, "price", "'-1' is not at least 0"),
            ("orders", 5, "note", "'a\0b' is not text: it has a NUL character"),
            ("orders", 6, "note", "'\ufffd' is not text: it is not valid Unicode"));
        result.Rejected[0].Raw.Should().StartWith("{\"Id\":\"2\",\"Price\":\"10.255\",\"Note\":\"too fine\",");
    }

    [Fact]
    public async Task A_source_of_thirty_lines_goes_on_where_it_stopped()
    {
        var source = new Tickets();
        var cursors = new Dictionary<string, string>();
        var first = await ReadAsync(source, cursors);
        var second = await ReadAsync(source, cursors);
        source.Last = 12;
        var third = await ReadAsync(source, cursors);
        first.Should().Equal(1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L, 10L);
        second.Should().BeEmpty();
        third.Should().Equal(11L, 12L);
    }

    private static async Task<List<object?>> ReadAsync(Tickets source, Dictionary<string, string> cursors)
    {
        var context = new SourceContext { Contract = source.Contract!, CursorLookup = (name, _) => Task.FromResult(cursors.GetValueOrDefault(name)), BatchBytes = 64 };
        var ids = new List<object?>();
        await foreach (var batch in source.ReadAsync(context, TestContext.Current.CancellationToken))
        {
            using (batch)
            {
                ids.AddRange(Testing.RecordBatches.ToRows(batch.Rows!).Select(row => row[0]));
                foreach (var (name, value) in batch.Cursors) cursors[name] = value;
            }
        }

        return ids;
    }

    private sealed record Ticket(long Id, string Title);

    private sealed class Tickets : ISource<Ticket>
    {
        public int Last { get; set; } = 10;

        public string Description => "tickets";

        public Contract? Contract { get; } = Contract.Of<Ticket>();

        public async IAsyncEnumerable<SourceBatch> ReadAsync(SourceContext context, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
        {
            var batch = new RowBatchBuilder<Ticket>(context, "tickets");
            var since = int.Parse(await context.FindCursorAsync("id", cancellationToken) ?? "0", System.Globalization.CultureInfo.InvariantCulture);
            for (var id = since + 1; id <= Last; id++)
            {
                batch.Add(new Ticket(id, $"ticket {id}"));
                batch.SetCursor("id", $"{id}");
                if (batch.IsFull) yield return batch.Take();
            }

            if (!batch.IsEmpty) yield return batch.Take();
        }
    }

    private sealed record Order(
        long Id, [Precision(8, 2), Range(0, double.MaxValue)] decimal Price, string Note, DateTimeOffset At, DateOnly Day, TimeOnly? Time, DateTime Before, Guid? Key, byte[]? Bytes, bool? Flag,
        double? Double, float? Float, short? Short, Kind? Kind);
}
