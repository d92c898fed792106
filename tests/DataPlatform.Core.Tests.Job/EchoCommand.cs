using System.CommandLine;
using System.Text.Json.Serialization;
using DataPlatform.Jobs;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Core.Tests.Job;

/// <summary>A command of the program: says what a setting is, which may be a secret, and ends as it is told.</summary>
internal sealed class EchoCommand : IJobCommand
{
    public Command Create(JobCommandHost host)
    {
        var key = new Argument<string>("key");
        var end = new Option<FailureClass>("--end");
        var command = new Command("echo", "Say what a setting is.") { key, end };
        host.SetAction(command, (context, _) =>
        {
            var value = context.Services.GetRequiredService<IConfiguration>()[context.Arguments.GetRequiredValue(key)]
                ?? throw new DataPlatformException(FailureClass.Data, "There is no such setting.", "Set it.");
            var steps = context.GetPipeline(null).Steps.Count;
            if (context.WantsJson)
            {
                context.WriteJson(new EchoResult(value, steps), EchoJson.Default.EchoResult);
            }
            else
            {
                context.WriteTable(["value", "steps"], [[value, $"{steps}"]]);
                context.WriteLine($"That was {value}.");
            }

            return Task.FromResult(context.Arguments.GetValue(end));
        });
        return command;
    }
}

internal sealed record EchoResult(string Value, int Steps);

[JsonSerializable(typeof(EchoResult))]
internal sealed partial class EchoJson : JsonSerializerContext;
