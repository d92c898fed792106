using DataPlatform;
using DataPlatform.Resilience;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.Hosting;

/// <summary>Adds warehouses to a host.</summary>
public static class WarehouseBuilderExtensions
{
    /// <summary>
    /// Adds a warehouse as the keyed service <see cref="IWarehouse"/> of this name; when it is the only one, as the service without key too.
    /// It is opened when first asked for, from <c>ConnectionStrings:{name}</c>, by the provider that recognises the connection string.
    /// PostgreSQL is built in; other packages add theirs: <c>builder.AddDuckDb()</c>.
    /// </summary>
    /// <param name="builder">The host's builder.</param>
    /// <param name="name">Lower-case letters, digits and hyphens.</param>
    /// <param name="configure">Changes what the configuration says.</param>
    /// <exception cref="DataPlatformException">The name is not valid or taken. Resolving the service throws it when the connection string is missing or no provider recognises it.</exception>
    public static IHostApplicationBuilder AddWarehouse(this IHostApplicationBuilder builder, string name, Action<WarehouseOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var registration = new WarehouseRegistration(EntityName.Validate(name, "warehouse"));
        var services = builder.Services;
        if (services.Any(service => !service.IsKeyedService && registration.Equals(service.ImplementationInstance)))
            throw new DataPlatformException(FailureClass.Configuration, $"Warehouse '{name}' is added twice.", "Give each warehouse a name of its own.");

        services.AddSingleton(registration);
        services.AddOptions<WarehouseOptions>(name)
            .Configure<IConfiguration>((options, configuration) => options.ConnectionString = configuration.GetConnectionString(name))
            .Configure(configure ?? (_ => { }));
        services.AddOptions<PostgreSqlWarehouseOptions>(name).BindConfiguration($"DataPlatform:Warehouses:{name}");

        services.TryAddSingleton<WarehouseOpener>();
        services.AddKeyedSingleton<IWarehouse>(name, (provider, _) => provider.GetRequiredService<WarehouseOpener>().Open(name));
        services.TryAddSingleton(provider => provider.GetRequiredService<WarehouseOpener>().FindOnlyOne(provider));
        services.TryAddKeyedSingleton<IWarehouse>(
            KeyedService.AnyKey, (provider, key) => throw provider.GetRequiredService<WarehouseOpener>().NotRegistered(key));

        services.TryAddEnumerable(ServiceDescriptor.Singleton<IWarehouseProvider, PostgreSqlWarehouseProvider>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IFailureClassifier, PostgreSqlFailureClassifier>());
        return builder;
    }
}
