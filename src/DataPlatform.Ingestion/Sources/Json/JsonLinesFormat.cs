using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.Extensions.Logging;

namespace DataPlatform.Ingestion;

/// <summary>JSON Lines: an object a line.</summary>
internal sealed class JsonLinesFormat(JsonLinesOptions options) : IFileFormat
{
    private const int SampleRows = 50_000;
    private const int SampleBytes = 4 << 20;

    public async Task<Contract> InferAsync(SourceFile file, SourceContext context, CancellationToken cancellationToken)
    {
        var stream = await file.OpenTextAsync(cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var lines = new LineReader(stream, file, options.MaxLineBytes);
            var columns = new JsonInference();
            while (lines.LineNumber < SampleRows && stream.BytesRead < SampleBytes && await lines.FillAsync(cancellationToken).ConfigureAwait(false))
            {
                while (lines.TryTakeLine(out var line)) columns.Add(line);
            }

            return columns.Columns.Count > 0 && !columns.BeginsWithArray
                ? InferredContract.Create(file, columns.Columns, context.Target)
                : throw NoObjects(file, columns);
        }
    }

    public async IAsyncEnumerable<SourceBatch> ReadAsync(SourceFile file, BatchBuilder batch, SourceContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var stream = await file.OpenTextAsync(cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var lines = new LineReader(stream, file, options.MaxLineBytes);
            var reader = new JsonRowReader(batch, file.Key);
            while (await lines.FillAsync(cancellationToken).ConfigureAwait(false))
            {
                while (reader.ReadAvailable(lines))
                {
                    file.NoteBytesRead(batch);
                    yield return batch.Take();
                }
            }

            if (reader.Ignored.Count > 0) context.Logger.LogInformation("{File}: keys that are not in the contract are left out: {Keys}", file.Key, string.Join(", ", reader.Ignored));
        }
    }

    private static DataPlatformException NoObjects(SourceFile file, JsonInference columns) => file.Invalid(
        columns.BeginsWithArray ? "holds one JSON array, not an object a line." : "has no JSON object to infer columns from.",
        columns.BeginsWithArray ? "Have it written as JSON Lines: one object a line, no brackets or commas around." : "Declare the columns: From.JsonLines<T>(…) with a record.");
}

/// <summary>Collects the columns of JSON objects.</summary>
internal sealed class JsonInference
{
    private readonly Dictionary<string, TypeInference> _byName = new(StringComparer.Ordinal);
    private bool _begun;

    public List<(string SourceName, TypeInference Type)> Columns { get; } = [];

    public bool BeginsWithArray { get; private set; }

    /// <summary>Takes a line into account; one that is not an object says nothing.</summary>
    public void Add(ReadOnlySpan<byte> line)
    {
        if (!_begun && line.TrimStart(" \t"u8) is { IsEmpty: false } first) (_begun, BeginsWithArray) = (true, first[0] == '[');
        if (!Utf8.IsValid(line)) return;
        try
        {
            var reader = new Utf8JsonReader(line);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var column = ColumnOf(reader.GetString()!);
                reader.Read();
                AddValue(ref reader, column);
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Reading will reject the line; what was seen of it before that does no harm.
        }
    }

    private TypeInference ColumnOf(string name)
    {
        if (_byName.TryGetValue(name, out var column)) return column;
        column = new TypeInference();
        _byName.Add(name, column);
        Columns.Add((name, column));
        return column;
    }

    private static void AddValue(ref Utf8JsonReader reader, TypeInference column)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.Null:
                return;
            case JsonTokenType.StartObject or JsonTokenType.StartArray:
                column.AddNested();
                reader.Skip();
                return;
            default:
                column.Add(reader.ValueSpan, isText: reader.TokenType == JsonTokenType.String);
                return;
        }
    }
}
