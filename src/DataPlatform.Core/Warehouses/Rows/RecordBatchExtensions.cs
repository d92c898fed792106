using Apache.Arrow;
using Apache.Arrow.Types;

namespace DataPlatform.Warehouses;

/// <summary>Small things done to record batches.</summary>
public static class RecordBatchExtensions
{
    /// <summary>The schema with a 64-bit integer column that is never NULL at its end.</summary>
    public static Schema WithColumn(this Schema schema, string name)
    {
        ArgumentNullException.ThrowIfNull(schema);
        return new Schema([.. schema.FieldsList, new Field(name, Int64Type.Default, nullable: false)], schema.Metadata);
    }

    /// <summary>
    /// The batch with a column at its end that has the same value in every row. It shares the other columns with this batch: dispose of one of the two.
    /// </summary>
    public static RecordBatch WithColumn(this RecordBatch batch, string name, long value)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var values = new ArrowBuffer.Builder<long>(batch.Length).Resize(batch.Length);
        values.Span.Fill(value);
        var column = new Int64Array(values.Build(), ArrowBuffer.Empty, batch.Length, nullCount: 0, offset: 0);
        return new RecordBatch(batch.Schema.WithColumn(name), [.. batch.Arrays, column], batch.Length);
    }
}
