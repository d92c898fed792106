using Apache.Arrow;
using DataPlatform.ObjectStores;

namespace DataPlatform.Ingestion;

/// <summary>Writes rows into files of a landing zone, each up to a size.</summary>
internal sealed class LandingWriter(IObjectStore store, IParquetWriterFactory writers, Schema schema, LandingOptions options, Func<int, string> keyOf) : IAsyncDisposable
{
    private const string ContentType = "application/vnd.apache.parquet";

    private readonly List<LandedFile> _files = [];
    private ObjectUpload? _upload;
    private IParquetWriter? _writer;
    private long _rows;

    /// <summary>The files that are there.</summary>
    public IReadOnlyList<LandedFile> Files => _files;

    /// <summary>The keys of all files that may be there.</summary>
    public IEnumerable<string> Keys => _upload is null ? _files.Select(file => file.Path) : [.. _files.Select(file => file.Path), _upload.Key];

    public async Task WriteAsync(RecordBatch rows, CancellationToken cancellationToken)
    {
        _upload ??= new ObjectUpload(store, keyOf(_files.Count + 1), ContentType, cancellationToken);
        _writer ??= writers.Create(_upload, schema, options.Parquet);
        await _writer.WriteAsync(rows, cancellationToken).ConfigureAwait(false);
        _rows += rows.Length;
        if (_writer.Length >= (long)options.FileMebibytes << 20) await CompleteFileAsync(cancellationToken).ConfigureAwait(false);
    }

    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        if (_writer is not null) await CompleteFileAsync(cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        if (_writer is not null) await _writer.DisposeAsync().ConfigureAwait(false);
        if (_upload is not null) await _upload.DisposeAsync().ConfigureAwait(false);
        (_writer, _upload) = (null, null);
    }

    private async Task CompleteFileAsync(CancellationToken cancellationToken)
    {
        await _writer!.CompleteAsync(cancellationToken).ConfigureAwait(false);
        var sha256 = await _upload!.CompleteAsync().ConfigureAwait(false);
        _files.Add(new LandedFile(_upload.Key, sha256, _upload.Length, _rows));
        _rows = 0;
        await DisposeAsync().ConfigureAwait(false);
    }
}
