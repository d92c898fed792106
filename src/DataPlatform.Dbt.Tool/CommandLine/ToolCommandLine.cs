using System.CommandLine;
using System.CommandLine.Parsing;

namespace DataPlatform.Dbt.Tool;

/// <summary>dbt's command line. An option that is not known is an error, as with dbt: none is silently without effect.</summary>
internal sealed class ToolCommandLine
{
    private readonly Func<string, string?> _environment;
    private readonly Func<ToolArguments, ToolCommand, Task<int>> _run;
    private readonly Dictionary<string, (ToolOption Definition, Option Option)> _global = new(StringComparer.Ordinal);

    /// <param name="environment">Finds environment variables.</param>
    /// <param name="run">Runs a command.</param>
    /// <param name="showVersion">Writes the version.</param>
    public ToolCommandLine(Func<string, string?> environment, Func<ToolArguments, ToolCommand, Task<int>> run, Action showVersion)
    {
        (_environment, _run) = (environment, run);
        Root = new RootCommand("Runs dbt projects on DuckDB and PostgreSQL.");
        foreach (var option in Root.Options.OfType<VersionOption>().ToList()) Root.Options.Remove(option);
        var version = new Option<bool>("--version", "-v", "-V") { Description = "Show the version." };
        Root.Add(version);
        foreach (var definition in ToolOptions.Global) Add(Root, definition, _global).Recursive = true;
        Root.SetAction(parsed =>
        {
            if (!parsed.GetValue(version)) return Root.Parse(["--help"]).Invoke();
            showVersion();
            return 0;
        });

        ToolOption[] selection = [ToolOptions.Select, ToolOptions.Exclude, ToolOptions.Selector];
        ToolOption[] kinds = [ToolOptions.ResourceTypes, ToolOptions.ExcludeResourceTypes];
        AddCommand(Root, ToolCommand.Build, "build", "Run seeds, models, snapshots and tests in the order of their dependencies.", [.. selection, .. kinds, ToolOptions.FullRefresh, ToolOptions.StoreFailures]);
        AddCommand(Root, ToolCommand.Run, "run", "Build models.", [.. selection, ToolOptions.FullRefresh]);
        AddCommand(Root, ToolCommand.Test, "test", "Run tests.", [.. selection, .. kinds, ToolOptions.StoreFailures]);
        AddCommand(Root, ToolCommand.Seed, "seed", "Load CSV files.", [.. selection, ToolOptions.FullRefresh]);
        AddCommand(Root, ToolCommand.Snapshot, "snapshot", "Take snapshots.", selection);
        AddCommand(Root, ToolCommand.Compile, "compile", "Write the SQL of models, snapshots, tests and analyses.", [.. selection, ToolOptions.FullRefresh]);
        AddCommand(Root, ToolCommand.List, "list", "List nodes.", [.. selection, .. kinds, ToolOptions.Output, ToolOptions.OutputKeys]).Aliases.Add("ls");
        AddCommand(Root, ToolCommand.RunOperation, "run-operation", "Call a macro.", [ToolOptions.Args])
            .Add(new Argument<string>(ToolArguments.MacroName) { Description = "The macro, or package.macro." });
        AddCommand(Root, ToolCommand.Parse, "parse", "Read the project and write its manifest.", []);
        AddCommand(Root, ToolCommand.Debug, "debug", "Show what the project and the profile are, and test the connection.", [ToolOptions.Connection]);
    }

    public RootCommand Root { get; }

    public ParseResult Parse(IReadOnlyList<string> args) => Root.Parse(args, new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });

    /// <summary>The words of a command, from the program on.</summary>
    public static string Words(CommandResult command) => command.Parent is CommandResult parent ? $"{Words(parent)} {command.Command.Name}" : "dataplatform-dbt";

    private Command AddCommand(Command parent, ToolCommand kind, string name, string description, ToolOption[] definitions)
    {
        var command = new Command(name, description);
        var options = new Dictionary<string, (ToolOption, Option)>(_global, StringComparer.Ordinal);
        foreach (var definition in definitions) Add(command, definition, options);
        var words = parent == Root ? name : $"{parent.Name} {name}";
        command.SetAction((parsed, _) => _run(new ToolArguments(parsed, options, _environment) { Command = words }, kind));
        parent.Add(command);
        return command;
    }

    private static Option Add(Command command, ToolOption definition, Dictionary<string, (ToolOption, Option)> options)
    {
        var name = $"--{definition.Name}";
        Option option = definition.IsFlag
            ? new Option<bool>(name, [.. definition.Aliases, $"--no-{definition.Name}"]) { Arity = ArgumentArity.Zero, Description = definition.Description }
            : definition.IsList
                ? new Option<string[]>(name, [.. definition.Aliases]) { Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = true, Description = definition.Description }
                : new Option<string>(name, [.. definition.Aliases]) { Arity = ArgumentArity.ExactlyOne, Description = definition.Description };
        command.Add(option);
        options.Add(definition.Name, (definition, option));
        return option;
    }
}

/// <summary>The commands there are.</summary>
internal enum ToolCommand
{
    Build, Run, Test, Seed, Snapshot, Compile, List, RunOperation, Parse, Debug,
}
