using System.CommandLine;
using DataPlatform.Dbt.Tool;

var commandLine = new ToolCommandLine(Environment.GetEnvironmentVariable, ToolRun.RunAsync, ToolRun.ShowVersion);
var parsed = commandLine.Parse(args);
// Signals are the tool's own to handle: a run that is stopped cancels its queries first.
if (parsed.Errors.Count == 0) return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
await Console.Error.WriteLineAsync($"Usage: {ToolCommandLine.Words(parsed.CommandResult)} [OPTIONS]\nTry '{ToolCommandLine.Words(parsed.CommandResult)} --help' for help.\n\nError: {parsed.Errors[0].Message}");
return ToolRun.CannotGoOn;
