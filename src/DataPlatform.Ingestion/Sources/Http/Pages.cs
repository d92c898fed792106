using System.Globalization;

namespace DataPlatform.Ingestion;

/// <summary>How an API gives more rows than fit into one answer. Made by <see cref="Pages"/>.</summary>
public abstract class Pagination
{
    private protected Pagination()
    {
    }

    /// <summary>Whether an API that does not heed the request's parameters would give the same page for ever.</summary>
    internal virtual bool RestsOnParameters => false;

    /// <summary>What to ask for first.</summary>
    internal virtual PageRequest First => PageRequest.Plain;

    /// <summary>What to ask for after an answer; null when it was the last.</summary>
    internal abstract PageRequest? Next(PageAnswer answer);
}

/// <summary>The ways in which APIs give their pages: <c>http.Paginate(Pages.NextLink("$.next"))</c>.</summary>
public static class Pages
{
    /// <summary>Everything is in one answer. What an API source does when nothing is said.</summary>
    public static Pagination SinglePage { get; } = new OnePage();

    /// <summary>The answer has the address of the next page; none, null or an empty one at the end.</summary>
    /// <param name="path">Where in the answer: <c>$.next</c>, <c>$.links.next</c>, <c>$['@odata.nextLink']</c>.</param>
    /// <exception cref="DataPlatformException"><paramref name="path"/> is not a path.</exception>
    public static Pagination NextLink(string path) => new NextLinkPages(JsonPath.Parse(path));

    /// <summary>The header <c>Link</c> has the address of the next page, as <c>rel="next"</c> (RFC 8288): GitHub, GitLab and others.</summary>
    public static Pagination LinkHeader() => new LinkHeaderPages();

    /// <summary>The answer has a cursor, which is sent back for the next page; none, null or an empty one at the end.</summary>
    /// <param name="path">Where in the answer: <c>$.next_cursor</c>, <c>$.meta.cursor</c>.</param>
    /// <param name="parameter">The query parameter it is sent as.</param>
    /// <exception cref="DataPlatformException"><paramref name="path"/> is not a path.</exception>
    public static Pagination Cursor(string path, string parameter = "cursor") => new CursorPages(JsonPath.Parse(path), NotEmpty(parameter));

    /// <summary>
    /// Rows are asked for by how many come before them. It ends with the first page without rows, or when as many were read as the answer says there are: a page that is
    /// not full does not end it, as many an API gives fewer rows than it is asked for.
    /// </summary>
    /// <param name="limit">How many rows to ask for.</param>
    /// <param name="offsetParameter">The query parameter for how many come before.</param>
    /// <param name="limitParameter">The query parameter for how many to give.</param>
    /// <param name="total">Where in the answer it says how many rows there are in all, or null.</param>
    /// <exception cref="DataPlatformException"><paramref name="total"/> is not a path.</exception>
    public static Pagination Offset(int limit, string offsetParameter = "offset", string limitParameter = "limit", string? total = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return new OffsetPages(limit, NotEmpty(offsetParameter), NotEmpty(limitParameter), total is null ? null : JsonPath.Parse(total));
    }

    /// <summary>Pages are numbered. It ends with the first page without rows, or with as many pages as the answer says there are.</summary>
    /// <param name="parameter">The query parameter for the number.</param>
    /// <param name="first">The number of the first page.</param>
    /// <param name="totalPages">Where in the answer it says how many pages there are, or null.</param>
    /// <exception cref="DataPlatformException"><paramref name="totalPages"/> is not a path.</exception>
    public static Pagination Number(string parameter = "page", int first = 1, string? totalPages = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        return new NumberedPages(NotEmpty(parameter), first, totalPages is null ? null : JsonPath.Parse(totalPages));
    }

    private static string NotEmpty(string parameter)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(parameter);
        return parameter;
    }

    private static string Format(long number) => number.ToString(CultureInfo.InvariantCulture);

    // What is not there, or is no number, ends nothing: the next page tells.
    private static long? FindNumber(PageAnswer answer, JsonPath? path) =>
        path is not null && long.TryParse(answer.Find(path), NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? number : null;

    private sealed class OnePage : Pagination
    {
        internal override PageRequest? Next(PageAnswer answer) => null;
    }

    private sealed class NextLinkPages(JsonPath path) : Pagination
    {
        internal override PageRequest? Next(PageAnswer answer) => answer.Find(path) is { Length: > 0 } link ? PageRequest.Plain with { Link = link } : null;
    }

    private sealed class LinkHeaderPages : Pagination
    {
        internal override PageRequest? Next(PageAnswer answer) =>
            answer.Headers.TryGetValues("Link", out var values) && DataPlatform.Ingestion.LinkHeader.FindNext(values) is { Length: > 0 } link ? PageRequest.Plain with { Link = link } : null;
    }

    private sealed class CursorPages(JsonPath path, string parameter) : Pagination
    {
        internal override PageRequest? Next(PageAnswer answer) => answer.Find(path) is { Length: > 0 } cursor ? PageRequest.Of((parameter, cursor)) : null;
    }

    private sealed class OffsetPages(int limit, string offsetParameter, string limitParameter, JsonPath? total) : Pagination
    {
        internal override bool RestsOnParameters => true;

        internal override PageRequest First => At(0);

        internal override PageRequest? Next(PageAnswer answer)
        {
            var read = long.Parse(answer.Request.Query[offsetParameter], CultureInfo.InvariantCulture) + answer.Rows;
            return answer.Rows == 0 || read >= FindNumber(answer, total) ? null : At(read);
        }

        private PageRequest At(long offset) => PageRequest.Of((limitParameter, Format(limit)), (offsetParameter, Format(offset)));
    }

    private sealed class NumberedPages(string parameter, int first, JsonPath? totalPages) : Pagination
    {
        internal override bool RestsOnParameters => true;

        internal override PageRequest First => PageRequest.Of((parameter, Format(first)));

        internal override PageRequest? Next(PageAnswer answer)
        {
            var next = long.Parse(answer.Request.Query[parameter], CultureInfo.InvariantCulture) + 1;
            return answer.Rows == 0 || next - first >= FindNumber(answer, totalPages) ? null : PageRequest.Of((parameter, Format(next)));
        }
    }
}
