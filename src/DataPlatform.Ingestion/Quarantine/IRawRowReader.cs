using System.Text;
using DataPlatform.Ledger;

namespace DataPlatform.Ingestion;

/// <summary>Reads rejected rows again from the text that was kept of them: one for all rows of a replay.</summary>
internal interface IRawRowReader
{
    /// <summary>Accepts the row into the batch, or rejects it again with the source and position that it had.</summary>
    void Read(in RejectedRow row);
}

/// <summary>A source that says itself how its rejected rows are read again. Those of others are JSON objects, as <see cref="RowBatchBuilder{T}"/> keeps them.</summary>
internal interface IReplayedSource : ISource
{
    IRawRowReader CreateRawReader(BatchBuilder batch, SourceContext context);
}

/// <summary>Rows that were kept as JSON objects.</summary>
internal sealed class JsonRawRowReader(BatchBuilder batch, JsonOptions options) : IRawRowReader, IJsonRows
{
    private readonly JsonRowReader _reader = new(batch, options);
    private byte[]? _row;

    public string RowNoun => "row";

    public long Position { get; private set; }

    public void Read(in RejectedRow row)
    {
        var before = batch.RowsRead;
        (_row, Position) = (Encoding.UTF8.GetBytes(row.Raw), row.Position);
        _reader.ReadAvailable(this, row.Source);
        if (batch.RowsRead == before) batch.Reject(row.Source, row.Position, Encoding.UTF8.GetBytes(row.Raw), null, "the text is empty");
    }

    public bool TryTake(out ReadOnlySpan<byte> row)
    {
        row = _row;
        var any = _row is not null;
        _row = null;
        return any;
    }

    public ValueTask<bool> FillAsync(CancellationToken cancellationToken) => new(false);
}
