using Apache.Arrow;
using DataPlatform.DuckDb.Native;
using DataPlatform.Warehouses;
using DuckDB.NET.Native;

namespace DataPlatform.DuckDb.Columns;

/// <summary>Reads what a query returns into record batches.</summary>
internal sealed class RecordBatchReader : IDisposable
{
    // How many rows are added between two looks at the size; a multiple of 64.
    private const int SliceRows = 512;

    private readonly QueryResult _result;
    private readonly ColumnReader[] _columns;
    private readonly Schema _schema;
    private DuckDBDataChunk? _chunk;
    private int _position;
    private bool _started;
    private bool _ended;

    private RecordBatchReader(QueryResult result, ColumnReader[] columns)
    {
        (_result, _columns) = (result, columns);
        _schema = new Schema(columns.Select(column => column.Field), metadata: null);
    }

    /// <summary>Starts a query. When it returns types that Arrow lacks it is started again with casts around it.</summary>
    public static RecordBatchReader Open(DuckDBNativeConnection connection, string sql, IReadOnlyList<object?>? parameters, DuckDbErrors errors)
    {
        using var statement = Statement.Prepare(connection, sql, parameters, errors);
        return Open(statement, connection, sql, parameters, errors);
    }

    /// <summary>Starts a prepared query.</summary>
    public static RecordBatchReader Open(
        Statement statement, DuckDBNativeConnection connection, string sql, IReadOnlyList<object?>? parameters, DuckDbErrors errors)
    {
        var result = statement.Query();
        try
        {
            var types = Enumerable.Range(0, result.ColumnCount).Select(result.ColumnType).ToArray();
            var fields = types.Select((type, i) => DuckDbTypes.ToField(result.ColumnName(i), type, nullable: true)).ToArray();
            if (fields.All(field => field.Cast is null)) return new RecordBatchReader(result, [.. fields.Select((field, i) => ColumnReader.Create(field.Field, types[i]))]);
            if (!statement.IsSelect) throw NotReadable(errors, fields.First(field => field.Cast is not null).Field.Name);
            result.Dispose();
            return Open(connection, WithCasts(sql, fields), parameters, errors);
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <summary>The next batch, or null after the last one. There is one at least, so that the schema is known.</summary>
    public RecordBatch? Read(int batchBytes = IWarehouse.BatchBytes)
    {
        var (rows, bytes) = (0, 0L);
        while (bytes < batchBytes && NextChunk(out var size))
        {
            var count = Math.Min(SliceRows, size - _position);
            for (var i = 0; i < _columns.Length; i++)
                _columns[i].Append(NativeMethods.DataChunks.DuckDBDataChunkGetVector(_chunk!, i), _position, count);
            _position += count;
            rows += count;
            bytes = _columns.Sum(column => column.Bytes);
        }

        if (rows == 0 && _started) return null;
        _started = true;
        return new RecordBatch(_schema, _columns.Select(column => column.Build()), rows);
    }

    public void Dispose()
    {
        _chunk?.Dispose();
        _result.Dispose();
    }

    private bool NextChunk(out int size)
    {
        size = SizeOfChunk();
        if (_position < size) return true;
        if (_ended) return false;
        _chunk?.Dispose();
        _chunk = _result.Fetch();
        _position = 0;
        size = SizeOfChunk();
        _ended = size == 0;
        return !_ended;
    }

    private int SizeOfChunk() => _chunk is null ? 0 : (int)NativeMethods.DataChunks.DuckDBDataChunkGetSize(_chunk);

    // Names may repeat, so the columns are called by their place and named at the end.
    private static string WithCasts(string sql, IReadOnlyList<(Field Field, string? Cast)> fields)
    {
        var columns = fields.Select((field, i) => $"{(field.Cast is null ? $"c{i}" : $"CAST(c{i} AS {field.Cast})")} AS {TableName.Quote(field.Field.Name)}");
        return $"SELECT {string.Join(", ", columns)} FROM ({SqlText.Embeddable(sql)}) AS q({string.Join(", ", fields.Select((_, i) => $"c{i}"))})";
    }

    private static WarehouseException NotReadable(DuckDbErrors errors, string column) => errors.Failed(
        FailureClass.Configuration,
        $"Column '{column}' that the statement returns is of a type that cannot be read.",
        $"Cast it, for example to text: \"{column}\"::text.");
}
