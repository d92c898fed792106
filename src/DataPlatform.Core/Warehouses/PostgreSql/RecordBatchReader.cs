using System.Collections.ObjectModel;
using System.Data;
using Apache.Arrow;
using Npgsql;
using Npgsql.Schema;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>Reads a query's rows into record batches.</summary>
internal sealed class RecordBatchReader : IAsyncDisposable
{
    private const int TargetBytes = 8 * 1024 * 1024;

    private readonly NpgsqlCommand _command;
    private readonly NpgsqlDataReader _reader;
    private readonly ColumnDecoder[] _columns;
    private readonly Schema _schema;
    private byte[] _value = new byte[8 * 1024];
    private bool _ended;
    private bool _started;

    private RecordBatchReader(NpgsqlCommand command, NpgsqlDataReader reader, ColumnDecoder[] columns)
    {
        (_command, _reader, _columns) = (command, reader, columns);
        _schema = new Schema(columns.Select(column => column.Field), metadata: null);
    }

    /// <summary>Sends the query. The command's connection stays the caller's.</summary>
    public static async Task<RecordBatchReader> OpenAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        ReadOnlyCollection<NpgsqlDbColumn> described;
        await using (var description = await command.ExecuteReaderAsync(CommandBehavior.SchemaOnly, cancellationToken).ConfigureAwait(false))
            described = description.GetColumnSchema();

        command.UnknownResultTypeList = [.. described.Select(column => PostgreSqlTypes.IsReadAsText(column.TypeOID))];
        var columns = described
            .Select(column => ColumnDecoder.Create(
                PostgreSqlTypes.ToField(column.ColumnName, column.TypeOID, column.NumericPrecision, column.NumericScale, nullable: true), column.TypeOID))
            .ToArray();
        return new RecordBatchReader(command, await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false), columns);
    }

    /// <summary>The next batch, or null after the last one. There is one at least, so that the schema is known.</summary>
    public async Task<RecordBatch?> ReadAsync(CancellationToken cancellationToken)
    {
        var (rows, bytes) = (0, 0L);
        while (!_ended && bytes < TargetBytes)
        {
            if (await _reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                bytes += ReadRow();
                rows++;
            }
            else
            {
                _ended = true;
            }
        }

        if (rows == 0 && _started) return null;
        _started = true;
        return new RecordBatch(_schema, _columns.Select(column => column.Build()), rows);
    }

    public async ValueTask DisposeAsync()
    {
        // Closing a reader reads to the end: tell the server not to send the rest.
        if (!_ended) _command.Cancel();
        try
        {
            await _reader.DisposeAsync().ConfigureAwait(false);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.QueryCanceled)
        {
            // As asked for.
        }
    }

    private long ReadRow()
    {
        var bytes = 0L;
        for (var i = 0; i < _columns.Length; i++)
        {
            if (_reader.IsDBNull(i))
            {
                _columns[i].AppendNull();
                bytes++;
                continue;
            }

            var length = ReadValue(i);
            _columns[i].Append(_value.AsSpan(0, length));
            bytes += length + sizeof(int);
        }

        return bytes;
    }

    private int ReadValue(int column)
    {
        var length = (int)_reader.GetBytes(column, 0, _value, 0, _value.Length);
        if (length < _value.Length) return length;
        length = (int)_reader.GetBytes(column, 0, null, 0, 0);
        if (length > _value.Length) _value = new byte[Math.Max(length, _value.Length * 2)];
        return (int)_reader.GetBytes(column, 0, _value, 0, length);
    }
}
