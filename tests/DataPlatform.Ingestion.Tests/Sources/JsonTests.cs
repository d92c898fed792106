using System.ComponentModel.DataAnnotations.Schema;
using System.Text;
using CsCheck;
using DataPlatform.Pipelines;

namespace DataPlatform.Ingestion.Tests.Sources;

/// <summary>JSON documents with an array of rows, and values within objects.</summary>
public sealed class JsonTests : IDisposable
{
    private readonly Inbox _inbox = new();

    public void Dispose() => _inbox.Dispose();

    [Theory]
    [InlineData("$", """[{"id":1,"name":"Ann"},{"id":2,"name":"Bob"}]""")]
    [InlineData("$", "\uFEFF \r\n[ {\"id\" : 1 , \"name\":\"Ann\"}\n\t,\r\n{\"id\":2,\"name\":\"Bob\"} ] \n")]
    [InlineData("$.items", """{"items":[{"id":1,"name":"Ann"},{"id":2,"name":"Bob"}]}""")]
    [InlineData("items", """{"total":2,"other":{"items":[{"id":9,"name":"no"}]},"items":[{"id":1,"name":"Ann"},{"id":2,"name":"Bob"}],"next":null}""")]
    [InlineData("$.data.items", """{"a":[[{}]],"data":{"x":{"data":1},"items":[{"id":1,"name":"Ann"},{"id":2,"name":"Bob"}],"more":false},"z":"]}"}""")]
    [InlineData("$['data set']['a.b']", """{"data set":{"a.b":[{"id":1,"name":"Ann"},{"id":2,"name":"Bob"}]}}""")]
    public async Task The_array_is_found_wherever_it_is(string records, string text)
    {
        var result = await ReadResult.OfAsync(From.Json<Person>(_inbox.With("a.json", text).Store, "*", records));
        result.Rejected.Should().BeEmpty();
        result.Rows.Should().BeEquivalentTo(new object?[][] { [1L, "Ann"], [2L, "Bob"] }, options => options.WithStrictOrdering());
        (await ReadResult.OfAsync(From.Json(_inbox.Store, "*", records))).Rows.Should().BeEquivalentTo(result.Rows, options => options.WithStrictOrdering());
    }

    [Theory]
    [InlineData("$", "[]")]
    [InlineData("$.items", """{"items":[]}""")]
    [InlineData("$.items", """{"items":null,"total":0}""")]
    public async Task No_element_is_no_row(string records, string text)
    {
        var result = await ReadResult.OfAsync(From.Json<Person>(_inbox.With("a.json", text).Store, "*", records));
        (result.Rows.Count, result.Rejected.Count, result.Completed.Single().Rows).Should().Be((0, 0, 0));
    }

    [Fact]
    public async Task Bad_elements_are_rejected_with_their_number_and_the_others_read()
    {
        byte[] content =
        [
            .. "[{\"id\":1,\"name\":\"ok [{\\\"\"},\n"u8,
            .. "{\"id\":\"x\",\"name\":\"a\"},\n"u8,
            .. "17, \"text }\", null, [{\"id\":2,\"name\":\"a\"}],\n"u8,
            .. "{\"id\":tru,\"name\":\"a\"},\n"u8,
            .. "{\"id\":3,},\n"u8,
            .. "{\"id\":4,\"name\":\""u8, 0xFF, .. "\"},\n"u8,
            .. "{\"id\":5,\"name\":\"a\\u0000b\"},\n"u8,
            .. "{\"id\":6,\"ID\":7,\"name\":\"a\"},\n"u8,
            .. "{'id':8,'name':'a'},\n"u8,
            .. "{\"id\":9,\"name\":\"last\\\\\"}]"u8,
        ];
        var result = await ReadResult.OfAsync(From.Json<Person>(_inbox.With("a.json", content).Store, "*"));
        result.Rows.Should().BeEquivalentTo(new object?[][] { [1L, "ok [{\""], [9L, "last\\"] }, options => options.WithStrictOrdering());
        result.Rejected.Select(row => (row.Position, row.Column, row.Reason.Split(": ")[0])).Should().Equal(
            (2, "id", "'x' is not an int64"),
            (3, null, "the element is not a JSON object"),
            (4, null, "the element is not a JSON object"),
            (5, null, "the element is not a JSON object"),
            (6, null, "the element is not a JSON object"),
            (7, null, "the element is not JSON"),
            (8, null, "the element is not JSON"),
            (9, null, "the element is not valid UTF-8"),
            (10, "name", "the text has a NUL character"),
            (11, "id", "the row has two values for it"),
            (12, null, "the element is not JSON"));
        result.Rejected[3].Raw.Should().Be("null");
        result.Rejected[6].Raw.Should().Be("{\"id\":3,}");
    }

