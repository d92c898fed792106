using System.Buffers;
using System.Runtime.CompilerServices;

namespace DataPlatform.ObjectStores.Folder;

/// <summary>Keeps objects as files of a folder, one for each key.</summary>
/// <remarks>
/// <para>
/// A put writes a file in <c>.dataplatform/incoming</c>, flushes it to disk and renames it to its place, so that readers see the old object or the
/// whole new one, also after a power failure. What killed writers leave there is removed after an hour by the next put. Puts and deletes by
/// processes of one machine take turns at that rename, which makes <see cref="ObjectPutOptions.IfMatch"/> exact among them;
/// <see cref="ObjectPutOptions.IfAbsent"/> is a hard link and thus exact on any file system that has them.
/// </para>
/// <para>
/// The ETag is the time of the last write, to 100 ns, and the size. A put never leaves the time of the object it replaces, so that it always gives
/// a new ETag. A file that another program rewrites in place has a new one if its time or size changes. Copies that keep the time keep the ETag.
/// </para>
/// <para>
/// Symbolic links are followed, also out of the folder: whoever can make links in it decides what the store holds. A put replaces a link to
/// a file, not the file. A link to a folder above itself is not listed. Deleting the last object of a sub-folder leaves the sub-folder.
/// </para>
/// </remarks>
public sealed class FolderObjectStore : IObjectStore
{
    private const int CopyBufferBytes = 1 << 20;

    private readonly string _root;
    private readonly bool _readOnly;
    private readonly FolderErrors _errors;
    private readonly FolderWorkspace _workspace;
    private readonly TimeProvider _time;

