using System.Diagnostics.CodeAnalysis;
using System.Linq.Expressions;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using DataPlatform.Lineage;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Ingestion;

/// <summary>The rows of a web API, page by page, typed as they come in. All of them each time, unless <see cref="Incremental(string, Action{IncrementalBuilder})"/> says how it goes on.</summary>
public class HttpSource : IReplayedSource, ICursorSource
{
    // Pages are small; the window grows when one is not.
    private const int WindowBytes = 16 * 1024;

    private readonly IncrementalCursor? _cursor;

    internal HttpSource(Connection<HttpApi> connection, HttpSourceSettings settings, Contract? contract, IncrementalCursor? cursor = null)
    {
        (Api, Settings, Contract, _cursor) = (connection, settings, contract, cursor);
        if (contract is not null) cursor?.TypeIn(contract, Description);
    }

    /// <inheritdoc/>
    public string Description => $"{Api.Name}:{Settings.Path}";

    /// <inheritdoc/>
    public Contract? Contract { get; }

    internal Connection<HttpApi> Api { get; }

    internal HttpSourceSettings Settings { get; }

    IncrementalCursor? ICursorSource.Cursor => _cursor;

    RowOrder? ICursorSource.Order => Settings.Order;

    /// <summary>Goes on where the last load stopped: a run keeps rows whose column has the last value that was loaded, or a greater one, and leaves out those it has.</summary>
    /// <param name="column">The column that grows with every new or changed row: a number, date or timestamp.</param>
    /// <param name="configure">Start, lag, range, NULLs.</param>
    public HttpSource Incremental(string column, Action<IncrementalBuilder>? configure = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(column);
        return Incremental(IncrementalCursor.Of(column), configure);
    }

