using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace DataPlatform.Warehouses;

/// <summary>Opens registered warehouses by the provider that recognises their connection string.</summary>
internal sealed class WarehouseOpener(
    IEnumerable<IWarehouseProvider> providers, IEnumerable<WarehouseRegistration> registrations, IOptionsMonitor<WarehouseOptions> options)
{
    private readonly IWarehouseProvider[] _providers = [.. providers];
    private readonly string[] _names = [.. registrations.Select(registration => registration.Name)];

    public IWarehouse Open(string name)
    {
        var connectionString = options.Get(name).ConnectionString;
        if (string.IsNullOrWhiteSpace(connectionString))
        {
            throw new DataPlatformException(
                FailureClass.Configuration,
                $"Warehouse '{name}' has no connection string: ConnectionStrings:{name} is not set.",
                $"Set it in appsettings.json or as environment variable ConnectionStrings__{name}, for example to {Examples}.");
        }

        var provider = Array.Find(_providers, candidate => candidate.Recognizes(connectionString));
        return provider is not null ? provider.Open(name, connectionString) : throw NotRecognized(name, connectionString);
    }

    public IWarehouse FindOnlyOne(IServiceProvider services) => _names is [var only]
        ? services.GetRequiredKeyedService<IWarehouse>(only)
        : throw new DataPlatformException(
            FailureClass.Configuration,
            $"There are {_names.Length} warehouses ({string.Join(", ", _names)}), and a service asks for one without saying which.",
            $"Name it: [FromKeyedServices(\"{_names[0]}\")] IWarehouse warehouse.");

    public DataPlatformException NotRegistered(object? key) => new(
        FailureClass.Configuration,
        $"There is no warehouse '{key}'.",
        $"Add it with builder.AddWarehouse(\"{key}\"), or use one of those there are: {string.Join(", ", _names)}.");

    // The connection string may hold a password, so the message does not show it.
    private DataPlatformException NotRecognized(string name, string connectionString) => new(
        FailureClass.Configuration,
        $"The connection string of warehouse '{name}', ConnectionStrings:{name}, is not of a kind that is known here.",
        LooksLikeDuckDb(connectionString)
            ? "It looks like DuckDB's. Run `dotnet add package DataPlatform.DuckDb` and add builder.AddDuckDb() to the program."
            : $"Write it like {Examples}.");

    private string Examples => string.Join(" or ", _providers.Select(provider => provider.Example));

    private static bool LooksLikeDuckDb(string connectionString) =>
        connectionString.Contains("duckdb", StringComparison.OrdinalIgnoreCase)
        || connectionString.Replace(" ", "", StringComparison.Ordinal).StartsWith("DataSource=", StringComparison.OrdinalIgnoreCase);
}
