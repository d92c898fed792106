using DataPlatform;
using DataPlatform.Ingestion;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.Hosting;

/// <summary>Adds web APIs to a host.</summary>
public static class HttpApiBuilderExtensions
{
    /// <summary>
    /// Adds a web API that <c>From.Http</c> reads, as the keyed service <see cref="HttpApi"/> of this name. Its address is <c>ConnectionStrings:{name}</c>; credentials, pace and
    /// retries are in the section <c>DataPlatform:Http:{name}</c>. Requests go through the HTTP client of the same name, to which
    /// <c>builder.Services.AddHttpClient(name)</c> adds handlers; its own logging, of every request, is off.
    /// </summary>
    /// <param name="builder">The host's builder.</param>
    /// <param name="name">Lower-case letters, digits and hyphens.</param>
    /// <param name="configure">Changes what the configuration says.</param>
    /// <exception cref="DataPlatformException">The name is not valid or taken. Resolving the service throws it when the address is missing or a setting is wrong.</exception>
    public static IHostApplicationBuilder AddHttpApi(this IHostApplicationBuilder builder, string name, Action<HttpApiOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        EntityName.Validate(name, "HTTP API");
        var services = builder.Services;
        if (services.Any(service => service.IsKeyedService && service.ServiceType == typeof(HttpApi) && name.Equals(service.ServiceKey)))
            throw new DataPlatformException(FailureClass.Configuration, $"HTTP API '{name}' is added twice.", "Give each API a name of its own.");

        services.AddOptions<HttpApiOptions>(name)
            .BindConfiguration($"DataPlatform:Http:{name}", binder => binder.ErrorOnUnknownConfiguration = true)
            .Configure<IConfiguration>((options, configuration) => options.BaseAddress ??= configuration.GetConnectionString(name))
            .Configure(configure ?? (_ => { }));
        services.AddHttpClient(name).ConfigurePrimaryHttpMessageHandler(HttpApi.CreateHandler).RemoveAllLoggers();
        services.AddKeyedSingleton(name, (provider, _) => new HttpApi(
            name,
            ReadOptions(provider, name),
            provider.GetRequiredService<IHttpMessageHandlerFactory>().CreateHandler(name),
            provider.GetService<TimeProvider>(),
            provider.GetService<ILoggerFactory>()));
        return builder;
    }

    private static HttpApiOptions ReadOptions(IServiceProvider provider, string name)
    {
        try
        {
            return provider.GetRequiredService<IOptionsMonitor<HttpApiOptions>>().Get(name);
        }
        catch (InvalidOperationException exception)
        {
            // The binder's answer to a setting that does not exist, or whose value is of another type.
            throw new DataPlatformException(
                FailureClass.Configuration, $"DataPlatform:Http:{name} is not valid: {exception.Message}", "Compare it with the properties of HttpApiOptions.", exception);
        }
    }
}