    /// <summary>Opens a folder without touching it.</summary>
    /// <param name="name">The store's name.</param>
    /// <param name="path">The folder's path; a relative one starts at the current directory. It is created when something is put in it, or by <see cref="CheckAsync"/>.</param>
    /// <param name="options">Its settings.</param>
    /// <param name="timeProvider">The clock that puts take the time of.</param>
    public FolderObjectStore(string name, string path, FolderObjectStoreOptions? options = null, TimeProvider? timeProvider = null)
    {
        Name = EntityName.Validate(name, "object store");
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        _root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        _readOnly = options?.ReadOnly ?? false;
        _time = timeProvider ?? TimeProvider.System;
        _errors = new FolderErrors(name, _root);
        _workspace = new FolderWorkspace(Path.Join(_root, ObjectKey.Reserved), _time);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string Location => _root;

    /// <inheritdoc/>
    public IAsyncEnumerable<ObjectInfo> ListAsync(string glob, CancellationToken cancellationToken = default)
    {
        var pattern = ObjectGlob.Parse(glob);
        return ListAsync(new FolderListing(_root, pattern, _errors), cancellationToken);
    }

    /// <inheritdoc/>
    public Task<ObjectInfo?> FindAsync(string key, CancellationToken cancellationToken = default)
    {
        var path = ToPath(key);
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult(_errors.Guard("read", key, () => Find(key, path)));
    }

    /// <inheritdoc/>
    public Task<Stream> OpenReadAsync(string key, ByteRange? range = null, CancellationToken cancellationToken = default)
    {
        var path = ToPath(key);
        range?.Validate();
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult(_errors.Guard("read", key, () => OpenRead(key, path, range)));
    }

    /// <inheritdoc/>
    /// <remarks>The store does not keep the content type.</remarks>
    public async Task<ObjectInfo> PutAsync(string key, Stream content, ObjectPutOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(content);
        options ??= new ObjectPutOptions();
        options.Validate();
        var path = ToPath(key);
        if (_readOnly) throw _errors.ReadOnly("write", key);

        await using var incoming = _errors.Guard("write", key, _workspace.CreateFile);
        await CopyAsync(content, incoming, key, cancellationToken).ConfigureAwait(false);
        return await _errors.GuardAsync("write", key, () => CommitAsync(key, path, incoming, options, cancellationToken)).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task DeleteAsync(string key, CancellationToken cancellationToken = default)
    {
        var path = ToPath(key);
        if (_readOnly) throw _errors.ReadOnly("delete", key);
        await _errors.GuardAsync("delete", key, async () =>
        {
            if (FindFile(path) is null) return;
            using (await _workspace.LockAsync(cancellationToken).ConfigureAwait(false)) File.Delete(path);
            AtomicFile.FlushFolder(Path.GetDirectoryName(path)!);
        }).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    /// <remarks>Creates the folder when it is missing.</remarks>
    public async Task CheckAsync(CancellationToken cancellationToken = default)
    {
        if (!_readOnly)
        {
            await using var probe = _errors.Guard("write", key: null, _workspace.CreateFile);
            _errors.Guard("write", key: null, () => probe.Flush(_time.GetUtcNow()));
        }

        await foreach (var _ in ListAsync("*", cancellationToken).ConfigureAwait(false)) break;
    }

    private static async IAsyncEnumerable<ObjectInfo> ListAsync(FolderListing listing, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var found in listing.Read().ToAsyncEnumerable().ConfigureAwait(false))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return found;
        }

        cancellationToken.ThrowIfCancellationRequested();
    }

    private string ToPath(string key)
    {
        var path = Path.GetFullPath(Path.Join(_root, ObjectKey.Validate(key)));
        var within = Path.EndsInDirectorySeparator(_root) ? _root : _root + Path.DirectorySeparatorChar;
        return path.StartsWith(within, StringComparison.Ordinal) ? path : throw _errors.OutsideFolder(key);
    }

    private ObjectInfo? Find(string key, string path)
    {
        if (FindFile(path) is { } file) return Describe(key, file);
        _errors.ThrowIfFolderMissing();
        return null;
    }

    // FileInfo.Exists is also false for a file that may not be seen; GetAttributes tells the two apart.
    private static FileInfo? FindFile(string path)
    {
        try
        {
            var attributes = File.GetAttributes(path);
            var file = new FileInfo(path);
            if (attributes.HasFlag(FileAttributes.ReparsePoint)) file = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo;
            return file is { Exists: true } ? file : null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    // What stands where the object, or a sub-folder that its key leads through, has to be.
    private string? FindBlocker(string path)
    {
        if (Directory.Exists(path)) return path;
        var above = Path.GetDirectoryName(path)!;
        while (above.Length > _root.Length && !File.Exists(above)) above = Path.GetDirectoryName(above)!;
        return File.Exists(above) ? above : null;
    }

    internal static ObjectInfo Describe(string key, FileInfo file)
    {
        var written = new DateTimeOffset(file.LastWriteTimeUtc);
        return new ObjectInfo(key, file.Length, $"{written.Ticks:x}-{file.Length:x}", written);
    }

    private Stream OpenRead(string key, string path, ByteRange? range)
    {
        if (FindFile(path) is null) throw _errors.NotFound(key);
        var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, range is null ? FileOptions.SequentialScan : FileOptions.None);
        if (range is not { } part) return new FileReadStream(handle, 0);

        var length = Math.Min(part.Length ?? long.MaxValue, Math.Max(0, RandomAccess.GetLength(handle) - part.Offset));
        var file = new FileReadStream(handle, part.Offset);
        return new ObjectReadStream(file, length, (cause, read) => _errors.Broken(key, read, length, cause), Timeout.InfiniteTimeSpan);
    }

    private async Task CopyAsync(Stream content, IncomingFile incoming, string key, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(CopyBufferBytes);
        try
        {
            // What reading throws is the caller's own; what writing throws is the store's.
            while (await content.ReadAsync(buffer, cancellationToken).ConfigureAwait(false) is var read and > 0)
            {
                await _errors.GuardAsync("write", key, () => incoming.Stream.WriteAsync(buffer, 0, read, cancellationToken)).ConfigureAwait(false);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task<ObjectInfo> CommitAsync(string key, string path, IncomingFile incoming, ObjectPutOptions options, CancellationToken cancellationToken)
    {
        incoming.Flush(_time.GetUtcNow());
        var folder = Path.GetDirectoryName(path)!;
        ObjectInfo stored;
        using (await _workspace.LockAsync(cancellationToken).ConfigureAwait(false))
        {
            var present = FindFile(path) is { } file ? Describe(key, file) : null;
            if (options.IfAbsent && present is not null) throw _errors.AlreadyExists(key);
            if (options.IfMatch is { } expected && present?.ETag != expected) throw _errors.Changed(key, expected, present);
            if (present?.LastModified >= incoming.Written) incoming.Flush(present.LastModified.AddTicks(1));

            if (FindBlocker(path) is { } blocker) throw _errors.Blocked(key, blocker);
            FolderWorkspace.CreateFolder(folder);
            stored = Describe(key, new FileInfo(incoming.Path));
            if (!options.IfAbsent) AtomicFile.Replace(incoming.Path, path);
            else if (!AtomicFile.TryCreate(incoming.Path, path)) throw _errors.AlreadyExists(key);
        }

        AtomicFile.FlushFolder(folder);
        return stored;
    }
}
