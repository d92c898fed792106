using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Globalization;
using DataPlatform.Jobs.Commands;
using DataPlatform.Pipelines;

namespace DataPlatform.Jobs;

/// <summary>What the command line asks for.</summary>
internal interface IJobCommands
{
    Task<int> RunAsync(string? pipeline, PipelineRunOptions options, OutputFormat format, CancellationToken cancellationToken);

    int List();

    int Describe(string? pipeline, GraphFormat format);

    Task<int> ListRunsAsync(string? pipeline, int limit, OutputFormat format, CancellationToken cancellationToken);

    Task<int> ShowRunAsync(string runId, OutputFormat format, CancellationToken cancellationToken);

    Task<int> DoctorAsync(OutputFormat format, CancellationToken cancellationToken);

    /// <summary>Runs a command that a package or the program has added.</summary>
    Task<int> InvokeAsync(
        Func<JobCommandContext, CancellationToken, Task<FailureClass>> run, ParseResult arguments, OutputFormat format, CancellationToken cancellationToken);
}

/// <summary>The job's command line: <c>run</c>, <c>list</c>, <c>describe</c>, <c>runs</c>, <c>doctor</c>, and what packages and the program add.</summary>
internal sealed class JobCommandLine
{
    private readonly IJobCommands _commands;
    private readonly PipelineCatalog _catalog;
    private readonly Option<string?> _step = new("--step") { Description = "Run this step alone; the steps before it are taken as done.", HelpName = "step" };
    private readonly Option<string?> _from = new("--from") { Description = "Run this step and all that depend on it.", HelpName = "step" };
    private readonly Option<string?> _resume = new("--resume") { Description = "Continue this run: steps that succeeded in it are not run again.", HelpName = "run-id" };
    private readonly Option<string?> _runId = new("--run-id")
    {
        Description = "Run under this id. Steps that an orchestrator runs in containers of their own share a run so.",
        HelpName = "run-id",
    };

    private readonly Option<DateOnly?> _date = new("--date") { Description = "The date the run is for. Default: today in UTC.", HelpName = "yyyy-MM-dd", CustomParser = ParseDate };
    private readonly Option<OutputFormat> _output = new("--output")
    {
        Description = "json prints exactly one JSON object on standard output at the end; logs go to standard error.",
        HelpName = "text|json",
    };

    public JobCommandLine(IJobCommands commands, PipelineCatalog catalog, IEnumerable<IJobCommand> added)
    {
        (_commands, _catalog) = (commands, catalog);
        _runId.Validators.Add(RequireRunId);
        _resume.Validators.Add(RequireRunId);
        Root = new RootCommand("Runs data pipelines. Without a command it runs the only pipeline, as `run` does.")
        {
            RunCommand(), ListCommand(), DescribeCommand(), RunsCommand(), DoctorCommand(),
        };
        AddRunOptions(Root);
        Add(added);
        Root.Add(new Option<string?>("--environment") { Description = "The host environment: Development, Staging, Production.", HelpName = "name", Recursive = true });
        Root.SetAction((parsed, cancellationToken) => RunAsync(parsed, null, cancellationToken));
    }

    public RootCommand Root { get; }

    /// <summary>Reads the arguments. <c>@file</c> stands for the lines of a file, one argument each.</summary>
    public ParseResult Parse(IReadOnlyList<string> args)
    {
        var parsed = ParseKnown(args);
        if (parsed.Errors.Count == 0 && parsed.Action is not HelpAction) return parsed;

        // Commands of steps are known once the pipelines are put together, which all other commands can do without.
        Add(_catalog.FindCommands());
        return ParseKnown(args);
    }

    /// <summary>Whether the arguments, which need not be right, ask for a run that prints a JSON object: then a failure must print one too.</summary>
    public static bool AsksForJsonRun(IReadOnlyList<string> args)
    {
        if (args is not ([] or ["run" or ['-', ..] or ['@', ..], ..])) return false;
        var asksForJson = args.Contains("--output=json", StringComparer.OrdinalIgnoreCase)
            || args.Zip(args.Skip(1)).Any(pair => pair.First == "--output" && pair.Second.Equals("json", StringComparison.OrdinalIgnoreCase));
        return asksForJson && !args.Any(arg => arg is "doctor" or "runs");
    }

