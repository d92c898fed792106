using System.Text;
using DataPlatform.Ledger;

namespace DataPlatform.Ingestion;

/// <summary>Rejected rows of CSV files: each is read by itself, so that a quote that is open in one does not take in the next.</summary>
internal sealed class CsvRawRowReader(BatchBuilder batch, SourceContext context, CsvOptions options) : IRawRowReader
{
    private const int MinBufferBytes = 4096;

    // The text is UTF-8 by now, and the names of its fields come with it.
    private readonly CsvOptions _options = options with { HasHeader = false, Encoding = "utf-8" };
    private readonly Dictionary<IReadOnlyList<string>, CsvColumns> _columns = new(ReferenceEqualityComparer.Instance);

    public void Read(in RejectedRow row)
    {
        var raw = Encoding.UTF8.GetBytes(row.Raw);
        using var rows = new CsvRows(new MemoryStream(raw), _options, new Text(row.Source), Math.Max(raw.Length + 1, MinBufferBytes));
        var reader = new CsvRowReader(rows, ColumnsOf(row), batch, row.Source, _options, row.Position);
        var before = batch.RowsRead;
        while (reader.ReadAvailable(CancellationToken.None).State != CsvReadState.End)
        {
        }

        switch (batch.RowsRead - before)
        {
            case 0:
                batch.Reject(row.Source, row.Position, raw, null, "the text is empty", row.FieldNames);
                break;
            case > 1:
                throw new DataPlatformException(
                    FailureClass.Configuration, $"{row.Source}, line {row.Position}: what was one row when it was rejected is {batch.RowsRead - before} rows with the CsvOptions of today. Nothing was replayed.",
                    "Set delimiter and quote as they were, or discard the row.");
        }
    }

    private CsvColumns ColumnsOf(in RejectedRow row)
    {
        // Without names a row has as many fields as the contract, or the table, has columns.
        if (row.FieldNames is not { } names) return CsvColumns.Map(null, context, new Text(row.Source), _options) with { FieldCount = context.Contract.Columns.Count };
        if (!_columns.TryGetValue(names, out var columns)) _columns[names] = columns = CsvColumns.Map(names, context, new Text(row.Source), _options);
        return columns;
    }

    private sealed class Text(string name) : ISourceText
    {
        public string Name => name;

        public DataPlatformException Invalid(string problem, string? hint, Exception? cause = null) => new(FailureClass.Data, $"{name} {problem}", hint, cause);
    }
}
