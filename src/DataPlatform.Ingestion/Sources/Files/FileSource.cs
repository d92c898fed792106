using System.Diagnostics.CodeAnalysis;
using System.Linq.Expressions;
using System.Runtime.CompilerServices;
using DataPlatform.Lineage;
using DataPlatform.ObjectStores;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Ingestion;

/// <summary>
/// Files of an object store, in the order of their keys, each once as long as its etag stays: all of its rows, unless <see cref="Incremental(string, Action{IncrementalBuilder})"/> says which of
/// them are new.
/// </summary>
public class FileSource : IReplayedSource, ICursorSource
{
    private readonly Connection<IObjectStore> _store;
    private readonly string _glob;
    private readonly IFileFormat _format;
    private readonly IncrementalCursor? _cursor;

    internal FileSource(Connection<IObjectStore> store, string glob, IFileFormat format, Contract? contract, IncrementalCursor? cursor = null)
    {
        (_store, _glob, _format, Contract, _cursor) = (store, glob, format, contract, cursor);
        if (contract is not null) CheckCursor(contract);
    }

    /// <inheritdoc/>
    public string Description => $"{_store.Name}:{_glob}";

    /// <inheritdoc/>
    public Contract? Contract { get; }

    IncrementalCursor? ICursorSource.Cursor => _cursor;

    RowOrder? ICursorSource.Order => null;

    /// <summary>
    /// Loads of new and changed files only rows whose column has the last value that was loaded, or a greater one, and of the former those that were not loaded: for files that grow, and for exports that
    /// have old rows too.
    /// </summary>
    /// <param name="column">The column that grows with every new or changed row: a number, date or timestamp.</param>
    /// <param name="configure">Start, lag, range, NULLs.</param>
    public FileSource Incremental(string column, Action<IncrementalBuilder>? configure = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(column);
        return new FileSource(_store, _glob, _format, Contract, Configure(IncrementalCursor.Of(column), configure));
    }

    /// <summary>Loads only rows that are new by a value in JSON that the table need not have.</summary>
    /// <typeparam name="TCursor">What the value is: a whole number, <see cref="decimal"/>, <see cref="DateOnly"/>, <see cref="DateTime"/> or <see cref="DateTimeOffset"/>.</typeparam>
    /// <param name="path">Where it is in a row: <c>$.meta.updated_at</c>.</param>
    /// <param name="configure">Start, lag, range, NULLs.</param>
    /// <exception cref="DataPlatformException">It is not a path, or values of the type have no order that all systems agree on, or the files are not JSON.</exception>
    public FileSource Incremental<TCursor>(string path, Action<IncrementalBuilder>? configure = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return new FileSource(_store, _glob, _format, Contract, Configure(IncrementalCursor.At(path, typeof(TCursor)), configure));
    }

    /// <inheritdoc/>
    public async ValueTask<Contract?> InferContractAsync(SourceContext context, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (Contract is not null) return Contract;
        var opened = _store.Resolve(context.Services);
        var files = await FindAsync(opened, context, cancellationToken).ConfigureAwait(false);
        var sample = files.ToRead.FirstOrDefault(file => file.Size > 0);
        return sample is null ? null : await _format.InferAsync(new SourceFile(opened, sample), context, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<SourceBatch> ReadAsync(SourceContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        CheckCursor(context.Contract);
        var tracker = _cursor is null ? null : await _cursor.OpenAsync(Description, context, order: null, checksOrder: false, _format.Json, cancellationToken).ConfigureAwait(false);
        await foreach (var batch in ReadFilesAsync(context, cancellationToken).ConfigureAwait(false))
        {
            // What is not in the middle of a file is the last.
            if (tracker is null) yield return batch;
            else if (tracker.Take(batch, isLast: batch.OpenObject is null) is { } kept) yield return kept;
        }
    }

    private async IAsyncEnumerable<SourceBatch> ReadFilesAsync(SourceContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var opened = _store.Resolve(context.Services);
        var files = await FindAsync(opened, context, cancellationToken).ConfigureAwait(false);
        Log(files, context);
        if (files.ToRead.Count == 0) yield break;

        context.TotalBytes = files.ToRead.Sum(file => file.Size);
        var batch = new BatchBuilder(context.Contract, context.BatchBytes, _cursor?.BesideIn(context.Contract));
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
                await foreach (var full in _format.ReadAsync(file, batch, context, cancellationToken).ConfigureAwait(false)) yield return full;
            }

            file.NoteBytesRead(batch);
            batch.Complete();
        }

        yield return batch.Take();
    }

