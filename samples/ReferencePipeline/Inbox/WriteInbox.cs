using DataPlatform.ObjectStores;
using DataPlatform.Pipelines;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace ReferencePipeline.Inbox;

/// <summary>The city that is generated. Section <c>Demo</c>.</summary>
public sealed class DemoOptions
{
    /// <summary>The same seed gives the same city.</summary>
    public int Seed { get; set; } = 42;

    /// <summary>The day the bikes were put out; files are there from this day to the date of the run.</summary>
    public DateOnly FirstDay { get; set; }

    /// <summary>How many trips there are on an ordinary day.</summary>
    public int TripsPerDay { get; set; } = 2000;
}

/// <summary>Stands in for the systems of the city: drops the files of each day that are not in the inbox yet. A real pipeline has no such step.</summary>
internal sealed class WriteInbox(IOptions<DemoOptions> options, [FromKeyedServices("lake")] IObjectStore lake) : IStep
{
    public async Task RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var there = await lake.ListAsync("inbox/*", cancellationToken).Select(file => file.Key).ToHashSetAsync(cancellationToken: cancellationToken);
        var missing = Files(options.Value, context.Run.LogicalDate).Where(file => !there.Contains(file.Key)).ToList();
        var written = 0;
        await Parallel.ForEachAsync(missing, cancellationToken, async (file, token) =>
        {
            await DropAsync(file, token);
            context.ReportProgress(Interlocked.Increment(ref written), missing.Count, "files");
        });
        context.Logger.LogInformation("{New} files dropped, {There} were there", missing.Count, there.Count);
    }

    internal static IEnumerable<InboxFile> Files(DemoOptions demo, DateOnly lastDay)
    {
        var files = new InboxFiles(demo.Seed, new City(demo.Seed, demo.TripsPerDay), demo.FirstDay);
        yield return InboxFiles.StationsFile();
        for (var day = demo.FirstDay; day <= lastDay; day = day.AddDays(1))
        {
            yield return files.TripsFile(day);
            yield return files.WeatherFile(day);
        }
    }

    private async Task DropAsync(InboxFile file, CancellationToken cancellationToken)
    {
        using var content = new MemoryStream();
        await file.WriteAsync(content);
        content.Position = 0;
        try
        {
            await lake.PutAsync(file.Key, content, new ObjectPutOptions { IfAbsent = true, ContentType = file.ContentType }, cancellationToken);
        }
        catch (ObjectPreconditionException)
        {
            // Another run dropped the same file meanwhile.
        }
    }
}
