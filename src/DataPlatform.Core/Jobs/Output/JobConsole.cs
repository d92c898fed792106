using System.Diagnostics;
using System.Globalization;
using System.Text;
using DataPlatform.Resilience;
using DataPlatform.Secrets;
using Serilog.Core;
using Serilog.Events;
using Serilog.Parsing;
using Spectre.Console;

namespace DataPlatform.Jobs.Output;

/// <summary>
/// Owns standard output and error: everything the job prints goes through here, is masked, and comes out whole.
/// A run logs to standard output, as JSON lines or, at a terminal, for people; where standard output is for a command's result, logs go to standard error.
/// </summary>
internal sealed class JobConsole : ILogEventSink, IDisposable
{
    private readonly Lock _gate = new();
    private readonly SecretMasker _masker;
    private readonly JsonLogFormatter _formatter;
    private readonly TextWriter _out;
    private readonly TextWriter _error;
    private readonly List<LogEvent> _early = [];
    private TextWriter? _logs;
    private ConsoleLines? _captured;

    public JobConsole(SecretMasker masker, string environment)
    {
        _masker = masker;
        _formatter = new JsonLogFormatter(masker, environment);
        _out = Console.Out;
        _error = Console.Error;
    }

    /// <summary>The terminal that logs and progress go to, or null when they go to a file or pipe as JSON lines.</summary>
    public IAnsiConsole? Terminal { get; private set; }

    /// <summary>Held while something is written; a live display holds it while it draws.</summary>
    public Lock Gate => _gate;

    /// <summary>Begins to write logs; those from before, which waited until it was known where to, come first.</summary>
    /// <param name="toError">Whether standard output is for a command's result.</param>
    public void Start(bool toError)
    {
        lock (_gate)
        {
            if (_logs is not null) return;
            _logs = toError ? _error : _out;
            if (!(toError ? Console.IsErrorRedirected : Console.IsOutputRedirected)) Terminal = CreateTerminal(_logs);
            foreach (var logEvent in _early) Write(logEvent);
            _early.Clear();
        }
    }

    /// <summary>Takes what steps print to the console into the log's stream, so that neither a secret nor a broken line gets through.</summary>
    public void Capture(Action<string> onLine)
    {
        _captured = new ConsoleLines(onLine);
        Console.SetOut(_captured);
        Console.SetError(_captured);
    }

    /// <summary>Ends what <see cref="Capture"/> began.</summary>
    public void Release()
    {
        if (_captured is null) return;
        _captured.Complete();
        Console.SetOut(_out);
        Console.SetError(_error);
        _captured.Dispose();
        _captured = null;
    }

    public void Emit(LogEvent logEvent)
    {
        lock (_gate)
        {
            if (_logs is null) _early.Add(logEvent);
            else Write(logEvent);
        }
    }

    /// <summary>Writes the last line of a run's log: its summary.</summary>
    public void WriteSummaryLine(JobSummary summary, string? traceId)
    {
        var message = summary.RunId is null ? $"The job failed: {summary.Error}" : $"Run {summary.RunId} of {summary.Pipeline} {summary.Status} in {summary.DurationSeconds} s";
        var level = summary.ExitCode == 0 ? LogEventLevel.Information : LogEventLevel.Error;
        var properties = new List<LogEventProperty> { new("SourceContext", new ScalarValue("DataPlatform.Jobs")) };
        if (summary.RunId is not null) properties.Add(new LogEventProperty("run_id", new ScalarValue(summary.RunId)));
        if (summary.Pipeline is not null) properties.Add(new LogEventProperty("pipeline", new ScalarValue(summary.Pipeline)));
        var trace = traceId is null ? default : ActivityTraceId.CreateFromString(traceId);
        var template = new MessageTemplate(message, [new TextToken(message)]);
        var logEvent = new LogEvent(DateTimeOffset.UtcNow, level, null, template, properties, trace, default);
        lock (_gate) WriteJson(_logs ?? _out, _formatter.Format(logEvent, summary));
    }

    /// <summary>Writes a command's result, with its newlines, to standard output.</summary>
    public void WriteResult(string text)
    {
        lock (_gate)
        {
            _out.Write(_masker.Mask(text));
            _out.Flush();
        }
    }

    /// <summary>Writes a run's summary as one JSON object to standard output.</summary>
    public void WriteResult(JobSummary summary) => WriteResult(summary.Mask(_masker).ToJson());

    /// <summary>Writes one JSON object to standard output. Its strings have been masked.</summary>
    public void WriteResult(byte[] json)
    {
        lock (_gate) WriteJson(_out, (byte[])[.. json, (byte)'\n']);
    }

    /// <summary>Draws something for people on standard output.</summary>
    public void WriteResult(Func<Func<string, string>, Spectre.Console.Rendering.IRenderable> draw)
    {
        var console = CreateTerminal(_out);
        // A pipe has no width; what reads it wants a row on one line.
        if (Console.IsOutputRedirected) console.Profile.Width = 400;
        lock (_gate) console.Write(draw(_masker.Mask));
    }

    /// <summary>Tells on standard error why the job failed.</summary>
    public void WriteError(Failure failure, Exception? exception = null)
    {
        var text = new StringBuilder().Append("error: ").AppendLine(failure.Message);
        if (failure.Hint is { } hint) text.Append("  ").AppendLine(hint.ReplaceLineEndings("\n  "));
        if (exception is not null) text.AppendLine(exception.ToString());
        lock (_gate)
        {
            _error.Write(_masker.Mask(text.ToString()));
            _error.Flush();
        }
    }

    public void Dispose()
    {
        Start(toError: false);
        Release();
    }

    private void Write(LogEvent logEvent)
    {
        if (Terminal is not null) WriteText(Terminal, logEvent);
        else WriteJson(_logs!, _formatter.Format(logEvent));
    }

    private static void WriteJson(TextWriter writer, ReadOnlyMemory<byte> json)
    {
        writer.Write(Encoding.UTF8.GetString(json.Span));
        writer.Flush();
    }

    private void WriteText(IAnsiConsole console, LogEvent logEvent)
    {
        var (label, style) = logEvent.Level switch
        {
            LogEventLevel.Verbose => ("trc", "grey"),
            LogEventLevel.Debug => ("dbg", "grey"),
            LogEventLevel.Information => ("inf", "green"),
            LogEventLevel.Warning => ("wrn", "yellow"),
            LogEventLevel.Error => ("err", "red"),
            _ => ("crt", "white on red"),
        };
        var time = logEvent.Timestamp.ToLocalTime().ToString("HH:mm:ss", CultureInfo.InvariantCulture);
        var step = logEvent.Properties.TryGetValue("step", out var value) && value is ScalarValue { Value: string name } ? $"[blue]{Markup.Escape(name)}[/] " : "";
        var line = $"[grey]{time}[/] [{style}]{label}[/] {step}{Markup.Escape(_masker.Mask(LogMessage.Render(logEvent)))}\n";
        if (logEvent.Exception is { } exception) line += $"[grey]{Markup.Escape(_masker.Mask(exception.ToString()))}[/]\n";
        console.Write(new AboveLive(new Markup(line)));
    }

    private static IAnsiConsole CreateTerminal(TextWriter writer) =>
        AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
}
