using DataPlatform.Ledger;
using DataPlatform.ObjectStores;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace DataPlatform.MLOps;

/// <summary>A model registry that was added to the host.</summary>
internal sealed record ModelRegistryRegistration(string Name);

/// <summary>Opens the registries that were added to the host.</summary>
internal sealed class ModelRegistryOpener(
    IConfiguration configuration, IOptionsMonitor<ModelRegistryOptions> options, IEnumerable<ModelRegistryRegistration> registrations)
{
    private readonly string[] _names = [.. registrations.Select(registration => registration.Name)];

    public static string SettingsSection(string name) => $"DataPlatform:ModelRegistries:{name}";

    public IModelRegistry Open(IServiceProvider services, string name)
    {
        if (configuration.GetConnectionString(name) is { Length: > 0 })
        {
            throw new DataPlatformException(
                FailureClass.Configuration,
                $"ConnectionStrings:{name} is set, but only the embedded model registry is there to open, which has none.",
                $"Remove ConnectionStrings:{name}: model registry '{name}' then keeps its models in the object store and the warehouse.");
        }

        var chosen = ReadSettings(name);
        var store = chosen.ObjectStore is null ? services.GetRequiredService<IObjectStore>() : services.GetRequiredKeyedService<IObjectStore>(chosen.ObjectStore);
        var warehouse = chosen.Warehouse is null ? services.GetRequiredService<IWarehouse>() : services.GetRequiredKeyedService<IWarehouse>(chosen.Warehouse);
        return new EmbeddedModelRegistry(name, store, services.GetRequiredService<RunLedgers>().For(warehouse), services.GetService<TimeProvider>());
    }

    private ModelRegistryOptions ReadSettings(string name)
    {
        try
        {
            return options.Get(name);
        }
        catch (InvalidOperationException e)
        {
            throw new DataPlatformException(
                FailureClass.Configuration,
                $"The settings of model registry '{name}', {SettingsSection(name)}, cannot be read: {e.Message}",
                $"The settings there are: {string.Join(", ", typeof(ModelRegistryOptions).GetProperties().Select(property => property.Name))}.",
                e);
        }
    }

    public IModelRegistry FindOnlyOne(IServiceProvider services) => _names is [var only]
        ? services.GetRequiredKeyedService<IModelRegistry>(only)
        : throw new DataPlatformException(
            FailureClass.Configuration,
            $"There are {_names.Length} model registries ({string.Join(", ", _names)}), and a step or service asks for one without saying which.",
            $"Name it: .Registry(\"{_names[0]}\") on the step, or [FromKeyedServices(\"{_names[0]}\")] IModelRegistry registry.");

    public DataPlatformException NotRegistered(object? key) => new(
        FailureClass.Configuration,
        $"There is no model registry '{key}'.",
        $"Add it with builder.AddModelRegistry(\"{key}\"), or use one of those there are: {string.Join(", ", _names)}.");
}
