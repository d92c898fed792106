using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace DataPlatform.Ingestion;

/// <summary>
/// A web API that sources read: its address, credentials, pace and retries. <c>builder.AddHttpApi("shop")</c> adds one to a host; make one to use
/// it without. Safe for use by many steps at the same time.
/// </summary>
public sealed class HttpApi : IDisposable
{
    private readonly HttpApiOptions _options;
    private readonly HttpClient _client;
    private readonly HttpCredentials _credentials;
    private readonly RequestPacer? _pacer;
    private readonly ResiliencePipeline<HttpResponseMessage> _retry;
    private readonly ResiliencePipeline<HttpResponseMessage> _timeout;
    private readonly ILogger _logger;

    /// <summary>Sets up an API; nothing is sent yet.</summary>
    /// <param name="name">Its name, for messages.</param>
    /// <param name="options">How it is reached.</param>
    /// <param name="handler">Sends requests, and is not disposed of; null for one of its own, which follows no redirects.</param>
    /// <param name="time">The clock of delays, timeouts and tokens.</param>
    /// <param name="loggerFactory">Where retries are logged.</param>
    /// <exception cref="DataPlatformException">The options are not complete or contradict each other.</exception>
    public HttpApi(string name, HttpApiOptions options, HttpMessageHandler? handler = null, TimeProvider? time = null, ILoggerFactory? loggerFactory = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(options);
        Name = name;
        _options = options;
        Time = time ?? TimeProvider.System;
        BaseAddress = ReadAddress(options.BaseAddress);
        _credentials = new HttpCredentials(this, options);
        _pacer = options.RequestsPerSecond is { } pace ? new RequestPacer(pace > 0 ? pace : throw Invalid("RequestsPerSecond is not above 0"), Time) : null;
        if (options.MaxRetries < 0 || options.Timeout <= TimeSpan.Zero || options.RetryDelay < TimeSpan.Zero || options.MaxRetryDelay < options.RetryDelay)
            throw Invalid("MaxRetries, Timeout, RetryDelay or MaxRetryDelay is negative, or the greatest delay is below the first");
        _client = new HttpClient(handler ?? CreateHandler(), disposeHandler: handler is null) { Timeout = System.Threading.Timeout.InfiniteTimeSpan };
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<HttpApi>();
        _retry = BuildRetry();

        // Apart from the retries, and for each request alone: to wait for one's turn is not to wait for an answer.
        _timeout = new ResiliencePipelineBuilder<HttpResponseMessage> { Name = $"http/{name}/request", TimeProvider = Time }.AddTimeout(new TimeoutStrategyOptions { Timeout = options.Timeout }).Build();
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    internal Uri BaseAddress { get; }

    internal TimeProvider Time { get; }

    internal TimeSpan Timeout => _options.Timeout;

    /// <summary>What sends requests when nothing else is given: no redirects, because a credential in a header would go with them.</summary>
    internal static HttpMessageHandler CreateHandler() => new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.All,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        UseCookies = false,
    };

    /// <summary>Closes its connections.</summary>
    public void Dispose()
    {
        _client.Dispose();
        _credentials.Dispose();
        _pacer?.Dispose();
    }

    /// <summary>The address of a path below the API's, with a query. A credential in it is left out: it is added when it is sent.</summary>
    internal Uri AddressOf(string path, IEnumerable<KeyValuePair<string, string>> query)
    {
        var address = new Uri(BaseAddress, path.TrimStart('/')).AbsoluteUri;
        foreach (var (key, value) in query) address += $"{(address.Contains('?', StringComparison.Ordinal) ? '&' : '?')}{Uri.EscapeDataString(key)}={Uri.EscapeDataString(value)}";
        return _credentials.Strip(new Uri(address));
    }

    /// <summary>The address that a link in an answer leads to; null when it is of another host, which gets neither credentials nor requests.</summary>
    internal Uri? Follow(Uri from, string link)
    {
        if (!Uri.TryCreate(from, link, out var target) || target.IdnHost != BaseAddress.IdnHost) return null;

        // Behind a proxy an API may take itself for another port or for plain HTTP.
        return _credentials.Strip(new UriBuilder(target) { Scheme = BaseAddress.Scheme, Port = BaseAddress.Port, Fragment = "" }.Uri);
    }

