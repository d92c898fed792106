using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace DataPlatform.Lineage;

/// <summary>Reads <see cref="OpenLineageOptions"/> from configuration and says what is wrong with them.</summary>
internal sealed class OpenLineageOptionsSetup(IConfiguration configuration) : IConfigureOptions<OpenLineageOptions>, IValidateOptions<OpenLineageOptions>
{
    public void Configure(OpenLineageOptions options)
    {
        var section = configuration.GetSection(OpenLineageOptions.Section);
        string? Read(string key) => section[key] is { Length: > 0 } value ? value : null;
        options.Url = Read(nameof(options.Url)) is { } url ? new Uri(url, UriKind.RelativeOrAbsolute) : options.Url;
        options.Endpoint = Read(nameof(options.Endpoint)) ?? options.Endpoint;
        options.ApiKey = Read(nameof(options.ApiKey)) ?? options.ApiKey;
        options.Path = Read(nameof(options.Path)) ?? options.Path;
        options.Namespace = Read(nameof(options.Namespace)) ?? options.Namespace;
        if (Read(nameof(options.Timeout)) is { } timeout) options.Timeout = TimeSpan.TryParse(timeout, CultureInfo.InvariantCulture, out var value) ? value : TimeSpan.Zero;
    }

    public ValidateOptionsResult Validate(string? name, OpenLineageOptions options)
    {
        var failures = new List<string>();
        if (options is { Url: not null, Path: not null }) failures.Add("'OpenLineage:Url' and 'OpenLineage:Path' are both set: events go to one of them.");
        if (options.Url is { } url && !(url.IsAbsoluteUri && url.Scheme is "http" or "https")) failures.Add($"'OpenLineage:Url' is '{url}' and must be like https://marquez.internal:5000.");
        if (options.Timeout <= TimeSpan.Zero) failures.Add("'OpenLineage:Timeout' must be a duration such as 00:00:05, longer than zero.");
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
