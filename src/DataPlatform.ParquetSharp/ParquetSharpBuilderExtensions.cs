using DataPlatform.Ingestion;
using DataPlatform.ParquetSharp;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.Hosting;

/// <summary>Adds the native writer of Parquet files to a host.</summary>
public static class ParquetSharpBuilderExtensions
{
    /// <summary>Lets ParquetSharp write the Parquet files of all steps, in place of the built-in writer.</summary>
    /// <param name="builder">The host's builder.</param>
    public static IHostApplicationBuilder AddParquetSharp(this IHostApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.Replace(ServiceDescriptor.Singleton<IParquetWriterFactory, ParquetSharpWriterFactory>());
        return builder;
    }
}