    /// <summary>Sends a request until it is answered with success or may not be repeated.</summary>
    /// <exception cref="DataPlatformException">It is not answered with success.</exception>
    internal async Task<HttpResponseMessage> GetAsync(Uri address, IReadOnlyList<KeyValuePair<string, string>> headers, string what, CancellationToken cancellationToken)
    {
        try
        {
            var response = await _retry.ExecuteAsync(async token => await SendAsync(HttpMethod.Get, address, headers, token).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
            if (response.IsSuccessStatusCode) return response;
            using var timeout = new CancellationTokenSource(_options.Timeout, Time);
            using (response) throw await HttpFailure.OfAsync(response, Name, what, _credentials.Mask, timeout.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (HttpFailure.Of(exception, Name, what, cancellationToken) is { } failure)
        {
            throw failure;
        }
    }

    /// <summary>Throws when the API cannot be reached or refuses the credentials. What it answers apart from that is not looked at: not every address answers HEAD.</summary>
    internal async Task CheckAsync(Uri address, CancellationToken cancellationToken)
    {
        const string What = "the check";
        try
        {
            using var response = await SendAsync(HttpMethod.Head, address, [], cancellationToken).ConfigureAwait(false);
            if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
                throw await HttpFailure.OfAsync(response, Name, What, _credentials.Mask, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (HttpFailure.Of(exception, Name, What, cancellationToken) is { } failure)
        {
            throw failure;
        }
    }

    /// <summary>Sends a request as it is, for a token.</summary>
    internal Task<HttpResponseMessage> SendPlainAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);

    /// <summary>An address for people: without host, and without what may be a credential.</summary>
    internal string Show(Uri address) => _credentials.Mask(address.PathAndQuery);

    internal string Mask(string text) => _credentials.Mask(text);

    internal DataPlatformException Invalid(string problem) => new(
        FailureClass.Configuration, $"HTTP API '{Name}': {problem}.", $"Correct ConnectionStrings:{Name} or the section DataPlatform:Http:{Name}.");

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, Uri address, IReadOnlyList<KeyValuePair<string, string>> headers, CancellationToken cancellationToken)
    {
        for (var isSecond = false; ; isSecond = true)
        {
            if (_pacer is not null) await _pacer.WaitAsync(cancellationToken).ConfigureAwait(false);
            using var request = new HttpRequestMessage(method, address);
            request.Headers.TryAddWithoutValidation("Accept", "application/json");
            request.Headers.TryAddWithoutValidation("User-Agent", "DataPlatform");
            foreach (var (name, value) in headers)
            {
                request.Headers.Remove(name);
                request.Headers.TryAddWithoutValidation(name, value);
            }

            var response = await _timeout.ExecuteAsync(
                async token =>
                {
                    await _credentials.ApplyAsync(request, token).ConfigureAwait(false);
                    return await SendPlainAsync(request, token).ConfigureAwait(false);
                },
                cancellationToken).ConfigureAwait(false);
            if (_logger.IsEnabled(LogLevel.Debug)) _logger.LogDebug("{Api} {Method} {Address}: {Status}", Name, method, Show(address), (int)response.StatusCode);
            if (response.StatusCode != HttpStatusCode.Unauthorized || isSecond || !_credentials.TryRenew(request)) return response;
            response.Dispose();
        }
    }

    private ResiliencePipeline<HttpResponseMessage> BuildRetry()
    {
        var builder = new ResiliencePipelineBuilder<HttpResponseMessage> { Name = $"http/{Name}", TimeProvider = Time };
        if (_options.MaxRetries > 0)
        {
            builder.AddRetry(new RetryStrategyOptions<HttpResponseMessage>
            {
                MaxRetryAttempts = _options.MaxRetries,
                Delay = _options.RetryDelay,
                MaxDelay = _options.MaxRetryDelay,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = arguments => new(!arguments.Context.CancellationToken.IsCancellationRequested && (arguments.Outcome.Result is { } response
                    ? HttpFailure.IsRetryable(response.StatusCode) && !(HttpFailure.RetryAfter(response, Time) > _options.MaxRetryDelay)
                    : IsRetryable(arguments.Outcome.Exception!))),
                DelayGenerator = arguments => new(arguments.Outcome.Result is { } response ? HttpFailure.RetryAfter(response, Time) : null),
                OnRetry = arguments =>
                {
                    _logger.LogWarning(
                        "{Api} {Answer}; trying again in {Seconds:0.0} s", Name,
                        arguments.Outcome.Result is { } response ? $"answered {(int)response.StatusCode}" : "did not answer", arguments.RetryDelay.TotalSeconds);
                    arguments.Outcome.Result?.Dispose();
                    return default;
                },
            });
        }

        return builder.Build();
    }

    private bool IsRetryable(Exception exception) =>
        (exception as DataPlatformException ?? HttpFailure.Of(exception, Name, "A request", CancellationToken.None)) is { FailureClass: FailureClass.Transient or FailureClass.Unavailable };

    private Uri ReadAddress(string? address)
    {
        if (string.IsNullOrWhiteSpace(address))
        {
            throw new DataPlatformException(
                FailureClass.Configuration,
                $"HTTP API '{Name}' has no address: ConnectionStrings:{Name} is not set.",
                $"Set it in appsettings.json or as environment variable ConnectionStrings__{Name}, for example to https://api.example.com/v2.");
        }

        return Uri.TryCreate(address.EndsWith('/') ? address : $"{address}/", UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri is { Query: "", UserInfo: "" }
            ? uri
            : throw Invalid("its address is not one that begins with https:// or http://, without a query and without a password");
    }
}
