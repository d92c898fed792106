using DataPlatform.DuckDb;
using DataPlatform.Jobs;
using DataPlatform.Resilience;
using DataPlatform.Warehouses;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.Hosting;

/// <summary>Adds DuckDB to a host.</summary>
public static class DuckDbBuilderExtensions
{
    /// <summary>
    /// Lets <c>AddWarehouse</c> open DuckDB files: those whose connection string has a <c>DataSource</c>, or is a path that ends in <c>.duckdb</c>.
    /// </summary>
    /// <param name="builder">The host's builder.</param>
    /// <param name="configure">Changes what section <c>DataPlatform:Warehouses:{name}</c> says, for all DuckDB warehouses of the host.</param>
    public static IHostApplicationBuilder AddDuckDb(this IHostApplicationBuilder builder, Action<DuckDbWarehouseOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var services = builder.Services;
        services.AddOptions();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IConfigureOptions<DuckDbWarehouseOptions>, FromSection>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<DuckDbWarehouseOptions>, DuckDbWarehouseOptionsValidation>());
        if (configure is not null) services.ConfigureAll(configure);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IWarehouseProvider, DuckDbWarehouseProvider>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IFailureClassifier, DuckDbFailureClassifier>());
        return builder;
    }

    // The warehouses' names, and so the sections', are not known here.
    private sealed class FromSection(IConfiguration configuration, IOptions<DataPlatformOptions> job) : IConfigureNamedOptions<DuckDbWarehouseOptions>
    {
        public void Configure(DuckDbWarehouseOptions options) { }

        public void Configure(string? name, DuckDbWarehouseOptions options)
        {
            options.LockTimeout = job.Value.LeaseWait;
            configuration.GetSection($"DataPlatform:Warehouses:{name}").Bind(options);
        }
    }
}
