using Polly;
using Polly.Retry;

namespace DataPlatform.ObjectStores.Folder;

/// <summary>The sub-folder where a store writes what is not yet an object, and where its lock is.</summary>
internal sealed class FolderWorkspace(string path, TimeProvider time)
{
    private static readonly TimeSpan LeftoverAge = TimeSpan.FromHours(1);
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LockDelay = TimeSpan.FromMilliseconds(5);

    private readonly string _incoming = Path.Join(path, "incoming");
    private readonly string _lock = Path.Join(path, "lock");
    private readonly ResiliencePipeline _untilFree = new ResiliencePipelineBuilder()
        .AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = new PredicateBuilder().Handle<IOException>(IsHeldByAnother),
            Delay = LockDelay,
            UseJitter = true,
            MaxRetryAttempts = (int)(LockPatience / LockDelay),
        })
        .Build();
    private int _cleaned;

    /// <summary>Creates a file to write a new object to.</summary>
    public IncomingFile CreateFile()
    {
        CreateFolder(_incoming);
        if (Interlocked.Exchange(ref _cleaned, 1) == 0) RemoveLeftovers();
        return new IncomingFile(Path.Join(_incoming, Guid.NewGuid().ToString("N")));
    }

    /// <summary>Waits for the turn to change which objects there are. Whoever dies gives up the lock.</summary>
    public async Task<IDisposable> LockAsync(CancellationToken cancellationToken)
    {
        CreateFolder(path);
        return await _untilFree.ExecuteAsync(
            static (file, _) => ValueTask.FromResult(new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None)),
            _lock,
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Whether opening the file failed because another process or store has it open.</summary>
    public static bool IsHeldByAnother(IOException exception) => exception.HResult ==
        (OperatingSystem.IsWindows() ? unchecked((int)0x80070020) // ERROR_SHARING_VIOLATION
        : OperatingSystem.IsLinux() ? 11 // EWOULDBLOCK
        : 35); // EWOULDBLOCK on macOS

    /// <summary>Creates a folder and those above it, and makes them durable.</summary>
    public static void CreateFolder(string folder)
    {
        if (Directory.Exists(folder)) return;
        var parent = Path.GetDirectoryName(folder)!;
        CreateFolder(parent);
        Directory.CreateDirectory(folder);
        AtomicFile.FlushFolder(parent);
    }

    // A writer that lives holds its file open, so that it cannot be opened alone. The age covers the moments before and after that.
    private void RemoveLeftovers()
    {
        var before = (time.GetUtcNow() - LeftoverAge).UtcDateTime;
        foreach (var leftover in new DirectoryInfo(_incoming).EnumerateFiles().Where(file => file.LastWriteTimeUtc < before))
        {
            try
            {
                using (leftover.Open(FileMode.Open, FileAccess.ReadWrite, FileShare.None)) leftover.Delete();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Another process writes it, has just removed it, or owns it.
            }
        }
    }
}

/// <summary>A file with the content of an object to be. Disposing of it removes what did not become one.</summary>
internal sealed class IncomingFile(string path) : IAsyncDisposable
{
    public string Path { get; } = path;

    public FileStream Stream { get; } = new(path, new FileStreamOptions
    {
        Mode = FileMode.CreateNew,
        Access = FileAccess.ReadWrite,
        Share = FileShare.Delete,
        Options = FileOptions.Asynchronous,
        BufferSize = 0,
    });

    /// <summary>The time of its last write, as the file system keeps it.</summary>
    public DateTimeOffset Written { get; private set; }

    /// <summary>Makes the content durable, written at this time.</summary>
    public void Flush(DateTimeOffset written)
    {
        File.SetLastWriteTimeUtc(Stream.SafeFileHandle, written.UtcDateTime);
        Stream.Flush(flushToDisk: true);
        Written = new DateTimeOffset(File.GetLastWriteTimeUtc(Stream.SafeFileHandle));
    }

    public async ValueTask DisposeAsync()
    {
        await Stream.DisposeAsync().ConfigureAwait(false);
        File.Delete(Path);
    }
}
