using System.Text.RegularExpressions;

namespace DataPlatform.MLOps;

/// <summary>The rule for aliases, MLflow's: letters, digits, <c>_</c> and <c>-</c>, at most 255, and nothing that reads as a version.</summary>
internal static partial class ModelAlias
{
    [GeneratedRegex("^(?!latest$)(?!v[0-9]+$)[a-z0-9_-]{1,255}$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Pattern { get; }

    public static string Validate(string? alias) =>
        alias is not null && Pattern.IsMatch(alias)
            ? alias
            : throw new DataPlatformException(
                FailureClass.Configuration,
                $"'{alias}' is not a valid alias.",
                "Use letters, digits, hyphens and underscores, but not 'latest' or a version such as 'v1': for example champion.");
}