    private ParseResult ParseKnown(IReadOnlyList<string> args) => Root.Parse(
        [.. WithoutConfiguration(args)], new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = ReadArgumentFile });

    private void Add(IEnumerable<IJobCommand> commands)
    {
        var host = new JobCommandHost((command, run) =>
        {
            command.Add(_output);
            command.SetAction((parsed, cancellationToken) => _commands.InvokeAsync(run, parsed, parsed.GetValue(_output), cancellationToken));
        });
        foreach (var command in commands.Select(command => command.Create(host)))
        {
            // Steps of one kind bring the same command.
            if (Root.Subcommands.All(known => known.Name != command.Name)) Root.Add(command);
        }
    }

    // --Section:Key=value and --Section:Key value are the host's: it has read them when it was built.
    private static IEnumerable<string> WithoutConfiguration(IEnumerable<string> args)
    {
        var skipValue = false;
        foreach (var arg in args)
        {
            var isSetting = arg.StartsWith("--", StringComparison.Ordinal) && arg.Split('=')[0].Contains(':', StringComparison.Ordinal);
            if (!isSetting && !skipValue) yield return arg;
            skipValue = isSetting && !arg.Contains('=', StringComparison.Ordinal);
        }
    }

    private static bool ReadArgumentFile(string path, out IReadOnlyList<string>? arguments, out string? error)
    {
        (arguments, error) = (null, null);
        try
        {
            arguments = File.ReadAllLines(path);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            error = $"The file of arguments '{path}' cannot be read: {e.Message}";
            return false;
        }
    }

    private Command RunCommand()
    {
        var pipeline = PipelineArgument();
        var command = new Command("run", "Run a pipeline, or a part of it.") { pipeline };
        AddRunOptions(command);
        command.SetAction((parsed, cancellationToken) => RunAsync(parsed, parsed.GetValue(pipeline), cancellationToken));
        return command;
    }

    private Command ListCommand()
    {
        var command = new Command("list", "List the pipelines and their steps.");
        command.SetAction(_ => _commands.List());
        return command;
    }

    private Command DescribeCommand()
    {
        var pipeline = PipelineArgument();
        var format = new Option<GraphFormat>("--format") { Description = "How to draw it.", HelpName = "text|mermaid" };
        var command = new Command("describe", "Show a pipeline's steps and what they depend on.") { pipeline, format };
        command.SetAction(parsed => _commands.Describe(parsed.GetValue(pipeline), parsed.GetValue(format)));
        return command;
    }

    private Command RunsCommand()
    {
        var pipeline = new Option<string?>("--pipeline") { Description = "Only runs of this pipeline.", HelpName = "pipeline" };
        var limit = new Option<int>("--limit") { Description = "At most so many.", HelpName = "n", DefaultValueFactory = _ => 20 };
        limit.Validators.Add(option =>
        {
            if (option.GetValueOrDefault<int>() < 1) option.AddError("--limit must be 1 or more.");
        });
        var command = new Command("runs", "List the latest runs.") { pipeline, limit, _output };
        command.SetAction((parsed, cancellationToken) =>
            _commands.ListRunsAsync(parsed.GetValue(pipeline), parsed.GetValue(limit), parsed.GetValue(_output), cancellationToken));

        var runId = new Argument<string>("run-id") { Description = "The run." };
        var show = new Command("show", "Show one run and its steps.") { runId, _output };
        show.SetAction((parsed, cancellationToken) => _commands.ShowRunAsync(parsed.GetRequiredValue(runId), parsed.GetValue(_output), cancellationToken));
        command.Add(show);
        return command;
    }

    private Command DoctorCommand()
    {
        var command = new Command("doctor", "Check settings, secrets, connections and steps without running anything.") { _output };
        command.SetAction((parsed, cancellationToken) => _commands.DoctorAsync(parsed.GetValue(_output), cancellationToken));
        return command;
    }

    private void AddRunOptions(Command command)
    {
        foreach (var option in new Option[] { _step, _from, _resume, _runId, _date, _output }) command.Add(option);
    }

    private Argument<string?> PipelineArgument()
    {
        var argument = new Argument<string?>("pipeline") { Description = "The pipeline; may be left out when there is only one.", Arity = ArgumentArity.ZeroOrOne };
        argument.CompletionSources.Add(_ => [.. _catalog.Names]);
        argument.Validators.Add(RequireNoOption);
        return argument;
    }

    // A misspelt option in the place of the pipeline would be taken for its name.
    private static void RequireNoOption(ArgumentResult argument)
    {
        if (argument.Tokens is not [{ Value: ['-', ..] text }]) return;
        var options = ((CommandResult)argument.Parent!).Command.Options.Select(o => o.Name);
        var nearest = options.MinBy(name => EditDistance(name, text))!;
        argument.AddError($"Unrecognized option '{text}'.{(EditDistance(nearest, text) <= 3 ? $" Did you mean {nearest}?" : "")}");
    }

    // Levenshtein's distance, one row of its matrix at a time.
    private static int EditDistance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substituted, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[^1];
    }

    private Task<int> RunAsync(ParseResult parsed, string? pipeline, CancellationToken cancellationToken) => _commands.RunAsync(
        pipeline,
        new PipelineRunOptions
        {
            Step = parsed.GetValue(_step),
            From = parsed.GetValue(_from),
            Resume = parsed.GetValue(_resume),
            RunId = parsed.GetValue(_runId),
            LogicalDate = parsed.GetValue(_date),
        },
        parsed.GetValue(_output),
        cancellationToken);

    private static DateOnly? ParseDate(ArgumentResult argument)
    {
        var text = argument.Tokens[0].Value;
        if (DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date)) return date;
        argument.AddError($"'{text}' is not a date: write it as 2026-01-31.");
        return null;
    }

    // Run ids stand in logs, file names and lock names.
    private static void RequireRunId(OptionResult option)
    {
        var id = option.GetValueOrDefault<string?>();
        if (id is null || (id.Length is > 0 and <= 128 && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))) return;
        option.AddError($"'{id}' is not a run id: use letters, digits, hyphens, dots and underscores, at most 128.");
    }
}
