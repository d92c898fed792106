using System.Net;
using System.Text;
using Polly.Timeout;

namespace DataPlatform.Ingestion;

/// <summary>What answers and exceptions of HTTP mean.</summary>
internal static class HttpFailure
{
    private const int ShownCharacters = 300;

    /// <summary>Whether the same request may be answered otherwise a little later.</summary>
    public static bool IsRetryable(HttpStatusCode status) => status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError;

    /// <summary>How long an answer asks to wait, or null when it does not say.</summary>
    public static TimeSpan? RetryAfter(HttpResponseMessage response, TimeProvider time) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - time.GetUtcNow() is var wait && wait > TimeSpan.Zero ? wait : TimeSpan.Zero,
        _ => null,
    };

    /// <summary>What an answer without success means.</summary>
    public static async Task<DataPlatformException> OfAsync(HttpResponseMessage response, string api, string what, Func<string, string> mask, CancellationToken cancellationToken)
    {
        var (failureClass, hint) = response.StatusCode switch
        {
            HttpStatusCode.Unauthorized => (FailureClass.NotAuthorized, $"The credentials of DataPlatform:Http:{api} are missing, wrong or expired."),
            HttpStatusCode.Forbidden => (FailureClass.NotAuthorized, "The credentials are known but do not allow this. Ask for the right to read it."),
            HttpStatusCode.NotFound or HttpStatusCode.Gone => (FailureClass.Configuration, $"Check the path, and the address in ConnectionStrings:{api}."),
            HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests => (FailureClass.Transient, $"It asks to be left alone for a while. Set DataPlatform:Http:{api}:RequestsPerSecond to stay below its limit."),
            >= HttpStatusCode.InternalServerError => (FailureClass.Unavailable, "The API has a problem of its own. Try again later."),
            >= HttpStatusCode.Ambiguous and < HttpStatusCode.BadRequest =>
                (FailureClass.Configuration, $"It has moved: put the address it is at now into ConnectionStrings:{api}. Redirects are not followed, so that credentials do not go elsewhere."),
            _ => (FailureClass.Configuration, "The API does not take the request: check path, query and headers."),
        };
        var wait = response.Headers.RetryAfter is { } after ? $" (Retry-After: {after})" : "";
        return new DataPlatformException(failureClass, $"{what} of HTTP API '{api}' was answered with {(int)response.StatusCode} {response.ReasonPhrase}{wait}{await ShowBodyAsync(response, mask, cancellationToken).ConfigureAwait(false)}.", hint);
    }

    /// <summary>What an exception means; null when it is not one of HTTP.</summary>
    public static DataPlatformException? Of(Exception exception, string api, string what, CancellationToken cancellationToken) => exception switch
    {
        TimeoutRejectedException or TimeoutException => new(
            FailureClass.Transient, $"{what} of HTTP API '{api}' was not answered in time.", $"The time is DataPlatform:Http:{api}:Timeout.", exception),
        OperationCanceledException when !cancellationToken.IsCancellationRequested => new(
            FailureClass.Transient, $"{what} of HTTP API '{api}' was not answered in time.", $"The time is DataPlatform:Http:{api}:Timeout.", exception),
        HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError or HttpRequestError.ProxyTunnelError } => new(
            FailureClass.Unavailable, $"HTTP API '{api}' cannot be reached: {exception.Message}.", $"Check ConnectionStrings:{api}, and that the host can be reached from here.", exception),
        HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } => new(
            FailureClass.Unavailable, $"HTTP API '{api}' offers no secure connection: {exception.InnerException?.Message ?? exception.Message}", "Check its certificate, and that this machine trusts its issuer.", exception),
        HttpRequestException or IOException => new(
            FailureClass.Transient, $"{what} of HTTP API '{api}' was cut off: {exception.Message}", "The connection was lost. Try again.", exception),
        _ => null,
    };

    // What an API says of an error is most often what helps; a page of HTML is not.
    private static async Task<string> ShowBodyAsync(HttpResponseMessage response, Func<string, string> mask, CancellationToken cancellationToken)
    {
        if (response.Content.Headers.ContentType?.MediaType is not { } type || !(type.Contains("json", StringComparison.OrdinalIgnoreCase) || type.Equals("text/plain", StringComparison.OrdinalIgnoreCase))) return "";
        try
        {
            // A credential that is cut in two is not known for one: what is shown is cut after it was masked.
            var body = new byte[16 * ShownCharacters];
            using var stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            var length = await stream.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
            var text = mask(Encoding.UTF8.GetString(body, 0, length).ReplaceLineEndings(" ").Trim());
            return text.Length == 0 ? "" : text.Length <= ShownCharacters ? $": {text}" : $": {text.AsSpan(0, ShownCharacters)}…";
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException or InvalidDataException or OperationCanceledException)
        {
            return "";
        }
    }
}
