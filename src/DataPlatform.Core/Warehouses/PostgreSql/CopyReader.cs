using System.Buffers;
using System.Buffers.Binary;
using System.Data;
using Apache.Arrow;
using Npgsql;
using Npgsql.Schema;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>
/// Reads a query's rows into record batches: has the server describe the query, and then send its rows by <c>COPY … TO STDOUT (FORMAT binary)</c>.
/// Format: PostgreSQL documentation, COPY, "Binary Format".
/// </summary>
/// <remarks>
/// The wire has rows and Arrow has columns. Of the rows that are in the buffer the places of all fields are noted first; then each column takes its
/// fields from there. So the inner loops are over one column of one type.
/// </remarks>
internal sealed class CopyReader : IAsyncDisposable
{
    private const int BufferSize = 256 * 1024;
    private const int WindowRows = 1024;
    private const int HeaderSize = 19;
    private const int LengthSize = sizeof(int);
    private const short EndOfData = -1;

    private readonly NpgsqlTransaction _transaction;
    private readonly NpgsqlRawCopyStream _stream;
    private readonly ColumnDecoder[] _columns;
    private readonly Schema _schema;
    private readonly int[] _places; // of the fields of a window's rows, column by column
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
    private int _start = HeaderSize; // the header says nothing that is not known
    private int _end;
    private int _tupleBytes; // how many bytes the row that the buffer ends in has at least
    private bool _ended;
    private bool _closed;
    private bool _started;

    private CopyReader(NpgsqlTransaction transaction, NpgsqlRawCopyStream stream, ColumnDecoder[] columns)
    {
        (_transaction, _stream, _columns) = (transaction, stream, columns);
        _schema = new Schema(columns.Select(column => column.Field), metadata: null);
        _places = new int[columns.Length * WindowRows];
    }

    /// <summary>Sends the query. The connection stays the caller's.</summary>
    /// <param name="connection">A connection that is in no transaction.</param>
    /// <param name="sql">One SELECT without parameters.</param>
    /// <param name="cancelBackend">Cancels, over another connection, what the server process of that number is doing.</param>
    /// <param name="cancellationToken">Stops the query on the server too.</param>
    public static async Task<CopyReader> OpenAsync(NpgsqlConnection connection, string sql, Func<int, Task> cancelBackend, CancellationToken cancellationToken)
    {
        // In a transaction the tables that were described stay as they are until the rows are read.
        var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var columns = await DescribeAsync(connection, sql, cancellationToken).ConfigureAwait(false);
            var stream = await BeginAsync(connection, CopyStatement.Create(sql, columns), cancelBackend, cancellationToken).ConfigureAwait(false);
            return new CopyReader(transaction, stream, [.. columns.Select(column => ColumnDecoder.Create(column.Field, column.TypeOid))]);
        }
        catch
        {
            await transaction.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The next batch, or null after the last one. There is one at least, so that the schema is known.</summary>
    public async Task<RecordBatch?> ReadAsync(int batchBytes, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var cancelling = cancellationToken.UnsafeRegister(static stream => Cancel((NpgsqlRawCopyStream)stream!), _stream);
        try
        {
            var rows = await ReadRowsAsync(batchBytes).ConfigureAwait(false);
            if (rows == 0 && _started) return null;
            if (_ended) await CloseAsync().ConfigureAwait(false);
            _started = true;
            var rented = new List<byte[]>();
            return new RentedRecordBatch(_schema, [.. _columns.Select(column => column.Build(rented))], rows, rented);
        }
        catch (PostgresException e) when (cancellationToken.IsCancellationRequested && e.SqlState == PostgresErrorCodes.QueryCanceled)
        {
            _ended = true;
            throw new OperationCanceledException(e.Message, e, cancellationToken);
        }
        finally
        {
            // Waits until a cancellation is sent, lest it hits what the connection does next.
            await cancelling.DisposeAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        // Closing the stream reads to the end: tell the server not to send the rest.
        if (!_ended) Cancel(_stream);
        try
        {
            await _stream.DisposeAsync().ConfigureAwait(false);
            await _transaction.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is PostgresException { SqlState: PostgresErrorCodes.QueryCanceled } or NpgsqlException or OperationCanceledException or ObjectDisposedException)
        {
            // As asked for; or the connection is lost, and the transaction with it.
        }

        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    // The server answers only with the first rows, and until then the connection cannot be used to cancel what it waits for.
    private static async Task<NpgsqlRawCopyStream> BeginAsync(NpgsqlConnection connection, string statement, Func<int, Task> cancelBackend, CancellationToken cancellationToken)
    {
        var beginning = connection.BeginRawBinaryCopyAsync(statement, CancellationToken.None);
        try
        {
            return await beginning.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await cancelBackend(connection.ProcessID).ConfigureAwait(false);
            try
            {
                var begun = await beginning.ConfigureAwait(false);
                Cancel(begun);
                await begun.DisposeAsync().ConfigureAwait(false);
            }
            catch (Exception e) when (e is NpgsqlException or OperationCanceledException)
            {
                // As asked for; or the connection is lost, and the query ends with it.
            }

            throw;
        }
    }

    private static async Task<IReadOnlyList<CopyColumn>> DescribeAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await using var description = await command.ExecuteReaderAsync(CommandBehavior.SchemaOnly, cancellationToken).ConfigureAwait(false);
        var columns = await description.GetColumnSchemaAsync(cancellationToken).ConfigureAwait(false);
        return
        [
            .. columns.Cast<NpgsqlDbColumn>().Select(column => new CopyColumn(
                PostgreSqlTypes.ToField(column.ColumnName, column.TypeOID, column.NumericPrecision, column.NumericScale, nullable: true), column.TypeOID)),
        ];
    }

    /// <summary>A batch that returns its memory when it is disposed of.</summary>
    private sealed class RentedRecordBatch(Schema schema, IReadOnlyList<IArrowArray> columns, int length, List<byte[]> rented) : RecordBatch(schema, columns, length)
    {
        protected override void Dispose(bool disposing)
        {
            base.Dispose(disposing);
            foreach (var array in rented) ArrayPool<byte>.Shared.Return(array);
            rented.Clear();
        }
    }

    private static void Cancel(NpgsqlRawCopyStream stream)
    {
        try
        {
            stream.Cancel();
        }
        catch (Exception e) when (e is NpgsqlException or ObjectDisposedException or IOException)
        {
            // It has ended by itself, or the server cannot be reached, which reading finds out too.
        }
    }

    /// <summary>Gives rows to the columns until they have a batch; answers how many.</summary>
    private async ValueTask<int> ReadRowsAsync(int batchBytes)
    {
        var (rows, bytes) = (0, 0L);
        while (bytes < batchBytes)
        {
            // What the server sent last may be more than this batch takes.
            if (TakeWindow(ref bytes) is > 0 and var taken) rows += taken;
            else if (_ended) break;
            else await FillAsync().ConfigureAwait(false);
        }

        return rows;
    }

    /// <summary>Reads until the buffer is full or the server has sent all. What is in it begins with a row.</summary>
    private async ValueTask FillAsync()
    {
        MakeRoom();
        while (_end < _buffer.Length)
        {
            // The server is told to stop, and says so here: a read that is cancelled would cost the connection.
            var read = await _stream.ReadAsync(_buffer.AsMemory(_end), CancellationToken.None).ConfigureAwait(false);
            if (read == 0)
            {
                _ended = true;
                return;
            }

            _end += read;
        }
    }

    private void MakeRoom()
    {
        if (_end == 0) return;
        var rest = _buffer.AsSpan(_start, _end - _start);
        if (_tupleBytes > _buffer.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_tupleBytes, (int)Math.Min(_buffer.Length * 2L, System.Array.MaxLength)));
            rest.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }
        else
        {
            rest.CopyTo(_buffer);
        }

        (_start, _end) = (0, rest.Length);
    }

