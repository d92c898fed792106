using Apache.Arrow;
using DataPlatform.ObjectStores;

namespace DataPlatform.Ingestion;

/// <summary>Writes rows into files of a landing zone, each up to a size, in the folders that they belong into.</summary>
/// <param name="store">The zone's store.</param>
/// <param name="writers">Make the files.</param>
/// <param name="schema">The rows' columns.</param>
/// <param name="zone">The zone.</param>
/// <param name="ingestDate">The run's logical date.</param>
/// <param name="keyOf">Gives the key of a file, by its folder and its number in the load.</param>
internal sealed class LandingWriter(IObjectStore store, IParquetWriterFactory writers, Schema schema, LandingZone zone, DateOnly ingestDate, Func<string, int, string> keyOf) : IAsyncDisposable
{
    private const string ContentType = "application/vnd.apache.parquet";

    private readonly List<LandedFile> _files = [];
    private readonly PartitionBuffer? _waiting = zone.Options.PartitionColumns.Any() ? new PartitionBuffer(zone, schema, ingestDate) : null;
    private Task _storing = Task.CompletedTask; // the file before
    private int _begun;
    private ObjectUpload? _upload;
    private IParquetWriter? _writer;
    private string? _folder;
    private long _rows;

    /// <summary>The files, once they are complete.</summary>
    public IReadOnlyList<LandedFile> Files => _files;

    public async Task WriteAsync(RecordBatch rows, CancellationToken cancellationToken)
    {
        if (_waiting is null)
        {
            await WriteAsync(_folder ??= zone.FolderOf(ingestDate), rows, cancellationToken).ConfigureAwait(false);
            return;
        }

        await _waiting.AddAsync(rows, cancellationToken).ConfigureAwait(false);
        if (_waiting.IsFull) await WriteWaitingAsync(_waiting, cancellationToken).ConfigureAwait(false);
    }

    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        if (_waiting is not null) await WriteWaitingAsync(_waiting, cancellationToken).ConfigureAwait(false);
        if (_writer is not null) await CompleteFileAsync(cancellationToken).ConfigureAwait(false);
        await _storing.ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        if (_writer is not null) await _writer.DisposeAsync().ConfigureAwait(false);
        if (_upload is not null) await _upload.DisposeAsync().ConfigureAwait(false);
        await ((Task)_storing.ContinueWith(storing => _ = storing.Exception, TaskScheduler.Default)).ConfigureAwait(false);
        if (_waiting is not null) await _waiting.DisposeAsync().ConfigureAwait(false);
    }

    private async Task WriteWaitingAsync(PartitionBuffer waiting, CancellationToken cancellationToken)
    {
        await foreach (var (folder, rows) in waiting.TakeAsync(cancellationToken).ConfigureAwait(false))
        {
            if (_writer is not null && folder != _folder) await CompleteFileAsync(cancellationToken).ConfigureAwait(false);
            await WriteAsync(_folder = folder, rows, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task WriteAsync(string folder, RecordBatch rows, CancellationToken cancellationToken)
    {
        if (_storing.IsFaulted) await _storing.ConfigureAwait(false);
        _upload ??= new ObjectUpload(store, keyOf(folder, ++_begun), ContentType, cancellationToken);
        _writer ??= writers.Create(_upload, schema, zone.Options.Parquet);
        await _writer.WriteAsync(rows, cancellationToken).ConfigureAwait(false);
        _rows += rows.Length;
        if (_writer.Length >= zone.FileBytes) await CompleteFileAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task CompleteFileAsync(CancellationToken cancellationToken)
    {
        await _writer!.CompleteAsync(cancellationToken).ConfigureAwait(false);
        await _writer.DisposeAsync().ConfigureAwait(false);
        _writer = null;

        // Until a store has a file for good takes a while, in which the next one is encoded.
        await _storing.ConfigureAwait(false);
        _storing = StoreAsync(_upload!, _rows);
        (_upload, _rows) = (null, 0);
    }

    private async Task StoreAsync(ObjectUpload upload, long rows)
    {
        await using (upload.ConfigureAwait(false))
        {
            var sha256 = await upload.CompleteAsync().ConfigureAwait(false);
            _files.Add(new LandedFile(upload.Key, sha256, upload.Length, rows));
        }
    }
}
