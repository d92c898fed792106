using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Text.Json;
using Apache.Arrow;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DataPlatform.Ingestion;

/// <summary>What a source knows while it reads: the contract, and what earlier loads of the step have read. Make one to test a source of your own.</summary>
public sealed class SourceContext
{
    // A name that no source of a user's is likely to give a cursor.
    private const string OpenObjectCursor = "_open_object";

    private readonly ConcurrentDictionary<string, string?> _cursors;

    /// <summary>Makes a context in which nothing was read before.</summary>
    public SourceContext() : this(new ConcurrentDictionary<string, string?>(StringComparer.Ordinal))
    {
    }

    private SourceContext(ConcurrentDictionary<string, string?> cursors) => _cursors = cursors;

    /// <summary>The contract that rows must keep. Not yet known while it is inferred.</summary>
    /// <exception cref="InvalidOperationException">It is not known.</exception>
    public Contract Contract
    {
        get => field ?? throw new InvalidOperationException("The contract is not known before it was inferred.");
        init;
    }

    /// <summary>The run that reads, with its logical date. None when a source is tested alone and is not given one.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public RunInfo Run
    {
        get => KnownRun ?? throw new InvalidOperationException("There is no run.");
        init => KnownRun = value;
    }

    /// <summary>Services of the step's scope.</summary>
    public IServiceProvider Services { get; init; } = new ServiceCollection().BuildServiceProvider();

    /// <summary>A logger whose lines carry run, pipeline and step.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>The columns of the target table, or null when there is none yet.</summary>
    public Schema? Target { get; init; }

    /// <summary>Paths with etags of the objects that are in the target table.</summary>
    public IReadOnlySet<(string Path, string ETag)> LoadedObjects { get; init; } = FrozenSet<(string Path, string ETag)>.Empty;

    /// <summary>Whether the table will hold what is read now and nothing else: if anything is new, all of it is to be read.</summary>
    public bool ReplacesTarget { get; init; }

    /// <summary>How rows are merged into the table, or null when they are not.</summary>
    internal MergeOptions? Merge { get; init; }

    /// <summary>About how many bytes of column data a batch is to have.</summary>
    public int BatchBytes { get; init; } = IWarehouse.BatchBytes;

    /// <summary>How many threads may type the rows of one file. One processor is left for what becomes of the rows; more of them would be ahead of it, and take memory.</summary>
    internal int ThreadsOfFile { get; init; } = Math.Clamp(Environment.ProcessorCount - 1, 1, 4);

    /// <summary>How many bytes there are to read in all, when the source knows; for the progress display.</summary>
    public long? TotalBytes { get; set; }

    /// <summary>Looks up cursors of earlier loads.</summary>
    public Func<string, CancellationToken, Task<string?>> CursorLookup { get; init; } = (_, _) => Task.FromResult<string?>(null);

    /// <summary>The cursors that were asked for, as they were.</summary>
    internal IReadOnlyDictionary<string, string?> CursorsSeen => _cursors;

    private RunInfo? KnownRun { get; init; }

    /// <summary>The same with a contract.</summary>
    internal SourceContext With(Contract contract) => new(_cursors)
    {
        Contract = contract,
        KnownRun = KnownRun,
        Services = Services,
        Logger = Logger,
        Target = Target,
        LoadedObjects = LoadedObjects,
        ReplacesTarget = ReplacesTarget,
        Merge = Merge,
        BatchBytes = BatchBytes,
        ThreadsOfFile = ThreadsOfFile,
        CursorLookup = CursorLookup,
    };

    /// <summary>Where earlier loads stopped reading, as they said with <see cref="SourceBatch.Cursors"/>; null when there was none.</summary>
    /// <param name="name">The cursor's name.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<string?> FindCursorAsync(string name, CancellationToken cancellationToken) =>
        _cursors[name] = await CursorLookup(name, cancellationToken).ConfigureAwait(false);

    /// <summary>The object that the last load ended in the middle of, as it said with <see cref="SourceBatch.OpenObject"/>: its first rows are in the target table. Null when there is none.</summary>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<SourceObject?> FindOpenObjectAsync(CancellationToken cancellationToken)
    {
        if (await FindCursorAsync(OpenObjectCursor, cancellationToken).ConfigureAwait(false) is not { } value) return null;
        var open = JsonSerializer.Deserialize(value, CursorJson.Default.SourceObject)!;

        // What was read to its end since leaves its last state behind.
        return ReplacesTarget || LoadedObjects.Contains((open.Path, open.ETag)) ? null : open;
    }

    /// <summary>The cursor that says where a load ended in the middle of an object.</summary>
    internal static KeyValuePair<string, string> CursorOf(SourceObject open) => new(OpenObjectCursor, JsonSerializer.Serialize(open, CursorJson.Default.SourceObject));
}
