using DataPlatform;
using DataPlatform.MLOps;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.Hosting;

/// <summary>Adds model registries to a host.</summary>
public static class ModelRegistryBuilderExtensions
{
    /// <summary>
    /// Adds a model registry as the keyed service <see cref="IModelRegistry"/> of this name; when it is the only one, as the service without key too.
    /// It is the embedded one, for which nothing needs to be installed: artifacts in the object store, everything else in the warehouse.
    /// </summary>
    /// <param name="builder">The host's builder.</param>
    /// <param name="name">Lower-case letters, digits and hyphens.</param>
    /// <param name="configure">Changes what the section <c>DataPlatform:ModelRegistries:{name}</c> says.</param>
    /// <exception cref="DataPlatformException">
    /// The name is not valid or taken. Resolving the service throws it when <c>ConnectionStrings:{name}</c> is set, or the object store or warehouse cannot be told.
    /// </exception>
    public static IHostApplicationBuilder AddModelRegistry(this IHostApplicationBuilder builder, string name, Action<ModelRegistryOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var registration = new ModelRegistryRegistration(EntityName.Validate(name, "model registry"));
        var services = builder.Services;
        if (services.Any(service => !service.IsKeyedService && registration.Equals(service.ImplementationInstance)))
            throw new DataPlatformException(FailureClass.Configuration, $"Model registry '{name}' is added twice.", "Give each model registry a name of its own.");

        services.AddSingleton(registration);
        services.AddOptions<ModelRegistryOptions>(name)
            .BindConfiguration(ModelRegistryOpener.SettingsSection(name), binder => binder.ErrorOnUnknownConfiguration = true)
            .Configure(configure ?? (_ => { }));
        services.TryAddSingleton<ModelRegistryOpener>();
        services.AddKeyedSingleton<IModelRegistry>(name, (provider, _) => provider.GetRequiredService<ModelRegistryOpener>().Open(provider, name));
        services.TryAddSingleton(provider => provider.GetRequiredService<ModelRegistryOpener>().FindOnlyOne(provider));
        services.TryAddKeyedSingleton<IModelRegistry>(
            KeyedService.AnyKey, (provider, key) => throw provider.GetRequiredService<ModelRegistryOpener>().NotRegistered(key));
        return builder;
    }
}