    [Theory]
    [InlineData("$", "  \n", "is not JSON: ")]
    [InlineData("$", """{"items":[{"id":1,"name":"a"}]}""", "has an object at $, not an array of rows.")]
    [InlineData("$.item", """{"total":1,"items":[{"id":1,"name":"a"}]}""", "has nothing at $.item.")]
    [InlineData("$.items.x", """{"items":[{"id":1,"name":"a"}]}""", "has nothing at $.items.x.")]
    [InlineData("$.items", """{"items":"none"}""", "has a text at $.items, not an array of rows.")]
    [InlineData("$.items", """{"items":[],"items":[{"id":1,"name":"a"}]}""", "has more than one array at $.items.")]
    [InlineData("$", """[{"id":1,"name":"a"},{"id":2""", "is not JSON: it ends within element 2 (byte 28).")]
    [InlineData("$", """[{"id":1,"name":"a"},""", "is not JSON: it ends before element 2 and the end of the array (byte 21).")]
    [InlineData("$", """[{"id":1,"name":"a"}""", "is not JSON: it ends after element 1, before the end of the array (byte 20).")]
    [InlineData("$", """[{"id":1,"name":"a"},]""", "is not JSON: ']' is where element 2 should be (byte 21).")]
    [InlineData("$", """[{"id":1,"name":"a"} {"id":2,"name":"b"}]""", "is not JSON: '{' is behind element 1, where a comma or the array's end should be (byte 21).")]
    [InlineData("$", """[{"id":1,"name":"a"},{"id":[2}]""", "is not JSON: element 2 has '}' where ']' should be (byte 29).")]
    [InlineData("$", """[{"id":1,"name":"a"}] []""", "is not JSON behind its 1 elements: ")]
    [InlineData("$.items", """{"items":[{"id":1,"name":"a"}]""", "is not JSON behind its 1 elements: ")]
    [InlineData("$", "{\"id\":1,\"name\":\"a\"}\n{\"id\":2,\"name\":\"b\"}", "has an object at $, not an array of rows.")]
    [InlineData("$", "<html></html>", "is not JSON: ")]
    public async Task A_document_that_is_not_what_it_should_be_fails_with_the_place(string records, string text, string problem)
    {
        var source = From.Json<Person>(_inbox.With("a.json", text).Store, "*", records);
        var failure = await ReadResult.FailureOfAsync(source);
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().StartWith($"lake:a.json {problem}");
        failure.Hint.Should().NotBeNullOrEmpty();
    }

    [Fact]
    public async Task The_hint_names_the_keys_there_are() =>
        (await ReadResult.FailureOfAsync(From.Json<Person>(_inbox.With("a.json", """{"data":{"x":[]},"meta":1}""").Store, "*"))).Hint
            .Should().Be("Say where the array is: \"$.data\", for one of the keys data, meta.");

    [Theory]
    [InlineData("")]
    [InlineData("$.")]
    [InlineData("$..a")]
    [InlineData("$['a]")]
    [InlineData("$[0]")]
    [InlineData("$.a[")]
    public void A_path_that_is_none_is_refused(string path) =>
        FluentActions.Invoking(() => From.Json(_inbox.Store, "*", path)).Should().Throw<Exception>().Which.Should().Match(e => e is DataPlatformException || e is ArgumentException);

