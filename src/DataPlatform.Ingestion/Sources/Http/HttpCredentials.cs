using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace DataPlatform.Ingestion;

/// <summary>What an API is shown, and kept out of what is told of it.</summary>
internal sealed class HttpCredentials : IDisposable
{
    private const string Masked = "***";

    // A token that expires while a request is on its way is refused.
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(60);

    // Names of query parameters whose values may be signatures or keys.
    private static readonly string[] Telling = ["key", "token", "secret", "password", "signature", "sig", "auth"];

    private readonly HttpApi _api;
    private readonly HttpApiOptions _options;
    private readonly Uri? _tokenAddress;
    private readonly SemaphoreSlim _fetching = new(1);
    private volatile AccessToken? _token;

    public HttpCredentials(HttpApi api, HttpApiOptions options)
    {
        _api = api;
        _options = options;
        var kinds = new[] { options.BearerToken, options.ApiKey, options.UserName, options.OAuth is null ? null : "OAuth" }.Count(kind => !string.IsNullOrEmpty(kind));
        if (kinds > 1) throw api.Invalid("more than one of BearerToken, ApiKey, UserName and OAuth is set");
        if (options.OAuth is not { } oauth) return;
        if (string.IsNullOrEmpty(oauth.ClientId) || string.IsNullOrEmpty(oauth.ClientSecret)) throw api.Invalid("OAuth needs ClientId and ClientSecret");
        if (!Uri.TryCreate(oauth.TokenAddress, UriKind.Absolute, out _tokenAddress)) throw api.Invalid("OAuth:TokenAddress is not an address");
    }

    /// <summary>Puts the credentials into a request.</summary>
    public async Task ApplyAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (_options.ApiKey is { Length: > 0 } key && _options.ApiKeyQuery is { Length: > 0 } parameter)
        {
            var address = request.RequestUri!;
            request.RequestUri = new UriBuilder(address) { Query = $"{(address.Query.Length > 1 ? $"{address.Query}&" : "?")}{Uri.EscapeDataString(parameter)}={Uri.EscapeDataString(key)}" }.Uri;
        }
        else if (_options.ApiKey is { Length: > 0 } headerKey)
        {
            request.Headers.TryAddWithoutValidation(_options.ApiKeyHeader, headerKey);
        }

