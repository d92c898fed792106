using Apache.Arrow;

namespace DataPlatform.Ingestion;

internal static class ColumnBytes
{
    /// <summary>The bytes of the columns' buffers; of lists without their elements.</summary>
    public static long SizeOf(this RecordBatch rows) => rows.Arrays.Sum(array => array.Data.Buffers.Sum(buffer => (long)buffer.Length));
}
