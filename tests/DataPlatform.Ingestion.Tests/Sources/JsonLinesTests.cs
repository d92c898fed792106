using System.ComponentModel.DataAnnotations;
using System.Text;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion.Tests.Sources;

public sealed class JsonLinesTests : IDisposable
{
    private readonly Inbox _inbox = new();

    public void Dispose() => _inbox.Dispose();

    [Fact]
    public async Task Values_of_every_kind_read_to_their_columns()
    {
        _inbox.With(
            "a.jsonl",
            """
            {"stationId":"A\u00e4\n1","temperature":-1.25,"at":"2024-01-01T12:00:00+02:00","count":7,"ok":true,"raw":{"b": [1, 2 ]},"price":"12.50"}

            {"price":3,"ok":null,"count":null,"at":"2024-01-01 00:00:00","extra":{"x":{"y":1}},"temperature":"4","station_id":"plain","raw":"text"}
            """.ReplaceLineEndings("\r\n"));
        var result = await ReadResult.OfAsync(From.JsonLines<Weather>(_inbox.Store, "*"));
        result.Rejected.Should().BeEmpty();
        var midnight = (long)(new DateTime(2024, 1, 1, 0, 0, 0, DateTimeKind.Utc) - DateTime.UnixEpoch).TotalMicroseconds;
        result.Rows.Should().BeEquivalentTo(
            new object?[][]
            {
                ["Aä\n1", -1.25, midnight + (10 * 3_600_000_000L), 7, true, "{\"b\": [1, 2 ]}", (Int128)1250],
                ["plain", 4.0, midnight, null, null, "text", (Int128)300],
            },
            options => options.WithStrictOrdering());
    }

    [Fact]
    public async Task Nested_values_are_kept_as_they_are_written()
    {
        _inbox.With("a.jsonl", "{\"id\":1,\"tags\":[\"a\", {\"b\":null}]}\n{\"id\":2,\"tags\":\"text \\u00e9\"}\n{\"id\":3,\"tags\":1.50}\n{\"id\":4,\"tags\":true}\n{\"id\":5}\n");
        var result = await ReadResult.OfAsync(From.JsonLines(_inbox.Store, "*"));
        result.Rows.Select(row => row[1]).Should().Equal("[\"a\", {\"b\":null}]", "\"text \\u00e9\"", "1.50", "true", null);
    }

    [Fact]
    public async Task Bad_lines_are_rejected_with_line_and_reason_and_the_others_read()
    {
        byte[] content =
        [
            .. "{\"id\":1,\"name\":\"ok\"}\n"u8,
            .. "{\"id\":2,\"name\":\"cut\n"u8,
            .. "[1,2]\n"u8,
            .. "{\"id\":3}\n"u8,
            .. "{\"id\":\"x\",\"name\":\"a\"}\n"u8,
            .. "{\"id\":4,\"name\":\"a\"} {}\n"u8,
            .. "{\"id\":5,\"name\":\"\xFF\"}\n"u8[..17], 0xFF, .. "\"}\n"u8,
            .. "{\"id\":6,\"name\":\"a\\u0000b\"}\n"u8,
            .. "{\"id\":7,\"name\":\"\\ud800\"}\n"u8,
            .. "{\"id\":8,\"ID\":9,\"name\":\"a\"}\n"u8,
            .. "{\"id\":{\"a\":1},\"name\":\"a\"}\n"u8,
            .. "{\"id\":10,\"name\":\"toolong\"}\n"u8,
            .. "{\"id\":null,\"name\":\"a\"}\n"u8,
            .. "not json\n"u8,
            .. "{\"id\":11,\"name\":\"last\"}"u8,
        ];
        var result = await ReadResult.OfAsync(From.JsonLines<Named>(_inbox.With("a.jsonl", content).Store, "*"));
        result.Rows.Select(row => row[0]).Should().Equal(1L, 11L);
        result.Rejected.Select(row => (row.Position, row.Column, row.Reason.Split(": ")[0])).Should().Equal(
            (2, null, "the line is not JSON"),
            (3, null, "the line is not a JSON object"),
            (4, "name", "the value is missing, and the column does not allow NULL"),
            (5, "id", "'x' is not an int64"),
            (6, null, "the line is not JSON"),
            (7, null, "the line is not valid UTF-8"),
            (8, "name", "the text has a NUL character"),
            (9, null, "the line has an escape that is not valid Unicode"),
            (10, "id", "the row has two values for it"),
            (11, "id", "'{\"a\":1}' is a JSON object, not an int64"),
            (12, "name", "'toolong' has length 7, not at most 6 long"),
            (13, "id", "the value is missing, and the column does not allow NULL"),
            (14, null, "the line is not JSON"));
    }

