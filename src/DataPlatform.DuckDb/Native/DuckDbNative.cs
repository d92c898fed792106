using System.Runtime.InteropServices;
using System.Runtime.InteropServices.Marshalling;
using Apache.Arrow.C;
using DuckDB.NET.Native;
using Microsoft.Win32.SafeHandles;

namespace DataPlatform.DuckDb.Native;

/// <summary>Functions of DuckDB's C API that DuckDB.NET has no bindings for. See <c>duckdb.h</c>.</summary>
internal static unsafe partial class DuckDbNative
{
    private const string Library = "duckdb";

    [LibraryImport(Library, EntryPoint = "duckdb_prepared_statement_type")]
    public static partial DuckDBStatementType PreparedStatementType(DuckDBPreparedStatement statement);

    [LibraryImport(Library, EntryPoint = "duckdb_create_varchar_length")]
    public static partial DuckDBValue CreateVarchar(byte* text, ulong length);

    /// <summary>The name of a type built on another: JSON is VARCHAR with the alias <c>JSON</c>. Null for the others.</summary>
    [LibraryImport(Library, EntryPoint = "duckdb_logical_type_get_alias")]
    [return: MarshalUsing(typeof(DuckDBCallerOwnedStringMarshaller))]
    public static partial string? LogicalTypeAlias(DuckDBLogicalType type);

    [LibraryImport(Library, EntryPoint = "duckdb_appender_create_query", StringMarshalling = StringMarshalling.Utf8)]
    public static partial DuckDBState AppenderCreateQuery(
        DuckDBNativeConnection connection, string query, ulong columnCount, nint[] types, string tableName, nint[] columnNames, out DuckDBAppender appender);

    [LibraryImport(Library, EntryPoint = "duckdb_schema_from_arrow")]
    public static partial DuckDBErrorData SchemaFromArrow(DuckDBNativeConnection connection, CArrowSchema* schema, out ArrowConvertedSchema converted);

    [LibraryImport(Library, EntryPoint = "duckdb_data_chunk_from_arrow")]
    public static partial DuckDBErrorData DataChunkFromArrow(
        DuckDBNativeConnection connection, CArrowArray* array, ArrowConvertedSchema schema, out DuckDBDataChunk chunk);

    [LibraryImport(Library, EntryPoint = "duckdb_destroy_arrow_converted_schema")]
    private static partial void DestroyArrowConvertedSchema(ref nint schema);

    /// <summary>DuckDB's own form of an Arrow schema.</summary>
    internal sealed class ArrowConvertedSchema() : SafeHandleZeroOrMinusOneIsInvalid(ownsHandle: true)
    {
        protected override bool ReleaseHandle()
        {
            DestroyArrowConvertedSchema(ref handle);
            return true;
        }
    }
}
