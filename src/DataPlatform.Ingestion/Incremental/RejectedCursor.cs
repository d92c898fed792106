using DataPlatform.Ledger;

namespace DataPlatform.Ingestion;

/// <summary>Finds the cursor of rejected rows in the JSON that is kept of them, whatever else is wrong with them.</summary>
internal sealed class RejectedCursor
{
    private readonly CursorType _type;
    private readonly BatchBuilder _batch;
    private readonly JsonRawRowReader _reader;

    /// <param name="column">The cursor, as a column.</param>
    /// <param name="type">Its type.</param>
    /// <param name="options">How the rows are read.</param>
    public RejectedCursor(ContractColumn column, CursorType type, JsonOptions options)
    {
        _type = type;
        var field = new Apache.Arrow.Field(column.Name, column.Field.DataType, nullable: true, column.Field.Metadata);
        _batch = new BatchBuilder(new Contract([new ContractColumn(field, column.SourceName)]), int.MaxValue);
        _reader = new JsonRawRowReader(_batch, options);
    }

    /// <summary>The row's cursor; null when there is none to be read.</summary>
    public CursorValue? Find(in RejectedRow row)
    {
        if (!row.IsExact || row.FieldNames is not null) return null;
        _reader.Read(row);
        using var read = _batch.Take();
        return read.Rows is { Length: 1 } rows ? _type.ValueOf(rows.Column(0), 0) : null;
    }
}
