using System.Globalization;
using System.Text.RegularExpressions;

namespace DataPlatform.Transform;

/// <summary>Reads and writes dbt's words.</summary>
internal static partial class DbtText
{
    /// <summary>The text without colours.</summary>
    public static string Plain(string text) => text.Contains('\u001b', StringComparison.Ordinal) ? Colour().Replace(text, "") : text;

    /// <summary>A status as events and artifacts write it.</summary>
    public static DbtStatus Status(string? text) => text switch
    {
        "started" or "running" => DbtStatus.Running,
        "success" => DbtStatus.Success,
        "error" => DbtStatus.Error,
        "skipped" => DbtStatus.Skipped,
        "partial success" => DbtStatus.PartialSuccess,
        "pass" => DbtStatus.Pass,
        "warn" => DbtStatus.Warn,
        "fail" => DbtStatus.Fail,
        "runtime error" => DbtStatus.RuntimeError,
        "no-op" => DbtStatus.NoOp,
        _ => DbtStatus.Unknown,
    };

    /// <summary>A status as dbt writes it.</summary>
    public static string Text(DbtStatus status) => status switch
    {
        DbtStatus.PartialSuccess => "partial success",
        DbtStatus.RuntimeError => "runtime error",
        DbtStatus.NoOp => "no-op",
        _ => status.ToString().ToLowerInvariant(),
    };

    /// <summary>A moment as dbt's options take it.</summary>
    public static string Text(DateTime time) => time.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture);

    [GeneratedRegex("\u001b\\[[0-9;?]*[A-Za-z]")]
    private static partial Regex Colour();
}
