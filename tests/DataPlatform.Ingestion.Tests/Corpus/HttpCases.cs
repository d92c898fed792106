using System.Text;
using DataPlatform.Ingestion.Tests.Sources.Http;

namespace DataPlatform.Ingestion.Tests.Corpus;

/// <summary>Servers of the corpus: what each answers to the first request, the second, and so on, the last answer for ever.</summary>
internal static class HttpCases
{
    private const string Rows = """[{"id":1,"name":"Ann"},{"id":2,"name":"Bob"}]""";
    private const string Started = "HTTP/1.1 200 OK\nContent-Type: application/json\n";

    public static IReadOnlyDictionary<string, Func<string, Answer[]>> All { get; } = new Dictionary<string, Func<string, Answer[]>>(StringComparer.Ordinal)
    {
        ["well-formed"] = _ => [Answer.Json(Rows)],
        ["body-cut"] = _ => [Answer.Json(Rows) with { SaidLength = 500 }],
        ["body-longer-than-said"] = _ => [Answer.Json(Rows) with { SaidLength = 30 }],
        ["length-negative"] = _ => [Raw($"{Started}Content-Length: -1\n\n{Rows}")],
        ["length-twice"] = _ => [Raw($"{Started}Content-Length: 5\nContent-Length: {Rows.Length}\n\n{Rows}")],
        ["chunks"] = _ => [Raw($"{Started}Transfer-Encoding: chunked\n\n{Rows.Length:x}\n{Rows}\n0\n\n")],
        ["chunks-cut"] = _ => [Raw($"{Started}Transfer-Encoding: chunked\n\n{Rows.Length:x}\n{Rows}\n")],
        ["chunks-cut-within"] = _ => [Raw($"{Started}Transfer-Encoding: chunked\n\nff\n{Rows}")],
        ["chunk-size-nonsense"] = _ => [Raw($"{Started}Transfer-Encoding: chunked\n\nxyz\n{Rows}\n0\n\n")],
        ["no-length-and-cut"] = _ => [Raw($"{Started}\n{Rows[..^20]}")],
        ["no-http"] = _ => [Raw("+OK POP3 ready\n")],
        ["header-of-100-kilobytes"] = _ => [Raw($"{Started}X-Long: {new string('x', 100_000)}\n\n{Rows}")],
        ["closed-without-answer"] = _ => [new Answer([]) { Closes = true }],
        ["html"] = _ => [new Answer("<html>Sign in</html>"u8.ToArray(), ContentType: "text/html; charset=utf-8")],
        ["html-as-json"] = _ => [Answer.Json("<html>Sign in</html>")],
        ["html-without-type"] = _ => [new Answer("<html>Sign in</html>"u8.ToArray(), ContentType: null)],
        ["error-with-200"] = _ => [Answer.Json("""{"error":"quota exceeded"}""")],
        ["error-on-second-page"] = _ => [Page(1, "/page/2"), Answer.Json("""{"error":"quota exceeded"}""")],
        ["empty-with-200"] = _ => [Answer.Json("")],
        ["null-with-200"] = _ => [Answer.Json("null")],
        ["no-content"] = _ => [Answer.Of(204)],
        ["json-lines"] = _ => [Answer.Json("{\"id\":1}\n{\"id\":2}\n")],
        ["bad-rows"] = _ => [Answer.Json("""[{"id":1},{"id":"x"},{"id":2,"amount":1e9},7,{"id":03}]""")],
        ["too-many-requests-once"] = _ => [Answer.Of(429), Answer.Json(Rows)],
        ["too-many-requests-for-ever"] = _ => [Answer.Of(429)],
        ["retry-after-in-the-past"] = _ => [Answer.Of(429, ("Retry-After", "Mon, 01 Jan 2001 00:00:00 GMT")), Answer.Json(Rows)],
        ["retry-after-negative"] = _ => [Answer.Of(503, ("Retry-After", "-100")), Answer.Json(Rows)],
        ["retry-after-nonsense"] = _ => [Answer.Of(503, ("Retry-After", "soon")), Answer.Json(Rows)],
        ["retry-after-a-year"] = _ => [Answer.Of(429, ("Retry-After", "31536000"))],
        ["retry-after-beyond-numbers"] = _ => [Answer.Of(429, ("Retry-After", "99999999999999999999")), Answer.Json(Rows)],
        ["redirect-to-itself"] = server => [Answer.Of(302, ("Location", $"{server}/rows"))],
        ["redirect-without-target"] = _ => [Answer.Of(301)],
        ["next-is-itself"] = _ => [Page(1, "/rows")],
        ["next-in-a-circle"] = _ => [Page(1, "/page/2"), Page(2, "/page/3"), Page(3, "/page/2")],
        ["next-on-another-host"] = _ => [Page(1, "http://example.org/page/2")],
        ["next-no-address"] = _ => [Page(1, "http://[")],
        ["next-no-text"] = _ => [Answer.Json("""{"items":[{"id":1}],"next":{"page":2}}""")],
        ["next-lone-surrogate"] = _ => [Answer.Json("""{"items":[{"id":1}],"next":"\ud800"}""")],
        ["next-malformed"] = _ => [Answer.Json("""{"items":[{"id":1}],"next":/page/2}""")],
        ["second-page-unavailable"] = _ => [Page(1, "/page/2"), Answer.Of(500)],
        ["second-page-cut"] = _ => [Page(1, "/page/2"), Answer.Json("""{"items":[{"id":2}""")],
        ["charset-unknown"] = _ => [new Answer(Encoding.UTF8.GetBytes(Rows), ContentType: "application/json; charset=klingon")],
        ["charset-of-no-encoding"] = _ => [new Answer(Encoding.UTF8.GetBytes(Rows), ContentType: "application/json; charset=utf-7")],
        ["charset-latin-1"] = _ => [new Answer(Encoding.Latin1.GetBytes("""[{"id":1,"name":"Zoë"}]"""), ContentType: "application/json; charset=iso-8859-1")],
        ["charset-lies"] = _ => [new Answer(Encoding.Latin1.GetBytes("""[{"id":1,"name":"Zoë"},{"id":2,"name":"Bob"}]"""), ContentType: "application/json; charset=utf-8")],
        ["utf-16-unsaid"] = _ => [new Answer([0xFF, 0xFE, .. Encoding.Unicode.GetBytes(Rows)])],
        ["type-nonsense"] = _ => [new Answer(Encoding.UTF8.GetBytes(Rows), ContentType: ";;; =")],
        ["gzip-that-is-none"] = _ => [Answer.Json(Rows).With("Content-Encoding", "gzip")],
        ["gzip-cut"] = _ => [new Answer(Inbox.Gzip(Rows)[..^15]).With("Content-Encoding", "gzip")],
        ["gzip-checksum-wrong"] = _ => [new Answer([.. Inbox.Gzip(Rows)[..^8], 1, 2, 3, 4, 5, 6, 7, 8]).With("Content-Encoding", "gzip")],
        ["brotli-that-is-none"] = _ => [Answer.Json(Rows).With("Content-Encoding", "br")],
        ["deflate-that-is-none"] = _ => [Answer.Json(Rows).With("Content-Encoding", "deflate")],
        ["encoding-unknown"] = _ => [Answer.Json(Rows).With("Content-Encoding", "klingon")],
        ["compressed-unsaid"] = _ => [new Answer(Inbox.Gzip(Rows))],
    };

    /// <summary>What an answer's rows are at, and where its next link is, for the cases that have several pages.</summary>
    public static void Configure(string name, HttpSourceBuilder http)
    {
        if (name.Contains("next", StringComparison.Ordinal) || name.Contains("page", StringComparison.Ordinal)) http.Records("$.items").Paginate(Pages.NextLink("$.next"));
    }

    private static Answer Raw(string raw) => new([]) { Raw = raw };

    private static Answer Page(int id, string next) => Answer.Json($$"""{"items":[{"id":{{id}}}],"next":"{{next}}"}""");
}
