using Apache.Arrow;

namespace DataPlatform.Ingestion;

/// <summary>Columns of another batch, whose place it takes: that one is not disposed of any more.</summary>
internal sealed class ViewRecordBatch(Schema schema, IEnumerable<IArrowArray> columns, RecordBatch from) : RecordBatch(schema, columns, from.Length)
{
    protected override void Dispose(bool disposing)
    {
        if (disposing) from.Dispose();

        // The columns are the other's, and not to be disposed of twice.
        base.Dispose(disposing: false);
    }
}
