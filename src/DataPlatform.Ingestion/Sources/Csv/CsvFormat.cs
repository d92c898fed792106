using System.Runtime.CompilerServices;

namespace DataPlatform.Ingestion;

/// <summary>CSV, tokenised by CsvHelper and typed here.</summary>
internal sealed class CsvFormat(CsvOptions options) : IFileFormat
{
    private const int SampleRows = 50_000;
    private const int SampleBytes = 4 << 20;

    public async Task<Contract> InferAsync(SourceFile file, SourceContext context, CancellationToken cancellationToken)
    {
        var stream = await file.OpenTextAsync(options.Encoding, cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            using var rows = new CsvRows(stream, options, file);
            var names = await rows.ReadHeaderAsync(cancellationToken).ConfigureAwait(false);
            List<TypeInference>? columns = names is null ? null : [.. names.Select(_ => new TypeInference())];
            for (var row = 0; row < SampleRows && rows.Reader.ByteOffset < SampleBytes && await rows.NextAsync(cancellationToken).ConfigureAwait(false); row++)
            {
                columns ??= [.. Enumerable.Range(0, rows.Reader.FieldCount).Select(_ => new TypeInference())];
                if (rows.Malformed is not null || rows.Reader.FieldCount != columns.Count) continue;
                for (var i = 0; i < columns.Count; i++) columns[i].Add(rows.Reader.GetSpan(i), isText: false);
            }

            if (columns is null) throw file.Invalid("has no rows to infer columns from.", "Declare the columns: From.Csv<T>(…) with a record.");
            return InferredContract.Create(file, [.. columns.Select((column, i) => (names?[i] ?? "", column))]);
        }
    }

    public async IAsyncEnumerable<SourceBatch> ReadAsync(SourceFile file, BatchBuilder batch, SourceContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var stream = await file.OpenTextAsync(options.Encoding, cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            using var rows = new CsvRows(stream, options, file);
            var header = await rows.ReadHeaderAsync(cancellationToken).ConfigureAwait(false);
            var reader = new CsvRowReader(rows, CsvColumns.Map(header, context, file, options), batch, file.Key, options);
            while (true)
            {
                var (state, pending) = reader.ReadAvailable(cancellationToken);
                if (state == CsvReadState.NeedsInput) state = await reader.ContinueAsync(pending).ConfigureAwait(false);
                if (state == CsvReadState.End) yield break;
                if (batch.IsFull)
                {
                    file.NoteBytesRead(batch);
                    yield return batch.Take();
                }
            }
        }
    }

    public IRawRowReader CreateRawReader(BatchBuilder batch, SourceContext context) => new CsvRawRowReader(batch, context, options);
}