    /// <summary>Goes on where the last load stopped, by a value that the table need not have.</summary>
    /// <typeparam name="TCursor">What the value is: a whole number, <see cref="decimal"/>, <see cref="DateOnly"/>, <see cref="DateTime"/> or <see cref="DateTimeOffset"/>.</typeparam>
    /// <param name="path">Where it is in a row: <c>$.meta.updated_at</c>.</param>
    /// <param name="configure">Start, lag, range, NULLs.</param>
    /// <exception cref="DataPlatformException">It is not a path, or values of the type have no order that all systems agree on.</exception>
    public HttpSource Incremental<TCursor>(string path, Action<IncrementalBuilder>? configure = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return Incremental(IncrementalCursor.At(path, typeof(TCursor)), configure);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Dataset> GetDatasets(IServiceProvider services)
    {
        var address = Api.Resolve(services).BaseAddress;
        return [new Dataset(address.GetLeftPart(UriPartial.Authority), $"{address.AbsolutePath.Trim('/')}/{Settings.Path.Split('?')[0].TrimStart('/')}".TrimStart('/'))];
    }

    /// <inheritdoc/>
    public async ValueTask<Contract?> InferContractAsync(SourceContext context, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (Contract is not null) return Contract;
        var api = Api.Resolve(context.Services);
        var place = new PagePlace(Settings.Pagination.First, 1, 0);
        var page = await OpenAsync(api, place, AddressOf(api, place, before: null, cursor: []), cancellationToken).ConfigureAwait(false);
        await using (page.ConfigureAwait(false))
        {
            if (!page.HasContent) return null;
            var columns = await JsonSample.ReadAsync(new TextWindow(page, WindowBytes), Cut, Settings.Json, cancellationToken).ConfigureAwait(false);
            return columns.Columns.Count == 0 ? null : InferredContract.Create(page, columns.Columns);
        }

        IJsonRows Cut(TextWindow window) => new JsonArrayRows(window, page, Settings.Records, Settings.Json.MaxRowBytes);
    }

    IRawRowReader IReplayedSource.CreateRawReader(BatchBuilder batch, SourceContext context) => new JsonRawRowReader(batch, Settings.Json);

    /// <inheritdoc/>
    public async IAsyncEnumerable<SourceBatch> ReadAsync(SourceContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        var api = Api.Resolve(context.Services);
        CheckCursor();
        var tracker = _cursor is null ? null : await _cursor.OpenAsync(Description, context, Settings.Order, checksOrder: true, Settings.Json, cancellationToken).ConfigureAwait(false);
        var range = QueryOf(tracker);
        var batch = new BatchBuilder(context.Contract, context.BatchBytes, _cursor?.BesideIn(context.Contract));
        var reader = new JsonRowReader(batch, Settings.Json);
        var guard = new PageGuard(Description, Settings);

        // By a cursor a run goes on with what is new, not with a page.
        var begun = context.ReplacesTarget || tracker is not null ? null : PagePlace.Parse(await context.FindCursorAsync(PagePlace.Cursor, cancellationToken).ConfigureAwait(false));
        if (begun is not null) context.Logger.LogInformation("{Source}: going on after row {Rows} of page {Page}, where the last load committed", Description, begun.Rows, begun.Number);

        // A place that was committed is taken back at the end, so that the next run begins anew.
        var isCommitted = begun is not null;
        Uri? address = null;
        for (var place = begun ?? new PagePlace(Settings.Pagination.First, 1, 0); place is not null;)
        {
            address = AddressOf(api, place, address, range);
            guard.Enter(place, address, api);
            var page = await OpenAsync(api, place, address, cancellationToken).ConfigureAwait(false);
            await using (page.ConfigureAwait(false))
            {
                var rows = new JsonArrayRows(new TextWindow(page, WindowBytes), page, Settings.Records, Settings.Json.MaxRowBytes);
                var bytesNoted = 0L;
                while (page.HasContent && await rows.FillAsync(cancellationToken).ConfigureAwait(false))
                {
                    Skip(rows, place.Rows);
                    while (rows.Position >= place.Rows && reader.ReadAvailable(rows, page.Name))
                    {
                        reader.CheckKeys(page);
                        batch.AddBytesRead(page.BytesRead - bytesNoted);
                        bytesNoted = page.BytesRead;
                        if (tracker is null)
                        {
                            batch.SetCursor(PagePlace.Cursor, $"{place with { Rows = rows.Position }}");
                            isCommitted = true;
                            yield return batch.Take();
                        }
                        else if (tracker.Take(batch.Take()) is { } full)
                        {
                            yield return full;
                        }
                    }
                }

                reader.CheckKeys(page);
                batch.AddBytesRead(page.BytesRead - bytesNoted);
                guard.Leave(page, rows.Position);
                var next = Next(page, new PageAnswer(place.Request, rows.Position, page.Headers, rows.Around.ToArray()));
                place = next is null ? null : new PagePlace(next, place.Number + 1, 0);
            }

            // Where rows have an order, those so far say whether more are to come.
            if (tracker is null || Settings.Order is null) continue;
            if (tracker.Take(batch.Take()) is { } ofPage) yield return ofPage;
            if (tracker.IsPast) break;
        }

        if (reader.Ignored.Count > 0) context.Logger.LogInformation("{Source}: keys that are not in the contract are left out: {Keys}", Description, string.Join(", ", reader.Ignored));
        context.Logger.LogInformation("{Source}: {Rows} rows on {Pages} pages", Description, batch.RowsRead, guard.PagesRead);
        if (isCommitted) batch.SetCursor(PagePlace.Cursor, PagePlace.Done);

        // Nothing is what a table that mirrors an API without rows is to hold.
        var last = tracker is not null ? tracker.Take(batch.Take(), isLast: true) : batch.IsEmpty ? null : batch.Take();
        if (last is not null) yield return last;
        else if (context.ReplacesTarget) yield return new SourceBatch(null);
    }

    /// <inheritdoc/>
    public Task CheckAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        CheckCursor();
        var api = Api.Resolve(services);
        return api.CheckAsync(api.AddressOf(Settings.Path, Settings.Query), cancellationToken);
    }

    private static void Skip(JsonArrayRows rows, long count)
    {
        while (rows.Position < count && rows.TryTake(out _))
        {
        }
    }

    private PageRequest? Next(HttpPage page, PageAnswer answer)
    {
        try
        {
            return Settings.Pagination.Next(answer);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw page.Invalid($"does not say which page is next: {exception.Message}.", "Check the paths that http.Paginate(…) was given.", exception);
        }
    }

    private HttpSource Incremental(IncrementalCursor cursor, Action<IncrementalBuilder>? configure)
    {
        var builder = new IncrementalBuilder(cursor);
        configure?.Invoke(builder);
        return new HttpSource(Api, Settings, Contract, builder.Cursor);
    }

    private void CheckCursor()
    {
        if (_cursor is null)
        {
            var verb = Settings.Since is not null ? nameof(HttpSourceBuilder.Since) : Settings.Until is not null ? nameof(HttpSourceBuilder.Until) : Settings.Order is not null ? nameof(HttpSourceBuilder.Ordered) : null;
            if (verb is null) return;
            throw new DataPlatformException(
                FailureClass.Configuration, $"{Description} has http.{verb}(…), which is said of a cursor, and no cursor.", "Say by what it goes on: From.Http<Order>(…).Incremental(order => order.UpdatedAt).");
        }

        if (Contract is null) return;
        var type = _cursor.TypeIn(Contract, Description);
        foreach (var parameter in new[] { Settings.Since, Settings.Until }.OfType<CursorParameter>()) _ = type.ToQuery(default, parameter.Format, roundsUp: false);
    }

