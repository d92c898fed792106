using System.CommandLine;
using DataPlatform.Jobs;
using DataPlatform.Jobs.Commands;
using DataPlatform.Pipelines;
using DataPlatform.Testing;

namespace DataPlatform.Core.Tests.Jobs;

public class JobCommandLineTests
{
    private readonly RecordingCommands _commands = new();

    [Theory]
    [InlineData("", "run - step= from= resume= run-id= date= Text")]
    [InlineData("run", "run - step= from= resume= run-id= date= Text")]
    [InlineData("run demand --step trips", "run demand step=trips from= resume= run-id= date= Text")]
    [InlineData("run --from trips --date 2026-01-31 --output json", "run - step= from=trips resume= run-id= date=2026-01-31 Json")]
    [InlineData("run demand --resume 20260131-1 --run-id=wf.1_a-b", "run demand step= from= resume=20260131-1 run-id=wf.1_a-b date= Text")]
    [InlineData("--step trips --output json", "run - step=trips from= resume= run-id= date= Json")]
    [InlineData("run --environment Staging", "run - step= from= resume= run-id= date= Text")]
    [InlineData("run --ConnectionStrings:lake=./data --DataPlatform:LeaseWait 5s demand", "run demand step= from= resume= run-id= date= Text")]
    [InlineData("list", "list")]
    [InlineData("describe", "describe - Text")]
    [InlineData("describe demand --format mermaid", "describe demand Mermaid")]
    [InlineData("runs", "runs - 20 Text")]
    [InlineData("runs --pipeline demand --limit 3 --output json", "runs demand 3 Json")]
    [InlineData("runs show r-1 --output json", "show r-1 Json")]
    [InlineData("doctor --output json", "doctor Json")]
    public async Task Commands_get_what_was_asked_for(string args, string expected)
    {
        var exitCode = await InvokeAsync(args.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        exitCode.Should().Be(7);
        _commands.Called.Should().Equal(expected);
    }

    [Theory]
    [InlineData("rnu", "'rnu'")]
    [InlineData("run --stpe trips", "Unrecognized option '--stpe'. Did you mean --step?")]
    [InlineData("describe --whatever", "Unrecognized option '--whatever'.")]
    [InlineData("run --date tomorrow", "'tomorrow' is not a date: write it as 2026-01-31.")]
    [InlineData("run --date", "--date")]
    [InlineData("run a b", "'b'")]
    [InlineData("run --output yaml", "yaml")]
    [InlineData("run --run-id a/b", "'a/b' is not a run id")]
    [InlineData("runs --limit 0", "--limit must be 1 or more.")]
    [InlineData("runs show", "Required argument missing")]
    [InlineData("run @/nowhere/args", "The file of arguments '/nowhere/args' cannot be read")]
    public void What_is_not_understood_is_an_error_that_names_it(string args, string message) =>
        Line().Parse(args.Split(' ')).Errors.Select(e => e.Message).Should().Contain(m => m.Contains(message, StringComparison.Ordinal));

    [Fact]
    public async Task A_file_of_arguments_holds_one_on_each_line()
    {
        using var folder = new ScratchFolder();
        var file = folder.Combine("args");
        await File.WriteAllTextAsync(file, "demand\r\n--step\ntrips and more\n--output=json\n");

        await InvokeAsync("run", $"@{file}", "--run-id", "r-1");

        _commands.Called.Should().Equal("run demand step=trips and more from= resume= run-id=r-1 date= Json");
    }

    [Theory]
    [InlineData(true, "run", "--output", "json")]
    [InlineData(true, "--output=json", "--wrong")]
    [InlineData(true, "run", "--output", "JSON", "--date", "wrong")]
    [InlineData(false, "run", "--output", "text")]
    [InlineData(false, "doctor", "--output", "json", "--wrong")]
    [InlineData(false, "runs", "--output=json", "--limit", "x")]
    [InlineData(false, "reconcile", "--output=json", "--wrong")]
    public void Arguments_that_are_wrong_may_still_ask_for_a_json_summary(bool expected, params string[] args) =>
        JobCommandLine.AsksForJsonRun(args).Should().Be(expected);

    [Fact]
    public void Names_of_pipelines_complete()
    {
        var completions = Line("demand", "supply").Parse(["run", ""]).GetCompletions();

        completions.Select(c => c.Label).Should().Contain(["demand", "supply"]);
    }

    [Fact]
    public async Task Programs_and_steps_add_commands_and_pipelines_are_put_together_only_for_those_of_steps()
    {
        var built = 0;
        var catalog = new PipelineCatalog(
        [
            new PipelineRegistration("broken", _ => throw new InvalidOperationException("Not now.")),
            new PipelineRegistration("demand", pipeline =>
            {
                built++;
                foreach (var step in new[] { "a", "b" }) pipeline.Add(new StepDefinition(step, "step", _ => null!) { Commands = [new Greeting("of-step")] });
            }),
        ]);
        Task<int> Invoke(string args) =>
            new JobCommandLine(_commands, catalog, [new Greeting("of-program"), new Greeting("run")]).Parse(args.Split(' ')).InvokeAsync(new InvocationConfiguration());

        await Invoke("of-program greet --output json");
        await Invoke("run demand");
        built.Should().Be(0);
        await Invoke("of-step greet");
        built.Should().Be(1);

        _commands.Called.Should().Equal("invoke greet Json CannotWrite", "run demand step= from= resume= run-id= date= Text", "invoke greet Text CannotWrite");
        var help = new StringWriter();
        new JobCommandLine(_commands, catalog, []).Parse(["--help"]).Invoke(new InvocationConfiguration { Output = help });
        help.ToString().Should().Contain("of-step").And.Contain("doctor");
    }

    private sealed class Greeting(string name) : IJobCommand
    {
        public Command Create(JobCommandHost host)
        {
            var greet = new Command("greet", "Greets.");
            host.SetAction(greet, (_, _) => Task.FromResult(FailureClass.CannotWrite));
            return new Command(name, "Holds a command.") { greet };
        }
    }

    private JobCommandLine Line(params string[] pipelines) =>
        new(_commands, new PipelineCatalog(pipelines.Select(name => new PipelineRegistration(name, _ => throw new InvalidOperationException("Built too early.")))), []);

    private Task<int> InvokeAsync(params string[] args) => Line("demand").Parse(args).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });

    private sealed class RecordingCommands : IJobCommands
    {
        public List<string> Called { get; } = [];

        public Task<int> RunAsync(string? pipeline, PipelineRunOptions options, OutputFormat format, CancellationToken cancellationToken) => Task.FromResult(Record(
            $"run {pipeline ?? "-"} step={options.Step} from={options.From} resume={options.Resume} run-id={options.RunId} date={options.LogicalDate:yyyy-MM-dd} {format}"));

        public int List() => Record("list");

        public int Describe(string? pipeline, GraphFormat format) => Record($"describe {pipeline ?? "-"} {format}");

        public Task<int> ListRunsAsync(string? pipeline, int limit, OutputFormat format, CancellationToken cancellationToken) =>
            Task.FromResult(Record($"runs {pipeline ?? "-"} {limit} {format}"));

        public Task<int> ShowRunAsync(string runId, OutputFormat format, CancellationToken cancellationToken) => Task.FromResult(Record($"show {runId} {format}"));

        public Task<int> DoctorAsync(OutputFormat format, CancellationToken cancellationToken) => Task.FromResult(Record($"doctor {format}"));

        public async Task<int> InvokeAsync(
            Func<JobCommandContext, CancellationToken, Task<FailureClass>> run, ParseResult arguments, OutputFormat format, CancellationToken cancellationToken) =>
            Record($"invoke {arguments.CommandResult.Command.Name} {format} {await run(null!, cancellationToken)}");

        private int Record(string call)
        {
            Called.Add(call);
            return 7;
        }
    }
}
