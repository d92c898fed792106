using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using DataPlatform.Ledger;
using DataPlatform.Lineage;
using DataPlatform.Pipelines;
using DataPlatform.Resilience;
using DataPlatform.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Core.Tests.Lineage;

/// <summary>What an OpenLineage server is told, and that no run suffers from a server that is not well.</summary>
public sealed class OpenLineageTests : IDisposable
{
    private static readonly RunInfo Run = new("20260131-060000-1f2e3d4c", "bikes", "Test", new DateOnly(2026, 1, 31), null, null);
    private static readonly Dataset Raw = new("postgres://db:5432", "dp.raw.trips"), Daily = new("postgres://db:5432", "dp.marts.daily") { Columns = [new("day", "date"), new("trips", null)] };

    private readonly Lines _lines = new();

    public void Dispose() => _lines.Dispose();

    [Fact]
    public async Task A_run_its_steps_and_their_nodes_are_told_as_the_spec_wants_it()
    {
        await using var server = new Server(_ => 201);
        await TellAsync(new OpenLineageOptions { Url = server.Url, ApiKey = "very-secret-key", Namespace = "prod" });

        _lines.All.Should().BeEmpty();
        foreach (var request in server.Requests) request.Should().BeEquivalentTo(new { Method = "POST", Path = "/api/v1/lineage", ContentType = "application/json", Authorization = "Bearer very-secret-key" });
        var events = server.Events;
        foreach (var told in events) Validate(told);
        events.Select(told => $"{told.GetProperty("eventType")} {told.GetProperty("job").GetProperty("name")}").Should().Equal(
            "START bikes", "START bikes.marts", "START bikes.marts.model.shop.daily", "START bikes.marts.model.shop.bad", "COMPLETE bikes.marts.model.shop.daily", "FAIL bikes.marts.model.shop.bad",
            "FAIL bikes.marts", "FAIL bikes");

        var (run, step, node, failed) = (events[0], events[1], events[4], events[5]);
        node.GetProperty("eventTime").GetString().Should().Be("2026-01-31T06:00:07.000000Z");
        node.GetProperty("inputs").EnumerateArray().Select(dataset => dataset.GetRawText()).Should().Equal("""{"namespace":"postgres://db:5432","name":"dp.raw.trips"}""");
        var output = node.GetProperty("outputs").EnumerateArray().Single();
        output.GetProperty("facets").GetProperty("schema").GetProperty("fields").GetRawText().Should().Be("""[{"name":"day","type":"date"},{"name":"trips"}]""");
        output.GetProperty("outputFacets").GetProperty("outputStatistics").GetProperty("rowCount").GetInt64().Should().Be(7);
        var facets = node.GetProperty("run").GetProperty("facets");
        facets.GetProperty("parent").GetProperty("run").GetProperty("runId").GetString().Should().Be(IdOf(step));
        facets.GetProperty("parent").GetProperty("job").GetRawText().Should().Be("""{"namespace":"prod","name":"bikes.marts"}""");
        facets.GetProperty("parent").GetProperty("root").GetProperty("run").GetProperty("runId").GetString().Should().Be(IdOf(run));
        facets.GetProperty("processing_engine").GetProperty("version").GetString().Should().Be("1.11.0");
        node.GetProperty("job").GetProperty("facets").GetProperty("jobType").GetProperty("integration").GetString().Should().Be("DBT");
        failed.GetProperty("run").GetProperty("facets").GetProperty("errorMessage").GetProperty("message").GetString().Should().Be("*** by zero");
        run.GetProperty("run").GetProperty("facets").GetProperty("nominalTime").GetProperty("nominalStartTime").GetString().Should().Be("2026-01-31T00:00:00.000000Z");
        IdOf(events[2]).Should().Be(IdOf(node)).And.NotBe(IdOf(failed));
    }

    [Fact]
    public async Task A_file_takes_the_same_events_one_a_line()
    {
        using var folder = new ScratchFolder();
        var path = folder.Combine("lineage/events.jsonl");
        await TellAsync(new OpenLineageOptions { Path = path });
        await TellAsync(new OpenLineageOptions { Path = path });

        var events = (await File.ReadAllLinesAsync(path, TestContext.Current.CancellationToken)).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        events.Should().HaveCount(16);
        foreach (var told in events) Validate(told);
        events[0].GetProperty("job").GetProperty("namespace").GetString().Should().Be("Test", "it is the environment's name");
        IdOf(events[8]).Should().Be(IdOf(events[0]), "it is the same run in another process");
    }

    [Fact]
    public async Task What_a_server_refuses_for_now_is_sent_again()
    {
        await using var server = new Server(attempt => attempt <= 2 ? 503 : 200);
        await TellAsync(new OpenLineageOptions { Url = server.Url });

        server.Requests.Should().HaveCount(8 + 2);
        server.Events.Skip(2).Select(told => told.GetProperty("eventType").GetString()).Should().Equal("START", "START", "START", "START", "COMPLETE", "FAIL", "FAIL", "FAIL");
        _lines.All.Should().BeEmpty();
    }

