using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Ingestion;

/// <summary>JSON in files: an object a line, or one document with an array.</summary>
/// <param name="options">How rows are read.</param>
/// <param name="records">Where the array is in a document; null for an object a line.</param>
internal sealed class JsonFormat(JsonOptions options, JsonPath? records) : IFileFormat
{
    public async Task<Contract> InferAsync(SourceFile file, SourceContext context, CancellationToken cancellationToken)
    {
        var stream = await file.OpenTextAsync(encoding: null, cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var columns = await JsonSample.ReadAsync(new TextWindow(stream), Cut, options, cancellationToken).ConfigureAwait(false);
            return columns.Columns.Count > 0 && !(columns.BeginsWithArray && records is null)
                ? InferredContract.Create(file, columns.Columns)
                : throw NoObjects(file, columns);
        }

        IJsonRows Cut(TextWindow window) => this.Cut(window, file);
    }

    public async IAsyncEnumerable<SourceBatch> ReadAsync(SourceFile file, BatchBuilder batch, SourceContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var stream = await file.OpenTextAsync(encoding: null, cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var rows = Cut(new TextWindow(stream), file);
            var reader = new JsonRowReader(batch, options);
            while (await rows.FillAsync(cancellationToken).ConfigureAwait(false))
            {
                while (reader.ReadAvailable(rows, file.Key))
                {
                    reader.CheckKeys(file);
                    file.NoteBytesRead(batch);
                    yield return batch.Take();
                }
            }

            reader.CheckKeys(file);
            if (reader.Ignored.Count > 0) context.Logger.LogInformation("{File}: keys that are not in the contract are left out: {Keys}", file.Key, string.Join(", ", reader.Ignored));
        }
    }

    public JsonOptions? Json => options;

    public IRawRowReader CreateRawReader(BatchBuilder batch, SourceContext context) => new JsonRawRowReader(batch, options);

    private IJsonRows Cut(TextWindow window, SourceFile file) =>
        records is null ? new JsonLineRows(window, file, options.MaxRowBytes) : new JsonArrayRows(window, file, records, options.MaxRowBytes);

    private DataPlatformException NoObjects(SourceFile file, JsonInference columns) => file.Invalid(
        columns.BeginsWithArray && records is null ? "holds one JSON array, not an object a line." : "has no JSON object to infer columns from.",
        columns.BeginsWithArray && records is null ? "Read it with From.Json." : "Declare the columns with a record: From.Json<T>(…), From.JsonLines<T>(…).");
}

/// <summary>Looks at the beginning of a text for its columns.</summary>
internal static class JsonSample
{
    private const int Rows = 50_000;
    private const int Bytes = 4 << 20;

    public static async Task<JsonInference> ReadAsync(TextWindow window, Func<TextWindow, IJsonRows> cut, JsonOptions options, CancellationToken cancellationToken)
    {
        var rows = cut(window);
        var columns = new JsonInference(options.MaxNesting);
        while (rows.Position < Rows && window.Position < Bytes && await rows.FillAsync(cancellationToken).ConfigureAwait(false))
        {
            while (rows.TryTake(out var row)) columns.Add(row);
        }

        return columns;
    }
}
