using System.CommandLine;
using System.CommandLine.Parsing;

namespace DataPlatform.Dbt.Tool;

/// <summary>dbt's command line. An option that is not known is an error, as with dbt: none is silently without effect.</summary>
internal sealed class ToolCommandLine
{
    private readonly ToolHost _host;
    private readonly RootCommand _root = new("Runs dbt projects on DuckDB and PostgreSQL.");
    private readonly Option<bool> _version = new("--version", "-v", "-V") { Description = "Show the version." };
    private readonly Dictionary<string, (ToolOption Definition, Option Option)> _global = new(StringComparer.Ordinal);

    public ToolCommandLine(ToolHost host)
    {
        _host = host;
        foreach (var option in _root.Options.OfType<VersionOption>().ToList()) _root.Options.Remove(option);
        _root.Add(_version);
        foreach (var definition in ToolOptions.Global) Add(_root, definition, _global).Recursive = true;
        _root.SetAction(ShowVersionOrHelp);

        ToolOption[] selection = [ToolOptions.Select, ToolOptions.Exclude, ToolOptions.Selector];
        ToolOption[] times = [ToolOptions.EventTimeStart, ToolOptions.EventTimeEnd, ToolOptions.Sample];
        ToolOption[] kinds = [ToolOptions.ResourceTypes, ToolOptions.ExcludeResourceTypes];
        AddCommand(_root, ToolCommand.Build, "build", "Run seeds, models, snapshots and tests in the order of their dependencies.", [.. selection, .. kinds, .. times, ToolOptions.FullRefresh, ToolOptions.StoreFailures, ToolOptions.Empty]);
        AddCommand(_root, ToolCommand.Run, "run", "Build models.", [.. selection, .. times, ToolOptions.FullRefresh, ToolOptions.Empty]);
        AddCommand(_root, ToolCommand.Test, "test", "Run tests.", [.. selection, .. kinds, ToolOptions.StoreFailures]);
        AddCommand(_root, ToolCommand.Seed, "seed", "Load CSV files.", [.. selection, ToolOptions.FullRefresh]);
        AddCommand(_root, ToolCommand.Snapshot, "snapshot", "Take snapshots.", [.. selection, ToolOptions.Empty]);
        AddCommand(_root, ToolCommand.Compile, "compile", "Write the SQL of models, snapshots, tests and analyses.", [.. selection, ToolOptions.Inline, ToolOptions.FullRefresh, ToolOptions.Empty]);
        AddCommand(_root, ToolCommand.Show, "show", "Show the first rows of what nodes, or a query, select.", [.. selection, ToolOptions.Inline, ToolOptions.Limit, ToolOptions.ShowOutput, ToolOptions.FullRefresh]);
        AddCommand(_root, ToolCommand.Clone, "clone", "Make views of what the run of --state has.", [.. selection, .. kinds, ToolOptions.FullRefresh]);
        AddCommand(_root, ToolCommand.List, "list", "List nodes.", [.. selection, .. kinds, ToolOptions.Output, ToolOptions.OutputKeys]).Aliases.Add("ls");
        AddCommand(_root, ToolCommand.RunOperation, "run-operation", "Call a macro.", [ToolOptions.Args])
            .Add(new Argument<string>(ToolArguments.MacroName) { Description = "The macro, or package.macro." });
        AddCommand(_root, ToolCommand.Retry, "retry", "Run again what failed or was skipped in the earlier run.", [ToolOptions.FullRefresh]);
        AddCommand(Group("source", "Commands about sources."), ToolCommand.SourceFreshness, "freshness", "Find how old sources are.", selection);
        AddCommand(Group("docs", "Commands about documentation."), ToolCommand.DocsGenerate, "generate", "Write the catalog of what the database has.", [.. selection, ToolOptions.CompileDocs]);
        AddCommand(_root, ToolCommand.Clean, "clean", "Remove the folders of clean-targets.", [ToolOptions.CleanProjectFilesOnly]);
        AddCommand(_root, ToolCommand.Deps, "deps", "Find whether the packages that the project asks for are there. None is downloaded.", []);
        AddCommand(_root, ToolCommand.Parse, "parse", "Read the project and write its manifest.", []);
        AddCommand(_root, ToolCommand.Debug, "debug", "Show what the project and the profile are, and test the connection.", [ToolOptions.Connection]);
    }

    /// <summary>Runs what the arguments ask for and returns the exit code.</summary>
    public async Task<int> RunAsync(IReadOnlyList<string> args)
    {
        var parsed = _root.Parse(args, new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0) return await RefuseAsync(_host, Words(parsed.CommandResult), parsed.Errors[0].Message).ConfigureAwait(false);
        // Signals are the command's own to handle: a run that is stopped cancels its queries first.
        return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null, Output = _host.Output, Error = _host.Error }).ConfigureAwait(false);
    }

    /// <summary>Says what is wrong with the command line.</summary>
    public static async Task<int> RefuseAsync(ToolHost host, string words, string problem)
    {
        await host.Error.WriteLineAsync($"Usage: {words} [OPTIONS]\nTry '{words} --help' for help.\n\nError: {problem}").ConfigureAwait(false);
        return ToolRun.CannotGoOn;
    }

    private int ShowVersionOrHelp(ParseResult parsed)
    {
        if (!parsed.GetValue(_version)) return _root.Parse(["--help"]).Invoke(new InvocationConfiguration { Output = _host.Output });
        ToolRun.ShowVersion(_host.Output);
        return 0;
    }

    // From the program on.
    private static string Words(CommandResult command) => command.Parent is CommandResult parent ? $"{Words(parent)} {command.Command.Name}" : "dataplatform-dbt";

    private Command Group(string name, string description)
    {
        var group = new Command(name, description);
        _root.Add(group);
        return group;
    }

    private Command AddCommand(Command parent, ToolCommand kind, string name, string description, ToolOption[] definitions)
    {
        var command = new Command(name, description);
        var options = new Dictionary<string, (ToolOption, Option)>(_global, StringComparer.Ordinal);
        foreach (var definition in definitions) Add(command, definition, options);
        command.SetAction((parsed, _) => ToolRun.RunAsync(_host, new ToolArguments(parsed, options, _host.Variable) { Words = Words(parsed.CommandResult) }, kind));
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
    Build, Run, Test, Seed, Snapshot, Compile, List, SourceFreshness, DocsGenerate, RunOperation, Retry, Parse, Debug, Clean, Deps, Clone, Show,
}
