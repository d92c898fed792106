using System.Collections.Concurrent;
using DataPlatform.ObjectStores;
using Microsoft.Extensions.Configuration;

namespace DataPlatform.Core.Tests.ObjectStores;

/// <summary>The store that docs/object-stores.md writes, as it stands there.</summary>
public sealed class MemoryObjectStore(string name) : IObjectStore
{
    private readonly ConcurrentDictionary<string, (ObjectInfo Info, byte[] Content)> _objects = new();
    private long _puts;

    public string Name => name;

    public string Location => $"memory://{name}";

    public IAsyncEnumerable<ObjectInfo> ListAsync(string glob, CancellationToken cancellationToken = default)
    {
        var pattern = ObjectGlob.Parse(glob);
        return _objects.Values.Select(found => found.Info).Where(info => pattern.IsMatch(info.Key)).OrderBy(info => info.Key, ObjectKey.Order).ToAsyncEnumerable();
    }

    public Task<ObjectInfo?> FindAsync(string key, CancellationToken cancellationToken = default) =>
        Task.FromResult(_objects.TryGetValue(ObjectKey.Validate(key), out var found) ? found.Info : null);

    public Task<Stream> OpenReadAsync(string key, ByteRange? range = null, CancellationToken cancellationToken = default)
    {
        if (!_objects.TryGetValue(ObjectKey.Validate(key), out var found)) throw new ObjectNotFoundException($"{Location} has no object '{key}'.");
        var offset = (int)Math.Min(range?.Offset ?? 0, found.Content.Length);
        var length = (int)Math.Min(range?.Length ?? long.MaxValue, found.Content.Length - offset);
        return Task.FromResult<Stream>(new MemoryStream(found.Content, offset, length, writable: false));
    }

    public async Task<ObjectInfo> PutAsync(string key, Stream content, ObjectPutOptions? options = null, CancellationToken cancellationToken = default)
    {
        ObjectKey.Validate(key);
        using var copy = new MemoryStream();
        await content.CopyToAsync(copy, cancellationToken);
        lock (_objects)
        {
            var present = _objects.GetValueOrDefault(key).Info;
            if (options is { IfAbsent: true } && present is not null) throw new ObjectPreconditionException($"{Location} has an object '{key}' already.");
            if (options is { IfMatch: { } etag } && present?.ETag != etag) throw new ObjectPreconditionException($"'{key}' in {Location} is not version {etag}.");
            var info = new ObjectInfo(key, copy.Length, $"{++_puts}", DateTimeOffset.UtcNow);
            _objects[key] = (info, copy.ToArray());
            return info;
        }
    }

    public Task DeleteAsync(string key, CancellationToken cancellationToken = default)
    {
        _objects.TryRemove(ObjectKey.Validate(key), out _);
        return Task.CompletedTask;
    }

    public Task CheckAsync(CancellationToken cancellationToken = default) => Task.CompletedTask;
}

public sealed class MemoryObjectStoreProvider : IObjectStoreProvider
{
    public string Example => "memory://name";

    public bool Recognizes(string connectionString) => connectionString.StartsWith("memory://", StringComparison.Ordinal);

    public IObjectStore Open(string name, string connectionString, IConfiguration settings) => new MemoryObjectStore(name);
}