    [Fact]
    public async Task Limits_hold_before_within_and_around_the_array()
    {
        var options = new JsonOptions { MaxRowBytes = 1000 };
        var long_ = new string('x', 600_000);
        async Task<string> FailureAsync(string text) => (await ReadResult.FailureOfAsync(From.Json<Person>(_inbox.With("a.json", text).Store, "*", "$.items", options))).Message;
        (await FailureAsync($$"""{"a":"{{long_}}","items":[]}""")).Should().Be("lake:a.json has more than 1000 bytes before the array at $.items.");
        (await FailureAsync($$"""{"items":[{"id":1,"name":"{{long_}}"}]}""")).Should().Be("lake:a.json has more than 1000 bytes in element 1.");
        (await FailureAsync($$"""{"items":[],"a":"{{long_}}"}""")).Should().Be("lake:a.json has more than 1000 bytes around the array at $.items.");
    }

    // Every place where the window can end: the same rows come out of it.
    [Fact]
    public async Task Rows_are_the_same_however_the_text_comes_in()
    {
        var text = Encoding.UTF8.GetBytes("""{"a":{"items":[1]},"items":[{"id":1,"n":"a\"}\\"}, [1,[2]], "x\\\"]", -1.5e3 ,null,{"o":{"p":[{"q":"[{"}]}}],"next":"z"}""");
        string[] expected = ["""{"id":1,"n":"a\"}\\"}""", "[1,[2]]", "\"x\\\\\\\"]\"", "-1.5e3", "null", """{"o":{"p":[{"q":"[{"}]}}"""];
        for (var size = 1; size <= text.Length; size++)
        {
            var rows = new JsonArrayRows(new TextWindow(new Pieces(text, size), bufferBytes: 1), Nowhere.Instance, JsonPath.Parse("$.items"), 1 << 20);
            var taken = new List<string>();
            while (await rows.FillAsync(TestContext.Current.CancellationToken))
            {
                while (rows.TryTake(out var row)) taken.Add(Encoding.UTF8.GetString(row));
            }

            taken.Should().Equal(expected, "pieces have {0} bytes", size);
            Encoding.UTF8.GetString(rows.Around).Should().Be("""{"a":{"items":[1]},"items":[],"next":"z"}""");
        }
    }

