using DataPlatform;
using DataPlatform.ObjectStores;
using DataPlatform.ObjectStores.Folder;
using DataPlatform.ObjectStores.S3;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.Hosting;

/// <summary>Adds object stores to a host.</summary>
public static class ObjectStoreBuilderExtensions
{
    /// <summary>
    /// Adds an object store as the keyed service <see cref="IObjectStore"/> of this name; when it is the only one, as the service without key too.
    /// It is opened when first asked for, from <c>ConnectionStrings:{name}</c>, by the provider that recognises the connection string:
    /// a folder's path or <c>s3://bucket/prefix</c>. Other kinds are added by registering an <see cref="IObjectStoreProvider"/>.
    /// </summary>
    /// <param name="builder">The host's builder.</param>
    /// <param name="name">Lower-case letters, digits and hyphens.</param>
    /// <param name="configure">Changes what the configuration says.</param>
    /// <exception cref="DataPlatformException">The name is not valid or taken. Resolving the service throws it when the connection string is missing, no provider recognises it, or a setting is wrong.</exception>
    public static IHostApplicationBuilder AddObjectStore(this IHostApplicationBuilder builder, string name, Action<ObjectStoreOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var registration = new ObjectStoreRegistration(EntityName.Validate(name, "object store"));
        var services = builder.Services;
        if (services.Any(service => !service.IsKeyedService && registration.Equals(service.ImplementationInstance)))
            throw new DataPlatformException(FailureClass.Configuration, $"Object store '{name}' is added twice.", "Give each object store a name of its own.");

        services.AddSingleton(registration);
        services.AddOptions<ObjectStoreOptions>(name)
            .Configure<IConfiguration>((options, configuration) => options.ConnectionString = configuration.GetConnectionString(name))
            .Configure(configure ?? (_ => { }));

        services.TryAddEnumerable(ServiceDescriptor.Singleton<IObjectStoreProvider, FolderObjectStoreProvider>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IObjectStoreProvider, S3ObjectStoreProvider>());
        services.TryAddSingleton<ObjectStoreOpener>();
        services.AddKeyedSingleton<IObjectStore>(name, (provider, _) => provider.GetRequiredService<ObjectStoreOpener>().Open(name));
        services.TryAddSingleton(provider => provider.GetRequiredService<ObjectStoreOpener>().FindOnlyOne(provider));
        services.TryAddKeyedSingleton<IObjectStore>(
            KeyedService.AnyKey, (provider, key) => throw provider.GetRequiredService<ObjectStoreOpener>().NotRegistered(key));
        return builder;
    }
}
