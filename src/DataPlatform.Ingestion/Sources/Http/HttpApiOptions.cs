namespace DataPlatform.Ingestion;

/// <summary>
/// How a web API is reached. Named options: the name is the API's. They come from <c>ConnectionStrings:{name}</c>, which is the address, and from the
/// section <c>DataPlatform:Http:{name}</c>. Set one kind of credentials at most; they are sent to the API's own host and to no other.
/// </summary>
public sealed class HttpApiOptions
{
    /// <summary>Where the API is: <c>https://api.example.com/v2</c>. Paths of sources are below it. When null it is <c>ConnectionStrings:{name}</c>.</summary>
    public string? BaseAddress { get; set; }

    /// <summary>A token that is sent as <c>Authorization: Bearer …</c>.</summary>
    public string? BearerToken { get; set; }

    /// <summary>A key that is sent in the header <see cref="ApiKeyHeader"/>, or as the query parameter <see cref="ApiKeyQuery"/>.</summary>
    public string? ApiKey { get; set; }

    /// <summary>The header of <see cref="ApiKey"/>. <c>X-Api-Key</c>.</summary>
    public string ApiKeyHeader { get; set; } = "X-Api-Key";

    /// <summary>The query parameter of <see cref="ApiKey"/>, for APIs that want it there; null for the header.</summary>
    public string? ApiKeyQuery { get; set; }

    /// <summary>The user of basic authentication.</summary>
    public string? UserName { get; set; }

    /// <summary>The password of basic authentication.</summary>
    public string? Password { get; set; }

    /// <summary>Tokens of an OAuth 2 server, or null for none.</summary>
    public HttpOAuthOptions? OAuth { get; set; }

    /// <summary>The most requests a second, of all steps together; they are spaced evenly. Null for no limit.</summary>
    public double? RequestsPerSecond { get; set; }

    /// <summary>How long an answer may take to begin, and how long to wait for more of it. 60 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>How often a request is tried again after 408, 429, 5xx, a timeout or a failed connection; 0 for never. 5.</summary>
    public int MaxRetries { get; set; } = 5;

    /// <summary>The delay before the first retry; it doubles with each one, with jitter. What the answer says with <c>Retry-After</c> counts more. 1 s.</summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest delay. When an answer asks for a longer one the step fails as transient, so that its orchestrator can wait instead. 2 min.</summary>
    public TimeSpan MaxRetryDelay { get; set; } = TimeSpan.FromMinutes(2);
}

/// <summary>The OAuth 2 client credentials grant (RFC 6749, section 4.4). A token is fetched when there is none, used until shortly before it expires, and fetched anew when the API refuses it.</summary>
public sealed class HttpOAuthOptions
{
    /// <summary>Where tokens are had.</summary>
    public string? TokenAddress { get; set; }

    /// <summary>The client's id.</summary>
    public string? ClientId { get; set; }

    /// <summary>The client's secret.</summary>
    public string? ClientSecret { get; set; }

    /// <summary>What is asked for, separated by blanks; null for what the server gives by itself.</summary>
    public string? Scope { get; set; }

    /// <summary>The audience, which some servers want; null for none.</summary>
    public string? Audience { get; set; }

    /// <summary>Whether id and secret are sent in the form rather than by basic authentication, for servers that want it so.</summary>
    public bool CredentialsInForm { get; set; }
}