    private List<KeyValuePair<string, string>> QueryOf(CursorTracker? tracker)
    {
        var query = new List<KeyValuePair<string, string>>();
        if (Settings.Since is { } since && tracker?.From is { } from) query.Add(new(since.Name, tracker.Type.ToQuery(from, since.Format, roundsUp: false)));
        if (Settings.Until is { } until && tracker?.Until is { } end) query.Add(new(until.Name, tracker.Type.ToQuery(end, until.Format, roundsUp: true)));
        return query;
    }

    private Uri AddressOf(HttpApi api, PagePlace place, Uri? before, IReadOnlyList<KeyValuePair<string, string>> cursor)
    {
        var query = Settings.Query.Where(own => cursor.All(of => of.Key != own.Key)).Concat(cursor).ToList();
        var own = api.AddressOf(Settings.Path, query);
        if (place.Request.Link is not { } link) return api.AddressOf(Settings.Path, query.Where(q => !place.Request.Query.ContainsKey(q.Key)).Concat(place.Request.Query));
        return api.Follow(before ?? own, link) ?? throw new DataPlatformException(
            FailureClass.Configuration,
            $"{Description}: the link to page {place.Number} leads to another host than {api.BaseAddress.Host}.",
            $"Credentials are not sent there. If it is the API's own, put it into ConnectionStrings:{api.Name}.");
    }

    private async Task<HttpPage> OpenAsync(HttpApi api, PagePlace place, Uri address, CancellationToken cancellationToken)
    {
        var response = await api.GetAsync(address, Settings.Headers, $"Page {place.Number}, {api.Show(address)},", cancellationToken).ConfigureAwait(false);
        return await HttpPage.OpenAsync(api, Settings.Path, place.Number, response, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Notices pages that lead back to themselves.</summary>
    private sealed class PageGuard(string source, HttpSourceSettings settings)
    {
        private readonly HashSet<UInt128> _seen = [];
        private string? _lastContent;

        public int PagesRead => _seen.Count;

        public void Enter(PagePlace place, Uri address, HttpApi api)
        {
            if (_seen.Count == settings.MaxPages)
                throw new DataPlatformException(FailureClass.Data, $"{source} has more than {settings.MaxPages} pages.", "If they are meant to be that many, allow them: http.MaxPages(…).");
            if (_seen.Add(System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(address.AbsoluteUri))))) return;
            throw new DataPlatformException(
                FailureClass.Data, $"{source}: page {place.Number} is one that was read already, {api.Show(address)}.", "The API's pages lead in a circle. Check where the next link or cursor is in its answers.");
        }

        // With parameters the address differs even when the API does not heed them.
        public void Leave(HttpPage page, long rows)
        {
            if (!settings.Pagination.RestsOnParameters || rows == 0) return;
            var content = page.Hash();
            if (content == _lastContent)
                throw new DataPlatformException(FailureClass.Data, $"{page.Name} is the same as the page before.", "The API does not seem to heed the parameters it is asked with. Check their names.");
            _lastContent = content;
        }
    }
}

/// <inheritdoc cref="HttpSource"/>
/// <typeparam name="T">The record or class that declares the columns.</typeparam>
public sealed class HttpSource<[DynamicallyAccessedMembers(RecordMapper.Members)] T> : HttpSource, ISource<T> where T : notnull
{
    internal HttpSource(Connection<HttpApi> connection, HttpSourceSettings settings, IncrementalCursor? cursor = null) : base(connection, settings, Contract.Of<T>(), cursor)
    {
    }

    /// <inheritdoc cref="HttpSource.Incremental(string, Action{IncrementalBuilder})"/>
    /// <param name="column">The property of the column that grows with every new or changed row: <c>order => order.UpdatedAt</c>.</param>
    /// <param name="configure">Start, lag, range, NULLs.</param>
    /// <exception cref="DataPlatformException">Values of the column have no order that all systems agree on.</exception>
    public HttpSource<T> Incremental<TCursor>(Expression<Func<T, TCursor>> column, Action<IncrementalBuilder<T, TCursor>>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(column);
        return Incremental(IncrementalCursor.Of(PropertyName.Of(column)), configure);
    }

    /// <inheritdoc cref="HttpSource.Incremental{TCursor}(string, Action{IncrementalBuilder})"/>
    public HttpSource<T> Incremental<TCursor>(string path, Action<IncrementalBuilder<T, TCursor>>? configure = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return Incremental(IncrementalCursor.At(path, typeof(TCursor)), configure);
    }

    private HttpSource<T> Incremental<TCursor>(IncrementalCursor cursor, Action<IncrementalBuilder<T, TCursor>>? configure)
    {
        var builder = new IncrementalBuilder<T, TCursor>(cursor);
        configure?.Invoke(builder);
        return new HttpSource<T>(Api, Settings, builder.Cursor);
    }
}