    [Fact]
    public async Task What_no_warehouse_can_store_is_refused_in_json_too()
    {
        _inbox.With("a.jsonl", "{\"id\":1,\"tags\":[\"a\\u0000b\"]}\n{\"id\":2,\"tags\":[\"a\\\\u0000b\"]}\n");
        var result = await ReadResult.OfAsync(From.JsonLines(_inbox.Store, "*"));
        result.Rows.Should().ContainSingle().Which[0].Should().Be(2L);
        result.Rejected.Should().ContainSingle().Which.Reason.Should().EndWith("has a NUL character");
    }

    [Fact]
    public async Task Lines_longer_than_the_buffer_and_many_batches_read_whole()
    {
        var text = new StringBuilder();
        for (var i = 0; i < 2000; i++) text.Append("{\"id\":").Append(i).Append(",\"name\":\"").Append('x', i % 500 == 0 ? 600_000 : 5).Append("\"}\n");
        var result = await ReadResult.OfAsync(From.JsonLines<Free>(_inbox.With("a.jsonl.gz", Inbox.Gzip(text.ToString())).Store, "*"), new SourceContext { BatchBytes = 64 * 1024 });
        result.Rejected.Should().BeEmpty();
        result.Rows.Select(row => row[0]).Should().Equal(Enumerable.Range(0, 2000).Select(i => (object)(long)i));
        result.Rows.Select(row => ((string)row[1]!).Length).Should().Equal(Enumerable.Range(0, 2000).Select(i => i % 500 == 0 ? 600_000 : 5));
        result.Batches.Should().BeGreaterThan(4);
    }

    [Fact]
    public async Task A_line_without_end_fails_the_file()
    {
        var failure = await ReadResult.FailureOfAsync(From.JsonLines<Free>(
            _inbox.With("a.jsonl", "{\"id\":1,\"name\":\"a\"}\n{\"id\":1,\"name\":\"" + new string('x', 2_000_000)).Store, "*", new JsonOptions { MaxRowBytes = 100_000 }));
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().Be("lake:a.jsonl has more than 100000 bytes in line 2.");
    }

    [Theory]
    [InlineData("utf-8")]
    [InlineData("utf-16")]
    [InlineData("utf-16BE")]
    [InlineData("utf-32")]
    public async Task A_byte_order_mark_says_what_the_text_is_in(string name)
    {
        var encoding = Encoding.GetEncoding(name);
        _inbox.With("a.jsonl", [.. encoding.GetPreamble(), .. encoding.GetBytes("{\"id\":1,\"name\":\"Zoë 🚲\"}\n{\"id\":2,\"name\":\"b\"}")]);
        (await ReadResult.OfAsync(From.JsonLines<Free>(_inbox.Store, "*"))).Rows.Should().BeEquivalentTo(new object[][] { [1L, "Zoë 🚲"], [2L, "b"] }, options => options.WithStrictOrdering());
    }

    private sealed record Weather(string StationId, double Temperature, DateTimeOffset At, int? Count, bool? Ok, string? Raw, [Precision(10, 2)] decimal Price);

    private sealed record Named(long Id, [MaxLength(6)] string Name);

    private sealed record Free(long Id, string Name);
}