    /// <summary>Gives rows that are whole in the buffer to the columns; answers how many.</summary>
    private int TakeWindow(ref long bytes)
    {
        var (at, rows) = (_start, 0);
        while (rows < WindowRows && PlaceRow(at, rows) is >= 0 and var next) (at, rows) = (next, rows + 1);
        if (rows == 0) return 0;
        for (var i = 0; i < _columns.Length; i++) _columns[i].Append(_buffer, _places.AsSpan(i * WindowRows, rows));
        bytes += at - _start;
        _start = at;
        return rows;
    }

    // Notes where the fields of a row are; answers where it ends, or -1 when that is not in the buffer.
    private int PlaceRow(int at, int row)
    {
        var buffer = _buffer.AsSpan(0, _end);
        var begin = at;
        if (at + sizeof(short) > buffer.Length) return Missing(begin, at + sizeof(short));
        var fields = BinaryPrimitives.ReadInt16BigEndian(buffer[at..]);
        if (fields == EndOfData) return -1;
        if (fields != _columns.Length) throw new InvalidOperationException($"The server sends rows of {fields} fields, but described {_columns.Length}.");
        at += sizeof(short);
        for (var place = row; place < _places.Length; place += WindowRows)
        {
            if (at + LengthSize > buffer.Length) return Missing(begin, at + LengthSize);
            _places[place] = at;
            at += LengthSize + Math.Max(BinaryPrimitives.ReadInt32BigEndian(buffer[at..]), 0);
        }

        return at <= buffer.Length ? at : Missing(begin, at);
    }

    private int Missing(int begin, int end)
    {
        _tupleBytes = end - begin;
        return -1;
    }

    private async ValueTask CloseAsync()
    {
        if (_closed) return;
        _closed = true;
        await _stream.DisposeAsync().ConfigureAwait(false);
        await _transaction.CommitAsync(CancellationToken.None).ConfigureAwait(false);
    }
}
