using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using DataPlatform.DuckDb;
using DataPlatform.Ledger;
using DataPlatform.Pipelines;
using DataPlatform.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace DataPlatform.Ingestion.Tests.Sources.Http;

/// <summary>Rows of web APIs, from a real server that answers as it is told to.</summary>
public sealed class HttpSourceTests : IAsyncDisposable
{
    private readonly List<IAsyncDisposable> _servers = [];
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero)) { AutoAdvanceAmount = TimeSpan.Zero };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers) await server.DisposeAsync();
    }

    [Fact]
    public async Task One_answer_may_be_all()
    {
        var server = Serve(_ => Answer.Json("""[{"id":1,"name":"Ann","extra":{"x":1}},{"id":2,"name":"Bob"}]"""));
        using var api = Api(server);
        var result = await ReadResult.OfAsync(From.Http<Person>(api, "/v2/people", http => http.Query("state", "a b&c").Header("X-Version", "7")));
        result.Rows.Should().BeEquivalentTo(new object?[][] { [1L, "Ann"], [2L, "Bob"] }, options => options.WithStrictOrdering());
        server.Asked.Should().ContainSingle().Which.Should().Match<Asked>(asked => asked.Method == "GET" && asked.Target == "/base/v2/people?state=a%20b%26c");
        server.Asked.Single().Headers.Should().Contain("X-Version", "7").And.Contain("Accept", "application/json").And.NotContainKey("Authorization");
    }

    [Theory]
    [InlineData("link")]
    [InlineData("relative link")]
    [InlineData("link behind a proxy")]
    [InlineData("header")]
    [InlineData("cursor")]
    [InlineData("offset")]
    [InlineData("offset with total")]
    [InlineData("number")]
    [InlineData("number with total")]
    public async Task Pages_are_followed_to_the_last(string kind)
    {
        // Seven rows, three a page; whoever asks for more than three gets three.
        ScriptedServer server = null!;
        server = Serve(asked =>
        {
            var start = kind[0] switch
            {
                'o' => int.Parse(asked.Query("offset") ?? "0", CultureInfo.InvariantCulture),
                'n' => (int.Parse(asked.Query("page") ?? "1", CultureInfo.InvariantCulture) - 1) * 3,
                _ => int.Parse(asked.Query("after") ?? "0", CultureInfo.InvariantCulture),
            };
            var rows = string.Join(",", Enumerable.Range(start, Math.Clamp(7 - start, 0, 3)).Select(i => $$"""{"id":{{i}},"name":"n{{i}}"}"""));
            var next = start + 3 < 7;
            var link = $"/base/people?state=new&after={start + 3}";
            return kind switch
            {
                "link" => Answer.Json($$"""{"data":[{{rows}}],"links":{"next":{{(next ? $"\"{server.Address}{link}\"" : "null")}} } }"""),
                "relative link" => Answer.Json($$"""{"links":{"next":"{{(next ? link : "")}}"},"data":[{{rows}}]}"""),
                "link behind a proxy" => Answer.Json($$"""{"data":[{{rows}}],"links":{ {{(next ? $"\"next\":\"https://127.0.0.1:8443{link}\"" : "")}} } }"""),
                "header" => next
                    ? Answer.Json($$"""{"data":[{{rows}}]}""").With("Link", $"<{server.Address}/base/people?after=0>; rel=\"first, prev\", <{link}>; title=\"a, b\"; rel=\"last next\"")
                    : Answer.Json($$"""{"data":[{{rows}}]}""").With("Link", "</base/people>; rel=\"first\""),
                "cursor" => Answer.Json($$"""{"data":[{{rows}}],"links":{"next":{{(next ? start + 3 : "null")}} } }"""),
                _ => Answer.Json($$"""{"data":[{{rows}}],"total":{"rows":7,"pages":3} }"""),
            };
        });
        var pagination = kind switch
        {
            "header" => Pages.LinkHeader(),
            "cursor" => Pages.Cursor("$.links.next", "after"),
            "offset" => Pages.Offset(limit: 100),
            "offset with total" => Pages.Offset(limit: 100, total: "$.total.rows"),
            "number" => Pages.Number(),
            "number with total" => Pages.Number(totalPages: "$.total.pages"),
            _ => Pages.NextLink("$.links.next"),
        };
        using var api = Api(server);
        var result = await ReadResult.OfAsync(From.Http<Person>(api, "people", http => http.Records("$.data").Query("state", "new").Paginate(pagination)));
        result.Rows.Should().BeEquivalentTo(Enumerable.Range(0, 7).Select(i => new object?[] { (long)i, $"n{i}" }), options => options.WithStrictOrdering());
        server.Asked.Should().HaveCount(kind is "offset" or "number" ? 4 : 3).And.OnlyContain(asked => kind == "header" || asked.Query("state") == "new");
    }

    [Fact]
    public async Task Columns_are_found_on_the_first_page()
    {
        var server = Serve(asked => Answer.Json(asked.Query("page") == "1" ? """{"items":[{"id":1,"address":{"city":"Bern"}}]}""" : """{"items":[]}"""));
        using var api = Api(server);
        var source = From.Http(api, "people", http => http.Records("$.items").Paginate(Pages.Number()).Json(new JsonOptions { MaxNesting = 1 }));
        (await source.InferContractAsync(new SourceContext(), Token))!.ToString().Should().Be("id int64\naddress_city text");
        (await ReadResult.OfAsync(source)).Rows.Should().ContainSingle().Which.Should().Equal(1L, "Bern");
        var none = Serve(_ => Answer.Json("""{"items":[]}"""));
        using var empty = Api(none);
        (await From.Http(empty, "people", http => http.Records("$.items")).InferContractAsync(new SourceContext(), Token)).Should().BeNull();
    }

    [Fact]
    public async Task Bad_rows_are_rejected_with_page_and_element()
    {
        var server = Serve(asked => Answer.Json(asked.Query("page") switch
        {
            "1" => """[{"id":1,"name":"a"},{"id":"x","name":"b"}]""",
            "2" => """[{"id":2},{"id":3,"name":"c"},7]""",
            _ => "[]",
        }));
        using var api = Api(server);
        var result = await ReadResult.OfAsync(From.Http<Person>(api, "people", http => http.Paginate(Pages.Number())));
        result.Rows.Select(row => row[0]).Should().Equal(1L, 3L);
        result.Rejected.Select(row => (row.Source, row.Position, row.Column, row.Raw)).Should().Equal(
            ("shop:people page 1", 2, "id", """{"id":"x","name":"b"}"""), ("shop:people page 2", 1, "name", """{"id":2}"""), ("shop:people page 2", 3, null, "7"));
    }

    [Fact]
    public async Task Answers_are_read_in_what_they_come_in()
    {
        const string Text = """[{"id":1,"name":"Zoë 🚲"}]""";
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(Encoding.UTF8.GetBytes(Text));
        Answer[] answers =
        [
            new Answer(packed.ToArray()).With("Content-Encoding", "gzip"),
            new(Encoding.Unicode.GetBytes(Text), ContentType: "application/json; charset=utf-16"),
            new([0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(Text)], ContentType: "application/vnd.api+json; charset=\"utf-8\""),
            new(Encoding.UTF8.GetBytes(Text), ContentType: null),
        ];
        foreach (var answer in answers)
        {
            var server = Serve(_ => answer);
            using var api = Api(server);
            (await ReadResult.OfAsync(From.Http<Person>(api, "people"))).Rows.Should().ContainSingle().Which.Should().Equal(1L, "Zoë 🚲");
        }

        using var nothing = Api(Serve(_ => Answer.Of(204)));
        (await ReadResult.OfAsync(From.Http<Person>(nothing, "people"))).Batches.Should().Be(0);
    }

    [Theory]
    [InlineData(401, FailureClass.NotAuthorized)]
    [InlineData(403, FailureClass.NotAuthorized)]
    [InlineData(404, FailureClass.Configuration)]
    [InlineData(410, FailureClass.Configuration)]
    [InlineData(302, FailureClass.Configuration)]
    [InlineData(400, FailureClass.Configuration)]
    [InlineData(422, FailureClass.Configuration)]
    [InlineData(408, FailureClass.Transient)]
    [InlineData(429, FailureClass.Transient)]
    [InlineData(500, FailureClass.Unavailable)]
    [InlineData(503, FailureClass.Unavailable)]
    public async Task An_answer_without_success_fails_with_what_it_means(int status, FailureClass failureClass)
    {
        var server = Serve(_ => Answer.Json("""{"error":"no such thing: key-12345"}""") with { Status = status });
        using var api = Api(server, options => (options.MaxRetries, options.ApiKey) = (0, "key-12345"));
        var failure = await ReadResult.FailureOfAsync(From.Http<Person>(api, "people"));
        failure.FailureClass.Should().Be(failureClass);
        failure.Message.Should().Be($$"""Page 1, /base/people, of HTTP API 'shop' was answered with {{status}} Scripted: {"error":"no such thing: ***"}.""");
        failure.Hint.Should().NotBeNullOrEmpty();
    }

    [Theory]
    [InlineData(429)]
    [InlineData(503)]
    [InlineData(408)]
    public async Task Retry_after_is_waited_for_and_not_less(int status)
    {
        var answers = new ConcurrentQueue<Answer>([
            Answer.Of(status, ("Retry-After", "30")),
            Answer.Of(status, ("Retry-After", new DateTimeOffset(2026, 1, 1, 0, 1, 15, TimeSpan.Zero).ToString("R"))),
            Answer.Json("""[{"id":1,"name":"a"}]"""),
        ]);
        var server = Serve(_ => answers.TryDequeue(out var answer) ? answer : Answer.Of(500));
        using var api = Api(server);
        var reading = ReadResult.OfAsync(From.Http<Person>(api, "people"));
        await AdvanceAsync(reading, () => server.Asked.Count == 2);
        (_time.GetUtcNow() - _time.Start).Should().BeGreaterThanOrEqualTo(TimeSpan.FromSeconds(30));
        await AdvanceAsync(reading, () => reading.IsCompleted);
        (await reading).Rows.Should().ContainSingle();
        (_time.GetUtcNow() - _time.Start).Should().BeGreaterThanOrEqualTo(TimeSpan.FromSeconds(75));
    }

    [Fact]
    public async Task A_longer_wait_than_is_allowed_is_left_to_the_orchestrator()
    {
        var server = Serve(_ => Answer.Of(429, ("Retry-After", "3600")));
        using var api = Api(server);
        var failure = await ReadResult.FailureOfAsync(From.Http<Person>(api, "people"));
        (failure.FailureClass, server.Asked.Count).Should().Be((FailureClass.Transient, 1));
        failure.Message.Should().Contain("429").And.Contain("Retry-After: 3600");
    }

    [Fact]
    public async Task Retries_end()
    {
        var server = Serve(_ => Answer.Of(500));
        using var api = Api(server, options => options.MaxRetries = 3);
        var reading = ReadResult.FailureOfAsync(From.Http<Person>(api, "people"));
        await AdvanceAsync(reading, () => reading.IsCompleted);
        (await reading).FailureClass.Should().Be(FailureClass.Unavailable);
        server.Asked.Should().HaveCount(4);
    }

    [Fact]
    public async Task A_connection_that_is_closed_is_tried_again()
    {
        var closed = 0;
        var server = Serve(_ => Interlocked.Increment(ref closed) <= 2 ? Answer.Json("") with { Closes = true } : Answer.Json("""[{"id":1,"name":"a"}]"""));
        using var api = Api(server);
        var reading = ReadResult.OfAsync(From.Http<Person>(api, "people"));
        await AdvanceAsync(reading, () => reading.IsCompleted);
        (await reading).Rows.Should().ContainSingle();
    }

    [Fact]
    public async Task A_server_that_does_not_answer_or_stops_in_the_middle_times_out()
    {
        var mute = Serve(_ => Answer.Json("""[{"id":1,"na""") with { Hangs = true, SaidLength = 1000 });
        using var api = Api(mute, options => options.MaxRetries = 0);
        var reading = ReadResult.FailureOfAsync(From.Http<Person>(api, "people"));
        await AdvanceAsync(reading, () => reading.IsCompleted);
        (await reading).Should().Match<DataPlatformException>(e => e.FailureClass == FailureClass.Transient && e.Message == "shop:people page 1, after 12 bytes, of HTTP API 'shop' was not answered in time.");

        using var silence = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        silence.Start();
        using var silent = new HttpApi("shop", new HttpApiOptions { BaseAddress = $"http://{silence.LocalEndpoint}", MaxRetries = 0 }, time: _time);
        reading = ReadResult.FailureOfAsync(From.Http<Person>(silent, "people"));
        await AdvanceAsync(reading, () => reading.IsCompleted);
        (await reading).Should().Match<DataPlatformException>(e => e.FailureClass == FailureClass.Transient && e.Message == "Page 1, /people, of HTTP API 'shop' was not answered in time.");
    }

    [Fact]
    public async Task A_body_that_is_cut_off_is_transient_and_no_row_is_taken_for_the_last()
    {
        var server = Serve(_ => Answer.Json("""[{"id":1,"name":"a"},{"id":2,"name":"b"}""") with { SaidLength = 1000 });
        using var api = Api(server);
        var failure = await ReadResult.FailureOfAsync(From.Http<Person>(api, "people"));
        failure.FailureClass.Should().Be(FailureClass.Transient);
        failure.Message.Should().StartWith("shop:people page 1, after 40 bytes, of HTTP API 'shop' was cut off");
    }

    [Fact]
    public async Task A_host_that_is_not_there_is_unavailable()
    {
        using var api = new HttpApi("shop", new HttpApiOptions { BaseAddress = "http://127.0.0.1:9", MaxRetries = 0 });
        var failure = await ReadResult.FailureOfAsync(From.Http<Person>(api, "people"));
        failure.FailureClass.Should().Be(FailureClass.Unavailable);
        failure.Message.Should().StartWith("HTTP API 'shop' cannot be reached: ");
    }

    [Theory]
    [InlineData("<html>Sign in</html>", "text/html", "is text/html, not JSON.")]
    [InlineData("<html>Sign in</html>", "application/json", "is not JSON: ")]
    [InlineData("", "application/json", "is not JSON: ")]
    [InlineData("""{"items":[]}""", "application/json", "has an object at $, not an array of rows.")]
    [InlineData("""[{"id":1,"name":"a"}""", "application/json", "is not JSON: it ends after element 1, before the end of the array (byte 20).")]
    public async Task An_answer_that_is_not_what_it_should_be_is_told_with_its_page(string body, string type, string problem)
    {
        using var api = Api(Serve(asked => asked.Query("page") == "1" ? Answer.Json("""[{"id":0,"name":"z"}]""") : new Answer(Encoding.UTF8.GetBytes(body), ContentType: type)));
        var failure = await ReadResult.FailureOfAsync(From.Http<Person>(api, "people", http => http.Paginate(Pages.Number())));
        failure.FailureClass.Should().Be(FailureClass.Data);
        failure.Message.Should().StartWith($"shop:people page 2 {problem}");
    }

    [Fact]
    public async Task Pages_that_lead_in_a_circle_are_noticed()
    {
        using var circle = Api(Serve(asked => Answer.Json($$"""{"items":[{"id":1,"name":"a"}],"next":"{{(asked.Query("cursor") == "b" ? "a" : "b")}}"}""")));
        (await ReadResult.FailureOfAsync(From.Http<Person>(circle, "people", http => http.Records("$.items").Paginate(Pages.Cursor("$.next")))))
            .Should().Match<DataPlatformException>(e => e.FailureClass == FailureClass.Data && e.Message == "shop:people: page 4 is one that was read already, /base/people?cursor=b.");

        using var deaf = Api(Serve(_ => Answer.Json("""[{"id":1,"name":"a"}]""")));
        (await ReadResult.FailureOfAsync(From.Http<Person>(deaf, "people", http => http.Paginate(Pages.Number("p"))))).Message.Should().Be("shop:people page 2 is the same as the page before.");

        var count = 0;
        using var endless = Api(Serve(_ => Answer.Json($$"""[{"id":{{++count}},"name":"a"}]""")));
        (await ReadResult.FailureOfAsync(From.Http<Person>(endless, "people", http => http.Paginate(Pages.Offset(1)).MaxPages(5)))).Message.Should().Be("shop:people has more than 5 pages.");
        count.Should().Be(5);
    }

    [Fact]
    public async Task Credentials_go_to_the_api_alone()
    {
        var elsewhere = Serve(_ => Answer.Json("[]"));
        using var api = Api(Serve(_ => Answer.Json($$"""{"items":[{"id":1,"name":"a"}],"next":"{{elsewhere.Address.Replace("127.0.0.1", "localhost", StringComparison.Ordinal)}}/people"}""")), options => options.BearerToken = "token-1");
        var failure = await ReadResult.FailureOfAsync(From.Http<Person>(api, "people", http => http.Records("$.items").Paginate(Pages.NextLink("$.next"))));
        failure.Should().Match<DataPlatformException>(e => e.FailureClass == FailureClass.Configuration && e.Message == "shop:people: the link to page 2 leads to another host than 127.0.0.1.");
        elsewhere.Asked.Should().BeEmpty();
    }

    [Fact]
    public async Task Credentials_of_every_kind_are_sent_and_never_shown()
    {
        async Task<Asked> AskAsync(Action<HttpApiOptions> configure)
        {
            var server = Serve(asked => Answer.Json($$"""{"echo":"{{new string('.', 240)}}{{asked.Target}}","and":"{{asked.Headers.GetValueOrDefault("Authorization")}}"}""") with { Status = 404 });
            using var api = Api(server, configure);
            (await ReadResult.FailureOfAsync(From.Http<Person>(api, "people", http => http.Query("access_token", "visible-mistake")))).ToString()
                .Should().NotContain("s3cr3t").And.NotContain("s3cr").And.NotContain("visible-mistake");
            return server.Asked.Single();
        }

        (await AskAsync(o => o.BearerToken = "s3cr3t")).Headers["Authorization"].Should().Be("Bearer s3cr3t");
        (await AskAsync(o => (o.UserName, o.Password) = ("me", "s3cr3t"))).Headers["Authorization"].Should().Be($"Basic {Convert.ToBase64String("me:s3cr3t"u8)}");
        (await AskAsync(o => o.ApiKey = "s3cr3t")).Headers["X-Api-Key"].Should().Be("s3cr3t");
        (await AskAsync(o => (o.ApiKey, o.ApiKeyHeader) = ("s3cr3t", "Key"))).Headers["Key"].Should().Be("s3cr3t");
        (await AskAsync(o => (o.ApiKey, o.ApiKeyQuery) = ("s3cr3t/+", "key"))).Query("key").Should().Be("s3cr3t/+");
    }

    [Fact]
    public async Task Nothing_of_a_credential_is_logged()
    {
        var answers = new ConcurrentQueue<Answer>([Answer.Of(503), Answer.Json("""[{"id":1,"name":"a"}]""")]);
        var server = Serve(_ => answers.TryDequeue(out var answer) ? answer : Answer.Of(404));
        var logs = new LogLines();
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders().AddProvider(logs).SetMinimumLevel(LogLevel.Trace);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:shop"] = server.Address,
            ["DataPlatform:Http:shop:ApiKey"] = "s3cr3t",
            ["DataPlatform:Http:shop:ApiKeyQuery"] = "key",
            ["DataPlatform:Http:shop:RetryDelay"] = "00:00:00",
        });
        builder.AddHttpApi("shop");
        using var host = builder.Build();
        var context = new SourceContext { Services = host.Services, Logger = host.Services.GetRequiredService<ILogger<HttpSourceTests>>() };
        (await ReadResult.OfAsync(From.Http<Person>("shop", "people", http => http.Query("state", "new")), context)).Rows.Should().ContainSingle();
        server.Asked.Last().Query("key").Should().Be("s3cr3t");
        logs.Lines.Should().Contain("shop GET /people?state=new: 200").And.Contain("shop answered 503; trying again in 0.0 s").And.NotContainMatch("*s3cr3t*");
    }

    [Fact]
    public async Task A_key_in_the_query_is_not_kept_in_links()
    {
        var server = Serve(asked => Answer.Json(asked.Query("page") is null ? """{"items":[{"id":1,"name":"a"}],"next":"/base/people?KEY=s3cr3t&page=2"}""" : """{"items":[{"id":2,"name":"b"}]}"""));
        using var api = Api(server, options => (options.ApiKey, options.ApiKeyQuery) = ("s3cr3t", "key"));
        (await ReadResult.OfAsync(From.Http<Person>(api, "people", http => http.Records("$.items").Paginate(Pages.NextLink("$.next"))))).Rows.Should().HaveCount(2);
        server.Asked.Last().Target.Should().Be("/base/people?page=2&key=s3cr3t");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OAuth_tokens_are_fetched_once_and_anew_when_they_expire_or_are_refused(bool inForm)
    {
        var issued = 0;
        var refused = new HashSet<string>();
        var server = Serve(asked =>
        {
            if (asked.Path == "/token") return Answer.Json($$"""{"access_token":"t{{++issued}}","token_type":"Bearer","expires_in":600}""");
            if (refused.Contains(asked.Headers["Authorization"])) return Answer.Of(401);
            var page = int.Parse(asked.Query("page")!, CultureInfo.InvariantCulture);
            return Answer.Json(page > 3 ? "[]" : $$"""[{"id":{{page}},"name":"{{asked.Headers["Authorization"]}}"}]""");
        });
        using var api = Api(server, options => options.OAuth = new HttpOAuthOptions
        {
            TokenAddress = $"{server.Address}/token",
            ClientId = "me&co",
            ClientSecret = "s3cr3t",
            Scope = "orders read",
            CredentialsInForm = inForm,
        });
        var source = From.Http<Person>(api, "people", http => http.Paginate(Pages.Number()));
        (await ReadResult.OfAsync(source)).Rows.Select(row => row[1]).Should().AllBeEquivalentTo("Bearer t1");
        var asked = server.Asked.First();
        (asked.Method, asked.Body).Should().Be(("POST", $"grant_type=client_credentials&scope=orders+read{(inForm ? "&client_id=me%26co&client_secret=s3cr3t" : "")}"));
        if (!inForm) asked.Headers["Authorization"].Should().Be($"Basic {Convert.ToBase64String("me%26co:s3cr3t"u8)}");

        _time.Advance(TimeSpan.FromSeconds(541));
        (await ReadResult.OfAsync(source)).Rows.Select(row => row[1]).Should().AllBeEquivalentTo("Bearer t2");

        refused.Add("Bearer t2");
        (await ReadResult.OfAsync(source)).Rows.Select(row => row[1]).Should().AllBeEquivalentTo("Bearer t3");
        issued.Should().Be(3);

        refused.UnionWith(["Bearer t3", "Bearer t4"]);
        (await ReadResult.FailureOfAsync(source)).FailureClass.Should().Be(FailureClass.NotAuthorized);
        issued.Should().Be(4);
    }

    [Theory]
    [InlineData(400, """{"error":"invalid_client","error_description":"s3cr3t"}""", FailureClass.NotAuthorized, "the token server 127.0.0.1 answered 400 (invalid_client).")]
    [InlineData(503, "", FailureClass.Unavailable, "the token server 127.0.0.1 answered 503.")]
    [InlineData(200, "<html/>", FailureClass.Configuration, "what the token server 127.0.0.1 answered has no access_token.")]
    public async Task A_token_that_cannot_be_had_says_why(int status, string body, FailureClass failureClass, string message)
    {
        var server = Serve(_ => Answer.Json(body) with { Status = status });
        using var api = Api(server, options =>
        {
            options.MaxRetries = 0;
            options.OAuth = new HttpOAuthOptions { TokenAddress = $"{server.Address}/token", ClientId = "me", ClientSecret = "s3cr3t" };
        });
        var failure = await ReadResult.FailureOfAsync(From.Http<Person>(api, "people"));
        (failure.FailureClass, failure.Message).Should().Be((failureClass, $"HTTP API 'shop': {message}"));
    }

    [Fact]
    public async Task Requests_keep_their_pace()
    {
        var server = Serve(asked => Answer.Json(asked.Query("page") == "4" ? "[]" : $$"""[{"id":{{asked.Query("page")}},"name":"a"}]"""));
        using var api = Api(server, options => (options.RequestsPerSecond, options.Timeout) = (0.1, TimeSpan.FromSeconds(5)));
        var reading = ReadResult.OfAsync(From.Http<Person>(api, "people", http => http.Paginate(Pages.Number())));
        await AdvanceAsync(reading, () => reading.IsCompleted);
        (await reading).Rows.Should().HaveCount(3);
        (_time.GetUtcNow() - _time.Start).Should().BeGreaterThanOrEqualTo(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task A_load_that_committed_in_the_middle_of_a_page_is_gone_on_with()
    {
        static string Rows(int from, int count) => string.Join(",", Enumerable.Range(from, count).Select(i => $$"""{"id":{{i}},"name":"{{new string('x', 500)}}"}"""));
        var broken = true;
        var server = Serve(asked => asked.Query("cursor") switch
        {
            null => Answer.Json($$"""{"items":[{{Rows(0, 1000)}}],"next":"c1"}"""),
            "c1" => Answer.Json($$"""{"items":[{{Rows(1000, 3000)}}],"next":"c2"}""") is var whole && broken ? whole with { Body = whole.Body[..1_000_000] } : whole,
            _ => Answer.Json($$"""{"items":[{{Rows(4000, 1000)}}]}"""),
        });
        using var api = Api(server, options => options.MaxRetries = 0);
        using var folder = new ScratchFolder();
        await using var warehouse = new DuckDbWarehouse("warehouse", $"DataSource={folder.Combine("test.duckdb")}");
        await using var ledgers = new RunLedgers(warehouse);
        var builder = new PipelineBuilder("demo");
        builder.Ingest("people", From.Http<Person>(api, "people", http => http.Records("$.items").Paginate(Pages.Cursor("$.next")))).Into(warehouse, "raw.people", load => load.Append().Checkpoint(mebibytes: 1));
        var pipeline = builder.Build();
        async Task<StepResult> RunAsync() => (await new PipelineRunner(ledgers).RunAsync(pipeline, cancellationToken: Token)).Steps.Single();

        (await RunAsync()).Failure!.Class.Should().Be(FailureClass.Data);
        var kept = await CountAsync();
        kept.Should().BeInRange(1000, 3000);
        broken = false;
        server.Asked.Clear();
        (await RunAsync()).RowsWritten.Should().Be(5000 - kept);
        server.Asked.First().Query("cursor").Should().Be("c1");
        await using (var transaction = await warehouse.BeginAsync(Token))
            (await transaction.QueryAsync("SELECT count(*), count(DISTINCT id), min(id), max(id) FROM raw.people", cancellationToken: Token)).Single().Should().Equal(5000L, 5000L, 0L, 4999L);

        // The next run begins with the first page.
        server.Asked.Clear();
        (await RunAsync()).RowsRead.Should().Be(5000);
        server.Asked.First().Query("cursor").Should().BeNull();

        async Task<long> CountAsync()
        {
            await using var transaction = await warehouse.BeginAsync(Token);
            return (long)(await transaction.QueryAsync("SELECT count(*) FROM raw.people", cancellationToken: Token)).Single()[0]!;
        }
    }

    [Fact]
    public async Task A_host_reads_it_all_from_configuration()
    {
        var server = Serve(asked => asked.Method == "HEAD" ? Answer.Of(asked.Headers["Authorization"] == "Bearer t-1234" ? 405 : 401) : Answer.Json("""[{"id":1,"name":"a"}]"""));
        async Task<Failure?> CheckAsync(string token, string? address = null)
        {
            var builder = Host.CreateApplicationBuilder();
            builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["ConnectionStrings:shop"] = address ?? server.Address,
                ["DataPlatform:Http:shop:BearerToken"] = token,
                ["DataPlatform:Http:shop:MaxRetries"] = "0",
                ["DataPlatform:Http:shop:Timeout"] = "00:00:20",
            });
            builder.AddHttpApi("shop");
            using var host = builder.Build();
            var source = From.Http<Person>("shop", "people");
            try
            {
                await source.CheckAsync(host.Services, Token);
                (await ReadResult.OfAsync(source, new SourceContext { Services = host.Services })).Rows.Should().ContainSingle();
                return null;
            }
            catch (DataPlatformException exception)
            {
                return new Resilience.FailureClassification().Classify(exception) is var failure ? new Failure(failure.Class, failure.Message) : null;
            }
        }

        (await CheckAsync("t-1234")).Should().BeNull();
        (await CheckAsync("wrong")).Should().Be(new Failure(FailureClass.NotAuthorized, "the check of HTTP API 'shop' was answered with 401 Scripted."));
        (await CheckAsync("t-1234", "http://127.0.0.1:9"))!.Class.Should().Be(FailureClass.Unavailable);
        (await CheckAsync("t-1234", ""))!.Message.Should().Be("HTTP API 'shop' has no address: ConnectionStrings:shop is not set.");
        server.Asked.Last().Headers.Should().Contain("Authorization", "Bearer wrong");

        var misspelt = Host.CreateApplicationBuilder();
        misspelt.Configuration.AddInMemoryCollection(new Dictionary<string, string?> { ["ConnectionStrings:shop"] = server.Address, ["DataPlatform:Http:shop:BearerTokn"] = "t" });
        using (var host = misspelt.AddHttpApi("shop").Services.BuildServiceProvider())
            host.Invoking(h => h.GetRequiredKeyedService<HttpApi>("shop")).Should().Throw<DataPlatformException>().Which.Message.Should().StartWith("DataPlatform:Http:shop is not valid: ").And.Contain("BearerTokn");

        var twice = Host.CreateApplicationBuilder().AddHttpApi("shop");
        twice.Invoking(b => b.AddHttpApi("shop")).Should().Throw<DataPlatformException>().Which.Message.Should().Be("HTTP API 'shop' is added twice.");
        (await FluentActions.Awaiting(() => From.Http<Person>("nope", "x").CheckAsync(new ServiceCollection().BuildServiceProvider(), Token)).Should().ThrowAsync<DataPlatformException>())
            .Which.Message.Should().Be("There is no HTTP API 'nope'.");
    }

    [Fact]
    public void Settings_that_contradict_each_other_are_refused()
    {
        static string MessageOf(HttpApiOptions options) => FluentActions.Invoking(() => new HttpApi("shop", options)).Should().Throw<DataPlatformException>().Where(e => e.FailureClass == FailureClass.Configuration).Which.Message;
        MessageOf(new() { BaseAddress = "ftp://x" }).Should().Contain("begins with https://");
        MessageOf(new() { BaseAddress = "https://me:pw@x" }).Should().NotContain("pw");
        MessageOf(new() { BaseAddress = "https://x", BearerToken = "a", ApiKey = "b" }).Should().Contain("more than one of");
        MessageOf(new() { BaseAddress = "https://x", OAuth = new() }).Should().Contain("ClientId");
        MessageOf(new() { BaseAddress = "https://x", RequestsPerSecond = 0 }).Should().Contain("RequestsPerSecond");
        MessageOf(new() { BaseAddress = "https://x", MaxRetries = -1 }).Should().Contain("MaxRetries");
    }

    // Moves the clock on, a second at a time, whenever nothing else happens; the wait between is for the sockets, not for the clock.
    private async Task AdvanceAsync(Task work, Func<bool> until)
    {
        while (!until())
        {
            if (await Task.WhenAny(work, Task.Delay(20, Token)) == work && !until()) await work;
            if (!until()) _time.Advance(TimeSpan.FromSeconds(1));
        }
    }

    private ScriptedServer Serve(Func<Asked, Answer> answer)
    {
        var server = new ScriptedServer(answer);
        _servers.Add(server);
        return server;
    }

    private HttpApi Api(ScriptedServer server, Action<HttpApiOptions>? configure = null)
    {
        var options = new HttpApiOptions { BaseAddress = $"{server.Address}/base" };
        configure?.Invoke(options);
        return new HttpApi("shop", options, time: _time);
    }

    /// <summary>Keeps what is logged.</summary>
    private sealed class LogLines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue($"{formatter(state, exception)}{exception}");

        public void Dispose()
        {
        }
    }

    private sealed record Person(long Id, string Name);

    private sealed record Failure(FailureClass Class, string Message);
}
