using DataPlatform.Resilience;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Secrets;

/// <summary>What became of one secret that configuration asks for.</summary>
/// <param name="Reference">STORE/NAME.</param>
/// <param name="Keys">The configuration keys that use it.</param>
/// <param name="Value">The secret, or null when it could not be had.</param>
/// <param name="Failure">Why it could not be had.</param>
internal sealed record SecretResolution(string Reference, IReadOnlyList<string> Keys, SecretValue? Value, Failure? Failure);

/// <summary>Replaces the placeholders in configuration by secrets, each asked for once and all at the same time.</summary>
internal sealed class SecretResolver(
    IConfigurationManager configuration, IEnumerable<ISecretStore> stores, SecretMasker masker, FailureClassification classification,
    ILogger<SecretResolver> logger)
{
    /// <summary>How long the stores have to answer.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(15);

    private readonly Dictionary<string, ISecretStore> _stores =
        stores.GroupBy(s => s.Scheme, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Last(), StringComparer.Ordinal);

    /// <summary>
    /// Asks for every secret and, when all could be had, puts the values into configuration. From then on they are masked, as are
    /// passwords that stand in configuration openly.
    /// </summary>
    public async Task<IReadOnlyList<SecretResolution>> ResolveAsync(CancellationToken cancellationToken)
    {
        var settings = configuration.AsEnumerable().Where(s => s.Value is not null).ToList();
        masker.Add(SensitiveSettings.Values(settings.Where(s => !s.Value!.Contains("${secret://", StringComparison.Ordinal))));

        var (templates, resolutions) = Parse(settings);
        var references = templates.SelectMany(t => t.Template.References.Select(r => (Reference: r, t.Key)))
            .GroupBy(u => u.Reference, u => u.Key)
            .ToDictionary(g => g.Key, g => (IReadOnlyList<string>)[.. g.Distinct().Order(StringComparer.Ordinal)]);
        var found = await Task.WhenAll(references.Select(r => FindAsync(r.Key, r.Value, cancellationToken))).ConfigureAwait(false);
        resolutions.AddRange(found);

        masker.Add(found.Where(r => r.Value is not null).Select(r => r.Value!.Value));
        foreach (var secret in found.Where(r => r.Value is { Value.Length: < SecretMasker.MinimumLength }))
            logger.LogWarning("Secret {Secret} is too short to be masked in logs: use one of at least {Length} characters", secret.Reference, SecretMasker.MinimumLength);
        if (templates.Count > 0 && resolutions.TrueForAll(r => r.Failure is null)) Apply(templates, references.Keys.Zip(found));
        return resolutions;
    }

    private static (List<(string Key, SecretTemplate Template)> Templates, List<SecretResolution> Malformed) Parse(List<KeyValuePair<string, string?>> settings)
    {
        var templates = new List<(string, SecretTemplate)>();
        var malformed = new List<SecretResolution>();
        foreach (var (key, value) in settings)
        {
            try
            {
                if (SecretTemplate.Parse(value!) is { } template) templates.Add((key, template));
            }
            catch (FormatException e)
            {
                malformed.Add(new SecretResolution(key, [key], null,
                    new Failure(FailureClass.Configuration, $"In setting '{key}' {e.Message}.", "Write it as ${secret://env/NAME} or ${secret://file/name}.")));
            }
        }

        return (templates, malformed);
    }

    private async Task<SecretResolution> FindAsync(SecretReference reference, IReadOnlyList<string> keys, CancellationToken cancellationToken)
    {
        SecretResolution Failed(Failure failure) => new(reference.ToString(), keys, null, failure);

        if (!_stores.TryGetValue(reference.Store, out var store))
        {
            return Failed(new Failure(FailureClass.Configuration,
                $"Setting {Quoted(keys)} asks for secret '{reference}', but there is no secret store '{reference.Store}'.",
                $"The stores are: {string.Join(", ", _stores.Keys.Order(StringComparer.Ordinal))}."));
        }

        try
        {
            return await store.FindAsync(reference.Name, cancellationToken).WaitAsync(Deadline, cancellationToken).ConfigureAwait(false) is { } value
                ? new SecretResolution(reference.ToString(), keys, value, null)
                : Failed(new Failure(FailureClass.Configuration,
                    $"Secret '{reference}' is missing: there is no {store.Describe(reference.Name)}. It is used by {Quoted(keys)}.",
                    $"Provide {store.Describe(reference.Name)}, or change the setting."));
        }
        catch (TimeoutException)
        {
            return Failed(new Failure(FailureClass.Unavailable,
                $"Secret store '{reference.Store}' did not answer within {Deadline.TotalSeconds:0} s when asked for '{reference.Name}'.",
                "Check that it is up and can be reached from here."));
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            var failure = classification.Classify(e);
            return Failed(failure with { Message = $"Secret '{reference}', used by {Quoted(keys)}, could not be read. {failure.Message}" });
        }
    }

    private void Apply(List<(string Key, SecretTemplate Template)> templates, IEnumerable<(SecretReference Reference, SecretResolution Resolution)> found)
    {
        var secrets = found.ToDictionary(f => f.Reference, f => f.Resolution.Value!.Value);
        var resolved = templates.ToDictionary(t => t.Key, t => (string?)t.Template.Fill(secrets));
        masker.Add(SensitiveSettings.Values(resolved));
        configuration.Add(new MemoryConfigurationSource { InitialData = resolved });
    }

    private static string Quoted(IReadOnlyList<string> keys) => string.Join(", ", keys.Select(k => $"'{k}'"));
}
