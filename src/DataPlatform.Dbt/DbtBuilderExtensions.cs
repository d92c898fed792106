using DataPlatform.Dbt;
using DataPlatform.Resilience;
using DataPlatform.Transform;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.Hosting;

/// <summary>Adds the built-in dbt engine to a host.</summary>
public static class DbtBuilderExtensions
{
    /// <summary>
    /// Lets dbt steps run inside the process, with no dbt installed: where the section <c>Dbt</c> says <c>BuiltIn</c>, and where it says nothing and there is no dbt command or the
    /// warehouse is DuckDB.
    /// </summary>
    /// <param name="builder">The host's builder.</param>
    public static IHostApplicationBuilder AddBuiltInDbt(this IHostApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.TryAddKeyedSingleton<IDbtRunner>(DbtRunnerKind.BuiltIn, (services, _) => new BuiltInDbtRunner(services.GetServices<IFailureClassifier>()));
        return builder;
    }
}
