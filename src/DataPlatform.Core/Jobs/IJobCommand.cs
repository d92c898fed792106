using System.CommandLine;

namespace DataPlatform.Jobs;

/// <summary>
/// A command that a package or a program adds to the job's command line, next to <c>run</c> and <c>doctor</c>. A step brings it along
/// (<see cref="Pipelines.StepDefinition.Commands"/>), so that it is there when it has something to work on; a program registers its own as a service.
/// </summary>
/// <example><code>
/// builder.Services.AddSingleton&lt;IJobCommand, TruncateCommand&gt;();
///
/// sealed class TruncateCommand : IJobCommand
/// {
///     public Command Create(JobCommandHost host)
///     {
///         var table = new Argument&lt;string&gt;("table") { Description = "The table." };
///         var command = new Command("truncate", "Empty a table.") { table };
///         host.SetAction(command, async (context, cancellationToken) =>
///         {
///             var warehouse = context.Services.GetRequiredService&lt;IWarehouse&gt;();
///             …
///             context.WriteLine($"{context.Arguments.GetRequiredValue(table)} is empty.");
///             return FailureClass.None;
///         });
///         return command;
///     }
/// }
/// </code></example>
public interface IJobCommand
{
    /// <summary>Makes the command with its arguments, options and subcommands. It is made for each reading of a command line; no system is touched.</summary>
    /// <param name="host">Runs it: give each command that does something its action with <see cref="JobCommandHost.SetAction"/>.</param>
    Command Create(JobCommandHost host);
}
