namespace DataPlatform.Ingestion;

/// <summary>Says how rows are had from an API.</summary>
public sealed class HttpSourceBuilder
{
    private readonly List<KeyValuePair<string, string>> _query = [];
    private readonly List<KeyValuePair<string, string>> _headers = [];
    private Pagination _pagination = Pages.SinglePage;
    private JsonPath _records = JsonPath.Parse("$");
    private JsonOptions _json = new();
    private int _maxPages = 100_000;
    private CursorParameter? _since, _until;
    private RowOrder? _order;

    internal HttpSourceBuilder()
    {
    }

    /// <summary>Where in an answer the rows are: an array of objects. <c>$</c>, when nothing is said: the answer is the array.</summary>
    /// <param name="path">A path such as <c>$.items</c>, <c>$.data.orders</c>, <c>$['value']</c>.</param>
    /// <exception cref="DataPlatformException">It is not a path.</exception>
    public HttpSourceBuilder Records(string path)
    {
        _records = JsonPath.Parse(path);
        return this;
    }

    /// <summary>How the API gives more rows than fit into one answer. Without it one answer has them all.</summary>
    /// <param name="pagination">One of <see cref="Pages"/>.</param>
    public HttpSourceBuilder Paginate(Pagination pagination)
    {
        ArgumentNullException.ThrowIfNull(pagination);
        _pagination = pagination;
        return this;
    }

    /// <summary>Adds a query parameter to every request. No credentials: they are in the API's configuration.</summary>
    /// <param name="name">The parameter.</param>
    /// <param name="value">Its value, as it is: it is escaped here.</param>
    public HttpSourceBuilder Query(string name, string value)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(value);
        _query.Add(new(name, value));
        return this;
    }

    /// <summary>Adds a header to every request: <c>Accept</c>, <c>X-Api-Version</c>. No credentials: they are in the API's configuration.</summary>
    /// <param name="name">The header.</param>
    /// <param name="value">Its value.</param>
    public HttpSourceBuilder Header(string name, string value)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(value);
        _headers.Add(new(name, value));
        return this;
    }

    /// <summary>How rows are read from the objects.</summary>
    /// <param name="options">Whether nested objects are taken apart, and the longest row.</param>
    public HttpSourceBuilder Json(JsonOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _json = options;
        return this;
    }

    /// <summary>The most pages that one read may take, against an API that never ends; more fail the step. 100,000.</summary>
    /// <param name="pages">How many.</param>
    public HttpSourceBuilder MaxPages(int pages)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pages);
        _maxPages = pages;
        return this;
    }

    /// <summary>Has the API give only rows from a cursor on: sends the value from which a run reads, when there is one. Needs <c>.Incremental(…)</c>.</summary>
    /// <param name="parameter">The query parameter: <c>updated_since</c>. Rows that have the value itself are to be in the answer.</param>
    /// <param name="format">How the value is written.</param>
    public HttpSourceBuilder Since(string parameter, CursorFormat format = CursorFormat.Plain)
    {
        _since = CursorParameter.Of(parameter, format);
        return this;
    }

    /// <summary>Has the API give only rows up to a cursor: sends the end of a range, when there is one (<see cref="IncrementalBuilder.Between"/>). Needs <c>.Incremental(…)</c>.</summary>
    /// <param name="parameter">The query parameter: <c>updated_before</c>.</param>
    /// <param name="format">How the value is written.</param>
    public HttpSourceBuilder Until(string parameter, CursorFormat format = CursorFormat.Plain)
    {
        _until = CursorParameter.Of(parameter, format);
        return this;
    }

    /// <summary>
    /// Says in which order of the cursor the API gives its rows. No page is asked for behind the first row that is older than where a run begins (descending), or that is not before the
    /// end of a range (ascending). Rows of a page that are in another order fail the load. Needs <c>.Incremental(…)</c>.
    /// </summary>
    /// <param name="order">The order.</param>
    public HttpSourceBuilder Ordered(RowOrder order)
    {
        if (!Enum.IsDefined(order)) throw new ArgumentOutOfRangeException(nameof(order));
        _order = order;
        return this;
    }

    internal HttpSourceSettings Build(string path) => new(path, [.. _query], [.. _headers], _pagination, _records, _json, _maxPages) { Since = _since, Until = _until, Order = _order };
}

/// <summary>How rows are had from an API.</summary>
internal sealed record HttpSourceSettings(
    string Path, IReadOnlyList<KeyValuePair<string, string>> Query, IReadOnlyList<KeyValuePair<string, string>> Headers, Pagination Pagination, JsonPath Records, JsonOptions Json, int MaxPages)
{
    /// <summary>What the start of a range is sent as.</summary>
    public CursorParameter? Since { get; init; }

    /// <summary>What the end of a range is sent as.</summary>
    public CursorParameter? Until { get; init; }

    /// <summary>The order of the cursor in which rows come.</summary>
    public RowOrder? Order { get; init; }
}

/// <summary>A query parameter for the value of a cursor.</summary>
internal sealed record CursorParameter(string Name, CursorFormat Format)
{
    public static CursorParameter Of(string name, CursorFormat format)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return Enum.IsDefined(format) ? new CursorParameter(name, format) : throw new ArgumentOutOfRangeException(nameof(format));
    }
}
