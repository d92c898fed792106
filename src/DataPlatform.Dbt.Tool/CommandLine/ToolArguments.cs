using System.CommandLine;
using DataPlatform.Dbt.Project;

namespace DataPlatform.Dbt.Tool;

/// <summary>What a command is called with: an option is taken from the command line, else from the environment, else from the project's flags.</summary>
/// <param name="parsed">The command line.</param>
/// <param name="options">The options there are.</param>
/// <param name="environment">Finds environment variables.</param>
internal sealed class ToolArguments(ParseResult parsed, IReadOnlyDictionary<string, (ToolOption Definition, Option Option)> options, Func<string, string?> environment)
{
    public const string MacroName = "macro";

    private static readonly string[] Trues = ["1", "true", "t", "yes", "y", "on"];
    private static readonly string[] Falses = ["0", "false", "f", "no", "n", "off"];

    /// <summary>The program and the command.</summary>
    public required string Words { get; init; }

    /// <summary>The <c>flags</c> of <c>dbt_project.yml</c>.</summary>
    public YamlItem? ProjectFlags { get; set; }

    /// <summary>Null for an option that the command does not have.</summary>
    public string? Text(ToolOption option) => options.ContainsKey(option.Name) ? Text(option.Name) : null;

    public string? Text(string name)
    {
        var (definition, option) = options[name];
        var value = parsed.GetResult(option) is { Implicit: false, Tokens: [.., var last] } ? last.Value : FromElsewhere(definition) ?? definition.Default;
        if (value is null || definition.Choices.Count == 0) return value;
        return definition.Choices.FirstOrDefault(choice => string.Equals(choice, value, StringComparison.OrdinalIgnoreCase))
            ?? throw new ToolUsageException($"Invalid value for '--{name}': '{value}' is not one of {string.Join(", ", definition.Choices.Select(choice => $"'{choice}'"))}.");
    }

    /// <summary>Null for an option that the command does not have.</summary>
    public int? Number(ToolOption option) => options.ContainsKey(option.Name) ? Number(option.Name) : null;

    public int? Number(string name) => Text(name) is not { } text ? null
        : int.TryParse(text, out var number) ? number : throw new ToolUsageException($"Invalid value for '--{name}': '{text}' is not a valid integer.");

    /// <summary>False for an option that the command does not have.</summary>
    public bool Flag(ToolOption option) => options.ContainsKey(option.Name) && Flag(option.Name);

    public bool Flag(string name) => FlagOrNull(name) ?? options[name].Definition.Default == "true";

    /// <summary>Null when nothing says it.</summary>
    public bool? FlagOrNull(string name)
    {
        var (definition, option) = options[name];
        if (parsed.GetResult(option) is { Implicit: false } given) return !given.IdentifierToken!.Value.StartsWith("--no-", StringComparison.Ordinal);
        if (FromElsewhere(definition)?.ToLowerInvariant() is not { } text) return null;
        return Array.IndexOf(Trues, text) >= 0 || (Array.IndexOf(Falses, text) < 0 ? throw new ToolUsageException($"Invalid value for '--{name}': '{text}' is not a valid boolean.") : false);
    }

    /// <summary>Empty for an option that the command does not have.</summary>
    public IReadOnlyList<string> List(ToolOption option)
    {
        if (!options.TryGetValue(option.Name, out var found)) return [];
        return parsed.GetResult(found.Option) is { Implicit: false } given
            ? [.. given.Tokens.Select(token => token.Value)]
            : FromElsewhere(option)?.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries) ?? [];
    }

    /// <summary>Whether the command line itself has the option.</summary>
    public bool IsGiven(string name) => parsed.GetResult(options[name].Option) is { Implicit: false };

    /// <summary>The macro that <c>run-operation</c> is to call.</summary>
    public string Macro => parsed.GetRequiredValue<string>(MacroName);

    private string? FromElsewhere(ToolOption option)
    {
        var name = option.Name.Replace('-', '_');
        if (option.HasVariable && (environment($"DBT_ENGINE_{name.ToUpperInvariant()}") ?? environment($"DBT_{name.ToUpperInvariant()}")) is { Length: > 0 } variable) return variable;
        return ProjectFlags?[name]?.Text;
    }
}

/// <summary>The command line is wrong.</summary>
internal sealed class ToolUsageException(string message) : Exception(message);
