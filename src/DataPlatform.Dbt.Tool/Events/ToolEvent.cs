using System.Globalization;
using DataPlatform.Dbt.Jinja;

namespace DataPlatform.Dbt.Tool;

/// <summary>A line of the log, as dbt has it.</summary>
/// <param name="Code">dbt's code of the event.</param>
/// <param name="Name">dbt's name of the event.</param>
/// <param name="Level">debug, info, warn or error.</param>
/// <param name="Message">What it says to people.</param>
internal sealed record ToolEvent(string Code, string Name, string Level, string Message)
{
    public PythonDict Data { get; init; } = new();

    public string Thread { get; init; } = "MainThread";

    /// <summary>Written for who asked, and not about the run: it has no time, and is written when all else is quiet.</summary>
    public bool IsOutput => Name is "PrintEvent" or "CompiledNode" or "ShowNode";

    /// <summary>An empty line.</summary>
    public static ToolEvent Blank => new("Z017", "Formatting", "info", "") { Data = new PythonDict { ["msg"] = "" } };

    /// <summary>What a template prints, or a row of a list.</summary>
    public static ToolEvent Print(string text) => new("Z051", "PrintEvent", "info", text) { Data = new PythonDict { ["msg"] = text } };

    /// <summary>Why the command cannot go on.</summary>
    public static ToolEvent CannotGoOn(string reason) =>
        new("Z002", "MainEncounteredError", "error", $"Encountered an error:\n{reason}") { Data = new PythonDict { ["exc"] = reason } };
}

/// <summary>Colours of a terminal.</summary>
internal sealed class Colors(bool isOn)
{
    public string Red(string text) => Wrap(text, 31);

    public string Green(string text) => Wrap(text, 32);

    public string Yellow(string text) => Wrap(text, 33);

    private string Wrap(string text, int color) => isOn ? string.Create(CultureInfo.InvariantCulture, $"\u001b[{color}m{text}\u001b[0m") : text;
}