    IRawRowReader IReplayedSource.CreateRawReader(BatchBuilder batch, SourceContext context) => _format.CreateRawReader(batch, context);

    /// <inheritdoc/>
    public IReadOnlyList<Dataset> GetDatasets(IServiceProvider services) => [Dataset.Of(_store.Resolve(services), _glob)];

    /// <inheritdoc/>
    public Task CheckAsync(IServiceProvider services, CancellationToken cancellationToken) => _store.Resolve(services).CheckAsync(cancellationToken);

    private protected FileSource<T> With<[DynamicallyAccessedMembers(RecordMapper.Members)] T>(IncrementalCursor cursor) where T : notnull => new(_store, _glob, _format, cursor);

    private static IncrementalCursor Configure(IncrementalCursor cursor, Action<IncrementalBuilder>? configure)
    {
        var builder = new IncrementalBuilder(cursor);
        configure?.Invoke(builder);
        return builder.Cursor;
    }

    private void CheckCursor(Contract contract)
    {
        if (_cursor is null) return;
        _cursor.TypeIn(contract, Description);
        if (_cursor.BesideIn(contract) is null || _format.Json is not null) return;
        throw new DataPlatformException(
            FailureClass.Configuration, $"{Description} is to be read by the cursor '{_cursor.Name}', a path, and its rows have columns and nothing within them.", "Name a column of the contract.");
    }

    private async Task<Files> FindAsync(IObjectStore opened, SourceContext context, CancellationToken cancellationToken)
    {
        var matching = new List<ObjectInfo>();
        await foreach (var info in opened.ListAsync(_glob, cancellationToken).ConfigureAwait(false)) matching.Add(info);
        var news = matching.FindAll(info => !context.LoadedObjects.Contains((info.Key, info.ETag)));
        if (_cursor?.HasRange(context) == true) return new Files(matching.Count, news, matching, Open: null, OpenRows: 0);
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
        if (_cursor is not null) return;
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
/// <typeparam name="T">The record or class that declares the columns.</typeparam>
public sealed class FileSource<[DynamicallyAccessedMembers(RecordMapper.Members)] T> : FileSource, ISource<T> where T : notnull
{
    internal FileSource(Connection<IObjectStore> store, string glob, IFileFormat format, IncrementalCursor? cursor = null) : base(store, glob, format, Contract.Of<T>(), cursor)
    {
    }

    /// <inheritdoc cref="FileSource.Incremental(string, Action{IncrementalBuilder})"/>
    /// <param name="column">The property of the column that grows with every new or changed row: <c>order => order.UpdatedAt</c>.</param>
    /// <param name="configure">Start, lag, range, NULLs.</param>
    /// <exception cref="DataPlatformException">Values of the column have no order that all systems agree on.</exception>
    public FileSource<T> Incremental<TCursor>(Expression<Func<T, TCursor>> column, Action<IncrementalBuilder<T, TCursor>>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(column);
        return Incremental(IncrementalCursor.Of(PropertyName.Of(column)), configure);
    }

    /// <inheritdoc cref="FileSource.Incremental{TCursor}(string, Action{IncrementalBuilder})"/>
    public FileSource<T> Incremental<TCursor>(string path, Action<IncrementalBuilder<T, TCursor>>? configure = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return Incremental(IncrementalCursor.At(path, typeof(TCursor)), configure);
    }

    private FileSource<T> Incremental<TCursor>(IncrementalCursor cursor, Action<IncrementalBuilder<T, TCursor>>? configure)
    {
        var builder = new IncrementalBuilder<T, TCursor>(cursor);
        configure?.Invoke(builder);
        return With<T>(builder.Cursor);
    }
}
