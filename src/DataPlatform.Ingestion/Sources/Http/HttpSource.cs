using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Ingestion;

/// <summary>Rows of a web API, page by page, typed as they come in.</summary>
internal class HttpSource(Connection<HttpApi> connection, HttpSourceSettings settings, Contract? contract) : IReplayedSource
{
    // Pages are small; the window grows when one is not.
    private const int WindowBytes = 16 * 1024;

    public string Description => $"{connection.Name}:{settings.Path}";

    public Contract? Contract => contract;

    public async ValueTask<Contract?> InferContractAsync(SourceContext context, CancellationToken cancellationToken)
    {
        if (contract is not null) return contract;
        var api = connection.Resolve(context.Services);
        var place = new PagePlace(settings.Pagination.First, 1, 0);
        var page = await OpenAsync(api, place, AddressOf(api, place, before: null), cancellationToken).ConfigureAwait(false);
        await using (page.ConfigureAwait(false))
        {
            if (!page.HasContent) return null;
            var columns = await JsonSample.ReadAsync(new TextWindow(page, WindowBytes), Cut, settings.Json, cancellationToken).ConfigureAwait(false);
            return columns.Columns.Count == 0 ? null : InferredContract.Create(page, columns.Columns);
        }

        IJsonRows Cut(TextWindow window) => new JsonArrayRows(window, page, settings.Records, settings.Json.MaxRowBytes);
    }

    public IRawRowReader CreateRawReader(BatchBuilder batch, SourceContext context) => new JsonRawRowReader(batch, settings.Json);

    public async IAsyncEnumerable<SourceBatch> ReadAsync(SourceContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var api = connection.Resolve(context.Services);
        var batch = new BatchBuilder(context.Contract, context.BatchBytes);
        var reader = new JsonRowReader(batch, settings.Json);
        var guard = new PageGuard(Description, settings);
        var begun = context.ReplacesTarget ? null : PagePlace.Parse(await context.FindCursorAsync(PagePlace.Cursor, cancellationToken).ConfigureAwait(false));
        if (begun is not null) context.Logger.LogInformation("{Source}: going on after row {Rows} of page {Page}, where the last load committed", Description, begun.Rows, begun.Number);

        // A place that was committed is taken back at the end, so that the next run begins anew.
        var isCommitted = begun is not null;
        Uri? address = null;
        for (var place = begun ?? new PagePlace(settings.Pagination.First, 1, 0); place is not null;)
        {
            address = AddressOf(api, place, address);
            guard.Enter(place, address, api);
            var page = await OpenAsync(api, place, address, cancellationToken).ConfigureAwait(false);
            await using (page.ConfigureAwait(false))
            {
                var rows = new JsonArrayRows(new TextWindow(page, WindowBytes), page, settings.Records, settings.Json.MaxRowBytes);
                var bytesNoted = 0L;
                while (page.HasContent && await rows.FillAsync(cancellationToken).ConfigureAwait(false))
                {
                    Skip(rows, place.Rows);
                    while (rows.Position >= place.Rows && reader.ReadAvailable(rows, page.Name))
                    {
                        batch.AddBytesRead(page.BytesRead - bytesNoted);
                        bytesNoted = page.BytesRead;
                        batch.SetCursor(PagePlace.Cursor, $"{place with { Rows = rows.Position }}");
                        isCommitted = true;
                        yield return batch.Take();
                    }
                }

                batch.AddBytesRead(page.BytesRead - bytesNoted);
                guard.Leave(page, rows.Position);
                var next = Next(page, new PageAnswer(place.Request, rows.Position, page.Headers, rows.Around.ToArray()));
                place = next is null ? null : new PagePlace(next, place.Number + 1, 0);
            }
        }

        if (reader.Ignored.Count > 0) context.Logger.LogInformation("{Source}: keys that are not in the contract are left out: {Keys}", Description, string.Join(", ", reader.Ignored));
        context.Logger.LogInformation("{Source}: {Rows} rows on {Pages} pages", Description, batch.RowsRead, guard.PagesRead);
        if (isCommitted) batch.SetCursor(PagePlace.Cursor, PagePlace.Done);

        // Nothing is what a table that mirrors an API without rows is to hold.
        if (!batch.IsEmpty || context.ReplacesTarget) yield return batch.Take();
    }

    public Task CheckAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        var api = connection.Resolve(services);
        return api.CheckAsync(api.AddressOf(settings.Path, settings.Query), cancellationToken);
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
            return settings.Pagination.Next(answer);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw page.Invalid($"does not say which page is next: {exception.Message}.", "Check the paths that http.Paginate(…) was given.", exception);
        }
    }

    private Uri AddressOf(HttpApi api, PagePlace place, Uri? before)
    {
        var own = api.AddressOf(settings.Path, settings.Query);
        if (place.Request.Link is not { } link) return api.AddressOf(settings.Path, settings.Query.Where(q => !place.Request.Query.ContainsKey(q.Key)).Concat(place.Request.Query));
        return api.Follow(before ?? own, link) ?? throw new DataPlatformException(
            FailureClass.Configuration,
            $"{Description}: the link to page {place.Number} leads to another host than {api.BaseAddress.Host}.",
            $"Credentials are not sent there. If it is the API's own, put it into ConnectionStrings:{api.Name}.");
    }

    private async Task<HttpPage> OpenAsync(HttpApi api, PagePlace place, Uri address, CancellationToken cancellationToken)
    {
        var response = await api.GetAsync(address, settings.Headers, $"Page {place.Number}, {api.Show(address)},", cancellationToken).ConfigureAwait(false);
        return await HttpPage.OpenAsync(api, settings.Path, place.Number, response, cancellationToken).ConfigureAwait(false);
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
internal sealed class HttpSource<T>(Connection<HttpApi> api, HttpSourceSettings settings) : HttpSource(api, settings, Contract.Of<T>()), ISource<T> where T : notnull;
