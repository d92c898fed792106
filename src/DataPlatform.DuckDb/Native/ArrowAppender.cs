using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.C;
using DataPlatform.DuckDb.Columns;
using DuckDB.NET.Native;

namespace DataPlatform.DuckDb.Native;

/// <summary>
/// Hands record batches to an INSERT. A batch becomes one data chunk that points into Arrow's buffers (<c>duckdb_data_chunk_from_arrow</c>),
/// so values are copied for the first time where DuckDB gathers the rows of the INSERT.
/// </summary>
internal sealed unsafe class ArrowAppender : IDisposable
{
    /// <summary>What the INSERT calls the batch: <c>INSERT INTO … SELECT * FROM batch</c>.</summary>
    public const string Source = "dataplatform_batch";

    private readonly DuckDBNativeConnection _connection;
    private readonly DuckDbErrors _errors;
    private readonly DuckDbNative.ArrowConvertedSchema _schema;
    private readonly DuckDBAppender _appender;

    /// <summary>Prepares to append.</summary>
    /// <param name="connection">The connection whose transaction the rows are part of.</param>
    /// <param name="insertSql">An INSERT from <see cref="Source"/>, whose columns are those of the schema, in order.</param>
    /// <param name="schema">Columns with types that <see cref="DuckDbTypes"/> knows.</param>
    /// <param name="errors">Makes exceptions.</param>
    public ArrowAppender(DuckDBNativeConnection connection, string insertSql, Schema schema, DuckDbErrors errors)
    {
        (_connection, _errors) = (connection, errors);
        _schema = Convert(schema);
        _appender = Create(insertSql, schema.FieldsList);
    }

    /// <summary>Inserts a batch.</summary>
    public void Append(RecordBatch batch)
    {
        // DuckDB reads a chunk of no rows as one that has ended.
        if (batch.Length == 0) return;

        using var chunk = ToChunk(batch);
        Check(NativeMethods.Appender.DuckDBAppendDataChunk(_appender, chunk));
        Check(NativeMethods.Appender.DuckDBAppenderFlush(_appender));
    }

    public void Dispose()
    {
        // Destroying the appender would try once more to insert what could not be inserted.
        NativeMethods.Appender.DuckDBAppenderClear(_appender);
        _appender.Dispose();
        _schema.Dispose();
    }

    private DuckDbNative.ArrowConvertedSchema Convert(Schema schema)
    {
        var exported = CArrowSchema.Create();
        try
        {
            CArrowSchemaExporter.ExportSchema(new Schema(schema.FieldsList.Select(DuckDbTypes.ToStorage), metadata: null), exported);
            Check(DuckDbNative.SchemaFromArrow(_connection, exported, out var converted));
            return converted;
        }
        finally
        {
            CArrowSchema.Free(exported);
        }
    }

    private DuckDBDataChunk ToChunk(RecordBatch batch)
    {
        var exported = CArrowArray.Create();
        try
        {
            CArrowArrayExporter.ExportRecordBatch(batch, exported);
            Check(DuckDbNative.DataChunkFromArrow(_connection, exported, _schema, out var chunk));
            return chunk;
        }
        finally
        {
            CArrowArray.Free(exported);
        }
    }

    // The types must be exactly those the chunks have: DuckDB casts chunks of other types in a buffer that holds 2,048 rows, whatever their length.
    private DuckDBAppender Create(string insertSql, IReadOnlyList<Field> fields)
    {
        var types = fields.Select(field => DuckDbTypes.ToLogicalType(DuckDbTypes.ToColumnType(field))).ToArray();
        var names = fields.Select(field => Marshal.StringToCoTaskMemUTF8(field.Name)).ToArray();
        try
        {
            var state = DuckDbNative.AppenderCreateQuery(
                _connection, insertSql, (ulong)types.Length, [.. types.Select(type => type.DangerousGetHandle())], Source, names, out var appender);
            return state.IsSuccess() ? appender : throw Failed(appender);
        }
        finally
        {
            foreach (var type in types) type.Dispose();
            foreach (var name in names) Marshal.FreeCoTaskMem(name);
        }
    }

    private void Check(DuckDBState state)
    {
        if (!state.IsSuccess()) throw Failed(_appender);
    }

    private void Check(DuckDBErrorData error)
    {
        using (error)
        {
            if (!error.IsInvalid && error.HasError) throw From(error);
        }
    }

    private Exception Failed(DuckDBAppender appender)
    {
        using var error = NativeMethods.Appender.DuckDBAppenderErrorData(appender);
        return From(error);
    }

    private Exception From(DuckDBErrorData error) => _errors.From(error.Message, NativeMethods.ErrorData.DuckDBErrorDataErrorType(error));
}
