using System.Diagnostics;
using System.Text;
using System.Text.Json;
using CsCheck;
using DataPlatform.Jobs.Output;
using DataPlatform.Secrets;
using Microsoft.Extensions.Logging;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Extensions.Logging;

namespace DataPlatform.Core.Tests.Jobs;

public class JsonLogFormatterTests
{
    private readonly SecretMasker _masker = new();
    private readonly List<LogEvent> _events = [];

    [Fact]
    public void A_line_has_its_fields_in_their_places()
    {
        using var activity = new Activity("run").Start();
        var line = Log(logger =>
        {
            using var run = logger.BeginScope(new Dictionary<string, object> { ["run_id"] = "r-1", ["pipeline"] = "demand" });
            using var step = logger.BeginScope(new Dictionary<string, object> { ["step"] = "trips" });
            logger.LogWarning("Read {Rows} rows of {Source} in {Elapsed}, {Share:0.0} of all: {Missing}", 42, "inbox/a.csv", TimeSpan.FromSeconds(2), 0.25, null);
        });

        line.EnumerateObject().Select(p => p.Name).Should().Equal(
            "timestamp", "level", "message", "logger", "run_id", "pipeline", "step", "environment", "trace_id", "span_id",
            "Rows", "Source", "Elapsed", "Share", "Missing");
        line.GetProperty("timestamp").GetString().Should().MatchRegex(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$");
        line.GetProperty("level").GetString().Should().Be("Warning");
        line.GetProperty("message").GetString().Should().Be("Read 42 rows of inbox/a.csv in 00:00:02, 0.3 of all: (null)");
        line.GetProperty("logger").GetString().Should().Be("Some.Category");
        line.GetProperty("run_id").GetString().Should().Be("r-1");
        line.GetProperty("pipeline").GetString().Should().Be("demand");
        line.GetProperty("step").GetString().Should().Be("trips");
        line.GetProperty("environment").GetString().Should().Be("Staging");
        line.GetProperty("trace_id").GetString().Should().Be(activity.TraceId.ToHexString());
        line.GetProperty("span_id").GetString().Should().Be(activity.SpanId.ToHexString());
        line.GetProperty("Rows").GetInt32().Should().Be(42);
        line.GetProperty("Source").GetString().Should().Be("inbox/a.csv");
    }

    [Fact]
    public void An_exception_is_one_string()
    {
        var line = Log(logger => logger.LogCritical(new InvalidOperationException("first\nsecond"), "It broke"));

        line.GetProperty("level").GetString().Should().Be("Critical");
        line.GetProperty("exception").GetString().Should().StartWith("System.InvalidOperationException: first\nsecond");
    }

    [Fact]
    public void A_property_named_like_a_field_does_not_replace_it()
    {
        var line = Log(logger => logger.Log(LogLevel.Information, 0, new List<KeyValuePair<string, object?>> { new("message", "mine"), new("level", 3), new("{OriginalFormat}", "{message} of {level}") }, null, (_, _) => ""));

        line.GetProperty("message").GetString().Should().Be("mine of 3");
        line.GetProperty("level").GetString().Should().Be("Information");
        line.GetProperty("_message").GetString().Should().Be("mine");
        line.GetProperty("_level").GetInt32().Should().Be(3);
    }

    [Fact]
    public void Values_of_every_kind_are_valid_json()
    {
        var line = Log(logger => logger.LogInformation(
            "{NaN} {Infinity} {Decimal} {Bool} {Date} {List} {@Structure} {Dictionary} {Enum}",
            double.NaN, float.PositiveInfinity, 1.10m, true, new DateOnly(2026, 1, 31), new[] { 1, 2 }, new { A = 1, B = "two" },
            new Dictionary<string, int> { ["key"] = 1 }, FailureClass.Data));

        line.GetProperty("NaN").GetString().Should().Be("NaN");
        line.GetProperty("Decimal").GetRawText().Should().Be("1.10");
        line.GetProperty("Bool").GetBoolean().Should().BeTrue();
        line.GetProperty("Date").GetString().Should().Be("2026-01-31");
        line.GetProperty("List").GetRawText().Should().Be("[1,2]");
        line.GetProperty("Structure").GetRawText().Should().Be("""{"A":1,"B":"two"}""");
        line.GetProperty("Dictionary").GetRawText().Should().Be("""{"key":1}""");
        line.GetProperty("Enum").GetString().Should().Be("Data");
        line.GetProperty("message").GetString().Should().Be("""NaN Infinity 1.10 True 2026-01-31 1, 2 { A: 1, B: "two" } [("key": 1)] Data""");
    }

    [Fact]
    public void Secrets_are_masked_in_every_place_and_the_line_stays_valid_json()
    {
        // These are parts of every line: masking the finished text would break it.
        _masker.Add(["true", "timestamp", "2026", "4711", "\"message\":", "null"]);
        var line = Log(logger =>
        {
            using var scope = logger.BeginScope(new Dictionary<string, object> { ["scoped"] = "is true" });
            logger.LogError(new InvalidOperationException("timestamp of 2026"), "{Text} {Number} {Flag} {@Structure}", "null", 4711, true, new { Inner = "4711" });
        });

        line.GetProperty("message").GetString().Should().Be("*** *** True { Inner: \"***\" }");
        line.GetProperty("Number").GetString().Should().Be("***");
        line.GetProperty("scoped").GetString().Should().Be("is ***");
        line.GetProperty("exception").GetString().Should().Be("System.InvalidOperationException: *** of ***");
        line.GetProperty("Structure").GetRawText().Should().Be("""{"Inner":"***"}""");
        line.GetProperty("timestamp").GetString().Should().EndWith("Z");
    }

    [Fact]
    public void Any_text_gives_one_line_of_valid_json() => Gen.Select(Gen.String, Gen.String, Gen.String).Sample((value, inScope, error) =>
    {
        _events.Clear();
        var line = Log(logger =>
        {
            using var scope = logger.BeginScope(new Dictionary<string, object> { ["scoped"] = inScope });
            logger.LogInformation(new InvalidOperationException(error), "{Value}", value);
        });

        line.GetProperty("Value").GetString().Should().Be(Valid(value));
        line.GetProperty("scoped").GetString().Should().Be(Valid(inScope));
    }, threads: 1);

    // Half of a surrogate pair cannot be written as UTF-8.
    private static string Valid(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));

    private JsonElement Log(Action<Microsoft.Extensions.Logging.ILogger> log)
    {
        using (var provider = new SerilogLoggerProvider(new LoggerConfiguration().Enrich.FromLogContext().WriteTo.Sink(new ListSink(_events)).CreateLogger(), dispose: true))
        using (var factory = LoggerFactory.Create(builder => builder.AddProvider(provider)))
            log(factory.CreateLogger("Some.Category"));

        var text = Encoding.UTF8.GetString(new JsonLogFormatter(_masker, "Staging").Format(_events.Should().ContainSingle().Subject).Span);
        text.Should().EndWith("\n");
        text[..^1].Should().NotContain("\n");
        return JsonDocument.Parse(text).RootElement;
    }

    private sealed class ListSink(List<LogEvent> events) : ILogEventSink
    {
        public void Emit(LogEvent logEvent) => events.Add(logEvent);
    }
}
