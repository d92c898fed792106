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
        var blockBytes = context.BatchBytes / 2;
        var stream = await file.OpenTextAsync(options.Encoding, cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            using var text = new CsvText(stream, options.Quote, blockBytes);
            var blocks = new CsvBlockReader(text, file, options, context);

            // Rows that an earlier load has are skipped one by one, and rows that are shorter than a block may be too long all the same.
            if (context.ThreadsOfFile > 1 && !batch.IsSkipping && options.MaxRowBytes >= blockBytes)
            {
                await foreach (var (made, linesBefore) in blocks.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    if (!batch.IsEmpty) yield return batch.Take();
                    file.NoteBytesRead(batch);
                    yield return batch.Take(made, linesBefore);
                }
            }

            using var rows = new CsvRows(text, blocks.Position == default ? options : options with { HasHeader = false }, file, begin: blocks.Position);
            var header = await rows.ReadHeaderAsync(cancellationToken).ConfigureAwait(false);
            var columns = blocks.Columns ?? CsvColumns.Map(header, context, file, options);
            var reader = new CsvRowReader(rows, columns, batch, file.Key, options);
            while (await reader.FillAsync(cancellationToken).ConfigureAwait(false))
            {
                file.NoteBytesRead(batch);
                yield return batch.Take();
            }
        }
    }

    public IRawRowReader CreateRawReader(BatchBuilder batch, SourceContext context) => new CsvRawRowReader(batch, context, options);
}
