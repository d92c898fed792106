using DataPlatform;
using DataPlatform.Core.Tests.Job;
using DataPlatform.Jobs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

// A job for the tests to run as a process. JOB_* settings choose what goes wrong.
var builder = Host.CreateApplicationBuilder(args);
builder.AddDataPlatform();
builder.AddDuckDb();
builder.AddObjectStore("lake");
builder.AddWarehouse("warehouse");
builder.Services.AddSingleton<IJobCommand, EchoCommand>();

var pipelines = (builder.Configuration["JOB_PIPELINES"] ?? "two-steps").Split(',');
foreach (var name in pipelines) builder.AddPipeline(name, pipeline => Scenarios.Configure(name, pipeline));

switch (builder.Configuration["JOB_HOSTED_SERVICE"])
{
    case "fails-at-start":
        builder.Services.AddHostedService<FailsAtStart>();
        break;
    case "fails-in-background":
        builder.Services.AddHostedService<FailsInBackground>();
        break;
    case "never-stops":
        builder.Services.AddHostedService<NeverStops>();
        break;
}

if (builder.Configuration["JOB_THROW"] is { } message) throw new DataPlatformException(FailureClass.Configuration, message, "Do not set JOB_THROW.");

return await builder.Build().RunJobAsync(args);
