using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.Ingestion;

/// <summary>A connection that a pipeline names, or brings along.</summary>
internal sealed record Connection<T>(string Name, T? Instance = null) where T : class
{
    public T Resolve(IServiceProvider services) =>
        Instance ?? services.GetKeyedService<T>(Name) ?? throw NotRegistered();

    private DataPlatformException NotRegistered()
    {
        var (what, verb) = typeof(T) == typeof(IWarehouse) ? ("warehouse", "AddWarehouse")
            : typeof(T) == typeof(HttpApi) ? ("HTTP API", "AddHttpApi")
            : ("object store", "AddObjectStore");
        return new DataPlatformException(FailureClass.Configuration, $"There is no {what} '{Name}'.", $"Add it with builder.{verb}(\"{Name}\").");
    }
}
