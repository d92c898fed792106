using System.Text.RegularExpressions;

namespace DataPlatform;

/// <summary>The rule for names of pipelines, steps, connections and models, which are also configuration sections, metric tags, lock keys and parts of Kubernetes names.</summary>
public static partial class EntityName
{
    [GeneratedRegex("^[a-z][a-z0-9-]{0,62}$")]
    private static partial Regex Pattern { get; }

    /// <summary>Returns the name when it follows the rule.</summary>
    /// <param name="name">The name.</param>
    /// <param name="what">What it names, for the message: <c>pipeline</c>, <c>model</c>.</param>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: it does not follow the rule.</exception>
    public static string Validate(string? name, string what) =>
        name is not null && Pattern.IsMatch(name)
            ? name
            : throw new DataPlatformException(
                FailureClass.Configuration,
                $"'{name}' is not a valid {what} name.",
                "Use lower-case letters, digits and hyphens, beginning with a letter, at most 63 characters: for example hourly-demand.");
}
