using System.Net;
using System.Net.Http.Headers;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace DataPlatform.Lineage;

/// <summary>Delivers events in their order, one after the other, in the background. Whoever adds one never waits.</summary>
internal sealed class OpenLineageDelivery : IAsyncDisposable
{
    // Some MiB: what a project of a thousand nodes tells in the time that a server is away for.
    private const int MaxWaiting = 5_000;

    private readonly Channel<OpenLineageEvent> _waiting;
    private readonly CancellationTokenSource _giveUp = new();
    private readonly OpenLineageOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ResiliencePipeline _resilience;
    private readonly Func<byte[], CancellationToken, Task> _send;
    private readonly HttpClient? _client;
    private readonly Task _delivering;
    private string? _lastTrouble;
    private int _lost;
    private bool _warned;

    public OpenLineageDelivery(OpenLineageOptions options, TimeProvider time, ILoggerFactory? loggerFactory)
    {
        (_options, _time) = (options, time);
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger("DataPlatform.OpenLineage");
        _waiting = Channel.CreateBounded<OpenLineageEvent>(new BoundedChannelOptions(MaxWaiting) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
        _resilience = BuildResilience();
        if (options.Url is { } url)
        {
            // Credentials are not to follow a redirect to another host.
            _client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = Timeout.InfiniteTimeSpan };
            if (options.ApiKey is { Length: > 0 } key) _client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
            var endpoint = new Uri($"{url.AbsoluteUri.TrimEnd('/')}/{options.Endpoint.TrimStart('/')}");
            _send = (json, token) => PostAsync(endpoint, json, token);
        }
        else
        {
            _send = AppendAsync;
        }

        _delivering = Task.Run(DeliverAsync);
    }

    public void Add(OpenLineageEvent run)
    {
        if (!_waiting.Writer.TryWrite(run)) Lose(1, "too many wait for delivery");
    }

    public async ValueTask DisposeAsync()
    {
        if (!_waiting.Writer.TryComplete()) return;
        try
        {
            await _delivering.WaitAsync(_options.Timeout, _time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            await _giveUp.CancelAsync().ConfigureAwait(false);
            await _delivering.ConfigureAwait(false);
        }

        if (_lost > 0) _logger.LogInformation("{Lost} OpenLineage events were not delivered", _lost);
        _client?.Dispose();
        _giveUp.Dispose();
    }

    // The breaker outside the retries: while a server is away, each event costs one attempt in half a minute, not seconds of waiting.
    private ResiliencePipeline BuildResilience() => new ResiliencePipelineBuilder { Name = "openlineage", TimeProvider = _time }
        .AddCircuitBreaker(new CircuitBreakerStrategyOptions { FailureRatio = 1, MinimumThroughput = 2, SamplingDuration = TimeSpan.FromMinutes(1), BreakDuration = TimeSpan.FromSeconds(30), ShouldHandle = MayPass() })
        .AddRetry(new RetryStrategyOptions
        {
            MaxRetryAttempts = 3,
            Delay = TimeSpan.FromMilliseconds(200),
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            ShouldHandle = MayPass(),
            OnRetry = arguments =>
            {
                _lastTrouble = arguments.Outcome.Exception?.Message;
                return default;
            },
        })
        .AddTimeout(new TimeoutStrategyOptions { Timeout = _options.Timeout })
        .Build();

    private static PredicateBuilder<object> MayPass() => new PredicateBuilder()
        .Handle<HttpRequestException>(e => e.StatusCode is null or HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout or >= HttpStatusCode.InternalServerError)
        .Handle<TimeoutRejectedException>()
        .Handle<IOException>();

    private async Task DeliverAsync()
    {
        await foreach (var run in _waiting.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            try
            {
                var json = run.ToJson();
                await _resilience.ExecuteAsync(async token => await _send(json, token).ConfigureAwait(false), _giveUp.Token).ConfigureAwait(false);
                _lastTrouble = null;
            }
            catch (OperationCanceledException) when (_giveUp.IsCancellationRequested)
            {
                Lose(1, _lastTrouble ?? $"there was no answer in {_options.Timeout.TotalSeconds:0.#} s");
            }
            catch (Exception e)
            {
                // Whatever it is, the run is not to fail for it.
                Lose(1, e.Message);
            }
        }
    }

    private async Task PostAsync(Uri endpoint, byte[] json, CancellationToken cancellationToken)
    {
        using var content = new ByteArrayContent(json);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var answer = await _client!.PostAsync(endpoint, content, cancellationToken).ConfigureAwait(false);
        if (!answer.IsSuccessStatusCode) throw new HttpRequestException($"the server answered {(int)answer.StatusCode} {answer.ReasonPhrase}", null, answer.StatusCode);
    }

    private async Task AppendAsync(byte[] json, CancellationToken cancellationToken)
    {
        if (Path.GetDirectoryName(_options.Path) is { Length: > 0 } folder) Directory.CreateDirectory(folder);
        // In one write, so that jobs that share a file do not get between each other's lines.
        await File.AppendAllBytesAsync(_options.Path!, [.. json, (byte)'\n'], cancellationToken).ConfigureAwait(false);
    }

    private void Lose(int events, string reason)
    {
        Interlocked.Add(ref _lost, events);
        if (Interlocked.Exchange(ref _warned, true)) return;
        _logger.LogWarning(
            "OpenLineage events cannot be delivered to {Target}: {Reason}. The run goes on without; more of it is not said", _options.Url?.GetLeftPart(UriPartial.Path) ?? _options.Path, reason);
    }
}
