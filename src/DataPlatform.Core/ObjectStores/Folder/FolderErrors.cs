namespace DataPlatform.ObjectStores.Folder;

/// <summary>Tells what failed in a folder, and what to do.</summary>
internal sealed class FolderErrors(string store, string root)
{
    public T Guard<T>(string verb, string? key, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Explain(verb, key, e);
        }
    }

    public void Guard(string verb, string? key, Action action) => Guard(verb, key, () =>
    {
        action();
        return true;
    });

    public Task GuardAsync(string verb, string? key, Func<Task> action) => GuardAsync(verb, key, async () =>
    {
        await action().ConfigureAwait(false);
        return true;
    });

    public async Task<T> GuardAsync<T>(string verb, string? key, Func<Task<T>> action)
    {
        try
        {
            return await action().ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Explain(verb, key, e);
        }
    }

    public void ThrowIfFolderMissing()
    {
        if (Directory.Exists(root)) return;
        throw new ObjectStoreException(
            FailureClass.Configuration,
            $"The folder of object store '{store}' does not exist: {root}.",
            $"Create it, or correct ConnectionStrings:{store}. A relative path starts at the current directory.");
    }

    public ObjectNotFoundException NotFound(string key)
    {
        ThrowIfFolderMissing();
        return new ObjectNotFoundException($"Object store '{store}' has no object '{key}' in {root}.");
    }

    public ObjectPreconditionException AlreadyExists(string key) =>
        new($"{Subject("write", key)}: there is an object already, and it was to be stored only if there was none.");

    public ObjectPreconditionException Changed(string key, string expected, ObjectInfo? present) =>
        new($"{Subject("write", key)}: it was to replace version {expected}, and {(present is null ? "there is no object" : $"there is version {present.ETag}")}.");

    public ObjectStoreException Blocked(string key, string path) => new(
        FailureClass.CannotWrite,
        $"{Subject("write", key)}: {path} is a {(Directory.Exists(path) ? "folder" : "file")}, and in a folder no object's key can be the beginning of another's.",
        "Store one of them under another key.");

    public ObjectStoreException ReadOnly(string verb, string key) => new(
        FailureClass.Configuration,
        $"{Subject(verb, key)}: the store is read-only.",
        $"Use another store, or remove {ObjectStoreOpener.SettingsSection(store)}:ReadOnly.");

    public ObjectStoreException OutsideFolder(string key) =>
        new(FailureClass.Configuration, $"'{key}' is not a key of object store '{store}': it leads out of {root}.", "Write keys like inbox/trips-2026-01-01.csv.");

    public ObjectStoreException Broken(string key, long read, long length, Exception? cause) => new(
        FailureClass.Unavailable,
        $"{Subject("read", key)}: it ended after {read} of {length} bytes{(cause is null ? "" : $": {cause.Message}")}.",
        "Another program may have changed the file meanwhile. Try again.",
        cause);

    private ObjectStoreException Explain(string verb, string? key, Exception cause)
    {
        var (failureClass, hint) = cause switch
        {
            IOException { HResult: AtomicFile.OtherFileSystem } =>
                (FailureClass.Configuration, "That part of the folder is on a file system of its own, so that objects cannot be put there in one step. Make it an object store of its own."),
            IOException io when verb is "write" or "delete" && FolderWorkspace.IsHeldByAnother(io) =>
                (FailureClass.Transient, "Another process has been holding the store's lock for 30 seconds; it may be suspended. Try again."),
            UnauthorizedAccessException when verb is "read" or "list" => (FailureClass.NotAuthorized, "Give the job's user the right to read there."),
            UnauthorizedAccessException => (FailureClass.CannotWrite, "Give the job's user the right to write there, or configure another folder."),
            _ when verb is "read" or "list" => (FailureClass.Unavailable, "Check that the folder's file system is there and in order."),
            _ => (FailureClass.CannotWrite, "Check the disk's space and that the folder may be written, or configure another one."),
        };
        return new ObjectStoreException(failureClass, $"{Subject(verb, key)}: {cause.Message}", hint, cause);
    }

    private string Subject(string verb, string? key) => string.IsNullOrEmpty(key)
        ? $"Object store '{store}' cannot {verb} in {root}"
        : $"Object store '{store}' cannot {verb} '{key}' in {root}";
}
