using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace DataPlatform.ObjectStores;

/// <summary>Opens registered object stores by the provider that recognises their connection string.</summary>
internal sealed class ObjectStoreOpener(
    IEnumerable<IObjectStoreProvider> providers,
    IEnumerable<ObjectStoreRegistration> registrations,
    IOptionsMonitor<ObjectStoreOptions> options,
    IConfiguration configuration)
{
    private readonly IObjectStoreProvider[] _providers = [.. providers];
    private readonly string[] _names = [.. registrations.Select(registration => registration.Name)];

    private string Examples => string.Join(" or ", _providers.Select(provider => provider.Example));

    public static string SettingsSection(string name) => $"DataPlatform:ObjectStores:{name}";

    public IObjectStore Open(string name)
    {
        var connectionString = options.Get(name).ConnectionString;
        if (string.IsNullOrWhiteSpace(connectionString))
        {
            throw new DataPlatformException(
                FailureClass.Configuration,
                $"Object store '{name}' has no connection string: ConnectionStrings:{name} is not set.",
                $"Set it in appsettings.json or as environment variable ConnectionStrings__{name}, for example to {Examples}.");
        }

        // The connection string may be one of something else with a password in it, so the message does not show it.
        var provider = Array.Find(_providers, candidate => candidate.Recognizes(connectionString))
            ?? throw new DataPlatformException(
                FailureClass.Configuration,
                $"The connection string of object store '{name}', ConnectionStrings:{name}, is not of a kind that is known here.",
                $"Write it like {Examples}.");
        return provider.Open(name, connectionString, configuration.GetSection(SettingsSection(name)));
    }

    public IObjectStore FindOnlyOne(IServiceProvider services) => _names is [var only]
        ? services.GetRequiredKeyedService<IObjectStore>(only)
        : throw new DataPlatformException(
            FailureClass.Configuration,
            $"There are {_names.Length} object stores ({string.Join(", ", _names)}), and a service asks for one without saying which.",
            $"Name it: [FromKeyedServices(\"{_names[0]}\")] IObjectStore {_names[0].Replace('-', '_')}.");

    public DataPlatformException NotRegistered(object? key) => new(
        FailureClass.Configuration,
        $"There is no object store '{key}'.",
        $"Add it with builder.AddObjectStore(\"{key}\"), or use one of those there are: {string.Join(", ", _names)}.");
}