    [Fact]
    public void Any_array_is_cut_as_a_parser_would()
    {
        var scalar = Gen.OneOf(Gen.Const("null"), Gen.Const("true"), Gen.Int.Select(i => $"{i}"), Gen.String[Gen.Char["ab\"\\[]{},:é🚲 \n"], 0, 8].Select(s => System.Text.Json.JsonSerializer.Serialize(s)));
        var value = Gen.Recursive<string>((depth, inner) => depth > 3 ? scalar : Gen.OneOf(
            scalar,
            inner.Array[0, 3].Select(v => $"[{string.Join(" ,", v)}]"),
            inner.Array[0, 3].Select(v => $"{{{string.Join(", ", v.Select((x, i) => $"\"k{i}\" :{x}"))}}}")));
        Gen.Select(value.Array[0, 6], Gen.Int[1, 40]).Sample((elements, size) =>
        {
            var rows = new JsonArrayRows(new TextWindow(new Pieces(Encoding.UTF8.GetBytes($" [ {string.Join(" , ", elements)} ] "), size), 1), Nowhere.Instance, JsonPath.Parse("$"), 1 << 20);
            var taken = new List<string>();
            while (rows.FillAsync(default).AsTask().GetAwaiter().GetResult())
            {
                while (rows.TryTake(out var row)) taken.Add(Encoding.UTF8.GetString(row));
            }

            return taken.SequenceEqual(elements);
        });
    }

    [Fact]
    public async Task Large_documents_are_read_in_batches_and_elements_longer_than_the_buffer_whole()
    {
        var text = new StringBuilder("{\"items\":[");
        for (var i = 0; i < 2000; i++) text.Append(i == 0 ? "" : ",").Append("{\"id\":").Append(i).Append(",\"name\":\"").Append('x', i % 500 == 0 ? 600_000 : 5).Append("\"}\n");
        var result = await ReadResult.OfAsync(From.Json<Person>(_inbox.With("a.json.gz", Inbox.Gzip(text.Append("]}").ToString())).Store, "*", "$.items"), new SourceContext { BatchBytes = 64 * 1024 });
        result.Rejected.Should().BeEmpty();
        result.Rows.Select(row => (row[0], ((string)row[1]!).Length)).Should().Equal(Enumerable.Range(0, 2000).Select(i => ((object?)(long)i, i % 500 == 0 ? 600_000 : 5)));
        result.Batches.Should().BeGreaterThan(4);
    }

    [Fact]
    public async Task A_record_reaches_into_objects_by_path()
    {
        _inbox.With(
            "a.json",
            """
            [{"id":1,"address":{"city":"Bern","geo":{"lat":46.9,"lon":7.4},"zip":"3011"},"buyer":{"id":7}},
             {"id":2,"address":{"geo":null,"city":"Thun"},"buyer":{}},
             {"id":3,"address":null},
             {"id":4,"address":"Bern"},
             {"id":5,"address":{"city":"Bern","geo":{"lat":"north"}}},
             {"id":6,"address":{"city":"Bern"},"address.city":"Thun"},
             {"id":7,"address.city":"Biel","address":[1]}]
            """);
        var result = await ReadResult.OfAsync(From.Json<Customer>(_inbox.Store, "*"));
        result.Rows.Should().BeEquivalentTo(new object?[][] { [1L, "Bern", 46.9, 7L], [2L, "Thun", null, null], [7L, "Biel", null, null] }, options => options.WithStrictOrdering());
        result.Rejected.Select(row => (row.Position, row.Column, row.Reason)).Should().Equal(
            (3, "city", "the value is missing, and the column does not allow NULL"),
            (4, "city", "the value is missing, and the column does not allow NULL"),
            (5, "lat", "'north' is not a double"),
            (6, "city", "the row has two values for it"));
    }

    [Fact]
    public async Task Objects_are_taken_apart_for_a_record_too_and_may_be_wanted_whole_as_well()
    {
        _inbox.With("a.jsonl", """{"id":1,"address":{"city":"Bern","geo":{"lat":46.9}}}""");
        var flat = await ReadResult.OfAsync(From.JsonLines<Flat>(_inbox.Store, "*", new JsonOptions { MaxNesting = 1 }));
        flat.Rows.Should().ContainSingle().Which.Should().Equal(1L, "Bern", """{"lat":46.9}""", """{"city":"Bern","geo":{"lat":46.9}}""");
        var whole = await ReadResult.OfAsync(From.JsonLines<Flat>(_inbox.Store, "*"));
        whole.Rows.Should().ContainSingle().Which.Should().Equal(1L, null, null, """{"city":"Bern","geo":{"lat":46.9}}""");
    }

    [Fact]
    public async Task What_was_found_by_looking_is_read_by_it()
    {
        _inbox.With("a.json", """[{"id":1,"address":{"city":"Bern","geo":{"lat":46.9}}},{"id":2,"address":"unknown"},{"id":3,"address":{"city":"Thun","more":[1]}}]""");
        var result = await ReadResult.OfAsync(From.Json(_inbox.Store, "*", options: new JsonOptions { MaxNesting = 2 }));
        result.Rejected.Should().BeEmpty();
        result.Rows.Should().BeEquivalentTo(
            new object?[][]
            {
                [1L, "Bern", 46.9, """{"city":"Bern","geo":{"lat":46.9}}""", null], [2L, null, null, "unknown", null], [3L, "Thun", null, """{"city":"Thun","more":[1]}""", "[1]"],
            },
            options => options.WithStrictOrdering());
    }

    private sealed record Person(long Id, string Name);

    private sealed record Customer(long Id, [property: Column("address.city")] string City, [property: Column("$.address.geo.lat")] double? Lat, [property: Column("Buyer.Id")] long? BuyerId);

    private sealed record Flat(long Id, string? AddressCity, string? AddressGeo, string? Address);

    private sealed class Nowhere : ISourceText
    {
        public static Nowhere Instance { get; } = new();

        public string Name => "nowhere";

        public DataPlatformException Invalid(string problem, string? hint, Exception? cause = null) => new(FailureClass.Data, $"nowhere {problem}", hint, cause);
    }

    /// <summary>Gives so many bytes at a time.</summary>
    private sealed class Pieces(byte[] content, int size) : ForwardStream
    {
        private int _at;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var count = Math.Min(Math.Min(size, buffer.Length), content.Length - _at);
            content.AsMemory(_at, count).CopyTo(buffer);
            _at += count;
            return new(count);
        }
    }
}
