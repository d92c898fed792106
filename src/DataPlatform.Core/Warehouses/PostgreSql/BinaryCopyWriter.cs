using Apache.Arrow;
using Npgsql;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>Appends record batches to a table by binary COPY.</summary>
internal sealed class BinaryCopyWriter : IBulkWriter
{
    private readonly NpgsqlRawCopyStream _stream;
    private readonly BinaryCopyEncoder _encoder;
    private readonly Schema _schema;
    private readonly PostgreSqlErrors _errors;
    private bool _ended;

    public BinaryCopyWriter(NpgsqlRawCopyStream stream, BinaryCopyEncoder encoder, Schema schema, PostgreSqlErrors errors) =>
        (_stream, _encoder, _schema, _errors) = (stream, encoder, schema, errors);

    public async Task WriteAsync(RecordBatch batch, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ObjectDisposedException.ThrowIf(_ended, this);
        CheckSchema(batch.Schema);
        _encoder.Load(batch);
        while (_encoder.Fill()) await SendAsync(cancellationToken).ConfigureAwait(false);
    }

    public async Task<BulkWriteResult> CompleteAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_ended, this);
        await SendAsync(cancellationToken).ConfigureAwait(false);
        _encoder.WriteTrailer();
        await SendAsync(cancellationToken).ConfigureAwait(false);

        // Disposing of the stream is what completes the COPY, and reports what the server found wrong with any row.
        _ended = true;
        await _errors.GuardAsync(async () => await _stream.DisposeAsync().ConfigureAwait(false)).ConfigureAwait(false);
        return new BulkWriteResult(_encoder.Rows);
    }

    public async ValueTask DisposeAsync()
    {
        _encoder.Dispose();
        if (_ended) return;
        _ended = true;
        try
        {
            await _stream.CancelAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is NpgsqlException or ObjectDisposedException or IOException)
        {
            // The server or the connection ended the COPY before; nothing of it stays either way.
        }
    }

    private async Task SendAsync(CancellationToken cancellationToken)
    {
        await _errors.GuardAsync(async () => await _stream.WriteAsync(_encoder.Encoded, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        _encoder.Clear();
    }

    // The encoders read the buffers as the types the writer was begun with.
    private void CheckSchema(Schema schema)
    {
        if (ReferenceEquals(schema, _schema)) return;
        var (fields, expected) = (schema.FieldsList, _schema.FieldsList);
        if (fields.Count != expected.Count || fields.Zip(expected).Any(pair => pair.First.Name != pair.Second.Name || !SameType(pair.First, pair.Second)))
            throw _errors.Failed(FailureClass.Bug, "a batch has other columns than the write was begun with.");
    }

    private static bool SameType(Field left, Field right) => PostgreSqlTypes.ToSql(left) is { } type && type == PostgreSqlTypes.ToSql(right);
}
