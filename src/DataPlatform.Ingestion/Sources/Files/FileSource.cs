using System.Runtime.CompilerServices;
using DataPlatform.Lineage;
using DataPlatform.ObjectStores;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Ingestion;

/// <summary>Files of an object store, in the order of their keys, each once as long as its etag stays.</summary>
internal class FileSource(Connection<IObjectStore> store, string glob, IFileFormat format, Contract? contract) : IReplayedSource
{
    public string Description => $"{store.Name}:{glob}";

    public Contract? Contract => contract;

    public async ValueTask<Contract?> InferContractAsync(SourceContext context, CancellationToken cancellationToken)
    {
        if (contract is not null) return contract;
        var opened = store.Resolve(context.Services);
        var files = await FindAsync(opened, context, cancellationToken).ConfigureAwait(false);
        var sample = files.ToRead.FirstOrDefault(file => file.Size > 0);
        return sample is null ? null : await format.InferAsync(new SourceFile(opened, sample), context, cancellationToken).ConfigureAwait(false);
    }

    public async IAsyncEnumerable<SourceBatch> ReadAsync(SourceContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var opened = store.Resolve(context.Services);
        var files = await FindAsync(opened, context, cancellationToken).ConfigureAwait(false);
        Log(files, context);
        if (files.ToRead.Count == 0) yield break;

        context.TotalBytes = files.ToRead.Sum(file => file.Size);
        var batch = new BatchBuilder(context.Contract, context.BatchBytes);
        foreach (var info in files.ToRead)
        {
            cancellationToken.ThrowIfCancellationRequested();
            batch.Begin(new SourceObject(info.Key, info.ETag, ReferenceEquals(info, files.Open) ? files.OpenRows : 0));
            var file = new SourceFile(opened, info);
            if (info.Size == 0)
            {
                context.Logger.LogWarning("{File} is empty", info.Key);
            }
            else
            {
                await foreach (var full in format.ReadAsync(file, batch, context, cancellationToken).ConfigureAwait(false)) yield return full;
            }

            file.NoteBytesRead(batch);
            batch.Complete();
        }

        yield return batch.Take();
    }

    public IRawRowReader CreateRawReader(BatchBuilder batch, SourceContext context) => format.CreateRawReader(batch, context);

    public IReadOnlyList<Dataset> GetDatasets(IServiceProvider services) => [Dataset.Of(store.Resolve(services), glob)];

    public Task CheckAsync(IServiceProvider services, CancellationToken cancellationToken) => store.Resolve(services).CheckAsync(cancellationToken);

    private async Task<Files> FindAsync(IObjectStore opened, SourceContext context, CancellationToken cancellationToken)
    {
        var matching = new List<ObjectInfo>();
        await foreach (var info in opened.ListAsync(glob, cancellationToken).ConfigureAwait(false)) matching.Add(info);
        var news = matching.FindAll(info => !context.LoadedObjects.Contains((info.Key, info.ETag)));
        if (context.ReplacesTarget) return new Files(matching.Count, news, news.Count > 0 ? matching : news, Open: null, OpenRows: 0);

        // What was begun comes first, whatever came since: a cursor knows of one object only.
        var begun = await context.FindOpenObjectAsync(cancellationToken).ConfigureAwait(false);
        var open = begun is null ? null : news.Find(info => info.Key == begun.Path && info.ETag == begun.ETag);
        return new Files(matching.Count, news, open is null ? news : [open, .. news.Where(info => info != open)], open, begun?.Rows ?? 0);
    }

    private void Log(Files files, SourceContext context)
    {
        if (files.Matching == 0)
        {
            context.Logger.LogWarning("No file matches {Source}", Description);
            return;
        }

        context.Logger.LogInformation(
            "{Source}: {Loaded} files already loaded, {New} new", Description, files.Matching - files.New.Count, files.New.Count);
        if (context.ReplacesTarget) return;
        if (files.Open is { } open) context.Logger.LogInformation("{File}: going on after row {Rows}, where the last load committed", open.Key, files.OpenRows);
        var known = context.LoadedObjects.Select(o => o.Path).ToHashSet(StringComparer.Ordinal);
        foreach (var changed in files.New.Where(info => known.Contains(info.Key)))
            context.Logger.LogWarning("{File} was loaded before and has changed since: all of it is read again", changed.Key);
    }

    /// <param name="Matching">How many files there are.</param>
    /// <param name="New">Those that are not in the table.</param>
    /// <param name="ToRead">Those that are read, in order.</param>
    /// <param name="Open">The one among them of which earlier loads have the first rows.</param>
    /// <param name="OpenRows">How many.</param>
    private sealed record Files(int Matching, List<ObjectInfo> New, List<ObjectInfo> ToRead, ObjectInfo? Open, long OpenRows);
}

/// <inheritdoc cref="FileSource"/>
internal sealed class FileSource<T>(Connection<IObjectStore> store, string glob, IFileFormat format)
    : FileSource(store, glob, format, Contract.Of<T>()), ISource<T> where T : notnull;