    [Theory]
    [InlineData("down", "Connection refused")]
    [InlineData("slow", "no answer in 0.3 s|didn't complete within the allowed timeout")]
    [InlineData("503", "the server answered 503")]
    [InlineData("401", "the server answered 401 Unauthorized")]
    [InlineData("file", "already exists")]
    public async Task A_server_that_is_not_well_costs_one_warning_and_little_time(string trouble, string reason)
    {
        await using var server = new Server(_ => trouble switch { "slow" => -1, "503" => 503, _ => 401 });
        using var folder = new ScratchFolder();
        await File.WriteAllTextAsync(folder.Combine("file"), "", TestContext.Current.CancellationToken);
        var options = trouble == "file" ? new OpenLineageOptions { Path = folder.Combine("file/events") } : new OpenLineageOptions { Url = trouble == "down" ? FreeUrl() : server.Url };
        options.Timeout = TimeSpan.FromMilliseconds(300);
        var clock = System.Diagnostics.Stopwatch.StartNew();

        await TellAsync(options);

        clock.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(5));
        _lines.All.Where(line => line.Level == LogLevel.Warning).Should().ContainSingle().Which.Message.Should().MatchRegex(reason).And.StartWith("OpenLineage events cannot be delivered to ");
        _lines.All.Should().ContainSingle(line => line.Level == LogLevel.Information).Which.Message.Should().Be("8 OpenLineage events were not delivered");
    }

    [Fact]
    public async Task Whoever_tells_does_not_wait_and_what_is_too_much_is_dropped()
    {
        await using var server = new Server(_ => -1);
        var emitter = new OpenLineageEmitter(new OpenLineageOptions { Url = server.Url, Timeout = TimeSpan.FromMilliseconds(200) }, loggerFactory: _lines);
        for (var i = 0; i < 6_000; i++) ((IRunObserver)emitter).LineageReported(Run, "marts", new LineageReport { Part = $"n{i}" });
        await emitter.DisposeAsync();

        _lines.All.Should().ContainSingle(line => line.Level == LogLevel.Warning);
        _lines.All[^1].Message.Should().Be("6000 OpenLineage events were not delivered");
    }

    [Fact]
    public async Task Nothing_is_sent_unless_it_is_asked_for()
    {
        await TellAsync(new OpenLineageOptions());
        _lines.All.Should().BeEmpty();
    }

    [Theory]
    [InlineData("Url", "marquez:5000", "'OpenLineage:Url' is 'marquez:5000' and must be like https://marquez.internal:5000.")]
    [InlineData("Timeout", "soon", "'OpenLineage:Timeout' must be a duration such as 00:00:05, longer than zero.")]
    [InlineData("Path", "events.jsonl", "'OpenLineage:Url' and 'OpenLineage:Path' are both set: events go to one of them.")]
    public void Settings_that_cannot_be_are_refused(string key, string value, string problem)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?> { ["OpenLineage:Url"] = "http://marquez:5000", [$"OpenLineage:{key}"] = value }).Build();
        var (setup, options) = (new OpenLineageOptionsSetup(configuration), new OpenLineageOptions());
        setup.Configure(options);
        setup.Validate(null, options).Failures.Should().Equal(problem);
    }

    private async Task TellAsync(OpenLineageOptions options)
    {
        await using var emitter = new OpenLineageEmitter(options, text => text.Replace("division", "***", StringComparison.Ordinal), loggerFactory: _lines);
        var observer = (IRunObserver)emitter;
        var at = new DateTimeOffset(2026, 1, 31, 6, 0, 0, TimeSpan.Zero);
        LineageReport Node(string name, RunStatus status, int second) => new() { Part = $"model.shop.{name}", PartType = "model", Engine = "dbt", EngineVersion = "1.11.0", Status = status, At = at.AddSeconds(second) };
        observer.RunStarted(Run, []);
        observer.StepStarted(Run, "marts", 1);
        observer.StepStarted(Run, "marts", 2);
        observer.LineageReported(Run, "marts", Node("daily", RunStatus.Running, 1));
        observer.LineageReported(Run, "marts", Node("bad", RunStatus.Running, 2));
        observer.LineageReported(Run, "marts", Node("daily", RunStatus.Succeeded, 7) with { Inputs = [Raw], Outputs = [Daily], Rows = 7 });
        observer.LineageReported(Run, "marts", Node("bad", RunStatus.Failed, 8) with { Inputs = [Raw], Error = "division by zero" });
        var failure = new Failure(FailureClass.Data, "1 of 2 dbt nodes failed");
        observer.StepFinished(Run, new StepResult("marts", RunStatus.Failed, 0, 7, 0, TimeSpan.FromSeconds(8), 2, failure));
        observer.StepFinished(Run, new StepResult("after", RunStatus.Skipped, 0, 0, 0, TimeSpan.Zero, 0, failure));
        observer.RunFinished(new PipelineRunResult(Run, RunStatus.Failed, failure, at, TimeSpan.FromSeconds(9), []));
    }

    private static string IdOf(JsonElement told) => told.GetProperty("run").GetProperty("runId").GetString()!;

    // What the spec's JSON schemas say is required, of the event and of each facet that is there.
    private static void Validate(JsonElement told)
    {
        DateTimeOffset.TryParse(Text(told, "eventTime"), System.Globalization.CultureInfo.InvariantCulture, out _).Should().BeTrue();
        Uri.TryCreate(Text(told, "producer"), UriKind.Absolute, out _).Should().BeTrue();
        Text(told, "schemaURL").Should().Be("https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent");
        Text(told, "eventType").Should().BeOneOf("START", "COMPLETE", "FAIL", "ABORT");
        Guid.TryParse(Text(told.GetProperty("run"), "runId"), out _).Should().BeTrue();
        Text(told.GetProperty("job"), "namespace").Should().NotBeEmpty();
        Text(told.GetProperty("job"), "name").Should().NotBeEmpty();
        foreach (var dataset in told.GetProperty("inputs").EnumerateArray().Concat(told.GetProperty("outputs").EnumerateArray()))
        {
            Text(dataset, "namespace").Should().NotBeEmpty();
            Text(dataset, "name").Should().NotBeEmpty();
        }

        var required = new Dictionary<string, string[]>
        {
            ["parent"] = ["run", "job"],
            ["nominalTime"] = ["nominalStartTime"],
            ["processing_engine"] = ["version"],
            ["errorMessage"] = ["message", "programmingLanguage"],
            ["jobType"] = ["processingType", "integration"],
            ["schema"] = [],
            ["outputStatistics"] = [],
        };
        var facets = told.GetProperty("inputs").EnumerateArray().Concat(told.GetProperty("outputs").EnumerateArray()).Append(told.GetProperty("run")).Append(told.GetProperty("job"))
            .SelectMany(owner => ((string[])["facets", "outputFacets"]).Where(name => owner.TryGetProperty(name, out _)).SelectMany(name => owner.GetProperty(name).EnumerateObject()));
        foreach (var facet in facets)
        {
            foreach (var property in required[facet.Name]) facet.Value.TryGetProperty(property, out _).Should().BeTrue($"{facet.Name} has {property}");
            Uri.TryCreate(Text(facet.Value, "_producer"), UriKind.Absolute, out _).Should().BeTrue();
            Text(facet.Value, "_schemaURL").Should().MatchRegex(@"^https://openlineage\.io/spec/facets/\d-\d-\d/(\w+Facet)\.json#/\$defs/\1$");
        }
    }

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private static Uri FreeUrl()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");
    }

    /// <summary>A server that answers each request with a status, or never with a negative one.</summary>
    private sealed class Server : IAsyncDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _serving;
        private readonly Func<int, int> _status;

        public Server(Func<int, int> status)
        {
            _status = status;
            Url = FreeUrl();
            _listener.Prefixes.Add(Url.AbsoluteUri);
            _listener.Start();
            _serving = ServeAsync();
        }

        public Uri Url { get; }

        public ConcurrentQueue<(string Method, string Path, string? ContentType, string? Authorization, JsonElement Body)> All { get; } = new();

        public IEnumerable<object> Requests => All.Select(request => new { request.Method, request.Path, request.ContentType, request.Authorization });

        public IReadOnlyList<JsonElement> Events => [.. All.Select(request => request.Body)];

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            _listener.Close();
            await _serving;
            _stop.Dispose();
        }

        private async Task ServeAsync()
        {
            try
            {
                while (true) _ = AnswerAsync(await _listener.GetContextAsync());
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
            }
        }

        private async Task AnswerAsync(HttpListenerContext context)
        {
            using var body = await JsonDocument.ParseAsync(context.Request.InputStream);
            All.Enqueue((context.Request.HttpMethod, context.Request.Url!.AbsolutePath, context.Request.ContentType, context.Request.Headers["Authorization"], body.RootElement.Clone()));
            var status = _status(All.Count);
            if (status < 0)
            {
                await Task.Delay(Timeout.Infinite, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                return;
            }

            context.Response.StatusCode = status;
            context.Response.Close();
        }
    }

    private sealed class Lines : ILoggerFactory, ILogger
    {
        public List<(LogLevel Level, string Message)> All { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (All) All.Add((logLevel, formatter(state, exception)));
        }

        public void Dispose()
        {
        }
    }
}
