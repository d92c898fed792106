using Microsoft.Extensions.DependencyInjection;

namespace DataPlatform.MLOps;

/// <summary>What training and scoring steps take from dependency injection.</summary>
internal static class ModelStepServices
{
    /// <summary>The registry of that name, or the only one.</summary>
    public static IModelRegistry GetModelRegistry(this IServiceProvider services, string? name) =>
        (name is null ? services.GetService<IModelRegistry>() : services.GetKeyedService<IModelRegistry>(name)) ?? throw new DataPlatformException(
            FailureClass.Configuration, "The job has no model registry.", $"Add one with builder.AddModelRegistry(\"{name ?? "models"}\").");
}

/// <summary>A trainer or scorer for one attempt: a service, which its container disposes of, or else an object made here, which goes with this.</summary>
internal sealed class Instance<T> : IAsyncDisposable where T : class
{
    private readonly bool _isOwn;

    public Instance(IServiceProvider services, Type type)
    {
        var registered = services.GetService(type);
        _isOwn = registered is null;
        Value = (T)(registered ?? ActivatorUtilities.CreateInstance(services, type));
    }

    public T Value { get; }

    public async ValueTask DisposeAsync()
    {
        if (!_isOwn) return;
        if (Value is IAsyncDisposable disposable) await disposable.DisposeAsync().ConfigureAwait(false);
        else (Value as IDisposable)?.Dispose();
    }
}
