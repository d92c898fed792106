using System.Globalization;
using DataPlatform.Dbt.Artifacts;
using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Tool;

/// <summary>Writes events to the console and to <c>dbt.log</c>. Safe for threads.</summary>
internal sealed class EventLog : IDisposable
{
    private static readonly string[] Levels = ["debug", "info", "warn", "error", "none"];

    private readonly Lock _lock = new();
    private readonly TextWriter _console;
    private readonly PythonDict _extra;
    private readonly (string Format, int Level) _onConsole, _inFile;
    private readonly bool _isQuiet, _prints;
    private readonly StreamWriter? _file;

    /// <param name="arguments">What is to be written and how.</param>
    /// <param name="host">Where lines go.</param>
    /// <param name="logFolder">Where <c>dbt.log</c> is.</param>
    /// <param name="environment">The environment's variables; those that dbt's events carry are taken from it.</param>
    public EventLog(ToolArguments arguments, ToolHost host, string logFolder, PythonDict environment)
    {
        (_console, _extra) = (host.Output, environment);
        _isQuiet = arguments.Flag("quiet");
        _prints = arguments.Flag("print");
        _onConsole = (arguments.Text("log-format")!, arguments.Flag("debug") ? 0 : Array.IndexOf(Levels, arguments.Text("log-level")));
        _inFile = (arguments.Text("log-format-file")!, Array.IndexOf(Levels, arguments.Text("log-level-file")));
        Colors = new Colors(arguments.FlagOrNull("use-colors") ?? host.HasColors);
        if (_inFile.Level == Array.IndexOf(Levels, "none")) return;
        _file = new StreamWriter(Path.Combine(Directory.CreateDirectory(logFolder).FullName, "dbt.log"), append: true);
        _file.WriteLine($"\n\n{new string('=', 30)} {DateTime.UtcNow:HH:mm:ss.ffffff} | {InvocationId} {new string('=', 30)}");
    }

    /// <summary>Stands in events until there is one of the engine.</summary>
    public string InvocationId { get; } = Guid.NewGuid().ToString();

    public Colors Colors { get; }

    public void Write(ToolEvent line)
    {
        var time = DateTimeOffset.UtcNow;
        var level = Array.IndexOf(Levels, line.Level);
        lock (_lock)
        {
            if (_file is not null && level >= _inFile.Level) _file.WriteLine(Format(line, _inFile.Format, time));
            if (level < _onConsole.Level || (line.Name == "PrintEvent" && !_prints) || (_isQuiet && !line.IsOutput && line.Level != "error")) return;
            _console.WriteLine(Format(line, _onConsole.Format, time));
            _console.Flush();
        }
    }

    public void Dispose() => _file?.Dispose();

    private string Format(ToolEvent line, string format, DateTimeOffset time) => format switch
    {
        "json" => JsonText.Write(
            new PythonDict
            {
                ["data"] = line.Data,
                ["info"] = new PythonDict
                {
                    ["category"] = "",
                    ["code"] = line.Code,
                    ["extra"] = _extra,
                    ["invocation_id"] = InvocationId,
                    ["level"] = line.Level,
                    ["msg"] = line.Message,
                    ["name"] = line.Name,
                    ["pid"] = (long)Environment.ProcessId,
                    ["thread"] = line.Thread,
                    ["ts"] = ManifestWriter.Moment(time),
                },
            },
            sortKeys: true),
        "debug" => string.Create(CultureInfo.InvariantCulture, $"{time.UtcDateTime:HH:mm:ss.ffffff} [{line.Level,-5}] [{line.Thread}]: {line.Message}"),
        _ when line.IsOutput => line.Message,
        _ => string.Create(CultureInfo.InvariantCulture, $"{time.UtcDateTime:HH:mm:ss}  {line.Message}"),
    };
}
