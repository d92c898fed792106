using System.Globalization;
using CsCheck;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.Ingestion.Tests.Sources.Http;

/// <summary>How an API is read on from where the last load stopped: what it is asked for, and which rows of its answers are taken.</summary>
public sealed class HttpIncrementalTests : IAsyncDisposable
{
    private const string Noon = "2026-01-31T12:00:00.25Z";

    private readonly Dictionary<string, string> _cursors = [];
    private readonly List<IAsyncDisposable> _servers = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers) await server.DisposeAsync();
    }

    [Theory]
    [InlineData(CursorFormat.Plain, "2026-01-31T12:00:00.25Z", "2026-02-01T12:00:00.25Z")]
    [InlineData(CursorFormat.Date, "2026-01-31", "2026-02-02")]
    [InlineData(CursorFormat.UnixSeconds, "1769860800", "1769947201")]
    [InlineData(CursorFormat.UnixMilliseconds, "1769860800250", "1769947200250")]
    public async Task A_range_is_asked_for_in_the_format_of_the_api_and_never_narrowed(CursorFormat format, string since, string until)
    {
        var start = DateTimeOffset.Parse(Noon, CultureInfo.InvariantCulture);
        var server = Serve(_ => Page((1, "2026-01-31T12:00:00.2Z"), (2, Noon), (3, "2026-02-01T12:00:00.2Z"), (4, "2026-02-01T12:00:00.25Z")));
        using var api = Api(server);
        var source = From.Http<Event>(api, "events", http => http.Query("since", "never").Query("kind", "a").Since("since", format).Until("until", format))
            .Incremental(e => e.At, cursor => cursor.Between(_ => start, _ => start.AddDays(1)));
        (await ReadAsync(source)).Should().Equal(2, 3);
        var asked = server.Asked.Should().ContainSingle().Which;
        (asked.Query("kind"), asked.Query("since"), asked.Query("until")).Should().Be(("a", since, until));
        _cursors.Should().BeEmpty();
    }

    [Fact]
    public async Task Values_are_written_for_a_query_as_they_are_and_before_1970_too()
    {
        string[] Of(Apache.Arrow.Types.IArrowType type, object value, params CursorFormat[] formats)
        {
            var cursor = CursorType.Of(new ContractColumn(new Apache.Arrow.Field("at", type, true)), "shop:events");
            return [.. formats.SelectMany(format => new[] { cursor.ToQuery(cursor.FromObject(value), format, roundsUp: false), cursor.ToQuery(cursor.FromObject(value), format, roundsUp: true) })];
        }

        Of(ColumnTypes.Timestamp, new DateTime(1969, 12, 31, 23, 59, 58, 500), CursorFormat.Plain, CursorFormat.UnixSeconds, CursorFormat.Date)
            .Should().Equal("1969-12-31T23:59:58.5", "1969-12-31T23:59:58.5", "-2", "-1", "1969-12-31", "1970-01-01");
        Of(Apache.Arrow.Types.Date32Type.Default, new DateOnly(2026, 1, 31), CursorFormat.Plain, CursorFormat.UnixSeconds).Should().Equal("2026-01-31", "2026-01-31", "1769817600", "1769817600");
        Of(Apache.Arrow.Types.Int64Type.Default, -7L, CursorFormat.Plain).Should().Equal("-7", "-7");
        Of(new Apache.Arrow.Types.Decimal128Type(38, 10), 1.50m, CursorFormat.Plain).Should().Equal("1.5", "1.5");
        var failure = await FailureOfAsync(From.Http<Event>(Api(Serve(_ => Page())), "events", http => http.Since("since", CursorFormat.Date)).Incremental(e => e.Id));
        (failure.FailureClass, failure.Message).Should().Be((FailureClass.Configuration, "shop:events: the cursor 'id' is int64, which is not to be written as CursorFormat.Date."));
    }

    [Fact]
    public async Task The_next_run_asks_from_the_last_value_and_leaves_out_what_it_has()
    {
        var rows = new List<(long, string?)> { (1, "2026-01-01T00:00:00Z"), (2, "2026-01-02T00:00:00Z"), (3, "2026-01-02T00:00:00Z") };
        var server = Serve(_ => Page([.. rows]));
        using var api = Api(server);
        var source = From.Http<Event>(api, "events", http => http.Since("since")).Incremental(e => e.At);
        (await ReadAsync(source)).Should().Equal(1, 2, 3);
        (await ReadAsync(source)).Should().BeEmpty();
        rows.AddRange([(4, "2026-01-02T00:00:00Z"), (3, "2026-01-02T00:00:00Z"), (5, "2026-01-01T00:00:00Z")]);

        // The same row twice is two rows; one before the last value is none.
        (await ReadAsync(source)).Should().Equal(4, 3);
        (await ReadAsync(source)).Should().BeEmpty();
        server.Asked.Select(asked => asked.Query("since")).Should().Equal(null, "2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z");
    }

    [Fact]
    public async Task The_start_value_the_lag_and_the_last_value_are_where_a_run_begins()
    {
        var server = Serve(_ => Page((1, "2026-01-01T00:00:00Z"), (2, "2026-01-02T00:00:00Z"), (3, "2026-01-03T00:00:00Z")));
        using var api = Api(server);
        var source = From.Http<Event>(api, "events", http => http.Since("since", CursorFormat.Date))
            .Incremental(e => e.At, cursor => cursor.StartAt(new DateTimeOffset(2026, 1, 2, 0, 0, 0, TimeSpan.Zero)).Lag(TimeSpan.FromHours(24)));
        (await ReadAsync(source)).Should().Equal(2, 3);
        (await ReadAsync(source)).Should().Equal(2, 3);
        server.Asked.Select(asked => asked.Query("since")).Should().Equal("2026-01-02", "2026-01-02");
    }

    [Fact]
    public async Task Newest_first_stops_at_the_first_page_with_a_row_that_is_older()
    {
        // Nine rows, three a page, one more day each: ids and days go down.
        var newest = 9;
        var server = Serve(asked => Page([.. Enumerable.Range(0, 3).Select(i => newest - ((int.Parse(asked.Query("page")!, CultureInfo.InvariantCulture) - 1) * 3) - i).Where(id => id > 0).Select(id => ((long)id, (string?)$"2026-01-{id:00}T00:00:00Z"))]));
        using var api = Api(server);
        var source = From.Http<Event>(api, "events", http => http.Paginate(Pages.Number()).Ordered(RowOrder.Descending)).Incremental(e => e.At);
        (await ReadAsync(source)).Should().Equal(9, 8, 7, 6, 5, 4, 3, 2, 1);
        PagesOf(server).Should().Equal(1, 2, 3, 4);

        newest = 13;
        (await ReadAsync(source)).Should().Equal(13, 12, 11, 10);
        PagesOf(server).Should().Equal(1, 2);
        (await ReadAsync(source)).Should().BeEmpty();
        PagesOf(server).Should().Equal(1);

        // Without the order all pages are read, to the same end.
        _cursors["at"] = """{"value":"2026-01-12T00:00:00.000000Z"}""";
        (await ReadAsync(From.Http<Event>(api, "events", http => http.Paginate(Pages.Number())).Incremental(e => e.At))).Should().Equal(13, 12);
        PagesOf(server).Should().Equal(1, 2, 3, 4, 5, 6);
    }

    [Fact]
    public async Task Oldest_first_stops_at_the_first_page_with_a_row_behind_the_end()
    {
        var server = Serve(asked => Page([.. Enumerable.Range(1, 3).Select(i => ((int.Parse(asked.Query("page")!, CultureInfo.InvariantCulture) - 1) * 3) + i).Select(id => ((long)id, (string?)$"2026-01-{id:00}T00:00:00Z"))]));
        using var api = Api(server);
        var source = From.Http<Event>(api, "events", http => http.Paginate(Pages.Number()).Ordered(RowOrder.Ascending))
            .Incremental(e => e.At, cursor => cursor.Between(_ => new DateOnly(2026, 1, 2), _ => new DateOnly(2026, 1, 6)));
        (await ReadAsync(source)).Should().Equal(2, 3, 4, 5);
        PagesOf(server).Should().Equal(1, 2);
    }

    [Theory]
    [InlineData(RowOrder.Ascending, "ascending", "2026-01-01T00:00:00.000000Z behind 2026-01-02T00:00:00.000000Z")]
    [InlineData(RowOrder.Descending, "descending", "2026-01-02T00:00:00.000000Z behind 2026-01-01T00:00:00.000000Z")]
    public async Task An_order_that_rows_do_not_have_fails(RowOrder order, string name, string values)
    {
        using var api = Api(Serve(_ => Page((1, "2026-01-01T00:00:00Z"), (2, "2026-01-01T00:00:00Z"), (3, "2026-01-02T00:00:00Z"), (4, "2026-01-01T00:00:00Z"))));
        var failure = await FailureOfAsync(From.Http<Event>(api, "events", http => http.Ordered(order)).Incremental(e => e.At));
        (failure.FailureClass, failure.Message).Should().Be((FailureClass.Data, $"shop:events is said to come in {name} order of 'at', and has {values}. Nothing of this load is kept."));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(RowOrder.Ascending)]
    [InlineData(RowOrder.Descending)]
    public async Task A_rejected_row_moves_the_cursor_and_is_left_out_when_it_comes_again(RowOrder? order)
    {
        const string Bad = """{"id":"x","at":"2026-01-02T00:00:00Z"}""", Good = """{"id":1,"at":"2026-01-01T00:00:00Z"}""";
        using var api = Api(Serve(_ => Answer.Json(order == RowOrder.Descending ? $"[{Bad},{Good}]" : $"[{Good},{Bad}]")));
        var source = From.Http<Event>(api, "events", http => _ = order is { } known ? http.Ordered(known) : http).Incremental(e => e.At);
        var first = await ResultAsync(source);
        (first.Rows.Count, first.Rejected.Count).Should().Be((1, 1));
        _cursors.Should().ContainSingle().Which.Value.Should().Contain("2026-01-02");
        var second = await ResultAsync(source);
        (second.Rows.Count, second.Rejected.Count).Should().Be((0, 0));
    }

    [Fact]
    public async Task The_cursor_may_be_a_value_that_the_table_does_not_have()
    {
        var server = Serve(_ => Answer.Json("""[{"id":1,"meta":{"n":10}},{"id":2,"meta":{"n":12.5}},{"id":3,"meta":{"n":"11"}},{"id":4,"meta":{"n":"x"}}]"""));
        using var api = Api(server);
        var source = From.Http<Plain>(api, "events", http => http.Since("n")).Incremental<decimal>("$.meta.n");
        var result = await ResultAsync(source);
        result.Rows.Should().BeEquivalentTo(new object?[][] { [1L], [2L], [3L] }, options => options.WithStrictOrdering());
        result.Rejected.Should().ContainSingle().Which.Should().Match<Ledger.RejectedRow>(row => row.Position == 4 && row.Column == "$.meta.n" && row.Reason.StartsWith("'x' is not a decimal") && row.ContractVersion == source.Contract!.Version);
        (await ResultAsync(source)).Rows.Should().BeEmpty();
        (server.Asked.Last().Query("n"), _cursors.Keys.Single()).Should().Be(("12.5", "$.meta.n"));

        // Where the table has it, it is that column.
        _cursors.Clear();
        var inferred = From.Http(api, "events", http => http.Json(new JsonOptions { MaxNesting = 1 })).Incremental<long>("meta.n");
        (await FluentActions.Awaiting(() => ResultAsync(inferred)).Should().ThrowAsync<DataPlatformException>()).Which.Message.Should().Be("shop:events is to be read by the cursor 'meta_n', which is text.");
    }

    [Theory]
    [InlineData(NullCursors.Exclude, new long[] { 1, 3 })]
    [InlineData(NullCursors.Include, new long[] { 1, 2, 3, 4 })]
    [InlineData(NullCursors.Raise, null)]
    public async Task Rows_without_a_cursor_raise_or_are_included_or_left_out(NullCursors policy, long[]? expected)
    {
        using var api = Api(Serve(_ => Answer.Json("""[{"id":1,"at":5},{"id":2,"at":null},{"id":3,"at":6},{"id":4}]""")));
        var source = From.Http<Plain>(api, "events").Incremental<long>("$.at", cursor => cursor.OnNull(policy));
        if (expected is not null) (await ReadAsync(source)).Should().Equal(expected);
        else (await FailureOfAsync(source)).Message.Should().Be("shop:events has a row whose cursor '$.at' is NULL: nothing says whether it is new. Nothing of this load is kept.");
    }

    [Fact]
    public async Task What_is_not_possible_is_refused_before_anything_is_asked_for()
    {
        var server = Serve(_ => Page());
        using var api = Api(server);
        HttpSource<Event> Source(Action<HttpSourceBuilder>? http = null) => From.Http<Event>(api, "events", http);
        (await FailureOfAsync(Source(http => http.Since("since")))).Message.Should().Be("shop:events has http.Since(…), which is said of a cursor, and no cursor.");
        (await FailureOfAsync(Source(http => http.Ordered(RowOrder.Ascending)))).Message.Should().Be("shop:events has http.Ordered(…), which is said of a cursor, and no cursor.");
        (await FluentActions.Awaiting(() => Source(http => http.Until("until")).CheckAsync(null!, Token)).Should().ThrowAsync<DataPlatformException>()).Which.FailureClass.Should().Be(FailureClass.Configuration);

        static string MessageOf(Action configure) => configure.Should().Throw<DataPlatformException>().Where(e => e.FailureClass == FailureClass.Configuration).Which.Message;
        MessageOf(() => Source().Incremental("nothing")).Should().Be("shop:events is to be read by the cursor 'nothing', which is not one of its columns.");
        MessageOf(() => Source().Incremental<string>("$.at")).Should().Be("The cursor $.at is to be String, which has no order that all systems agree on.");
        MessageOf(() => Source().Incremental<long>("$")).Should().Be("'$' is the row, not a value in it.");

        void Build(ISource<Event> source, Action<LoadBuilder<Event>> load) => new PipelineBuilder("demo").Ingest("events", source).Into("warehouse", "raw.events", load);
        MessageOf(() => Build(Source().Incremental(e => e.At, cursor => cursor.Lag(TimeSpan.FromDays(1))), load => load.Append())).Should().Contain("with a lag");
        MessageOf(() => Build(Source(http => http.Ordered(RowOrder.Descending)).Incremental(e => e.At), load => load.Checkpoint(1))).Should().Contain("not in ascending order, and adds its rows in parts");
        MessageOf(() => new PipelineBuilder("demo").Ingest("events", (ISource)Source().Incremental(e => e.At)).IntoLake("lake", "landing", lake => lake.Checkpoint(1))).Should().Contain("not in ascending order");
        Build(Source(http => http.Ordered(RowOrder.Ascending)).Incremental(e => e.At), load => load.Checkpoint(1));
        Build(Source().Incremental(e => e.At), load => load.Merge(e => e.Id).Checkpoint(1));
        server.Asked.Should().BeEmpty();
    }

    /// <summary>However a growing source is split into runs, some of which break: what they give together is what it has, rows that are the same as often as they are there.</summary>
    [Fact]
    public async Task Any_split_into_runs_gives_each_row_once()
    {
        var rows = new List<(long Id, int Hour)>();
        var (sort, heedsSince, breaksAt) = (2, false, 0);
        var server = Serve(asked =>
        {
            var page = int.Parse(asked.Query("page")!, CultureInfo.InvariantCulture);
            if (page == breaksAt) return Answer.Of(404);
            var given = rows.Where(row => !heedsSince || asked.Query("since") is not { } since || string.CompareOrdinal(At(row.Hour), since) >= 0);
            given = sort switch
            {
                (int)RowOrder.Ascending => given.OrderBy(row => row.Hour).ThenBy(row => row.Id % 4),
                (int)RowOrder.Descending => given.OrderByDescending(row => row.Hour).ThenBy(row => row.Id % 4),
                _ => given.OrderBy(row => row.Id % 5),
            };
            return Page([.. given.Skip((page - 1) * 3).Take(3).Select(row => (row.Id, (string?)At(row.Hour)))]);
        });
        using var api = Api(server);
        var steps = Gen.Select(Gen.Int[0, 2].List[0, 7], Gen.Int[0, 4]).List[1, 6];
        await Gen.Select(steps, Gen.Int[0, 2], Gen.Bool).SampleAsync(
            async (growth, order, heeds) =>
            {
                rows.Clear();
                _cursors.Clear();
                (sort, heedsSince) = (order, heeds);
                var source = From.Http<Event>(api, "events", http => _ = order == 2 ? http.Paginate(Pages.Number()).Since("since") : http.Paginate(Pages.Number()).Since("since").Ordered((RowOrder)order)).Incremental(e => e.At);
                var (hour, read) = (0, new List<long>());
                foreach (var (ahead, breaks) in growth.Append(([], 0)))
                {
                    foreach (var more in ahead)
                    {
                        rows.Add((rows.Count / 2, hour += more));
                        if (rows.Count % 5 == 0) rows.Add(rows[^1]);
                    }

                    breaksAt = breaks;
                    try
                    {
                        read.AddRange(await ReadAsync(source));
                    }
                    catch (DataPlatformException exception) when (exception.Message.Contains("404", StringComparison.Ordinal))
                    {
                        // Nothing of it is kept.
                    }
                }

                read.Should().BeEquivalentTo(rows.Select(row => row.Id));
            },
            iter: 100,
            threads: 1);

        static string At(int hour) => new DateTime(2026, 1, 1).AddHours(hour).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
    }

    private static int[] PagesOf(ScriptedServer server)
    {
        var pages = server.Asked.Select(asked => int.Parse(asked.Query("page")!, CultureInfo.InvariantCulture)).ToArray();
        server.Asked.Clear();
        return pages;
    }

    private static Answer Page(params (long Id, string? At)[] rows) => Answer.Json($"[{string.Join(",", rows.Select(row => $$"""{"id":{{row.Id}},"at":"{{row.At}}"}"""))}]");

    // As a load would: what the batches say of cursors is found by the next read.
    private async Task<ReadResult> ResultAsync(ISource source)
    {
        var run = new RunInfo("r-1", "demo", "test", new DateOnly(2026, 1, 31), null, null);
        var read = new Recorded(source);
        var result = await ReadResult.OfAsync(read, new SourceContext { Run = run, CursorLookup = (name, _) => Task.FromResult(_cursors.GetValueOrDefault(name)) });
        foreach (var (name, value) in read.Said) _cursors[name] = value;
        return result;
    }

    private async Task<long[]> ReadAsync(ISource source) => [.. (await ResultAsync(source)).Rows.Select(row => (long)row[0]!)];

    private async Task<DataPlatformException> FailureOfAsync(ISource source) => (await FluentActions.Awaiting(() => ResultAsync(source)).Should().ThrowAsync<DataPlatformException>()).Which;

    private ScriptedServer Serve(Func<Asked, Answer> answer)
    {
        var server = new ScriptedServer(answer);
        _servers.Add(server);
        return server;
    }

    private static HttpApi Api(ScriptedServer server) => new("shop", new HttpApiOptions { BaseAddress = server.Address });

    /// <summary>Remembers what batches say of cursors.</summary>
    private sealed class Recorded(ISource source) : ISource
    {
        public Dictionary<string, string> Said { get; } = [];

        public string Description => source.Description;

        public Contract? Contract => source.Contract;

        public ValueTask<Contract?> InferContractAsync(SourceContext context, CancellationToken cancellationToken) => source.InferContractAsync(context, cancellationToken);

        public async IAsyncEnumerable<SourceBatch> ReadAsync(SourceContext context, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await foreach (var batch in source.ReadAsync(context, cancellationToken))
            {
                foreach (var (name, value) in batch.Cursors) Said[name] = value;
                yield return batch;
            }
        }
    }

    private sealed record Event(long Id, DateTimeOffset At);

    private sealed record Plain(long Id);
}