        if (_options.BearerToken is { Length: > 0 } bearer) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        if (_options.UserName is { Length: > 0 } user) request.Headers.Authorization = Basic(user, _options.Password ?? "");
        if (_options.OAuth is { } oauth) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await TokenAsync(oauth, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>After a request was refused: whether trying it again can help, because its token is then another.</summary>
    public bool TryRenew(HttpRequestMessage refused)
    {
        if (_options.OAuth is null) return false;
        if (_token is { } token && token.Value == refused.Headers.Authorization?.Parameter) _token = null;
        return true;
    }

    /// <summary>An address without the key: APIs like to repeat it in the links they give, and links are kept as cursors.</summary>
    public Uri Strip(Uri address)
    {
        if (_options.ApiKeyQuery is not { Length: > 0 } parameter || address.Query.Length < 2) return address;
        var kept = address.Query[1..].Split('&').Where(part => !Uri.UnescapeDataString(part.Split('=')[0]).Equals(parameter, StringComparison.OrdinalIgnoreCase));
        return new UriBuilder(address) { Query = string.Join('&', kept) }.Uri;
    }

    /// <summary>A text without the credentials, and without the values of query parameters whose names sound like one.</summary>
    public string Mask(string text)
    {
        foreach (var secret in Secrets())
        {
            text = text.Replace(secret, Masked, StringComparison.Ordinal);
            text = text.Replace(Uri.EscapeDataString(secret), Masked, StringComparison.Ordinal);
        }

        var query = text.IndexOf('?', StringComparison.Ordinal);
        return query < 0 ? text : string.Concat(text.AsSpan(0, query + 1), string.Join('&', text[(query + 1)..].Split('&').Select(MaskParameter)));
    }

    public void Dispose() => _fetching.Dispose();

    private static string MaskParameter(string part)
    {
        var equals = part.IndexOf('=', StringComparison.Ordinal);
        return equals >= 0 && Telling.Any(word => part.AsSpan(0, equals).Contains(word, StringComparison.OrdinalIgnoreCase)) ? $"{part[..equals]}={Masked}" : part;
    }

    private static AuthenticationHeaderValue Basic(string user, string password) => new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));

    private IEnumerable<string> Secrets() =>
        new[] { _options.BearerToken, _options.ApiKey, _options.Password, _options.OAuth?.ClientSecret, _token?.Value }.OfType<string>().Where(secret => secret.Length > 3);

    private async Task<string> TokenAsync(HttpOAuthOptions oauth, CancellationToken cancellationToken)
    {
        if (Current() is { } known) return known;
        await _fetching.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (Current() is { } fetched) return fetched;
            var token = await FetchAsync(oauth, cancellationToken).ConfigureAwait(false);
            _token = token;
            return token.Value;
        }
        finally
        {
            _fetching.Release();
        }
    }

    private string? Current() => _token is { } token && _api.Time.GetUtcNow() < token.Until ? token.Value : null;

    private async Task<AccessToken> FetchAsync(HttpOAuthOptions oauth, CancellationToken cancellationToken)
    {
        var form = new Dictionary<string, string> { ["grant_type"] = "client_credentials" };
        if (oauth.Scope is { Length: > 0 } scope) form["scope"] = scope;
        if (oauth.Audience is { Length: > 0 } audience) form["audience"] = audience;
        if (oauth.CredentialsInForm) (form["client_id"], form["client_secret"]) = (oauth.ClientId!, oauth.ClientSecret!);

        using var request = new HttpRequestMessage(HttpMethod.Post, _tokenAddress) { Content = new FormUrlEncodedContent(form) };
        request.Headers.TryAddWithoutValidation("Accept", "application/json");

        // RFC 6749, 2.3.1: id and secret are form-encoded before they become user and password.
        if (!oauth.CredentialsInForm) request.Headers.Authorization = Basic(Uri.EscapeDataString(oauth.ClientId!), Uri.EscapeDataString(oauth.ClientSecret!));
        using var response = await _api.SendPlainAsync(request, cancellationToken).ConfigureAwait(false);
        var body = await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
        {
            // A wrong id or secret is answered with 400 or 401, as the server likes.
            throw HttpFailure.IsRetryable(response.StatusCode)
                ? new DataPlatformException(FailureClass.Unavailable, $"HTTP API '{_api.Name}': the token server {_tokenAddress!.Host} answered {(int)response.StatusCode}.", "Try again later.")
                : new DataPlatformException(
                    FailureClass.NotAuthorized,
                    $"HTTP API '{_api.Name}': the token server {_tokenAddress!.Host} answered {(int)response.StatusCode}{(Find(body, "error") is { } error ? $" ({Mask(error)})" : "")}.",
                    $"Check DataPlatform:Http:{_api.Name}:OAuth: TokenAddress, ClientId, ClientSecret and Scope.");
        }

        var seconds = Find(body, "expires_in") is { } text && double.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : 3600;
        var lifetime = TimeSpan.FromSeconds(Math.Clamp(seconds, 0, 1e9));
        return Find(body, "access_token") is { Length: > 0 } value
            ? new AccessToken(value, _api.Time.GetUtcNow() + (lifetime > 2 * Margin ? lifetime - Margin : lifetime / 2))
            : throw new DataPlatformException(
                FailureClass.Configuration, $"HTTP API '{_api.Name}': what the token server {_tokenAddress!.Host} answered has no access_token.", "Check OAuth:TokenAddress.");
    }

    private static string? Find(ReadOnlyMemory<byte> json, string property)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty(property, out var value) ? value.ToString() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private sealed record AccessToken(string Value, DateTimeOffset Until);
}
